"""Unbinned fits of one peak on a background, with what a plot of them needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from collidium.measure._binned import Binned, Spectrum
from collidium.measure._fit import FitResult, fit
from collidium.measure._goodness import GoodnessOfFit
from collidium.measure._parameters import Matrix, Vector
from collidium.measure._peaks import PeakModel, build_peak
from collidium.measure._unbinned import Category, Unbinned

_CURVE_POINTS = 600


@dataclass(frozen=True, kw_only=True)
class PeakCurves:
    """What a plot of a fit needs.

    Attributes
    ----------
    edges : ndarray, (B + 1,), GeV
        Bins.
    counts, errors : ndarray, (B,), events
        Sums of weights and their standard deviations.
    expected : ndarray, (B,), events
        Integrals of the fitted density.
    pulls : ndarray, (B,), 1
        (counts - expected) over the expected error.
    x : ndarray, (C,), GeV
        Points of the curves.
    total : ndarray, (C,), events per bin
        Fitted density.
    components : dict of str to ndarray, (C,), events per bin
        Its parts.
    """

    edges: Vector
    counts: Vector
    errors: Vector
    expected: Vector
    pulls: Vector
    x: Vector
    total: Vector
    components: Mapping[str, Vector]


@dataclass(frozen=True, kw_only=True)
class PeakFit:
    """An unbinned fit of a peak.

    Attributes
    ----------
    model : PeakModel
        What was fitted.
    num_events : int
        Events in the window.
    values, errors : dict of str to float
        Parameters that were free; errors hold for weighted events.
    covariance : ndarray, (K, K)
        Of all parameters.
    goodness : GoodnessOfFit
        Of the counts in bins.
    curves : PeakCurves
        For plots.
    result : FitResult
        The fit itself.
    """

    model: PeakModel
    num_events: int
    values: Mapping[str, float]
    errors: Mapping[str, float]
    covariance: Matrix = field(repr=False)
    goodness: GoodnessOfFit
    curves: PeakCurves = field(repr=False)
    result: FitResult = field(repr=False)


def fit_peak(
    model: PeakModel,
    mass: ArrayLike,
    *,
    known_mass: float,
    known_width: float = 0.0,
    resolution: float,
    weight: ArrayLike | None = None,
    fixed: Mapping[str, float] | None = None,
    num_bins: int = 50,
) -> PeakFit:
    """Unbinned extended fit of a peak on a background.

    Parameters
    ----------
    model : PeakModel
        Signal, background and window.
    mass : ndarray, (N,), GeV
        Masses.
    known_mass, known_width, resolution : float, GeV
        Where the fit starts; the width is held.
    weight : ndarray, (N,), 1, optional
        Weight of each event; errors are then those of weighted events.
    fixed : mapping of str to float, optional
        Parameters to hold.
    num_bins : int
        Bins of the curves and of the goodness of fit.

    Returns
    -------
    PeakFit
        The fit.

    Raises
    ------
    FitError
        If it does not converge.
    InputError
        If no event is in the window.

    Examples
    --------
    >>> from collidium.measure import Window
    >>> generator = np.random.default_rng(0)
    >>> mass = np.concatenate([generator.normal(3.1, 0.03, 400), generator.uniform(2.8, 3.4, 300)])
    >>> model = PeakModel(signal="gaussian", background="exponential", window=Window(2.8, 3.4))
    >>> found = fit_peak(model, mass, known_mass=3.0969, resolution=0.04)
    >>> abs(found.values["mass"] - 3.1) < 4 * found.errors["mass"]
    True
    """
    window = model.window
    masses = np.asarray(mass, dtype=np.float64)
    num_inside = int(np.sum((masses >= window.low) & (masses <= window.high)))
    total = (
        num_inside
        if weight is None
        else float(np.sum(np.asarray(weight)[(masses >= window.low) & (masses <= window.high)]))
    )
    parameters, components = build_peak(
        model, mass=known_mass, width=known_width, resolution=resolution, num_events=max(total, 1.0)
    )
    likelihood = Unbinned.of(parameters, [Category.of("selected", window, components, masses, weight)])
    result = fit(likelihood, fixed=fixed)
    covariance = result.covariance if weight is None else likelihood.weighted_covariance(result)
    free = np.flatnonzero(~result.is_held)
    errors = np.sqrt(covariance.diagonal())
    curves = peak_curves(likelihood, result, num_bins)
    return PeakFit(
        model=model,
        num_events=num_inside,
        values={parameters.names[i]: float(result.theta[i]) for i in free},
        errors={parameters.names[i]: float(errors[i]) for i in free},
        covariance=covariance,
        goodness=_goodness(likelihood, result, curves, is_weighted=weight is not None),
        curves=curves,
        result=result,
    )


def _goodness(likelihood: Unbinned, result: FitResult, curves: PeakCurves, *, is_weighted: bool) -> GoodnessOfFit:
    """Likelihood ratio of the counts to the saturated model; of sums of weights, which are not Poisson, Pearson's."""
    spectrum = Spectrum(name="events", edges=curves.edges, counts=curves.counts)
    if not is_weighted:
        return Binned.of(likelihood.parameters, likelihood.categories[0].components, spectrum).goodness(result)
    num_degrees = len(curves.counts) - int(np.sum(~result.is_held))
    q = float(np.sum(curves.pulls**2))
    p_value = float(chdtrc(num_degrees, q)) if num_degrees > 0 else math.nan
    return GoodnessOfFit(q=q, num_degrees=num_degrees, p_value=p_value)


def peak_curves(likelihood: Unbinned, result: FitResult, num_bins: int) -> PeakCurves:
    """Counts in bins and the fitted density of a likelihood of one category.

    Parameters
    ----------
    likelihood : Unbinned
        The events.
    result : FitResult
        Its fit.
    num_bins : int
        Bins of the window.

    Returns
    -------
    PeakCurves
        What a plot needs.
    """
    category = likelihood.categories[0]
    window = category.window
    edges = np.linspace(window.low, window.high, num_bins + 1)
    counts, _ = np.histogram(category.x, edges, weights=category.weight)
    variance, _ = np.histogram(category.x, edges, weights=category.weight**2)
    fine = np.linspace(window.low, window.high, _CURVE_POINTS + 1)
    parameters, components = likelihood.parameters, category.components
    expected = Binned.of(parameters, components, Spectrum(name="", edges=edges, counts=counts)).expected(result.theta)
    curve = Binned.of(parameters, components, Spectrum(name="", edges=fine, counts=np.zeros(_CURVE_POINTS)))
    scale = _CURVE_POINTS / num_bins
    parts = {name: scale * rate for name, rate in curve.expected_by_component(result.theta).items()}
    # variance that the model expects: that of the weights times the expected counts
    mean_weight = float(variance.sum() / counts.sum())
    return PeakCurves(
        edges=edges,
        counts=counts.astype(np.float64),
        errors=np.sqrt(variance),
        expected=expected,
        pulls=(counts - expected) / np.sqrt(np.maximum(expected * mean_weight, 1e-12)),
        x=(fine[1:] + fine[:-1]) / 2.0,
        total=np.sum(list(parts.values()), axis=0),
        components=parts,
    )
