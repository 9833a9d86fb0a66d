"""The muon tracker: an angle from the hits in a chamber of several stations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from collidium.artifact import InputError
from collidium.trigger._conv import QuantConv1d
from collidium.trigger._dense import QuantDense
from collidium.trigger._function import QuantFunction
from collidium.trigger._layer import QuantInput
from collidium.trigger._network import QuantNetwork
from collidium.trigger._network_config import NetworkConfig, Stack
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import BIT
from collidium.trigger._signal import Signal, concatenate, reshape, shift, take


@dataclass(frozen=True, kw_only=True)
class MuonTrackerConfig(NetworkConfig):
    """Angle of a muon from the hits in a chamber of several stations.

    Attributes
    ----------
    stations : tuple of int
        Gas gaps of each station.
    num_channels : int
        Channels of a gap.
    maps : tuple or None
        For each pair of stations (first, later), in the order (0, 1), (0, 2), (1, 2), ...: for each channel of the
        first one, the channels of the later one that it speaks to. None: those at most ``reach`` channels away.
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
    the HGQ demonstration on the same chamber.

    Examples
    --------
    >>> network = MuonTrackerConfig().build(seed=0)
    >>> network(torch.zeros(2, 50, 7)).shape
    torch.Size([2])
    """

    stations: tuple[int, ...] = (3, 2, 2)
    num_channels: int = 50
    maps: tuple[tuple[tuple[int, ...], ...], ...] | None = None
    reach: int = 4
    widths: tuple[int, ...] = (28, 14, 8)
    mean: float = 0.0
    scale: float = 1.0

    def make(self) -> MuonTracker:
        """Make the network."""
        return MuonTracker(self)


class MuonTracker(QuantNetwork):
    """A convolution for each station, maps between stations, perceptron; hits ``x`` (channels, gaps) of one bit."""

    def __init__(self, config: MuonTrackerConfig) -> None:
        C, stations = config.num_channels, config.stations
        super().__init__({"x": (C, sum(stations))})
        self.entry = QuantInput((C, sum(stations)), BIT)
        ends = np.cumsum((0, *stations))
        places = np.arange(C * sum(stations)).reshape(C, -1)
        self.gaps = [places[:, start:stop] for start, stop in pairwise(ends)]
        self.local = nn.ModuleList(
            QuantConv1d((C, gaps), 1, data=Quantizer(BIT, (C, gaps), shared=(0, 1)), weight=config.weight, bias=None)
            for gaps in stations
        )
        pairs = [(a, b) for a in range(len(stations)) for b in range(a + 1, len(stations))]
        masks = _station_masks(config, len(pairs))
        self.maps = nn.ModuleDict(
            {
                f"from_{a}_to_{b}": QuantDense((C,), C, data=config.data, weight=config.weight, bias=None, mask=chosen)
                for (a, b), chosen in zip(pairs, masks, strict=True)
            }
        )
        self.activations = nn.ModuleList(QuantFunction("tanh", (C,)) for _ in stations)
        widths = (C * len(stations), *config.widths, 1)
        layers = [
            config.dense((a,), b, norm="output" if index < len(config.widths) else "none")
            for index, (a, b) in enumerate(pairwise(widths))
        ]
        with torch.no_grad():
            layers[-1].bias.fill_(config.mean / config.scale)
        self.scale = round(math.log2(config.scale))
        if 2.0**self.scale != config.scale:
            raise InputError(f"scale is {config.scale}, a power of two is needed")
        self.body = Stack(layers, has_last_relu=False)

    def forward(self, x: Signal) -> Signal:
        """Map hits (N, channels, gaps) to the target (N)."""
        hits: Signal = self.entry(x)
        found: list[Signal] = []
        for b, (gap, local, activation) in enumerate(zip(self.gaps, self.local, self.activations, strict=True)):
            seen: Signal = local(take(hits, gap))
            seen = reshape(seen, (len(gap),))
            for a in range(b):
                seen = seen + self.maps[f"from_{a}_to_{b}"](found[a])
            found.append(activation(seen))
        out: Signal = self.body(concatenate(found))
        return shift(reshape(out, ()), self.scale)


def _station_masks(config: MuonTrackerConfig, num_pairs: int) -> list[NDArray[np.bool_]]:
    """Which channels of two stations are connected, (channels, channels) for each pair."""
    channels = np.arange(config.num_channels)
    if config.maps is None:
        return [np.abs(channels[:, None] - channels) <= config.reach] * num_pairs
    if len(config.maps) != num_pairs or any(len(chosen) != len(channels) for chosen in config.maps):
        raise InputError(f"maps: {num_pairs} maps with an entry for each of {len(channels)} channels are needed")
    return [np.stack([np.isin(channels, later) for later in chosen]) for chosen in config.maps]
