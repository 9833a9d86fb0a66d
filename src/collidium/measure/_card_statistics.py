"""``autoMCStats`` of datacards: statistical errors of templates, bin by bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collidium.measure._parameters import Vector
from collidium.measure._pointer import Place
from collidium.measure._workspace import Modifier, ModifierType


@dataclass(frozen=True, kw_only=True)
class StatisticsLine:
    """One ``autoMCStats`` line.

    Attributes
    ----------
    place : Place
        Where it stands.
    channel : str
        Name of a channel, with ``*`` for anything.
    threshold : float, events
        Effective number of unweighted events above which a bin has one parameter for all processes.
    has_signal : bool
        Whether signals count for that number.
    """

    place: Place
    channel: str
    threshold: float
    has_signal: bool


@dataclass(frozen=True, kw_only=True)
class StackedTemplate:
    """Template of a process with the errors of its bins, (M,)."""

    process: str
    is_signal: bool
    values: Vector = field(repr=False)
    errors: Vector = field(repr=False)


def statistics_modifiers(line: StatisticsLine, channel: str, stack: Sequence[StackedTemplate]) -> list[list[Modifier]]:
    """Modifiers of the processes of a channel for their statistical errors.

    Parameters
    ----------
    line : StatisticsLine
        Threshold.
    channel : str
        Its name.
    stack : sequence of StackedTemplate
        Its P processes.

    Returns
    -------
    list of list of Modifier
        For each process.

    Notes
    -----
    A bin whose effective number n^2 / e^2 of the stacked processes, rounded, is above the threshold has one parameter
    with a Gaussian constraint for all of them (a staterror). In other bins each process with an error has its own: with
    the Poisson constraint of its own effective number (a shapesys) where that is not above the threshold, else with a
    Gaussian one. The width is that of the nominal templates, signals at a strength of one, where Combine lets it follow
    the normalisations.

    References
    ----------
    CMS Collaboration, arXiv:2404.06614, section 3.4.
    """
    counted = [item for item in stack if line.has_signal or not item.is_signal]
    values, squares = np.zeros(len(stack[0].values)), np.zeros(len(stack[0].values))
    for item in counted:
        values += item.values
        squares += item.errors**2
    number = np.rint(np.divide(values**2, squares, out=np.zeros_like(values), where=squares > 0.0))
    is_shared = number > line.threshold
    found: list[list[Modifier]] = []
    for item in stack:
        modifiers = []
        own = np.divide(item.values**2, item.errors**2, out=np.zeros_like(values), where=item.errors > 0.0)
        own = np.where(item.values > 0.0, np.maximum(np.rint(own), 1.0), 0.0)
        has_error = (item.errors > 0.0) & (squares > 0.0)
        choices: list[tuple[str, ModifierType, NDArray[np.bool_]]] = [
            (f"prop_bin{channel}", "staterror", is_shared & has_error),
            (f"prop_bin{channel}_{item.process}", "shapesys", ~is_shared & has_error & (own <= line.threshold)),
            (f"prop_bin{channel}_{item.process}_gauss", "staterror", ~is_shared & has_error & (own > line.threshold)),
        ]
        for name, kind, is_here in choices:
            # all processes carry the shared parameter, so that one without error in a bin is scaled with the others
            if not is_here.any() and not (name == f"prop_bin{channel}" and is_shared.any()):
                continue
            errors = np.where(is_here, item.errors, 0.0)
            if kind == "shapesys":
                errors = np.where(is_here, item.values / np.sqrt(np.maximum(own, 1.0)), 0.0)
            modifiers.append(Modifier(name=name, type=kind, data=tuple(errors.tolist()), place=line.place))
        found.append(modifiers)
    return found
