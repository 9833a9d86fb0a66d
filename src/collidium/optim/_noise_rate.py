"""Slot 6: layer-wise learning rates from the noise of the gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from collidium.optim._direction import orthogonalize
from collidium.optim._momentum import new_momentum, storage_dtype
from collidium.optim._names import unknown_name
from collidium.optim._norms import frobenius_norm
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of

NOISE_NORMS = ("nuclear", "frobenius")
POLAR_EXPRESS_STEPS = 8


def dual_norms(differences: Sequence[Tensor], norm: str, *, exact: bool = False) -> list[Tensor]:
    """Dual of the RMS-to-RMS operator norm, ``sqrt(m/n) ||D||_*``, of every matrix.

    Parameters
    ----------
    differences : sequence of Tensor, each (..., m, n), gradient units
        Matrices or stacks of matrices.
    norm : {"nuclear", "frobenius"}
        The nuclear norm as ``<D, polar(D)>``, or its upper bound ``sqrt(min(m, n)) ||D||_F`` without a polar map.
    exact : bool
        Polar factors by eigendecomposition, else by eight Polar Express steps (within 1e-3).

    Returns
    -------
    list of Tensor, each (..., 1, 1)

    Examples
    --------
    >>> [float(norm) for norm in dual_norms([torch.diag(torch.tensor([3.0, 1.0]))], "nuclear", exact=True)]
    [4.0]
    """
    if norm == "frobenius":
        sizes = [math.sqrt(min(part.shape[-2:])) for part in differences]
        norms = [frobenius_norm(part) for part in differences]
        values = [size * value for size, value in zip(sizes, norms, strict=True)]
    else:
        direction, steps = ("exact", None) if exact else ("polar_express", POLAR_EXPRESS_STEPS)
        polars = orthogonalize(differences, direction, steps=steps)
        values = [
            (part * polar).sum(dim=(-2, -1), keepdim=True).clamp_(min=0.0)
            for part, polar in zip(differences, polars, strict=True)
        ]
    shapes = [part.shape[-2:] for part in differences]
    return [value * math.sqrt(rows / columns) for value, (rows, columns) in zip(values, shapes, strict=True)]


def relative_rates(noises: Sequence[Tensor], noise_scale: float) -> list[Tensor]:
    """Learning rates relative to that of the quietest layer.

    Parameters
    ----------
    noises : sequence of Tensor, gradient units squared
        Mean squared dual norm ``H`` of the gradient noise, of the layers of one group.
    noise_scale : float
        ``a``, in gradient units: noise far below it does not count.

    Returns
    -------
    list of Tensor, shapes of ``noises``, in (0, 1]
        ``sqrt(a_l / max_j a_j)`` with ``a_l = a / sqrt(a^2 + H_l)``.

    References
    ----------
    J. Hao et al., Noise-Adaptive Layerwise Learning Rates, arXiv:2510.14009; our reading.

    Examples
    --------
    >>> [round(float(rate), 3) for rate in relative_rates([torch.tensor(0.0), torch.tensor(15.0)], 1.0)]
    [1.0, 0.5]
    """
    trust = [noise_scale / torch.sqrt(noise_scale**2 + noise) for noise in noises]
    largest = torch.stack([part.max().to(trust[0].device) for part in trust]).max()
    return [torch.sqrt(part / largest.to(part.device)) for part in trust]


def _check(options: Options) -> None:
    require(options, "noise_decay", 0.0 <= options["noise_decay"] < 1.0, "a number in [0, 1)")
    require(options, "noise_scale", options["noise_scale"] > 0.0, "a number > 0")
    if options["noise_norm"] not in NOISE_NORMS:
        raise unknown_name("noise_norm", options["noise_norm"], NOISE_NORMS)


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    noise_shape = view_of(options).scalars_shape(weight.shape)
    return {
        "gradient_count": torch.zeros((), dtype=torch.float32),
        "previous_gradient": new_momentum(weight),
        "noise": torch.zeros(noise_shape, dtype=storage_dtype(weight), device=weight.device),
    }


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        _update_noise(matrix, options)
    if matrices:
        rates = relative_rates([matrix.state["noise"] for matrix in matrices], float(options["noise_scale"]))
        for matrix, rate in zip(matrices, rates, strict=True):
            matrix.scales = list(matrix.view.per_block(rate))


def _update_noise(matrix: MatrixStep, options: Options) -> None:
    previous, noise = matrix.state["previous_gradient"], matrix.state["noise"]
    gradient = matrix.gradient.to(previous.dtype)
    if float(matrix.state["gradient_count"]) > 0.0:
        blocks = matrix.view.blocks(gradient - previous)
        norms = dual_norms(blocks, options["noise_norm"], exact=options["direction"] == "exact")
        noise.lerp_(matrix.view.joined(norms).to(noise.dtype).square_(), 1.0 - options["noise_decay"])
    previous.copy_(gradient)
    matrix.state["gradient_count"].add_(1.0)


NOISE_RATE = Slot(
    number=6,
    variant="layer-wise rate from the noise of the gradient",
    defaults={"noise_decay": 0.9, "noise_scale": 1e-2, "noise_norm": "nuclear"},
    check=_check,
    initial_state=_initial_state,
    advance=_advance,
    scope="group",
)
