"""The muon tracker: an angle from the hits in a chamber of several stations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.trigger._dense import WeightedLayer
from collidium.trigger._layer import QuantInput
from collidium.trigger._muon_patterns import PatternTables
from collidium.trigger._muon_stations import ConvStations, station_pairs
from collidium.trigger._network import QuantNetwork
from collidium.trigger._network_config import NetworkConfig, Stack
from collidium.trigger._norm import Norm
from collidium.trigger._quantizer_config import BIT, QuantizerConfig
from collidium.trigger._signal import Signal, relu, reshape, shift

_PATTERN = QuantizerConfig(f=4.0)


@dataclass(frozen=True, kw_only=True)
class MuonTrackerConfig(NetworkConfig):
    """Angle of a muon from the hits in a chamber of several stations.

    Attributes
    ----------
    stations : tuple of int
        Gas gaps of each station.
    num_channels : int
        Channels of a gap.
    patterns : int
        Numbers that each station reads from tables at each channel, addressed by the hits there and on both
        neighbours. 0: one number by a convolution, tanh, and maps from station to station, as published.
    pattern : QuantizerConfig
        Widths of these tables.
    maps : tuple or None
        Of the published network, for each pair of stations (first, later), in the order (0, 1), (0, 2), (1, 2), ...:
        for each channel of the first one, the channels of the later one that it speaks to. None: those at most
        ``reach`` channels away.
    reach : int
        Largest distance of channels in maps that are not given.
    widths : tuple of int
        Hidden widths after the stations.
    mean : float
        Start of the output's bias, in the unit of the target.
    scale : float
        The target is ``scale`` times what the last layer makes; a power of two.

    References
    ----------
    C. Sun et al., "Fast muon tracking with machine learning implemented in FPGA", arXiv:2202.04976, and the network of
    the HGQ demonstration on the same chamber. The tables of patterns are ours.

    Examples
    --------
    >>> network = MuonTrackerConfig().build(seed=0)
    >>> network(torch.zeros(2, 50, 7)).shape
    torch.Size([2])
    """

    stations: tuple[int, ...] = (3, 2, 2)
    num_channels: int = 50
    patterns: int = 4
    pattern: QuantizerConfig = _PATTERN
    maps: tuple[tuple[tuple[int, ...], ...], ...] | None = None
    reach: int = 4
    widths: tuple[int, ...] = (28, 14, 8)
    mean: float = 0.0
    scale: float = 1.0

    def make(self) -> MuonTracker:
        """Make the network."""
        return MuonTracker(self)


class FlatDense(WeightedLayer):
    """A dense layer on the numbers of all channels in a row, which have passed a quantizer.

    Parameters
    ----------
    tables : PatternTables
        Where the numbers come from.
    num_outputs : int
        Width.
    weight : QuantizerConfig
        Widths of weights and bias.
    """

    is_arranged = False

    def __init__(self, tables: PatternTables, num_outputs: int, weight: QuantizerConfig) -> None:
        shape = (tables.num_channels, tables.table.shape[1])
        self.num_inputs = math.prod(shape)
        super().__init__(shape, self.num_inputs, num_outputs, data=tables.entry, weight=weight, bias=weight)

    def arrange(self, x: Signal) -> Signal:
        """Bring (N, channels, F) into the shape (N, channels * F)."""
        return reshape(x, (self.num_inputs,))


class MuonTracker(QuantNetwork):
    """What the stations say channel by channel, then a perceptron; hits ``x`` (channels, gaps) of one bit."""

    def __init__(self, config: MuonTrackerConfig) -> None:
        C, stations, widths = config.num_channels, config.stations, (*config.widths, 1)
        super().__init__({"x": (C, sum(stations))})
        self.entry = QuantInput((C, sum(stations)), BIT)
        self.front: ConvStations | PatternTables
        self.first: FlatDense | None = None
        if config.patterns > 0:
            self.front = PatternTables(stations, C, config.patterns, entry=config.pattern)
            self.first = FlatDense(self.front, widths[0], config.weight)
        else:
            masks = _station_masks(config)
            self.front = ConvStations(stations, C, masks, data=config.data, weight=config.weight)
            widths = (C * len(stations), *widths)
        hidden: Norm = "output" if self.first is None else "none"
        norms: list[Norm] = [*[hidden] * (len(widths) - 2), "none"]
        layers = [config.dense((a,), b, norm=norm) for (a, b), norm in zip(pairwise(widths), norms, strict=False)]
        self.body = Stack(layers, has_last_relu=False)
        last = layers[-1] if layers else self.first
        assert last is not None
        with torch.no_grad():
            last.bias.fill_(config.mean / config.scale)
        self.scale = round(math.log2(config.scale))
        if 2.0**self.scale != config.scale:
            raise InputError(f"scale is {config.scale}, a power of two is needed")

    def forward(self, x: Signal) -> Signal:
        """Map hits (N, channels, gaps) to the target (N)."""
        seen: Signal = self.front(self.entry(x))
        if self.first is not None:
            seen = self.first(seen)
            seen = relu(seen) if len(self.body.layers) else seen
        out: Signal = self.body(seen)
        return shift(reshape(out, ()), self.scale)

    def parameter_roles(self) -> dict[str, str]:
        """Say what each parameter is; behind tables, which are the embedding, the first matrix is a hidden one."""
        roles = super().parameter_roles()
        return roles if self.first is None else {**roles, "first.weight": "matrix"}


def _station_masks(config: MuonTrackerConfig) -> list[NDArray[np.bool_]]:
    """Which channels of two stations are connected, (channels, channels) for each pair."""
    num_pairs = len(station_pairs(config.stations))
    channels = np.arange(config.num_channels)
    if config.maps is None:
        return [np.abs(channels[:, None] - channels) <= config.reach] * num_pairs
    if len(config.maps) != num_pairs or any(len(chosen) != len(channels) for chosen in config.maps):
        raise InputError(f"maps: {num_pairs} maps with an entry for each of {len(channels)} channels are needed")
    return [np.stack([np.isin(channels, later) for later in chosen]) for chosen in config.maps]
