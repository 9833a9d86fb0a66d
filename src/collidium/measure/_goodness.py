"""Goodness of fit of binned likelihoods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, xlogy

from collidium.measure._fit import FitResult
from collidium.measure._histfactory import HistFactory


@dataclass(frozen=True, kw_only=True)
class GoodnessOfFit:
    """Likelihood ratio to the saturated model.

    Attributes
    ----------
    q : float
        Twice the log ratio, constraints included.
    num_degrees : int
        Bins less free parameters without auxiliary measurement.
    p_value : float
        From the chi-squared distribution; NaN without degrees of freedom.
    """

    q: float
    num_degrees: int
    p_value: float


def saturated_goodness(likelihood: HistFactory, result: FitResult) -> GoodnessOfFit:
    """Compare a fit with the model that has a rate of its own for each bin.

    Parameters
    ----------
    likelihood : HistFactory
        B bins.
    result : FitResult
        Its fit.

    Returns
    -------
    GoodnessOfFit
        q = 2 sum_b [nu_b - n_b + n_b ln(n_b / nu_b)] and the same of the auxiliary measurements.

    References
    ----------
    S. Baker, R. Cousins, Nucl. Instrum. Meth. 221 (1984) 437.

    Examples
    --------
    >>> from collidium.measure import counting_experiment, fit
    >>> likelihood = counting_experiment(signal=10.0, background=100.0, observed=130)
    >>> saturated_goodness(likelihood, fit(likelihood, fixed={"mu": 1.0})).num_degrees
    1
    """
    n, nu = likelihood.observed, likelihood.expected(result.theta)
    bins = np.sum(nu - n + xlogy(n, n) - xlogy(n, nu))
    shift = (likelihood.gaussian_data - result.theta[likelihood.gaussian]) / likelihood.gaussian_width
    m, rate = likelihood.poisson_data, likelihood.poisson_scale * result.theta[likelihood.poisson]
    q = float(2.0 * (bins + np.sum(rate - m + xlogy(m, m) - xlogy(m, rate))) + shift @ shift)
    is_free = ~result.is_held & ~np.isfinite(likelihood.parameters.width)
    num_degrees = len(n) - int(is_free.sum())
    p_value = float(chdtrc(num_degrees, max(q, 0.0))) if num_degrees > 0 else float("nan")
    return GoodnessOfFit(q=q, num_degrees=num_degrees, p_value=p_value)
