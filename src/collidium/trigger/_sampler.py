"""Proposals of a search by NSGA-II, as a function of the seed and of the trials before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from collidium.artifact import missing_extra
from collidium.trigger._search_space import Choice, Dimension, IntegerRange, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Direction: TypeAlias = Literal["maximize", "minimize"]


class Sampler:
    """Proposes a generation at a time; the next one follows from what was told of those before.

    Parameters
    ----------
    dimensions : mapping of str to Choice, IntegerRange or LogRange
        The space.
    directions : sequence of {"maximize", "minimize"}
        One for each figure that is told.
    population : int
        Trials of a generation.
    seed : int
        With a trial's number it decides all that is random in its proposal, so that nothing but the trials' outcomes
        need be kept for a search to go on.

    Raises
    ------
    InputError
        If Optuna is not installed.

    References
    ----------
    K. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Trans. Evol. Comput. 6 (2002)
    182, in Optuna's implementation.

    Examples
    --------
    >>> sampler = Sampler({"n": IntegerRange(1, 3)}, ["minimize", "minimize"], population=2, seed=0)
    >>> 1 <= sampler.ask(2)[1]["n"] <= 3
    True
    """

    def __init__(
        self, dimensions: Mapping[str, Dimension], directions: Sequence[Direction], *, population: int, seed: int
    ) -> None:
        try:
            import optuna
        except ImportError:
            raise missing_extra("optuna", "trigger") from None
        self._optuna = optuna
        self._distributions = {name: _distribution(dimension) for name, dimension in dimensions.items()}
        self._population, self._seed, self._worst = population, seed, [_worst(direction) for direction in directions]
        with self._silent():
            self._study = optuna.create_study(directions=list(directions))
        self._number = 0
        self._asked: list[Any] = []

    def ask(self, count: int) -> list[dict[str, Value]]:
        """Propose the next trials, at most a generation.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        list of dict
            A value for each dimension.
        """
        assert not self._asked
        for _ in range(count):
            words = np.random.SeedSequence([self._seed, self._number]).generate_state(1)
            self._study.sampler = self._optuna.samplers.NSGAIISampler(
                population_size=self._population, seed=int(words[0])
            )
            self._asked.append(self._study.ask(self._distributions))
            self._number += 1
        return [{name: trial.params[name] for name in self._distributions} for trial in self._asked]

    def tell(self, figures: Sequence[Sequence[float] | None]) -> None:
        """Say what became of them.

        Parameters
        ----------
        figures : sequence of sequence of float, or None
            For each trial that was asked for, in order; None for one that failed, which is worse than all others.
        """
        with self._silent():
            for trial, values in zip(self._asked, figures, strict=True):
                self._study.tell(trial, list(self._worst if values is None else values))
        self._asked = []

    @contextmanager
    def _silent(self) -> Iterator[None]:
        """Optuna speaks of every step; nobody has asked."""
        logging = self._optuna.logging
        before = logging.get_verbosity()
        logging.set_verbosity(logging.WARNING)
        try:
            yield
        finally:
            logging.set_verbosity(before)


def _worst(direction: Direction) -> float:
    return float("-inf" if direction == "maximize" else "inf")


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    if isinstance(dimension, IntegerRange):
        return IntDistribution(dimension.low, dimension.high)
    return FloatDistribution(dimension.low, dimension.high, log=True)
