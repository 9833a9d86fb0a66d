"""Slots 7 and 9: weights that keep their Frobenius norm, so that the learning rate is an angle."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from collidium.optim._matrix_view import MatrixView
from collidium.optim._momentum import storage_dtype
from collidium.optim._norms import frobenius_norm
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of

TOKEN_EXPONENT = -0.32


def frobenius_norms(blocks: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Norm of every matrix of every block, each (..., 1, 1)."""
    return [frobenius_norm(block, dtype) for block in blocks]


def rotate(weight: Tensor, direction: Tensor, angle: float, radius: Tensor | float) -> Tensor:
    """Move a matrix along a direction on the sphere of a radius.

    Parameters
    ----------
    weight : Tensor, (..., m, n), 1
        Matrix or stack of matrices.
    direction : Tensor, (..., m, n), 1
        Its length does not matter; zero leaves the weight as it is.
    angle : float
        Length of the step in radii; for a direction orthogonal to the weight the rotation is by ``atan(angle)``.
    radius : Tensor, (..., 1, 1), or float, 1
        Frobenius norm of the result.

    Returns
    -------
    Tensor, (..., m, n), 1

    Notes
    -----
    ``W' = W - angle radius U / ||U||_F``, then ``W' radius / ||W'||_F``.

    Examples
    --------
    >>> rotate(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, -5.0]]), 1.0, 2.0)
    tensor([[1.4142, 1.4142]])
    """
    length = frobenius_norm(direction)
    tiny = torch.finfo(weight.dtype).tiny
    moved = weight - angle * radius * direction / length.clamp(min=tiny)
    norm = frobenius_norm(moved)
    return torch.where(length > 0, moved * (radius / norm.clamp(min=tiny)), weight)


def transferred_rate(base_lr: float, *, token_ratio: float, batch_ratio: float = 1.0) -> float:
    """Learning rate on the sphere for a longer training or another batch size.

    Parameters
    ----------
    base_lr : float
        Learning rate tuned at the base point (6e-4 at depth 8 in the publication).
    token_ratio : float
        Tokens of the training over those of the base point.
    batch_ratio : float
        Batch size over that of the base point.

    Returns
    -------
    float
        ``base_lr token_ratio^-0.32 sqrt(batch_ratio)``. Width and depth do not enter; residual branches are scaled
        with depth by the model.

    References
    ----------
    L. Ren et al., Rethinking Language Model Scaling under Transferable Hypersphere Optimization, arXiv:2603.28743.

    Examples
    --------
    >>> round(transferred_rate(6e-4, token_ratio=10.0, batch_ratio=4.0), 6)
    0.000574
    """
    return base_lr * math.pow(token_ratio, TOKEN_EXPONENT) * math.sqrt(batch_ratio)


def _check(options: Options) -> None:
    rms = options["radius_rms"]
    require(options, "radius_rms", rms is None or rms > 0.0, "a number > 0 or None")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    view, dtype = view_of(options), storage_dtype(weight)
    if options["radius_rms"] is None:
        radius = view.joined(frobenius_norms(view.blocks(weight), dtype))
        if not bool((radius > 0.0).all()):
            raise ValueError(
                f"a matrix of the weight of shape {tuple(weight.shape)} is zero, which has no sphere; "
                "initialise it or give radius_rms"
            )
        return {"radius": radius}
    return {"radius": view.joined([_radius(view, shape, weight, options) for shape in view.block_shapes(weight.shape)])}


def _radius(view: MatrixView, shape: tuple[int, ...], weight: Tensor, options: Options) -> Tensor:
    value = options["radius_rms"] * math.sqrt(shape[-2] * shape[-1])
    return torch.full((*shape[:-2], 1, 1), value, dtype=storage_dtype(weight), device=weight.device)


def _match_length(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        radii = matrix.view.per_block(matrix.state["radius"])
        lengths = frobenius_norms(matrix.blocks, radii[0].dtype)
        tiny = torch.finfo(radii[0].dtype).tiny
        matrix.scales = [
            torch.where(length > 0.0, radius / length.clamp(min=tiny), length)
            for radius, length in zip(radii, lengths, strict=True)
        ]
        matrix.factors = [1.0] * len(matrix.blocks)


def _retract(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        if matrix.rate == 0.0:
            continue
        radii = matrix.view.per_block(matrix.state["radius"])
        norms = frobenius_norms(matrix.view.blocks(matrix.weight), radii[0].dtype)
        for piece, length, radius, norm in zip(matrix.weight_pieces(), matrix.scales, radii, norms, strict=True):
            has_moved = (length > 0.0) | (options["weight_decay"] > 0.0)
            scale = torch.where(has_moved, radius / norm, torch.ones_like(norm))
            piece.mul_(matrix.view.on_piece(scale, piece))


STEP_OF_RADIUS = Slot(
    number=7,
    variant="step as long as lr times the radius",
    defaults={"radius_rms": None},
    check=_check,
    initial_state=_initial_state,
    advance=_match_length,
)
RETRACTION = Slot(number=9, variant="back to the sphere", advance=_retract)
