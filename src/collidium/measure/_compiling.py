"""From modifiers to flat arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from collidium.measure._compiled import CompiledModel, CustomTable, Index, NormTable, ShapeTable
from collidium.measure._groups import ParameterGroup
from collidium.measure._interpolation import NormCode, ShapeCode, norm_factors
from collidium.measure._workspace import Channel, Modifier, Workspace


class _Collector:
    """Pairs of cells and parameters, gathered sample by sample."""

    def __init__(self, starts: Mapping[str, int], num_parameters: int) -> None:
        self.starts, self.num_parameters = starts, num_parameters
        self.nominal: list[float] = []
        self.cell_bin: list[int] = []
        self.cell_block: list[int] = []
        self.linear: list[list[int]] = []
        self.norm: list[tuple[int, int, float, float, float]] = []
        self.shape: list[tuple[int, int, float, float, float]] = []
        self.custom: list[CustomTable] = []
        self.staterror_offset: dict[str, int] = {}

    def add(self, channel: Channel, first_bin: int) -> None:
        """Take a channel."""
        for sample in channel.samples:
            block = self.cell_block[-1] + 1 if self.cell_block else 0
            first_cell = len(self.nominal)
            self.nominal.extend(sample.data)
            self.cell_bin.extend(range(first_bin, first_bin + channel.num_bins))
            self.cell_block.extend([block] * channel.num_bins)
            self.linear.extend([] for _ in range(channel.num_bins))
            for modifier in sample.modifiers:
                self._modify(modifier, sample.data, block, first_cell)
        for name in {m.name for s in channel.samples for m in s.modifiers if m.type == "staterror"}:
            self.staterror_offset[name] = self.staterror_offset.get(name, 0) + channel.num_bins

    def _modify(self, modifier: Modifier, data: Sequence[float], block: int, first_cell: int) -> None:
        if modifier.factor is not None:
            parameters = [self.starts[parameter.name] for parameter in modifier.factor.parameters]
            cells = np.arange(first_cell, first_cell + len(data))
            self.custom.append(CustomTable(cells=cells, parameters=np.array(parameters), factor=modifier.factor))
            return
        start = self.starts[modifier.name]
        if modifier.type == "normsys":
            if min(modifier.low[0], modifier.high[0]) <= 0.0:
                raise modifier.place.error(
                    f"has the factors {modifier.low[0]:g} and {modifier.high[0]:g}; positive ones are needed"
                )
            self.norm.append((block, start, modifier.scale, modifier.low[0], modifier.high[0]))
            return
        if modifier.type == "histosys":
            for b, (low, nominal, high) in enumerate(zip(modifier.low, data, modifier.high, strict=True)):
                difference, total = (high - low) / 2.0, ((high - nominal) + (low - nominal)) / 2.0
                if difference != 0.0 or total != 0.0:
                    self.shape.append((first_cell + b, start, modifier.scale, difference, total))
            return
        is_per_bin = modifier.type in ("shapefactor", "shapesys", "staterror")
        if modifier.type == "staterror":
            start += self.staterror_offset.get(modifier.name, 0)
        for b in range(len(data)):
            self.linear[first_cell + b].append(start + b if is_per_bin else start)


def compile_model(
    workspace: Workspace, groups: Mapping[str, ParameterGroup], *, norm_code: NormCode, shape_code: ShapeCode
) -> CompiledModel:
    """Flatten the modifiers of a workspace.

    Parameters
    ----------
    workspace : Workspace
        Channels of samples.
    groups : mapping of str to ParameterGroup
        Its parameters, in the order of the model.
    norm_code, shape_code : str
        Interpolation of normsys and histosys.

    Returns
    -------
    CompiledModel
        For bins in the order of the workspace's channels.

    Raises
    ------
    InputError
        For a normsys whose factors are not positive.
    """
    starts, K = {}, 0
    for name, group in groups.items():
        starts[name] = K
        K += len(group)
    collector, B = _Collector(starts, K), 0
    for channel in workspace.channels:
        collector.add(channel, B)
        B += channel.num_bins
    cell_bin = np.array(collector.cell_bin, dtype=np.intp)
    cell_block = np.array(collector.cell_block, dtype=np.intp)
    depth = max(1, max(map(len, collector.linear)))
    linear = np.array([row + [K] * (depth - len(row)) for row in collector.linear], dtype=np.intp).T.copy()
    norm, shape = _norm(collector, cell_block, norm_code), _shape(collector, shape_code)
    keys = np.concatenate(
        [
            (cell_bin * (K + 1) + linear).ravel(),
            cell_bin[norm.cell] * (K + 1) + norm.parameter[norm.pair],
            cell_bin[shape.cell] * (K + 1) + shape.parameter,
            *((cell_bin[own.cells][:, None] * (K + 1) + own.parameters).ravel() for own in collector.custom),
        ]
    )
    is_linear = np.zeros(K + 1, dtype=bool)
    is_linear[linear] = True
    return CompiledModel(
        num_parameters=K,
        num_bins=B,
        nominal=np.array(collector.nominal, dtype=np.float64),
        cell_bin=cell_bin,
        cell_block=cell_block,
        linear=linear,
        norm=norm,
        shape=shape,
        custom=tuple(collector.custom),
        keys=keys,
        gradient_keys=np.concatenate(
            [linear.ravel(), norm.parameter, shape.parameter, *(own.parameters for own in collector.custom)]
        ),
        is_linear=is_linear[:-1],
    )


def _norm(collector: _Collector, cell_block: Index, code: NormCode) -> NormTable:
    pairs = np.array(collector.norm, dtype=np.float64).reshape(-1, 5)
    block = pairs[:, 0].astype(np.intp)
    blocks, starts, counts = np.unique(block, return_index=True, return_counts=True)
    of_block = dict(zip(blocks.tolist(), zip(starts.tolist(), counts.tolist(), strict=True), strict=True))
    pair: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    cell: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    for index, own in enumerate(cell_block.tolist()):
        start, count = of_block.get(own, (0, 0))
        pair.append(np.arange(start, start + count, dtype=np.intp))
        cell.append(np.full(count, index, dtype=np.intp))
    return NormTable(
        factors=norm_factors(pairs[:, 3], pairs[:, 4], code),
        parameter=pairs[:, 1].astype(np.intp),
        scale=pairs[:, 2].copy(),
        block=block,
        starts=starts,
        blocks=blocks,
        pair=np.concatenate(pair),
        cell=np.concatenate(cell),
    )


def _shape(collector: _Collector, code: ShapeCode) -> ShapeTable:
    pairs = np.array(collector.shape, dtype=np.float64).reshape(-1, 5)
    arguments, argument = np.unique(pairs[:, 1:3], axis=0, return_inverse=True)
    return ShapeTable(
        cell=pairs[:, 0].astype(np.intp),
        parameter=pairs[:, 1].astype(np.intp),
        argument=argument.reshape(-1),
        argument_parameter=arguments[:, 0].astype(np.intp),
        argument_scale=arguments[:, 1].copy(),
        difference=pairs[:, 3].copy(),
        total=pairs[:, 4].copy(),
        code=code,
    )
