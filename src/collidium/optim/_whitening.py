"""Slots 1 and 5 of FISMO: into the geometry of a Kronecker-factored Fisher matrix, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._pipeline import MatrixStep, Options, Slot, require, view_of
from collidium.optim._step_count import count_step, new_step_count


def inverse_root(matrix: Tensor) -> Tensor:
    """``A^(-1/2)`` of a symmetric positive definite matrix.

    Parameters
    ----------
    matrix : Tensor, (..., m, m)
        Eigenvalues below the machine precision relative to the largest count as that.

    Returns
    -------
    Tensor, (..., m, m)

    Examples
    --------
    >>> inverse_root(torch.diag(torch.tensor([4.0, 0.25])))
    tensor([[0.5000, 0.0000],
            [0.0000, 2.0000]])
    """
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    floor = eigenvalues[..., -1:] * torch.finfo(matrix.dtype).eps
    root: Tensor = (vectors * torch.maximum(eigenvalues, floor).rsqrt().unsqueeze(-2)) @ vectors.mT
    return root


def advance_factor_(factor: Tensor, half_whitened: Tensor, decay: float, damping: float) -> None:
    """Move one factor of the Fisher matrix towards the present gradient, in place.

    Parameters
    ----------
    factor : Tensor, (..., m, m), 1
        ``P``, symmetric with trace ``m``; changed in place and still so afterwards.
    half_whitened : Tensor, (..., m, n), gradient units
        ``Y = G Q^(-1/2)`` with the other factor ``Q``.
    decay : float
        ``g``, weight of the old factor.
    damping : float
        ``d``, share of the identity.

    Notes
    -----
    ``P~ = g P + (1 - g) (Y Y^T / n + d tr(P) / m I)``; ``P = sym(m P~ / tr(P~))``.

    Examples
    --------
    >>> factor = torch.eye(2)
    >>> advance_factor_(factor, torch.tensor([[1.0], [0.0]]), 0.5, 0.0)
    >>> factor
    tensor([[1.3333, 0.0000],
            [0.0000, 0.6667]])
    """
    sample = half_whitened @ half_whitened.mT / half_whitened.shape[-1]
    sample.diagonal(dim1=-2, dim2=-1).add_(damping * _mean_diagonal(factor))
    moved = factor.lerp(sample, 1.0 - decay)
    moved = (moved + moved.mT).div_(2.0)
    factor.copy_(moved / _mean_diagonal(moved).unsqueeze(-1))


def _mean_diagonal(factor: Tensor) -> Tensor:
    """Trace over size, (..., 1)."""
    return factor.diagonal(dim1=-2, dim2=-1).mean(dim=-1, keepdim=True)


def _check(options: Options) -> None:
    require(options, "factor_decay", 0.0 <= options["factor_decay"] <= 1.0, "a number in [0, 1]")
    require(options, "damping", options["damping"] > 0.0, "a number > 0")
    require(options, "refresh_every", options["refresh_every"] >= 1, "a number of steps >= 1")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    state = new_step_count(weight, options)
    for index, (*lead, rows, columns) in enumerate(view_of(options).block_shapes(weight.shape)):
        for side, size in (("left", rows), ("right", columns)):
            identity = torch.eye(size, dtype=storage_dtype(weight), device=weight.device).expand(*lead, -1, -1)
            state[f"{side}_{index}"] = identity.clone()
            state[f"{side}_inverse_root_{index}"] = identity.clone()
    return state


def _whitened(matrix: MatrixStep, gradient: Tensor, index: int, options: Options, is_refreshed: bool) -> Tensor:
    """Advance both factors of a block and return ``P^(-1/2) G Q^(-1/2)``."""
    left, right = matrix.state[f"left_inverse_root_{index}"], matrix.state[f"right_inverse_root_{index}"]
    for side, root, other in (("left", left, right), ("right", right, left)):
        factor = matrix.state[f"{side}_{index}"]
        turned = gradient if side == "left" else gradient.mT
        advance_factor_(factor, turned @ other, options["factor_decay"], options["damping"])
        if is_refreshed:
            root.copy_(inverse_root(factor))
    return left @ gradient @ right


def _whiten(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        is_refreshed = (count_step(matrix.state) - 1) % options["refresh_every"] == 0
        blocks = matrix.view.blocks(matrix.gradient.to(storage_dtype(matrix.weight)))
        whitened = [_whitened(matrix, block, index, options, is_refreshed) for index, block in enumerate(blocks)]
        matrix.update = matrix.view.joined(whitened).reshape(matrix.weight.shape)


def _map_back(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        roots = (
            (matrix.state[f"left_inverse_root_{index}"], matrix.state[f"right_inverse_root_{index}"])
            for index in range(len(matrix.blocks))
        )
        matrix.blocks = [
            left @ block.to(left.dtype) @ right for (left, right), block in zip(roots, matrix.blocks, strict=True)
        ]


WHITENING = Slot(
    number=1,
    variant="gradient whitened by a Kronecker-factored Fisher matrix",
    defaults={"factor_decay": 0.95, "damping": 1e-3, "refresh_every": 10},
    check=_check,
    initial_state=_initial_state,
    advance=_whiten,
)
MAP_BACK = Slot(number=5, variant="mapped back from the whitened geometry", advance=_map_back)
