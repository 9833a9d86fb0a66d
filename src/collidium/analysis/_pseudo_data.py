"""Jets for templates, and jets that nature would have given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.analysis._config import TemplatesConfig
from collidium.analysis._regions import Region
from collidium.artifact import InputError

OTHER_RATE = "other_rate"
# share of the jets that make templates, and the chance of a background jet of the others to be observed: the rest is
# room for nuisance parameters that raise it
_TEMPLATE_SHARE = 0.5
_EXPOSURE = 0.6


@dataclass(frozen=True, eq=False)
class Split:
    """Jets of templates and of pseudo-data.

    Attributes
    ----------
    template_weight : ndarray, (N,), 1
        Expected jets that each jet stands for in templates; zero for jets of the other part.
    is_observed : ndarray of bool, (N,)
        Jets of the pseudo-data.
    truth : dict of str to float
        Nuisance parameters of the pseudo-data, drawn from their constraints.
    """

    template_weight: NDArray[np.float64]
    is_observed: NDArray[np.bool_]
    truth: dict[str, float]


def split_jets(
    score: NDArray[np.float64],
    is_signal: NDArray[np.bool_],
    is_background: NDArray[np.bool_],
    weight: NDArray[np.float64],
    regions: tuple[Region, Region],
    config: TemplatesConfig,
) -> Split:
    """Make templates of one half of the jets and pseudo-data of the other.

    Parameters
    ----------
    score : ndarray, (N,), 1
        Probability of the signal class.
    is_signal, is_background : ndarray of bool, (N,)
        True classes.
    weight : ndarray, (N,), 1
        Weight of each jet, not negative: jets are observed with probabilities.
    regions : tuple of Region
        Signal and control region.
    config : TemplatesConfig
        Signal fraction and strength, uncertainties, seed.

    Returns
    -------
    Split
        A jet is of one part or the other; the pseudo-data have Poisson fluctuations to good approximation, and nuisance
        parameters of their own.

    Raises
    ------
    InputError
        If a weight is negative, or there are too few signal jets for the wanted strength.

    Notes
    -----
    Jets of the second half are observed with the probability p = 0.6 w / max(w) for background, and for signal with the
    one that gives ``signal_fraction``; times the factors of the pseudo-data's nuisance parameters. Jets of the
    first half have p as their weight. With a half split of a pool of N jets, the difference of both counts has the
    variance of two independent Poisson counts of N / 2.
    """
    if np.any(weight < 0.0):
        raise InputError("some jets have negative weights; pseudo-data need weights that are not negative")
    generator = np.random.default_rng([config.seed])
    is_template = generator.random(len(score)) < _TEMPLATE_SHARE
    chance, draw = np.zeros(len(score)), generator.random(len(score))
    is_other = ~is_signal & ~is_background
    others = is_background | is_other
    chance[others] = _EXPOSURE * weight[others] / weight[others].max()
    chance[is_signal] = (
        weight[is_signal] * config.signal_fraction * chance[is_background].sum() / weight[is_signal].sum()
    )
    names = ["luminosity", "efficiency", "mistag", *([OTHER_RATE] if is_other.any() else [])]
    truth = dict(zip(names, generator.normal(size=len(names)).tolist(), strict=True))
    true_chance = chance * _true_factors(score, is_signal, is_background, chance, regions, config, truth)
    if true_chance.max() > 1.0:
        raise InputError(
            f"signal_fraction {config.signal_fraction:g} at signal_strength {config.signal_strength:g} needs more jets "
            "than there are; lower one of them"
        )
    scale = (1.0 - _TEMPLATE_SHARE) / _TEMPLATE_SHARE
    return Split(
        template_weight=np.where(is_template, chance * scale, 0.0),
        is_observed=~is_template & (draw < true_chance),
        truth=truth,
    )


def signal_factors(signal: tuple[float, float], error: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Low and high factors of the signal in signal and control region, for a shift of jets between them.

    Parameters
    ----------
    signal : tuple of float, events
        Expected signal in signal and control region.
    error : float, 1
        Relative uncertainty of the signal region.

    Returns
    -------
    tuple of tuple of float
        (low, high) for the signal region, (low, high) for the control region: their sum stays the same.

    Examples
    --------
    >>> signal_factors((80.0, 20.0), 0.05)
    ((0.95, 1.05), (1.2, 0.8))
    """
    inside, outside = signal
    shift = min(error * inside / outside, 0.9) if outside > 0.0 else 0.0
    return (1.0 - error, 1.0 + error), (1.0 + shift, 1.0 - shift)


def _true_factors(
    score: NDArray[np.float64],
    is_signal: NDArray[np.bool_],
    is_background: NDArray[np.bool_],
    chance: NDArray[np.float64],
    regions: tuple[Region, Region],
    config: TemplatesConfig,
    truth: dict[str, float],
) -> NDArray[np.float64]:
    """What signal strength and nuisance parameters do to each jet, (N,)."""
    in_signal, in_control = (region.contains(score) for region in regions)
    expected = float(chance[is_signal & in_signal].sum()), float(chance[is_signal & in_control].sum())
    factors = np.ones(len(score))
    factors[is_signal] *= config.signal_strength * (1.0 + config.luminosity_error) ** truth["luminosity"]
    for inside, (low, high) in zip(
        (in_signal, in_control), signal_factors(expected, config.efficiency_error), strict=True
    ):
        alpha = truth["efficiency"]
        factors[is_signal & inside] *= high**alpha if alpha > 0.0 else low**-alpha
    factors[is_background & in_signal] *= (1.0 + config.mistag_error) ** truth["mistag"]
    factors[~is_signal & ~is_background] *= (1.0 + config.rate_error) ** truth.get(OTHER_RATE, 0.0)
    return factors
