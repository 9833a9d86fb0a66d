"""Slot 7: how the step of a matrix depends on its shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from collidium.optim._names import unknown_name
from collidium.optim._pipeline import MatrixStep, Options, Slot

SHAPE_FACTORS: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {
        "none": lambda m, n: 1.0,
        "original": lambda m, n: math.sqrt(max(1.0, m / n)),
        "spectral_mup": lambda m, n: math.sqrt(m / n),
        "match_rms": lambda m, n: 0.2 * math.sqrt(max(m, n)),
        "match_rms_frobenius": lambda m, n: 0.2 * math.sqrt(m * n),
    }
)


def shape_factor(name: str, num_outputs: int, num_inputs: int) -> float:
    """Factor on the learning rate of an ``m x n`` weight (m outputs, n inputs).

    Parameters
    ----------
    name : {"none", "original", "spectral_mup", "match_rms", "match_rms_frobenius"}
        ``1``; ``sqrt(max(1, m/n))``; ``sqrt(m/n)``, for which the RMS-to-RMS operator norm of the step is the
        learning rate at every width; ``0.2 sqrt(max(m, n))``, for which the RMS of the step is that of AdamW;
        ``0.2 sqrt(m n)``, the same for directions of Frobenius norm one instead of singular values one.
    num_outputs, num_inputs : int
        Shape of one matrix: the slice of a stack, the block of a split weight.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the name is unknown.

    References
    ----------
    ``original``: K. Jordan et al., Muon (2024); ``match_rms``: J. Liu et al., Muon is Scalable for LLM Training,
    arXiv:2502.16982; ``spectral_mup``: G. Yang et al., A Spectral Condition for Feature Learning, arXiv:2310.17813.

    Examples
    --------
    >>> shape_factor("original", 256, 64), shape_factor("original", 64, 256)
    (2.0, 1.0)
    >>> shape_factor("match_rms", 64, 256)
    3.2
    """
    if name not in SHAPE_FACTORS:
        raise unknown_name("shape factor", name, SHAPE_FACTORS)
    return SHAPE_FACTORS[name](num_outputs, num_inputs)


def _check(options: Options) -> None:
    shape_factor(options["shape_factor"], 1, 1)


def _scale(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        matrix.factors = [shape_factor(options["shape_factor"], *block.shape[-2:]) for block in matrix.blocks]


SHAPE_FACTOR = Slot(
    number=7,
    variant="shape factor by name",
    defaults={"shape_factor": "original"},
    check=_check,
    advance=_scale,
)
