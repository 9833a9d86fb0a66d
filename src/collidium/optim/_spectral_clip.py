"""Slots 1, 4 and 7: bounding the singular values of gradients and updates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal, TypedDict

import torch
from torch import Tensor

from collidium.optim._momentum import storage_dtype
from collidium.optim._names import unknown_name
from collidium.optim._pipeline import MatrixStep, Options, Slot, require

GROWTH = 2.25
"""By which a small eigenvalue grows in one pass of the coupled iteration."""
FINAL_PASSES = 6
"""From the neighbourhood of one to double precision, quadratically."""


def soft_spectral_clip(matrix: Tensor, threshold: float) -> Tensor:
    """Bound all singular values smoothly, ``s -> s / sqrt(1 + s^2 / c^2)``.

    Parameters
    ----------
    matrix : Tensor, (..., m, n) or (n,), 1
        Matrix, stack of matrices or one vector, whose only singular value is its norm; only read.
    threshold : float
        ``c``; all singular values of the result are below it.

    Returns
    -------
    Tensor, same shape, 1
        Singular vectors stay; singular values far below ``c`` stay up to ``s^3 / 2 c^2``.

    Notes
    -----
    ``H_c(U) = (I + U U^T / c^2)^(-1/2) U`` by the coupled Newton-Schulz iteration ``T = (3 I - Z Y) / 2``,
    ``Y <- Y T``, ``Z <- T Z`` from ``Y = (I + U U^T / c^2) / a`` and ``Z = I``, where ``a`` bounds the largest
    eigenvalue by row sums and by the Frobenius norm. The public code always makes 10 passes, which is enough for
    ``s / c`` up to about 50; here their number follows from ``a``. The public code leaves vectors of norm up to ``c``
    unchanged and applies the formula above, a jump to ``c / sqrt(2)``; here the formula always holds.

    References
    ----------
    X. Jiang et al., Enhancing LLM Training via Spectral Clipping, arXiv:2603.14315.

    Examples
    --------
    >>> soft_spectral_clip(torch.tensor([[3.0, 0.0], [0.0, 0.01]]), 4.0)
    tensor([[2.4000, 0.0000],
            [0.0000, 0.0100]])
    """
    if matrix.dim() == 1:
        return soft_spectral_clip(matrix.unsqueeze(0), threshold).squeeze(0)
    wide = matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix
    x = wide / threshold
    gram = x @ x.mT
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    row_sums = gram.abs().sum(dim=-1).amax(dim=-1)
    bound = 1.0 + torch.minimum(row_sums, torch.linalg.vector_norm(gram, dim=(-2, -1)))
    scale = bound[..., None, None]
    passes = math.ceil(math.log(float(bound.max())) / math.log(GROWTH)) + FINAL_PASSES
    y, z = (identity + gram) / scale, identity.expand_as(gram)
    for _ in range(passes):
        t = 1.5 * identity - 0.5 * (z @ y)
        y, z = y @ t, t @ z
    result: Tensor = (z * scale.rsqrt()) @ wide
    return result.mT if wide is not matrix else result


def hard_spectral_clip(matrix: Tensor, threshold: float) -> Tensor:
    """Bound all singular values, ``s -> min(s, c)``, by an eigendecomposition in float64.

    Parameters
    ----------
    matrix : Tensor, (..., m, n) or (n,), 1
        Matrix, stack of matrices or one vector; only read.
    threshold : float
        ``c``, the largest singular value of the result.

    Returns
    -------
    Tensor, same shape, 1

    Examples
    --------
    >>> hard_spectral_clip(torch.tensor([[3.0, 0.0], [0.0, 0.5]]), 1.0)
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5000]])
    """
    if matrix.dim() == 1:
        return hard_spectral_clip(matrix.unsqueeze(0), threshold).squeeze(0)
    wide = (matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix).double()
    eigenvalues, vectors = torch.linalg.eigh(wide @ wide.mT)
    floor = torch.finfo(torch.float64).tiny
    factors = (threshold / eigenvalues.clamp(min=floor).sqrt()).clamp(max=1.0)
    # Only what is taken off is computed, so that what is below the threshold stays bitwise.
    excess = ((vectors * (1.0 - factors).unsqueeze(-2)) @ vectors.mT) @ wide
    result: Tensor = matrix - (excess.mT if matrix.shape[-2] > matrix.shape[-1] else excess).to(matrix.dtype)
    return result


CLIPS: Mapping[str, Callable[[Tensor, float], Tensor]] = MappingProxyType(
    {"soft": soft_spectral_clip, "hard": hard_spectral_clip}
)


class ClipOptions(TypedDict, total=False):
    """Options of the spectral clips, as in `SpectraAdamW`."""

    clip: float
    clip_map: Literal["soft", "hard"]
    pre_clip: float | None
    scale: float


def _check_pre(options: Options) -> None:
    threshold = options["pre_clip"]
    require(options, "pre_clip", threshold is None or threshold > 0.0, "a number > 0 or None")
    if options["clip_map"] not in CLIPS:
        raise unknown_name("clip_map", options["clip_map"], CLIPS)


def _clip_gradients(matrices: list[MatrixStep], options: Options) -> None:
    if options["pre_clip"] is None:
        return
    clip = CLIPS[options["clip_map"]]
    for matrix in matrices:
        clipped = torch.empty_like(matrix.update, dtype=storage_dtype(matrix.weight))
        blocks = matrix.view.blocks(matrix.update)
        for piece, block in zip(matrix.view.pieces(clipped), blocks, strict=True):
            piece.copy_(clip(block.to(clipped.dtype), float(options["pre_clip"])).reshape(piece.shape))
        matrix.update = clipped


def _check_post(options: Options) -> None:
    require(options, "clip", options["clip"] > 0.0, "a number > 0")
    require(options, "scale", options["scale"] > 0.0, "a number > 0")


def _clip_updates(matrices: list[MatrixStep], options: Options) -> None:
    clip, threshold = CLIPS[options["clip_map"]], float(options["clip"])
    for matrix in matrices:
        dtype = storage_dtype(matrix.weight)
        matrix.blocks = [
            clip(block.to(dtype) * factor, threshold)
            for block, factor in zip(matrix.blocks, matrix.factors, strict=True)
        ]
        matrix.factors = [float(options["scale"])] * len(matrix.blocks)


PRE_CLIP = Slot(
    number=1,
    variant="spectral clip of the gradient, if asked for",
    defaults={"pre_clip": None, "clip_map": "soft"},
    check=_check_pre,
    advance=_clip_gradients,
)
POST_CLIP = Slot(
    number=4,
    variant="spectral clip of the update",
    defaults={"clip": 10.0, "scale": 1.0},
    check=_check_post,
    advance=_clip_updates,
)
POST_CLIP_OF_STEP = replace(POST_CLIP, number=7, variant="spectral clip of the step with its shape factor")
