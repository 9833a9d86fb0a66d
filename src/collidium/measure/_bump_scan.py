"""Local p-values along a spectrum: of a Gaussian signal, or of counts in windows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammainc, ndtr

from collidium.artifact import InputError
from collidium.measure._asymptotics import discovery_p_value, significance
from collidium.measure._binned import Binned, Spectrum
from collidium.measure._fit import FitResult, fit
from collidium.measure._parameters import Vector


@dataclass(frozen=True, kw_only=True)
class BumpScan:
    """Local figures along the spectrum, at V places.

    Attributes
    ----------
    low, mass, high : ndarray, (V,), GeV
        Middle and ends of the window; one standard deviation of the signal to either side in scans of q0.
    observed, background : ndarray, (V,), events
        Signal yield and its background inside of the window, or counts and expected counts.
    q0 : ndarray, (V,)
        Discovery statistic: for counts that of their p-value.
    p_local : ndarray, (V,), 1
        Local p-value.
    """

    low: Vector
    mass: Vector
    high: Vector
    observed: Vector
    background: Vector
    q0: Vector
    p_local: Vector


def scan_masses(likelihood: Binned, best: FitResult, resolution: float) -> BumpScan:
    """Discovery statistic of a Gaussian signal along the spectrum."""
    masses = _places(likelihood.spectrum, resolution)
    q0, found = np.zeros(len(masses)), np.zeros(len(masses))
    edges, rate = likelihood.spectrum.edges, likelihood.expected(best.theta)
    # where the background's minimum already wants no signal its best yield is zero, and no fit is needed
    shares = np.diff(ndtr((edges - masses[:, None]) / (resolution * masses[:, None])), axis=1)
    is_wanted = shares @ (likelihood.spectrum.counts / rate) > shares.sum(axis=1)
    for v in np.flatnonzero(is_wanted):
        held = {"mass": float(masses[v]), "resolution": float(resolution * masses[v])}
        trial = fit(likelihood, fixed=held, start=best.theta)
        found[v] = trial["signal"]
        q0[v] = max(0.0, best.twice_nll - trial.twice_nll)
    low, high = masses * (1.0 - resolution), masses * (1.0 + resolution)
    cumulative = np.append(0.0, np.cumsum(rate))
    inside = np.interp(high, edges, cumulative) - np.interp(low, edges, cumulative)
    return BumpScan(
        low=low, mass=masses, high=high, observed=found, background=inside, q0=q0, p_local=discovery_p_value(q0)
    )


def scan_windows(likelihood: Binned, best: FitResult) -> BumpScan:
    """Poisson p-values of counts in windows of up to a quarter of the bins; of a sideband fit, in its gap."""
    n, b = likelihood.spectrum.counts, likelihood.expected(best.theta)
    edges, B = likelihood.spectrum.edges, len(likelihood.spectrum.counts)
    starts, stops = [], []
    for width in range(1, max(2, B // 4) + 1):
        starts.append(np.arange(B - width + 1))
        stops.append(np.arange(width, B + 1))
    start, stop = np.concatenate(starts), np.concatenate(stops)
    if not likelihood.is_used.all():
        used = np.append(0, np.cumsum(likelihood.is_used))
        is_hidden = used[stop] == used[start]
        start, stop = start[is_hidden], stop[is_hidden]
    counts, rates = np.append(0.0, np.cumsum(n)), np.append(0.0, np.cumsum(b))
    observed, background = counts[stop] - counts[start], rates[stop] - rates[start]
    # P(at least n | b)
    p_local = np.where(observed > background, gammainc(np.maximum(observed, 1.0), background), 1.0)
    p_local = np.maximum(p_local, 1e-300)
    q0 = np.where(p_local < 0.5, significance(np.minimum(p_local, 0.5)) ** 2, 0.0)
    return BumpScan(
        low=edges[start],
        mass=(edges[start] + edges[stop]) / 2.0,
        high=edges[stop],
        observed=observed,
        background=background,
        q0=q0,
        p_local=p_local,
    )


def _places(spectrum: Spectrum, resolution: float) -> Vector:
    """Masses half a standard deviation apart, at least one from either end."""
    low, high = spectrum.window.low * (1.0 + resolution), spectrum.window.high * (1.0 - resolution)
    if not low < high:
        raise InputError(f"the spectrum from {low:g} to {high:g} GeV is narrower than the signal")
    count = max(2, math.ceil(math.log(high / low) / (0.5 * resolution)) + 1)
    return np.geomspace(low, high, count)
