"""Slot 4: from momentum to direction, by the fastest form for the shape, precision and device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypedDict

import torch
from torch import Tensor

from collidium.optim._coefficients import COEFFICIENTS, check_precision, schedule
from collidium.optim._exact_polar import exact_polar
from collidium.optim._names import unknown_name
from collidium.optim._newton_schulz import divisors, iterate, iterate_gram
from collidium.optim._norms import frobenius_norm
from collidium.optim._pipeline import MatrixStep, Options, Slot, require
from collidium.optim._scratch import Scratch

DIRECTIONS: tuple[str, ...] = ("exact", *COEFFICIENTS)
PRECISIONS: dict[str, torch.dtype | None] = {
    "auto": None,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
FORMS = ("auto", "standard", "gram")


class DirectionOptions(TypedDict, total=False):
    """Options of the polar direction map, with the meaning they have in `Muon`.

    Parameters
    ----------
    direction : str
        ``"exact"`` or a key of ``COEFFICIENTS``.
    steps : int, optional
        Newton-Schulz steps; the published number if not given.
    precision : {"auto", "bfloat16", "float32", "float64"}
        Precision of the iteration.
    form : {"auto", "standard", "gram"}
        Form of the iteration.
    eps : float
        Smallest Frobenius norm that is scaled to one.
    """

    direction: str
    steps: int | None
    precision: Literal["auto", "bfloat16", "float32", "float64"]
    form: Literal["auto", "standard", "gram"]
    eps: float


# The cost table, from measurements with one thread on CPUs with AMX (Intel) and with AVX-512 BF16 (AMD). A bfloat16
# product has a fixed start-up cost there, so float32 wins for small products; with AVX-512 that depends on how many
# matrices share it, from 2^21 for a single one to 2^18 for twelve. At k = 2 r the Gram form is level (AMX, in
# bfloat16 measured with fewer restarts than now) or wins by a tenth (AVX-512); it wins from k = 3 r on in both
# precisions; the eigendecomposition never wins. CUDA devices follow the same aspect (the operation counts are equal)
# and have no lower limit for bfloat16.
BFLOAT16_FROM = {"amx_bf16": 1 << 19, "avx512_bf16": 1 << 20}
GRAM_FROM_ASPECT = 2.5


@dataclass(frozen=True)
class Plan:
    """How a stack of matrices is orthogonalised: the form and the precision."""

    form: str
    dtype: torch.dtype


def choose_plan(
    rows: int,
    columns: int,
    *,
    dtype: torch.dtype,
    device: torch.device,
    precision: str = "auto",
    form: str = "auto",
    allows_half: bool = True,
) -> Plan:
    """Form and precision for matrices whose short side is ``rows``.

    Parameters
    ----------
    rows, columns : int
        Short and long side of the matrices.
    dtype : torch.dtype
        Precision in which they are kept; float64 is never lowered.
    device : torch.device
        Where they are.
    precision : {"auto", "bfloat16", "float32", "float64"}
        ``"auto"`` looks up the cost table.
    form : {"auto", "standard", "gram"}
        ``"auto"`` looks up the cost table.
    allows_half : bool
        Whether the coefficient set stays bounded in half precision.

    Returns
    -------
    Plan

    Examples
    --------
    >>> choose_plan(16, 64, dtype=torch.float32, device=torch.device("cpu"))
    Plan(form='gram', dtype=torch.float32)
    >>> choose_plan(512, 512, dtype=torch.float64, device=torch.device("cpu"))
    Plan(form='standard', dtype=torch.float64)
    """
    work = PRECISIONS[precision]
    if work is None:
        is_lowered = allows_half and rows * rows * columns >= bfloat16_from(device.type)
        lowered = torch.bfloat16 if is_lowered else torch.float32
        work = torch.float64 if dtype == torch.float64 else lowered
    if form == "auto":
        form = "gram" if columns >= GRAM_FROM_ASPECT * rows else "standard"
    return Plan(form, work)


@cache
def bfloat16_from(device_type: str) -> float:
    """Least ``r^2 k`` from which a device multiplies matrices faster in bfloat16; infinite if it only emulates them."""
    if device_type == "cuda":
        return 0 if torch.cuda.is_bf16_supported(including_emulation=False) else math.inf
    if device_type == "cpu":
        # Releases of torch that cannot tell are taken to have none: emulated bfloat16 is many times slower.
        capabilities: Callable[[], dict[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
        found = capabilities()
        return min((work for name, work in BFLOAT16_FROM.items() if found.get(name, False)), default=math.inf)
    return math.inf


def orthogonalize(
    matrices: Sequence[Tensor],
    direction: str = "polar_express_5",
    *,
    steps: int | None = None,
    precision: str = "auto",
    form: str = "auto",
    eps: float = 1e-7,
    norms: Sequence[Tensor] = (),
    scratch: Scratch | None = None,
) -> list[Tensor]:
    """Directions of many matrices at once; those of one shape, either way round, are batched.

    Parameters
    ----------
    matrices : sequence of Tensor, each (..., m, n), 1
        Matrices or stacks of matrices, each treated by itself; only read.
    direction : str
        ``"exact"`` or a key of ``COEFFICIENTS``.
    steps : int, optional
        Newton-Schulz steps; the published number of the set if not given.
    precision, form : str
        As in `choose_plan`. ``"auto"`` means float64 for the exact map.
    eps : float
        As in `newton_schulz`.
    norms : sequence of Tensor, each (..., 1, 1)
        Frobenius norms of the matrices, if they are known.
    scratch : Scratch, optional
        Lends all memory, that of the result included; new memory if not given.

    Returns
    -------
    list of Tensor, shapes of the inputs
        In the precision of the iteration.

    Examples
    --------
    >>> both = orthogonalize([torch.eye(3), torch.ones(2, 1)], "exact")
    >>> [tuple(direction.shape) for direction in both]
    [(3, 3), (2, 1)]
    """
    if direction == "exact":
        return [exact_polar(matrix, dtype=PRECISIONS[precision] or torch.float64) for matrix in matrices]
    triples, safety = schedule(direction, steps), COEFFICIENTS[direction].safety
    scratch = scratch or Scratch()
    batches: dict[tuple[object, ...], list[int]] = {}
    wide = [matrix.mT if matrix.shape[-2] > matrix.shape[-1] else matrix for matrix in matrices]
    for index, matrix in enumerate(wide):
        # On a CPU transposing costs more than batching saves: tall matrices stay by themselves.
        is_tall = matrix is not matrices[index] and matrix.device.type == "cpu"
        batches.setdefault((matrix.shape[-2:], matrix.dtype, matrix.device, is_tall), []).append(index)
    results = list(wide)
    for indices in batches.values():
        first, is_tall = wide[indices[0]], wide[indices[0]] is not matrices[indices[0]]
        rows, columns = first.shape[-2:]
        plan = choose_plan(
            rows,
            columns,
            dtype=first.dtype,
            device=first.device,
            precision=precision,
            form=form,
            allows_half=COEFFICIENTS[direction].is_half_safe,
        )
        shapes = [wide[index].shape for index in indices]
        num_matrices = sum(shape[:-2].numel() for shape in shapes)
        check_precision(direction, plan.dtype)
        if is_tall and plan.form == "gram" and first.device.type == "cpu":
            x = scratch.empty((num_matrices, columns, rows), plan.dtype, first.device).mT
        else:
            x = scratch.empty((num_matrices, rows, columns), plan.dtype, first.device)
        batch_norms = [norms[index] if norms else frobenius_norm(matrices[index]) for index in indices]
        for index, part, divisor in zip(indices, _parts(x, shapes), divisors(batch_norms, safety, eps), strict=True):
            if x.is_contiguous():
                _divide_into(part, wide[index], divisor, scratch)
            else:
                _divide_into(part.mT, wide[index].mT, divisor, scratch)
        x = (iterate_gram if plan.form == "gram" else iterate)(x, triples, scratch)
        for index, part in zip(indices, _parts(x, shapes), strict=True):
            results[index] = part
    return [
        result.mT if matrix.shape[-2] > matrix.shape[-1] else result
        for matrix, result in zip(matrices, results, strict=True)
    ]


def _parts(batch: Tensor, shapes: Sequence[torch.Size]) -> Sequence[Tensor]:
    """Views (..., m, n) of a batch (B, m, n) that was filled with tensors of these shapes."""
    if all(len(shape) == 2 for shape in shapes):
        return batch.unbind()
    parts = batch.split_with_sizes([shape[:-2].numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def _divide_into(out: Tensor, matrix: Tensor, divisor: Tensor, scratch: Scratch) -> None:
    """The quotient in the precision of ``out``; a CPU would take new memory for rounding on the way."""
    if out.dtype == matrix.dtype or out.device.type != "cpu":
        torch.div(matrix, divisor, out=out)
    else:
        out.copy_(torch.div(matrix, divisor, out=scratch.brief(out, matrix.dtype)))


def _check(options: Options) -> None:
    if options["direction"] not in DIRECTIONS:
        raise unknown_name("direction", options["direction"], DIRECTIONS)
    if options["precision"] not in PRECISIONS:
        raise unknown_name("precision", options["precision"], PRECISIONS)
    if options["form"] not in FORMS:
        raise unknown_name("form", options["form"], FORMS)
    require(options, "eps", options["eps"] > 0.0, "a number > 0")
    if options["direction"] == "exact":
        require(options, "precision", options["precision"] != "bfloat16", "float32 or float64 for the exact map")
    else:
        schedule(options["direction"], options["steps"])
        check_precision(options["direction"], PRECISIONS[options["precision"]] or torch.float64)


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    blocks = [matrix.view.blocks(matrix.update) for matrix in matrices]
    is_exact = options["direction"] == "exact"
    norms = () if is_exact else [norm for matrix in matrices for norm in matrix.update_norms()]
    directions = iter(
        orthogonalize(
            [block for group in blocks for block in group],
            options["direction"],
            steps=options["steps"],
            precision=options["precision"],
            form=options["form"],
            eps=options["eps"],
            norms=norms,
            scratch=matrices[0].scratch,
        )
    )
    for matrix, group in zip(matrices, blocks, strict=True):
        matrix.blocks = [next(directions) for _ in group]


DIRECTION = Slot(
    number=4,
    variant="polar factor by named map",
    defaults={"direction": "polar_express_5", "steps": None, "precision": "auto", "form": "auto", "eps": 1e-7},
    check=_check,
    advance=_advance,
    is_batched=True,
)
