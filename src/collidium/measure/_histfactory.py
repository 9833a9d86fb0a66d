"""The HistFactory likelihood: Poisson bins and the auxiliary measurements of their parameters."""

from __future__ import annotations

import dataclasses
import logging
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from scipy.special import gammaln

from collidium.artifact import InputError
from collidium.measure._compiled import MIN_RATE, CompiledModel, Index, Rates
from collidium.measure._compiling import compile_model
from collidium.measure._groups import Constraint, ParameterGroup, StatConstraint, parameter_groups
from collidium.measure._interpolation import NormCode, ShapeCode
from collidium.measure._likelihood import Curvature, Expansion
from collidium.measure._parameters import Matrix, Parameters, Vector
from collidium.measure._reading import read_workspace
from collidium.measure._workspace import Workspace

_LOG = logging.getLogger(__name__)
_LOG_TWO_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, kw_only=True)
class ChannelBins:
    """Which bins of a likelihood belong to a channel: ``start`` to ``stop`` (exclusive)."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class HistFactory:
    """Likelihood of binned counts and auxiliary data.

    Attributes
    ----------
    parameters : Parameters
        K parameters: normfactors, luminosity, nuisance parameters, factors of single bins.
    poi : str or None
        The parameter of interest; None where no sample carries it.
    channels : tuple of ChannelBins
        Regions.
    model : CompiledModel
        Expected events of the B bins.
    observed : ndarray, (B,)
        Counts.
    gaussian, poisson : ndarray of int
        Parameters with a Gaussian (G,) or Poisson (Q,) constraint.
    gaussian_data, gaussian_width : ndarray, (G,)
        Auxiliary measurements and their standard deviations.
    poisson_data, poisson_scale : ndarray, (Q,)
        Auxiliary counts and their expectation for a parameter of one.

    Notes
    -----
    -ln L = sum_b [nu_b - n_b ln nu_b + ln Gamma(n_b + 1)]
    + sum_g [(a_g - theta_g)^2 / 2 s_g^2 + ln s_g sqrt(2 pi)] + sum_q of the same Poisson form as the bins, with all
    constants, so that twice its value is pyhf's ``twice_nll``. A rate below 1e-20 counts as 1e-20.

    References
    ----------
    K. Cranmer, G. Lewis, L. Moneta, A. Shibata, W. Verkerke, HistFactory, CERN-OPEN-2012-016, equation 1 and section 4.
    """

    parameters: Parameters
    poi: str | None
    channels: tuple[ChannelBins, ...]
    model: CompiledModel = field(repr=False)
    observed: Vector = field(repr=False)
    gaussian: Index = field(repr=False)
    gaussian_data: Vector = field(repr=False)
    gaussian_width: Vector = field(repr=False)
    poisson: Index = field(repr=False)
    poisson_data: Vector = field(repr=False)
    poisson_scale: Vector = field(repr=False)

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        *,
        measurement: str | None = None,
        norm_code: NormCode | None = None,
        shape_code: ShapeCode = "code4p",
        stat_constraint: StatConstraint = "gaussian",
    ) -> HistFactory:
        """Build the likelihood of a workspace's observed data.

        Parameters
        ----------
        workspace : Workspace
            Channels, samples, modifiers, observations.
        measurement : str, optional
            Which measurement's settings to use, the first by default.
        norm_code : {"code1", "code4", "combine"}, optional
            Interpolation of normsys; by default code 4, for a datacard that of Combine.
        shape_code : {"code0", "code2", "code4p"}
            Interpolation of histosys.
        stat_constraint : {"gaussian", "poisson"}
            Constraint of staterror: Gaussian as in pyhf, or Poisson of (nominal / error)^2 counts as in RooFit.

        Returns
        -------
        HistFactory
            The likelihood.

        Raises
        ------
        InputError
            If modifiers or settings contradict each other, or a bin expects no or fewer than no events where some
            are observed. A bin that expects none and has none is warned of.
        """
        chosen = workspace.measurement(measurement)
        groups = parameter_groups(workspace, chosen, stat_constraint=stat_constraint)
        if not groups:
            raise InputError(f"{workspace.source}: no sample has a modifier; a fit needs at least one parameter")
        _check_bins(workspace)
        poi = groups.get(chosen.poi)
        if poi is not None and not poi.is_scalar:
            raise (
                chosen.place.get("config").get("poi").error(f"is {chosen.poi!r}, which has one parameter for each bin")
            )
        gaussian, gaussian_data, gaussian_width = _auxiliary(groups, "gaussian")
        poisson, poisson_data, poisson_scale = _auxiliary(groups, "poisson")
        return cls(
            parameters=Parameters([parameter for group in groups.values() for parameter in group.parameters()]),
            poi=None if poi is None else chosen.poi,
            channels=_channel_bins(workspace),
            model=compile_model(workspace, groups, norm_code=norm_code or workspace.norm_code, shape_code=shape_code),
            observed=np.array([count for channel in workspace.channels for count in channel.observed]),
            gaussian=gaussian,
            gaussian_data=gaussian_data,
            gaussian_width=gaussian_width,
            poisson=poisson,
            poisson_data=poisson_data,
            poisson_scale=poisson_scale,
        )

    @classmethod
    def read(cls, path: Path, *, patch: Path | None = None, patch_name: str | None = None) -> HistFactory:
        """Build the likelihood of a file: ``HistFactory.of(read_workspace(...))``."""
        return cls.of(read_workspace(path, patch=patch, patch_name=patch_name))

    @cached_property
    def _constant(self) -> float:
        """Everything that does not depend on the parameters."""
        widths = np.sum(np.log(self.gaussian_width)) + 0.5 * len(self.gaussian) * _LOG_TWO_PI
        return float(np.sum(gammaln(self.observed + 1.0)) + np.sum(gammaln(self.poisson_data + 1.0)) + widths)

    def _rates(self, theta: Vector) -> Rates:
        """Rates at a point; those of the last point are kept, for the value and its gradient are asked for in turn."""
        kept: tuple[Vector, Rates] | None = self.__dict__.get("_last")
        if kept is not None and np.array_equal(kept[0], theta):
            return kept[1]
        found = self.model.rates(theta)
        self.__dict__["_last"] = (theta.copy(), found)
        return found

    def expected(self, theta: Vector) -> Vector:
        """Expected events of the bins at a point, (B,)."""
        return self._rates(theta).bins.copy()

    def expected_samples(self, theta: Vector) -> Vector:
        """Expected events of each sample in each bin, (C,), in the order of channels, samples and bins."""
        return self._rates(theta).cells.copy()

    def nll(self, theta: Vector) -> float:
        """Negative log likelihood with all constants."""
        return self._value(theta, self._rates(theta).bins)

    def grad(self, theta: Vector) -> Vector:
        """Gradient of ``nll``, (K,)."""
        rates = self._rates(theta)
        return self._with_auxiliary(theta, self.model.gradient(rates, 1.0 - self.observed / rates.bins))

    def fisher(self, theta: Vector) -> Matrix:
        """Expected second derivatives, (K, K)."""
        return self.expand(theta, "fisher").curvature

    def hessian(self, theta: Vector) -> Matrix:
        """Second derivatives of ``nll``, (K, K)."""
        return self.expand(theta, "hessian").curvature

    def expand(self, theta: Vector, curvature: Curvature) -> Expansion:
        """Value, gradient and curvature at a point."""
        rates = self._rates(theta)
        jacobian = self.model.jacobian(theta, rates)
        is_exact = curvature == "hessian"
        weight = np.sqrt(self.observed) / rates.bins if is_exact else 1.0 / np.sqrt(rates.bins)
        scaled = jacobian * weight[:, None]
        matrix = scaled.T @ scaled
        if is_exact:
            matrix += self.model.curvature(theta, rates, 1.0 - self.observed / rates.bins)
        diagonal = matrix.reshape(-1)[:: len(theta) + 1]
        diagonal[self.gaussian] += self.gaussian_width**-2
        at = self._positive(theta[self.poisson])
        diagonal[self.poisson] += self.poisson_data / at**2 if is_exact else self.poisson_scale / at
        gradient = self._with_auxiliary(theta, (1.0 - self.observed / rates.bins) @ jacobian)
        return Expansion(self._value(theta, rates.bins), gradient, matrix)

    def asimov(self, theta: Vector) -> Self:
        """The same model with the observed and auxiliary data that ``theta`` expects."""
        return dataclasses.replace(
            self,
            observed=self.expected(theta),
            gaussian_data=theta[self.gaussian],
            poisson_data=self.poisson_scale * theta[self.poisson],
        )

    def toy(self, theta: Vector, generator: np.random.Generator) -> Self:
        """The same model with observed and auxiliary data drawn at ``theta``."""
        return dataclasses.replace(
            self,
            observed=generator.poisson(self.expected(theta)).astype(np.float64),
            gaussian_data=generator.normal(theta[self.gaussian], self.gaussian_width),
            poisson_data=generator.poisson(self.poisson_scale * theta[self.poisson]).astype(np.float64),
        )

    def _value(self, theta: Vector, bins: Vector) -> float:
        residual = (theta[self.gaussian] - self.gaussian_data) / self.gaussian_width
        auxiliary = self.poisson_scale * self._positive(theta[self.poisson])
        value = np.sum(bins - self.observed * np.log(bins)) + 0.5 * (residual @ residual)
        return float(value + np.sum(auxiliary - self.poisson_data * np.log(auxiliary)) + self._constant)

    def _with_auxiliary(self, theta: Vector, gradient: Vector) -> Vector:
        """Add the slopes of the auxiliary measurements to those of the bins."""
        gradient[self.gaussian] += (theta[self.gaussian] - self.gaussian_data) / self.gaussian_width**2
        gradient[self.poisson] += self.poisson_scale - self.poisson_data / self._positive(theta[self.poisson])
        return gradient

    @staticmethod
    def _positive(factor: Vector) -> Vector:
        return np.maximum(factor, MIN_RATE)


def _channel_bins(workspace: Workspace) -> tuple[ChannelBins, ...]:
    found, start = [], 0
    for channel in workspace.channels:
        found.append(ChannelBins(name=channel.name, start=start, stop=start + channel.num_bins))
        start += channel.num_bins
    return tuple(found)


def _auxiliary(groups: dict[str, ParameterGroup], kind: Constraint) -> tuple[Index, Vector, Vector]:
    """Parameters with a constraint of one kind, their auxiliary data and scales."""
    start = 0
    index: list[int] = []
    data: list[float] = []
    scale: list[float] = []
    for group in groups.values():
        if group.constraint == kind:
            index.extend(range(start, start + len(group)))
            data.extend(group.auxdata)
            scale.extend(group.scale)
        start += len(group)
    return np.array(index, dtype=np.intp), np.array(data, dtype=np.float64), np.array(scale, dtype=np.float64)


def _check_bins(workspace: Workspace) -> None:
    """Refuse bins that cannot be; warn of bins that say nothing."""
    for channel in workspace.channels:
        for b, count in enumerate(channel.observed):
            total = math.fsum(sample.data[b] for sample in channel.samples)
            if total > 0.0:
                continue
            names = ", ".join(sample.name for sample in channel.samples)
            text = f"{workspace.source}: channel {channel.name!r}, bin {b} expects {total:g} events of {names}"
            if total < 0.0 or count > 0.0:
                raise InputError(f"{text} where {count:g} are observed; a positive expectation is needed")
            _LOG.warning("%s; its rate is taken as %g", text, MIN_RATE)
