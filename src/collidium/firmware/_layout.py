"""Where every element lies in the packed ports of the top module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from collidium.firmware._fixed import Codes, Format, Formats
from collidium.firmware._linear import Linear
from collidium.firmware._lower import weight_ports
from collidium.firmware._model import IntegerModel


@dataclass(frozen=True)
class Slot:
    """One element in a packed port.

    Attributes
    ----------
    port : str
        The model's node, or the weight's name.
    element : int
        Index in the flattened tensor.
    offset : int
        Lowest bit; for a weight its address.
    form : Format
        Its format.
    initial : int
        Code after power-up, for weights.
    """

    port: str
    element: int
    offset: int
    form: Format
    initial: int = 0

    @property
    def width(self) -> int:
        """Bits."""
        return self.form.width

    @property
    def f(self) -> int:
        """Fractional bits."""
        return self.form.f


@dataclass(frozen=True)
class Layout:
    """All elements that cross the border of the module.

    Attributes
    ----------
    inputs, outputs : tuple of Slot
        Elements of ``in_data`` and ``out_data``, lowest bits first.
    weights : tuple of Slot
        Elements of the weight memory, by address.
    """

    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    weights: tuple[Slot, ...]

    @classmethod
    def of(cls, model: IntegerModel) -> Layout:
        """Lay out a model's inputs, outputs and reloadable weights."""
        weights: list[Slot] = []
        for node in model.reloadable:
            weights += _weight_slots(node, len(weights))
        return cls(
            _packed((node.name, node.formats) for node in model.inputs),
            _packed((name, model.intervals[name].formats()) for name in model.outputs),
            tuple(weights),
        )

    @property
    def in_width(self) -> int:
        """Bits of ``in_data``, at least 1."""
        return max(sum(slot.width for slot in self.inputs), 1)

    @property
    def out_width(self) -> int:
        """Bits of ``out_data``, at least 1."""
        return max(sum(slot.width for slot in self.outputs), 1)

    @property
    def address_width(self) -> int:
        """Bits of ``weight_address``."""
        return max((len(self.weights) - 1).bit_length(), 1)

    @property
    def weight_width(self) -> int:
        """Bits of ``weight_data``."""
        return max((slot.width for slot in self.weights), default=0)

    @cached_property
    def _offsets(self) -> dict[tuple[str, int], int]:
        return {(slot.port, slot.element): slot.offset for slot in self.inputs}

    def offset(self, port: str, element: int) -> int:
        """Lowest bit of an input element."""
        return self._offsets[port, element]

    def verilog_ports(self) -> list[str]:
        """Declarations of the top module's ports."""
        ports = [
            "input wire clk",
            "input wire rst",
            "input wire in_valid",
            f"input wire [{self.in_width - 1}:0] in_data",
            "output wire out_valid",
            f"output wire [{self.out_width - 1}:0] out_data",
        ]
        if self.weights:
            ports += [
                "input wire weight_write",
                f"input wire [{self.address_width - 1}:0] weight_address",
                f"input wire [{self.weight_width - 1}:0] weight_data",
            ]
        return ports


def _packed(tensors: Iterable[tuple[str, Formats]]) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    offset = 0
    for name, formats in tensors:
        for element, form in enumerate(_flat(formats)):
            slots.append(Slot(name, element, offset, form))
            offset += form.width
    return tuple(slots)


def _flat(formats: Formats) -> list[Format]:
    return [
        Format(int(k), int(i), int(f)) for k, i, f in zip(formats.k.flat, formats.i.flat, formats.f.flat, strict=True)
    ]


def _weight_slots(node: Linear, start: int) -> list[Slot]:
    assert node.weight_formats is not None
    assert node.bias_formats is not None
    slots: list[Slot] = []
    for name, formats, codes in zip(
        weight_ports(node), (node.weight_formats, node.bias_formats), (node.weight, node.bias), strict=True
    ):
        for element, (form, code) in enumerate(zip(_flat(formats), codes.flat, strict=True)):
            slots.append(Slot(name, element, start + len(slots), form, int(code)))
    return slots


def weight_image(layout: Layout, model: IntegerModel) -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
    """What is written over the weight port to load the weights of a model.

    Parameters
    ----------
    layout : Layout
        Of the firmware.
    model : IntegerModel
        Of the same design; only the codes in its reloadable nodes may differ.

    Returns
    -------
    ndarray of uint32, (R, 2)
        ``weight_address`` and ``weight_data`` of each register.
    """
    codes: dict[str, Codes] = {}
    for node in model.reloadable:
        codes |= dict(zip(weight_ports(node), (node.weight.reshape(-1), node.bias.reshape(-1)), strict=True))
    words = [(slot.offset, int(codes[slot.port][slot.element]) & ((1 << slot.width) - 1)) for slot in layout.weights]
    return np.array(words, dtype=np.uint32).reshape(-1, 2)


def pack(
    slots: Sequence[Slot], codes: dict[str, Codes], width: int
) -> np.ndarray[tuple[int, int], np.dtype[np.uint32]]:
    """Pack codes (N, *shape) by port name into words of 32 bits, lowest first: (N, ceil(width / 32))."""
    num = len(next(iter(codes.values()))) if codes else 0
    words = np.zeros((num, (width + 31) // 32 + 2), dtype=np.uint64)
    flat = {name: array.reshape(num, -1) for name, array in codes.items()}
    for slot in slots:
        if slot.width:
            write_bits(words, flat[slot.port][:, slot.element], slot.offset, slot.width)
    return words[:, : (width + 31) // 32].astype(np.uint32)


def write_bits(words: np.ndarray[tuple[int, int], np.dtype[np.uint64]], codes: Codes, offset: int, width: int) -> None:
    """Or the low ``width`` bits of codes into 32-bit words (held in uint64)."""
    field = codes.astype(np.int64).view(np.uint64) & np.uint64((1 << width) - 1)
    word, shift = divmod(offset, 32)
    words[:, word] |= (field << np.uint64(shift)) & np.uint64(0xFFFFFFFF)
    words[:, word + 1] |= (field >> np.uint64(32 - shift)) & np.uint64(0xFFFFFFFF)
    if width + shift > 64:
        words[:, word + 2] |= field >> np.uint64(64 - shift)
