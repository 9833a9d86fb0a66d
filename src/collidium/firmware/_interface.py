"""What crosses the border of the module, for those who connect it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collidium.artifact import InputError, unknown
from collidium.firmware._compile import Firmware
from collidium.firmware._fixed import Overflow, Rounding
from collidium.firmware._layout import Slot


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What the code of one element means outside.

    Attributes
    ----------
    name : str
        Feature, class, or quantity.
    unit : str
        Physical unit; 1 for dimensionless.
    scale, offset : float
        The fixed-point value is ``(physical - offset) * scale``.
    rounding, overflow : Rounding, Overflow
        What the front end does when it quantizes to the code.
    """

    name: str
    unit: str = "1"
    scale: float = 1.0
    offset: float = 0.0
    rounding: Rounding = Rounding.RND
    overflow: Overflow = Overflow.SAT


def interface(firmware: Firmware, signals: Mapping[str, Sequence[Signal]]) -> dict[str, Any]:
    """Content of ``interface.json``.

    Parameters
    ----------
    firmware : Firmware
        The compiled model.
    signals : dict of str to sequence of Signal
        Meaning of the elements of inputs and outputs, by node, in flattened order.

    Returns
    -------
    dict
        Ports with formats and bit offsets, latency, initiation interval.

    Raises
    ------
    InputError
        If a node is neither input nor output, or has another number of elements.
    """
    layout, model = firmware.layout, firmware.model
    borders = [*(node.name for node in model.inputs), *model.outputs]
    for name, given in signals.items():
        if name not in borders:
            raise unknown("input or output", name, borders)
        size = model.intervals[name].minimum.size
        if len(given) != size:
            raise InputError(f"signals of {name}: {len(given)} are given, the node has {size} elements")
    document: dict[str, Any] = {
        "module": firmware.config.name,
        "clock_ns": firmware.config.clock_ns,
        "initiation_interval": 1,
        "latency_cycles": firmware.latency,
        "latency_ns": firmware.latency_ns,
        "code": "value = code * 2^-f, two's complement where k = 1",
        "protocol": "in_data is taken at each rising edge of clk with in_valid = 1; out_data belongs to it "
        "latency_cycles edges later, with out_valid = 1; rst clears the valid bits only",
        "in_data": {"width": layout.in_width, "elements": _elements(layout.inputs, signals)},
        "out_data": {"width": layout.out_width, "elements": _elements(layout.outputs, signals)},
    }
    if layout.weights:
        document["weights"] = {
            "protocol": "at a rising edge with weight_write = 1, weight_data goes to the register at weight_address; "
            "data that are in flight meanwhile belong to no set of weights",
            "address_width": layout.address_width,
            "data_width": layout.weight_width,
            "registers": [
                {
                    "address": slot.offset,
                    "name": slot.port,
                    "element": slot.element,
                    **_format(slot),
                    "initial": slot.initial,
                }
                for slot in layout.weights
            ],
        }
    return document


def _elements(slots: Sequence[Slot], signals: Mapping[str, Sequence[Signal]]) -> list[dict[str, Any]]:
    elements = []
    for slot in slots:
        element: dict[str, Any] = {"node": slot.port, "element": slot.element, "offset": slot.offset, **_format(slot)}
        if slot.port in signals:
            element |= vars(signals[slot.port][slot.element])
        elements.append(element)
    return elements


def _format(slot: Slot) -> dict[str, int]:
    return {"k": slot.form.k, "i": slot.form.i, "f": slot.form.f, "width": slot.width}
