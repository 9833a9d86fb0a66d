"""Counting experiments as workspaces: one bin, a signal and a background."""

from __future__ import annotations

import math

from collidium.artifact import InputError
from collidium.measure._histfactory import HistFactory
from collidium.measure._workspace import Workspace


def counting_experiment(
    *, signal: float, background: float, observed: float, background_error: float = 0.0, lower: float = 0.0
) -> HistFactory:
    """Likelihood of one count with a signal strength ``mu``.

    Parameters
    ----------
    signal, background : float, events
        Expected counts at ``mu`` of one.
    observed : float, events
        The count.
    background_error : float, events
        Standard deviation of the background, known from a Poisson measurement of (background / error)^2 events in a
        control region (the on/off problem); 0 for a known background.
    lower : float
        Lower bound of ``mu``; minus infinity lets it be negative as far as the rate stays positive.

    Returns
    -------
    HistFactory
        With the parameter ``mu``, and ``background[0]`` where the background has an error.

    Raises
    ------
    InputError
        If signal or background is not positive, or another number is negative.

    References
    ----------
    G. Cowan, K. Cranmer, E. Gross, O. Vitells, Eur. Phys. J. C 71 (2011) 1554, arXiv:1007.1727, section 5.1.

    Examples
    --------
    >>> likelihood = counting_experiment(signal=10.0, background=100.0, observed=105, background_error=5.0)
    >>> likelihood.parameters.names
    ('mu', 'background[0]')
    """
    for name, value in (("signal", signal), ("background", background)):
        if not 0.0 < value < math.inf:
            raise InputError(f"{name} is {value}; a positive number is needed")
    for name, value in (("observed", observed), ("background_error", background_error)):
        if not 0.0 <= value < math.inf:
            raise InputError(f"{name} is {value}; a number that is not negative is needed")
    modifiers = [{"name": "background", "type": "shapesys", "data": [background_error]}] if background_error else []
    samples = [
        {"name": "signal", "data": [signal], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "background", "data": [background], "modifiers": modifiers},
    ]
    upper = max(10.0, 10.0 * (observed + 10.0) / signal)
    bounds = [max(lower, -background / signal), upper]
    document = {
        "channels": [{"name": "count", "samples": samples}],
        "observations": [{"name": "count", "data": [observed]}],
        "measurements": [
            {"name": "counting", "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [bounds]}]}}
        ],
        "version": "1.0.0",
    }
    return HistFactory.of(Workspace.parse(document, source="counting experiment"))
