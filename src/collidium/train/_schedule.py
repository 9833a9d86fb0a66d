"""Learning-rate schedules: the factor on the learning rate as a function of the step alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from collidium.artifact import unknown

ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4 / 25
FLAT_EXPONENTIAL_END = 0.01


def constant(progress: float, decay: float) -> float:
    """Stay at 1.

    Examples
    --------
    >>> constant(0.7, 0.3)
    1.0
    """
    return 1.0


def cosine(progress: float, decay: float) -> float:
    """Half a cosine wave from 1 to 0.

    References
    ----------
    Loshchilov, Hutter, "SGDR", arXiv:1608.03983, eq. (5), one cycle.

    Examples
    --------
    >>> round(cosine(0.5, 0.3), 12)
    0.5
    """
    return 0.5 * (1 + math.cos(math.pi * progress))


def linear(progress: float, decay: float) -> float:
    """Straight line from 1 to 0.

    Examples
    --------
    >>> linear(0.25, 0.3)
    0.75
    """
    return 1 - progress


def stable_decay(progress: float, decay: float) -> float:
    """Stay at 1, then a straight line to 0 over the last fraction ``decay`` of the steps.

    References
    ----------
    Hägele et al., "Scaling laws and compute-optimal training beyond fixed training durations", arXiv:2405.18392.

    Examples
    --------
    >>> stable_decay(0.5, 0.3), round(stable_decay(0.85, 0.3), 12)
    (1.0, 0.5)
    """
    return min(1.0, (1 - progress) / decay)


def flat_exponential(progress: float, decay: float) -> float:
    """Stay at 1, then fall exponentially to 1 % over the last fraction ``decay`` of the steps.

    References
    ----------
    Qu, Li, Qian, "Particle Transformer for jet tagging", arXiv:2202.03772, section 5 (with ``decay`` 0.3).

    Examples
    --------
    >>> flat_exponential(0.5, 0.3), round(flat_exponential(0.85, 0.3), 12)
    (1.0, 0.1)
    """
    return float(FLAT_EXPONENTIAL_END ** max(0.0, 1 - (1 - progress) / decay))


def linear_warmup(progress: float) -> float:
    """Straight line from 0 to 1.

    Examples
    --------
    >>> linear_warmup(0.25)
    0.25
    """
    return progress


def one_cycle_rise(progress: float) -> float:
    """Half a cosine wave from 1/25 to 1.

    References
    ----------
    Smith, Topin, "Super-convergence", arXiv:1708.07120, section 3, with the cosine form and ratios of the usual codes.

    Examples
    --------
    >>> one_cycle_rise(0.0), one_cycle_rise(1.0)
    (0.04, 1.0)
    """
    return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * (1 - cosine(progress, 0.0))


def one_cycle_fall(progress: float, decay: float) -> float:
    """Half a cosine wave from 1 to 4e-6.

    Examples
    --------
    >>> one_cycle_fall(0.0, 0.3)
    1.0
    """
    return ONE_CYCLE_END + (1 - ONE_CYCLE_END) * cosine(progress, decay)


@dataclass(frozen=True, kw_only=True)
class ScheduleInfo:
    """One schedule.

    Attributes
    ----------
    name : str
        Its name in configurations.
    description : str
        What it does, in a line.
    rise : callable
        Factor during warm-up by the fraction of the warm-up done, in [0, 1].
    fall : callable
        Factor afterwards by the fraction of the remaining steps done, in [0, 1), and the fraction ``decay``.
    """

    name: str
    description: str
    rise: Callable[[float], float]
    fall: Callable[[float, float], float]


SCHEDULES: dict[str, ScheduleInfo] = {
    info.name: info
    for info in (
        ScheduleInfo(name="constant", description="warm-up, then constant", rise=linear_warmup, fall=constant),
        ScheduleInfo(name="cosine", description="warm-up, then half a cosine to 0", rise=linear_warmup, fall=cosine),
        ScheduleInfo(name="linear", description="warm-up, then a line to 0", rise=linear_warmup, fall=linear),
        ScheduleInfo(
            name="stable-decay",
            description="warm-up, constant, then a line to 0 over the last part",
            rise=linear_warmup,
            fall=stable_decay,
        ),
        ScheduleInfo(
            name="flat-exponential",
            description="warm-up, constant, then exponentially to 1 % over the last part",
            rise=linear_warmup,
            fall=flat_exponential,
        ),
        ScheduleInfo(
            name="one-cycle",
            description="half a cosine up from 1/25 during warm-up, then one down to 4e-6",
            rise=one_cycle_rise,
            fall=one_cycle_fall,
        ),
    )
}


def schedule_factor(name: str, step: int, *, num_steps: int, warmup: float, decay: float) -> float:
    """Factor on the learning rate in one step.

    Parameters
    ----------
    name : str
        Key of ``SCHEDULES``.
    step : int
        The step, from 0 to ``num_steps - 1``.
    num_steps : int
        Steps of the whole training.
    warmup, decay : float, 1
        Fractions of all steps in which the factor rises and, in schedules with a flat part, falls.

    Returns
    -------
    float, 1
        The factor. With W = round(warmup num_steps), the W steps of the warm-up take ``rise((step + 1) / (W + 1))`` and
        the others ``fall((step - W) / (num_steps - W))``: the first step is never idle and step W has the factor 1.

    Raises
    ------
    InputError
        For an unknown name.

    Examples
    --------
    >>> [schedule_factor("linear", step, num_steps=5, warmup=0.2, decay=0.3) for step in range(5)]
    [0.5, 1.0, 0.75, 0.5, 0.25]
    """
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    W = round(warmup * num_steps)
    if step < W:
        return SCHEDULES[name].rise((step + 1) / (W + 1))
    remaining = num_steps - W
    return SCHEDULES[name].fall((step - W) / remaining, min(decay * num_steps / remaining, 1.0))
