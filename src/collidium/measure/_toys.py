"""Toy experiments: seeded, resumable, in as many processes as wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError, Progress, SilentProgress, atomic_write, config_hash
from collidium.measure._fit import fit
from collidium.measure._likelihood import Generative
from collidium.measure._minimise import FitError
from collidium.measure._parameters import Vector
from collidium.measure._ratio import profile, qmu_tilde

Model = TypeVar("Model", bound=Generative)
WITH_SIGNAL_NAME = "with_signal.npz"
WITHOUT_SIGNAL_NAME = "without_signal.npz"
_CHUNK = 50


@dataclass(frozen=True)
class ToyTest:
    """CLs from toy experiments: ``clsb``, ``clb``, ``cls`` and the observed statistic ``q``."""

    value: float
    q: float
    clsb: float
    clb: float
    cls: float
    num_failed: int


def toy_values(
    likelihood: Model,
    theta: Vector,
    statistic: Callable[[Model], float],
    *,
    num_toys: int,
    seed: int,
    path: Path | None = None,
    num_workers: int = 1,
    progress: Progress | None = None,
) -> Vector:
    """A statistic on toy experiments drawn at a point.

    Toy i is a function of (seed, i) alone, whatever the number of workers.

    Parameters
    ----------
    likelihood : Generative
        K parameters.
    theta : ndarray, (K,)
        Where observed and auxiliary data are drawn.
    statistic : callable
        Takes the likelihood of a toy; with several workers it must be picklable.
    num_toys : int
        Number of toys N.
    seed : int
        Seed of the draws.
    path : Path, optional
        NumPy file that finished toys are kept in; a call with the same ``seed`` and ``theta`` goes on from there.
    num_workers : int
        Processes.
    progress : Progress, optional
        Told of every chunk of toys.

    Returns
    -------
    ndarray, (N,)
        NaN for toys whose fits failed.

    Raises
    ------
    InputError
        If the number of toys or workers is not positive, or the file is of other toys.

    Examples
    --------
    >>> from collidium.measure import counting_experiment, q0
    >>> likelihood = counting_experiment(signal=10.0, background=100.0, observed=100)
    >>> values = toy_values(likelihood, np.array([0.0]), partial(q0, poi="mu"), num_toys=40, seed=1)
    >>> values.shape, bool((values == 0.0).sum() > 10)
    ((40,), True)
    """
    for what, count in (("toys", num_toys), ("workers", num_workers)):
        if count < 1:
            raise InputError(f"number of {what} is {count}; at least 1 is needed")
    reporter = SilentProgress() if progress is None else progress
    identity = config_hash({"seed": seed, "theta": theta.tolist()})
    values = _taken_up(path, identity)[:num_toys]
    chunks = [range(i, min(i + _CHUNK, num_toys)) for i in range(len(values), num_toys, _CHUNK)]
    reporter.start("toys", num_toys, "toys")
    reporter.advance(len(values))
    try:
        for found in _computed(partial(_chunk, likelihood, theta, statistic, seed), chunks, num_workers):
            values = np.concatenate([values, found])
            if path is not None:
                with atomic_write(path) as stream:
                    np.savez(stream, identity=identity, values=values)
            reporter.advance(len(found))
    finally:
        reporter.finish()
    return values


def _computed(work: Callable[[range], Vector], chunks: list[range], num_workers: int) -> Iterator[Vector]:
    """Chunks in order, computed here or in processes."""
    if num_workers == 1:
        yield from map(work, chunks)
        return
    with ProcessPoolExecutor(num_workers) as pool:
        yield from pool.map(work, chunks)


def _chunk(likelihood: Model, theta: Vector, statistic: Callable[[Model], float], seed: int, toys: range) -> Vector:
    values = np.full(len(toys), np.nan)
    for position, toy in enumerate(toys):
        try:
            values[position] = statistic(likelihood.toy(theta, np.random.default_rng([seed, toy])))
        except FitError:
            continue
    return values


def _taken_up(path: Path | None, identity: str) -> Vector:
    """Values of an earlier call."""
    if path is None or not path.exists():
        return np.empty(0)
    with np.load(path) as stored:
        if str(stored["identity"]) != identity:
            raise InputError(f"{path}: holds toys of another seed or another point")
        return np.asarray(stored["values"], dtype=np.float64)


def toy_p_value(values: ArrayLike, observed: float) -> float:
    """Fraction of toys as extreme as the observation, (k + 1) / (n + 1): never zero, valid at any n.

    Parameters
    ----------
    values : ndarray, (N,)
        The statistic on toys; NaN ones, of failed fits, count as extreme.
    observed : float
        The statistic on data.

    Returns
    -------
    float
        The p-value.

    References
    ----------
    B. Phipson, G. Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39.

    Examples
    --------
    >>> toy_p_value([0.1, 2.0, 3.0], 2.5)
    0.5
    """
    toys = np.asarray(values, dtype=np.float64)
    return float((np.sum(~(toys < observed)) + 1) / (len(toys) + 1))


def toy_cls(
    likelihood: Generative,
    poi: str,
    value: float,
    *,
    num_toys: int = 1000,
    seed: int = 0,
    folder: Path | None = None,
    num_workers: int = 1,
    progress: Progress | None = None,
) -> ToyTest:
    """CLs of a signal strength from toys of q~_mu, nuisance parameters profiled to the data.

    Parameters
    ----------
    likelihood : Generative
        K parameters with the observed data.
    poi : str
        The signal strength.
    value : float
        Value tested.
    num_toys : int
        Toys with the signal, and as many without.
    seed : int
        Seed of the draws.
    folder : Path, optional
        Where finished toys are kept, in ``with_signal.npz`` and ``without_signal.npz``, for a later call to go on from.
    num_workers : int
        Processes.
    progress : Progress, optional
        Told of every chunk of toys.

    Returns
    -------
    ToyTest
        p-values smoothed as in :func:`toy_p_value`.

    Raises
    ------
    FitError
        If a fit of the data does not converge.

    Examples
    --------
    >>> from collidium.measure import counting_experiment
    >>> test = toy_cls(counting_experiment(signal=10.0, background=10.0, observed=8), "mu", 1.0, num_toys=100)
    >>> test.clsb < test.cls < test.clb
    True
    """
    best = fit(likelihood)
    statistic = partial(qmu_tilde, poi=poi, value=value)
    q = qmu_tilde(likelihood, poi, value, best=best)
    p_values, num_failed = [], 0
    for number, (file, signal) in enumerate(((WITH_SIGNAL_NAME, value), (WITHOUT_SIGNAL_NAME, 0.0))):
        theta = profile(likelihood, poi, signal, near=best).theta
        values = toy_values(
            likelihood,
            theta,
            statistic,
            num_toys=num_toys,
            seed=2 * seed + number,
            path=None if folder is None else folder / file,
            num_workers=num_workers,
            progress=progress,
        )
        num_failed += int(np.isnan(values).sum())
        p_values.append(toy_p_value(values, q))
    return ToyTest(
        value=value, q=q, clsb=p_values[0], clb=p_values[1], cls=p_values[0] / p_values[1], num_failed=num_failed
    )
