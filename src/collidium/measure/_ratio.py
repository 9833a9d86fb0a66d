"""Profile likelihood ratios: t_mu, q_mu, q~_mu and q_0 of a parameter of interest."""

from __future__ import annotations

from typing import Literal, TypeAlias

from collidium.measure._fit import FitResult, fit
from collidium.measure._likelihood import Likelihood

UpperLimitStatistic: TypeAlias = Literal["qmu", "qmu_tilde"]


def profile(likelihood: Likelihood, poi: str, value: float, *, near: FitResult | None = None) -> FitResult:
    """Fit all other parameters at a value of one.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    poi : str
        The parameter that is held.
    value : float
        Where; may lie outside its bounds.
    near : FitResult, optional
        A fit of the same parameters to start from, e.g. the one with all free.

    Returns
    -------
    FitResult
        The conditional fit.

    Raises
    ------
    FitError
        If it does not converge.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> likelihood = counting_experiment(signal=10.0, background=100.0, observed=105, background_error=10.0)
    >>> round(profile(likelihood, "mu", 0.0)["background[0]"], 6)
    1.025
    """
    return fit(likelihood, fixed={poi: value}, near=near)


def tmu(likelihood: Likelihood, poi: str, value: float, *, best: FitResult | None = None) -> float:
    """Twice the logarithm of the profile likelihood ratio at a value.

    Parameters
    ----------
    likelihood : Likelihood
        K parameters.
    poi : str
        Parameter of interest.
    value : float
        Value tested.
    best : FitResult, optional
        The fit with ``poi`` free, where it is known already.

    Returns
    -------
    float
        t_mu = -2 ln L(mu, theta^^) / L(mu^, theta^), not negative.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, arXiv:1007.1727, equation 8.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> likelihood = counting_experiment(signal=10.0, background=100.0, observed=105)
    >>> round(tmu(likelihood, "mu", 0.0), 7)
    0.2459345
    """
    best = fit(likelihood) if best is None else best
    return max(0.0, profile(likelihood, poi, value, near=best).twice_nll - best.twice_nll)


def q0(likelihood: Likelihood, poi: str, *, best: FitResult | None = None) -> float:
    """Discovery statistic: t_0, or zero where the best fit has no positive signal.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, arXiv:1007.1727, equation 12.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> round(q0(counting_experiment(signal=10.0, background=100.0, observed=105), "mu"), 7)
    0.2459345
    """
    best = fit(likelihood) if best is None else best
    return tmu(likelihood, poi, 0.0, best=best) if best[poi] > 0.0 else 0.0


def qmu(likelihood: Likelihood, poi: str, value: float, *, best: FitResult | None = None) -> float:
    """Statistic of upper limits: t_mu, or zero where the best fit lies above the value.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, arXiv:1007.1727, equation 14.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> round(qmu(counting_experiment(signal=10.0, background=100.0, observed=105), "mu", 2.0), 7)
    1.9584075
    """
    best = fit(likelihood) if best is None else best
    return tmu(likelihood, poi, value, best=best) if best[poi] <= value else 0.0


def qmu_tilde(likelihood: Likelihood, poi: str, value: float, *, best: FitResult | None = None) -> float:
    """Statistic of upper limits for a signal that cannot be negative: compared with no signal where the best fit is.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, arXiv:1007.1727, equation 16.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> deficit = counting_experiment(signal=10.0, background=100.0, observed=95, lower=-5.0)
    >>> qmu_tilde(deficit, "mu", 2.0) < qmu(deficit, "mu", 2.0)
    True
    """
    best = fit(likelihood) if best is None else best
    if best[poi] > value:
        return 0.0
    if best[poi] < 0.0:
        best = profile(likelihood, poi, 0.0, near=best)
    return max(0.0, profile(likelihood, poi, value, near=best).twice_nll - best.twice_nll)
