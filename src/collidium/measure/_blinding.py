"""Blinding: observed counts of declared windows give way to what the other bins expect there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, unknown
from collidium.measure._fit import FitResult, fit
from collidium.measure._histfactory import HistFactory
from collidium.measure._minimise import FitError

_WINDOW = re.compile(r"(?P<channel>.+?)(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?$", re.DOTALL)
_MAX_ROUNDS = 500
# largest change of an expected count in a window, in units of its square root
_TOLERANCE = 1e-4


def blind_bins(likelihood: HistFactory, windows: Sequence[str]) -> NDArray[np.bool_]:
    """Bins inside of declared windows.

    Parameters
    ----------
    likelihood : HistFactory
        B bins.
    windows : sequence of str
        ``CHANNEL`` for all of its bins, ``CHANNEL:2`` for one, ``CHANNEL:2-4`` for some; bins count from 0.

    Returns
    -------
    ndarray of bool, (B,)
        True where blind.

    Raises
    ------
    InputError
        For an unknown channel or a bin that it does not have.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> blind_bins(counting_experiment(signal=1.0, background=5.0, observed=4), ["count:0"])
    array([ True])
    """
    is_blind = np.zeros(len(likelihood.observed), dtype=bool)
    channels = {channel.name: channel for channel in likelihood.channels}
    for window in windows:
        match = _WINDOW.match(window)
        if window in channels or match is None:
            name, first, last = window, None, None
        else:
            name, first, last = match["channel"], match["first"], match["last"]
        if name not in channels:
            raise unknown("blind channel", name, channels)
        channel = channels[name]
        low = 0 if first is None else int(first)
        high = channel.stop - channel.start - 1 if first is None else int(last or first)
        if not low <= high < channel.stop - channel.start:
            raise InputError(f"blind window {window!r}: {name!r} has the bins 0 to {channel.stop - channel.start - 1}")
        is_blind[channel.start + low : channel.start + high + 1] = True
    return is_blind


def blinded(likelihood: HistFactory, is_blind: NDArray[np.bool_]) -> HistFactory:
    """The same likelihood with the background of a fit to the other bins in the place of blind counts.

    Parameters
    ----------
    likelihood : HistFactory
        B bins.
    is_blind : ndarray of bool, (B,)
        Bins whose counts must not be used.

    Returns
    -------
    HistFactory
        Its fit without signal is that of the other bins alone.

    Raises
    ------
    InputError
        If every bin is blind.
    FitError
        If a fit fails, or the other bins do not determine the background.

    Notes
    -----
    A bin that holds what the fit expects has no gradient: fits with the blind counts replaced by expectations of the
    fit before converge to the fit without these bins. This is the EM algorithm with the blind counts as missing data.

    References
    ----------
    A. Dempster, N. Laird, D. Rubin, J. R. Stat. Soc. B 39 (1977) 1.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> likelihood = counting_experiment(signal=1.0, background=5.0, observed=99, background_error=1.0)
    >>> blinded(likelihood, np.array([False])).observed
    array([99.])
    """
    if not is_blind.any():
        return likelihood
    if is_blind.all():
        raise InputError("every bin is blind; a fit needs others")
    fixed = {} if likelihood.poi is None else {likelihood.poi: 0.0}
    theta, _ = likelihood.parameters.held(fixed)
    near: FitResult | None = None
    for _ in range(_MAX_ROUNDS):
        guess = likelihood.expected(theta)[is_blind]
        filled = likelihood.observed.copy()
        filled[is_blind] = guess
        likelihood = dataclasses.replace(likelihood, observed=filled)
        near = fit(likelihood, fixed=fixed, near=near)
        theta = near.theta
        change = likelihood.expected(theta)[is_blind] - guess
        if np.all(np.abs(change) < _TOLERANCE * np.sqrt(np.maximum(guess, 1.0))):
            return likelihood
    raise FitError("the bins outside of the blind windows do not determine the background in them")
