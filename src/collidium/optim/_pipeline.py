"""The pipeline of nine slots that every matrix optimizer of the family is composed of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor

from collidium.optim._matrix_view import MatrixView
from collidium.optim._norms import frobenius_norm
from collidium.optim._scratch import Scratch

Options = MutableMapping[str, Any]

SLOTS: Mapping[int, str] = MappingProxyType(
    {
        0: "routing",
        1: "gradient correction",
        2: "momentum",
        3: "pre-processing",
        4: "direction map",
        5: "post-normalisation",
        6: "step size",
        7: "shape factor",
        8: "decay or constraint",
        9: "apply and hooks",
    }
)
CHUNK_BYTES: Mapping[str, int] = MappingProxyType({"cpu": 4 << 20, "cuda": 256 << 20})
"""Float32 bytes of the matrices that pass together through the slots, if one of them batches: enough for that, little
enough to stay in cache (CPU) and to bound the memory of a step."""


@dataclass(slots=True)
class ParameterStep:
    """One parameter with a gradient, in one step.

    Parameters
    ----------
    name : str
        Name for messages.
    weight : Tensor, any shape, 1
        The parameter.
    gradient : Tensor, same shape
        Only read, by everyone.
    state : dict of str to Tensor
        Persistent state of the parameter.
    gradient_norm : Tensor, (), optional
        Frobenius norm of the gradient, at least in float32.
    scratch : Scratch
        Memory for the duration of the step, shared by all parameters.
    """

    name: str
    weight: Tensor
    gradient: Tensor
    state: dict[str, Tensor]
    gradient_norm: Tensor | None = None
    scratch: Scratch = field(default_factory=Scratch)


@dataclass(slots=True)
class MatrixStep:
    """One matrix parameter on its way through the slots.

    A slot replaces ``update``, ``blocks``, ``scales``, ``factors`` and ``rate``; it never writes into the tensor it
    finds there, which may be the gradient or a state buffer.

    Parameters
    ----------
    weight : Tensor, any shape, 1
        The parameter.
    gradient : Tensor, same shape
        Of this step, only read.
    state : dict of str to Tensor
        Persistent state; the entries declared by the slots.
    view : MatrixView
        The matrices inside the parameter.
    update : Tensor, shape of the weight
        The gradient at first; the momentum mix after slot 2.
    rate : float
        Learning rate; slot 6 may change it.
    gradient_norm : Tensor, (), optional
        Frobenius norm of the whole gradient, at least in float32.
    scratch : Scratch
        Memory that lasts until the last slot has seen the matrix.
    blocks : list of Tensor, each (..., m, n)
        Directions after slot 4, one per block of the view.
    scales : list of Tensor, each broadcastable to its block, 1
        What slots 5 and 6 multiply the directions by: a number per matrix, row or column; empty for none.
    factors : list of float
        Shape factors after slot 7, one per block.
    """

    weight: Tensor
    gradient: Tensor
    state: dict[str, Tensor]
    view: MatrixView
    update: Tensor
    rate: float
    gradient_norm: Tensor | None = None
    scratch: Scratch = field(default_factory=Scratch)
    blocks: list[Tensor] = field(default_factory=list)
    scales: list[Tensor] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)
    _measured: tuple[Tensor, list[Tensor]] | None = None

    def update_norms(self) -> list[Tensor]:
        """Frobenius norms (..., 1, 1) of the blocks of the update, computed once."""
        if self._measured is None or self._measured[0] is not self.update:
            self._measured = self.update, [frobenius_norm(block) for block in self.view.blocks(self.update)]
        return self._measured[1]

    def gradient_norms(self) -> list[Tensor]:
        """Frobenius norms (..., 1, 1) of the blocks of the gradient, at least in float32."""
        if self.gradient_norm is not None and self.view.is_one_matrix(self.gradient.shape):
            return [self.gradient_norm.view(1, 1)]
        dtype = torch.promote_types(self.gradient.dtype, torch.float32)
        return [frobenius_norm(block, dtype) for block in self.view.blocks(self.gradient)]

    def weight_pieces(self) -> Sequence[Tensor]:
        """Views of the weight that correspond to the blocks."""
        return self.view.pieces(self.weight)


def no_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    """Initial state of a slot that keeps none."""
    return {}


def nothing_to_check(options: Options) -> None:
    """Check of a slot without options."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One variant of one of the nine slots.

    Parameters
    ----------
    number : int
        Which slot, a key of ``SLOTS``.
    variant : str
        What this variant does, in a few words.
    defaults : Mapping
        Options that it reads from the parameter group.
    check : callable
        Raises ValueError on an option outside its range.
    initial_state : callable
        ``(weight, options) -> dict`` of new state tensors, made when the parameter first has a gradient.
    advance : callable
        ``(matrices, options) -> None``.
    scope : {"chunk", "group"}
        Whether ``advance`` sees bounded chunks of a group's matrices, or first and once all of them; then it may
        shorten the list.
    is_batched : bool
        Whether ``advance`` gains from several matrices at once; without such a slot a chunk is one matrix.
    """

    number: int
    variant: str
    defaults: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    check: Callable[[Options], None] = nothing_to_check
    initial_state: Callable[[Tensor, Options], dict[str, Tensor]] = no_state
    advance: Callable[[list[MatrixStep], Options], None]
    scope: Literal["chunk", "group"] = "chunk"
    is_batched: bool = False


@dataclass(frozen=True)
class Composition:
    """A matrix optimizer: the slots that it fills, in order.

    Parameters
    ----------
    slots : tuple of Slot
        In the order of their numbers.
    presets : Mapping
        Published options of this member that differ from the defaults of its slots.

    Examples
    --------
    >>> from collidium.optim import OPTIMIZERS
    >>> for line in OPTIMIZERS["muon"].composition:
    ...     print(line)
    2 momentum: EMA or sum, Nesterov or not
    4 direction map: polar factor by named map
    7 shape factor: shape factor by name
    8 decay or constraint: decoupled decay
    9 apply and hooks: W - step
    """

    slots: tuple[Slot, ...]
    presets: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        numbers = [slot.number for slot in self.slots]
        assert numbers == sorted(numbers), "slots are declared in the order of the pipeline"

    @property
    def defaults(self) -> dict[str, object]:
        """Options of all slots, with the view of the parameters as single matrices."""
        options: dict[str, object] = {"view": "matrix", "split_sizes": ()}
        for slot in self.slots:
            options.update(slot.defaults)
        return {**options, **self.presets}

    def check(self, options: Options) -> None:
        """Raise ValueError on an option outside its range."""
        for slot in self.slots:
            slot.check(options)

    def check_parameter(self, name: str, weight: Tensor, options: Options) -> None:
        """Raise ValueError on a parameter that is not made of matrices."""
        self.view(options).check(weight.shape, name)

    def view(self, options: Options) -> MatrixView:
        """How the parameters of a group are seen as matrices."""
        return view_of(options)

    def initial_state(self, weight: Tensor, options: Options) -> dict[str, Tensor]:
        """New state of a parameter."""
        state: dict[str, Tensor] = {}
        for slot in self.slots:
            state.update(slot.initial_state(weight, options))
        return state

    def advance(self, steps: Sequence[ParameterStep], options: Options) -> None:
        """Move the parameters of one group by one step."""
        view, rate = self.view(options), float(options["lr"])
        matrices = [
            MatrixStep(
                step.weight, step.gradient, step.state, view, step.gradient, rate, step.gradient_norm, step.scratch
            )
            for step in sorted(steps, key=lambda step: tuple(step.weight.shape))
        ]
        for slot in self.slots:
            if slot.scope == "group":
                slot.advance(matrices, options)
        of_chunks = [slot for slot in self.slots if slot.scope == "chunk"]
        runs = [(is_batched, list(run)) for is_batched, run in groupby(of_chunks, lambda slot: slot.is_batched)]
        for chunk in _chunks(matrices, any(is_batched for is_batched, _ in runs)):
            scratch = chunk[0].scratch
            scratch.reset()
            for is_batched, slots in runs:
                kept = scratch.num_lent
                for part in [chunk] if is_batched else [[matrix] for matrix in chunk]:
                    for slot in slots:
                        slot.advance(part, options)
                    if slots is runs[-1][1]:
                        scratch.reset(kept)

    def describe(self) -> tuple[str, ...]:
        """One line per filled slot."""
        return tuple(f"{slot.number} {SLOTS[slot.number]}: {slot.variant}" for slot in self.slots)


def view_of(options: Options) -> MatrixView:
    """The view that a parameter group declares."""
    return MatrixView(kind=options["view"], split_sizes=tuple(options["split_sizes"] or ()))


def require(options: Options, name: str, holds: bool, allowed: str) -> None:
    """Raise ValueError naming an option, its value and what is allowed, unless the condition holds."""
    if not holds:
        raise ValueError(f"{name} is {options[name]!r}; {allowed} is needed")


def _chunks(matrices: list[MatrixStep], is_batched: bool) -> Iterator[list[MatrixStep]]:
    """Consecutive matrices of one device up to the byte budget, at least one at a time; else each by itself."""
    chunk: list[MatrixStep] = []
    filled = 0
    for matrix in matrices:
        size = matrix.weight.numel() * torch.float32.itemsize
        device = matrix.weight.device
        budget = CHUNK_BYTES.get(device.type, CHUNK_BYTES["cpu"]) if is_batched else 0
        if chunk and (filled + size > budget or chunk[-1].weight.device != device):
            yield chunk
            chunk, filled = [], 0
        chunk.append(matrix)
        filled += size
    if chunk:
        yield chunk
