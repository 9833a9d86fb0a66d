"""Fits: the minimum, its covariance, pulls and correlations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from collidium.measure._likelihood import Likelihood
from collidium.measure._minimise import FitError, Neighbour, minimise
from collidium.measure._parameters import Matrix, Parameters, Vector

# relative eigenvalue below which parameters count as degenerate
_SINGULAR = 1e-12


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A converged fit.

    Attributes
    ----------
    parameters : Parameters
        K parameters.
    theta : ndarray, (K,)
        Their values at the minimum.
    nll : float
        Negative log likelihood there, with all constants.
    edm : float
        Estimated distance to the minimum, in units of ``nll``.
    num_steps : int
        Steps of the minimiser.
    is_held : ndarray of bool, (K,)
        Parameters that the fit held.
    found_hessian : ndarray or None, (K, K)
        The Hessian, where the minimiser came by it.
    likelihood : Likelihood
        What was fitted.
    """

    parameters: Parameters
    theta: Vector
    nll: float
    edm: float
    num_steps: int
    is_held: NDArray[np.bool_]
    likelihood: Likelihood = field(repr=False)
    found_hessian: Matrix | None = field(default=None, repr=False)

    @property
    def twice_nll(self) -> float:
        """Twice the negative log likelihood."""
        return 2.0 * self.nll

    @cached_property
    def hessian(self) -> Matrix:
        """Second derivatives of the negative log likelihood at the minimum, (K, K)."""
        return self.likelihood.hessian(self.theta) if self.found_hessian is None else self.found_hessian

    @cached_property
    def neighbour(self) -> Neighbour | None:
        """The curvature here, for fits nearby; None where it is not positive."""
        return Neighbour.of(self.hessian, ~self.is_held & ~self.at_bound)

    def __getitem__(self, name: str) -> float:
        return float(self.theta[self.parameters.index(name)])

    @property
    def at_bound(self) -> NDArray[np.bool_]:
        """Free parameters that ended on a bound, (K,)."""
        is_there = (self.theta <= self.parameters.lower) | (self.theta >= self.parameters.upper)
        return np.asarray(is_there & ~self.is_held, dtype=bool)

    @cached_property
    def covariance(self) -> Matrix:
        """Covariance of the free parameters, (K, K): the inverse Hessian; zero rows for held parameters.

        Parameters on a bound, and ones that the likelihood does not depend on, have NaN rows: their error is not
        the curvature's.

        Raises
        ------
        FitError
            If the Hessian is not positive definite, with the parameters of the offending direction.
        """
        K = len(self.theta)
        is_used = ~self.is_held & ~self.at_bound & (self.hessian.diagonal() != 0.0)
        index = np.flatnonzero(is_used)
        scale = 1.0 / np.sqrt(np.abs(self.hessian.diagonal()[index]))
        values, directions = np.linalg.eigh(self.hessian[np.ix_(index, index)] * np.outer(scale, scale))
        if len(values) and values[0] <= _SINGULAR * values[-1]:
            weight = np.abs(directions[:, 0])
            names = ", ".join(self.parameters.names[index[i]] for i in np.argsort(-weight)[:3] if weight[i] > 0.1)
            raise FitError(f"the Hessian is not positive definite along {names}")
        covariance = np.zeros((K, K))
        covariance[np.ix_(index, index)] = (directions / values) @ directions.T * np.outer(scale, scale)
        unknown = ~self.is_held & ~is_used
        covariance[unknown, :] = np.nan
        covariance[:, unknown] = np.nan
        return covariance

    @property
    def errors(self) -> Vector:
        """Standard deviations from the covariance, (K,); zero for held parameters, NaN on a bound."""
        return np.asarray(np.sqrt(self.covariance.diagonal()))

    @property
    def correlation(self) -> Matrix:
        """Correlation matrix, (K, K), 1; NaN where a parameter has no error."""
        errors = np.where(self.errors > 0.0, self.errors, np.nan)
        return np.asarray(self.covariance / np.outer(errors, errors))

    @property
    def pulls(self) -> Vector:
        """How far each constrained parameter moved, (K,): (value - center) / width; NaN for unconstrained ones."""
        return np.asarray((self.theta - self.parameters.center) / self.parameters.width)


def fit(
    likelihood: Likelihood,
    *,
    fixed: Mapping[str, float] | None = None,
    start: Vector | None = None,
    near: FitResult | None = None,
) -> FitResult:
    """Fit the parameters of a likelihood.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    fixed : mapping of str to float, optional
        Parameters to hold, at these values, which may lie outside their bounds.
    start : ndarray, (K,), optional
        Where to begin, by default at ``near`` or the parameters' starts.
    near : FitResult, optional
        A fit of the same parameters whose result and curvature should be much like this one's.

    Returns
    -------
    FitResult
        The converged fit.

    Raises
    ------
    FitError
        If the fit does not converge.
    InputError
        For an unknown parameter.

    Notes
    -----
    Converged: g^T H^-1 g / 2 < 1e-6 and a last relative change of the value below 1e-10.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> result = fit(counting_experiment(signal=10.0, background=100.0, observed=105))
    >>> round(result["mu"], 6), round(float(result.errors[0]), 6)
    (0.5, 1.024695)
    """
    held, is_held = likelihood.parameters.held(fixed)
    if start is None and near is not None:
        start = near.theta
    begin = held if start is None else np.where(is_held, held, start)
    minimum = minimise(likelihood, begin, ~is_held, near=None if near is None else near.neighbour)
    return FitResult(
        parameters=likelihood.parameters,
        theta=minimum.theta,
        nll=minimum.expansion.value,
        edm=minimum.edm,
        num_steps=minimum.num_steps,
        is_held=is_held,
        likelihood=likelihood,
        found_hessian=minimum.expansion.curvature if minimum.is_newton else None,
    )
