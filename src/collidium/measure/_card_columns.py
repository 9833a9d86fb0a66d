"""Columns of datacards: a process in a channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from collidium.measure._card_shapes import CardShapes, Density
from collidium.measure._card_statistics import StackedTemplate, StatisticsLine
from collidium.measure._parameters import Vector
from collidium.measure._pointer import Place
from collidium.measure._templates import Template
from collidium.measure._workspace import Modifier


@dataclass
class Column:
    """One process in one channel."""

    channel: str
    process: str = ""
    number: int = 1
    rate: float = 0.0
    shape: Template | Density | None = None
    modifiers: list[Modifier] = field(default_factory=list)

    @property
    def num_bins(self) -> int:
        """Bins of its template; one where it is counted."""
        return len(self.shape.values) if isinstance(self.shape, Template) else 1

    @property
    def parts(self) -> Vector:
        """Parts of the bins in the rate."""
        if not isinstance(self.shape, Template):
            return np.ones(1)
        total = float(self.shape.values.sum())
        return np.asarray(self.shape.values / total if total else self.shape.values)


def stacked(line: StatisticsLine, columns: Sequence[Column]) -> Iterator[StackedTemplate]:
    """Templates of a channel at their rates, with their errors."""
    for column in columns:
        if not isinstance(column.shape, Template):
            raise line.place.error(f"is of bin {column.channel!r}, where {column.process!r} has no template")
        integral = float(column.shape.values.sum())
        scale = column.rate / integral if integral > 0.0 else 1.0
        yield StackedTemplate(
            process=column.process,
            is_signal=column.number <= 0,
            values=scale * column.shape.values,
            errors=scale * np.sqrt(column.shape.variances),
        )


def varied(line: Place, name: str, column: Column, scale: float, shapes: CardShapes) -> list[Modifier]:
    """Modifiers of a variation of a template: parts of the bins, and rate."""
    if not isinstance(column.shape, Template):
        raise line.error(f"varies the template of {column.process!r} in {column.channel!r}, which has none")
    integral, sides = float(column.shape.values.sum()), []
    for direction in ("Down", "Up"):
        side = shapes.load(column.channel, column.process, name + direction)
        if not isinstance(side, Template) or len(side.values) != column.num_bins:
            raise line.error(f"has a template {name + direction} of {column.process!r} with other bins")
        sides.append(side.values)
    totals = [float(side.sum()) for side in sides]
    if integral <= 0.0 or min(totals) <= 0.0:
        raise line.error(f"varies the template of {column.process!r} in {column.channel!r}, which is empty")
    low, high = (tuple((column.rate * side / sum_).tolist()) for side, sum_ in zip(sides, totals, strict=True))
    down, up = (total / integral for total in totals)
    return [
        Modifier(name=name, type="histosys", low=low, high=high, scale=scale, place=line),
        Modifier(name=name, type="normsys", low=(down,), high=(up,), scale=scale, place=line),
    ]
