"""Stations as convolutions with maps between them, as published."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from torch import nn

from collidium.trigger._conv import QuantConv1d
from collidium.trigger._dense import QuantDense
from collidium.trigger._function import QuantFunction
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import BIT, QuantizerConfig
from collidium.trigger._signal import Signal, concatenate, reshape, take


class ConvStations(nn.Module):
    """A convolution of one filter for each station, tanh, and maps to later stations.

    Parameters
    ----------
    stations : sequence of int
        Gas gaps of each station.
    num_channels : int
        Channels of a gap.
    masks : sequence of ndarray of bool, (channels, channels)
        Which channels the maps connect, for pairs of stations in the order (0, 1), (0, 2), (1, 2), ...
    data, weight : QuantizerConfig
        Widths.
    """

    def __init__(
        self,
        stations: Sequence[int],
        num_channels: int,
        masks: Sequence[NDArray[np.bool_]],
        *,
        data: QuantizerConfig,
        weight: QuantizerConfig,
    ) -> None:
        super().__init__()
        C = num_channels
        ends = np.cumsum((0, *stations))
        places = np.arange(C * sum(stations)).reshape(C, -1)
        self.gaps = [places[:, start:stop] for start, stop in pairwise(ends)]
        self.local = nn.ModuleList(
            QuantConv1d((C, gaps), 1, data=Quantizer(BIT, (C, gaps), shared=(0, 1)), weight=weight, bias=None)
            for gaps in stations
        )
        self.maps = nn.ModuleDict(
            {
                f"from_{a}_to_{b}": QuantDense((C,), C, data=data, weight=weight, bias=None, mask=chosen)
                for (a, b), chosen in zip(station_pairs(stations), masks, strict=True)
            }
        )
        self.activations = nn.ModuleList(QuantFunction("tanh", (C,)) for _ in stations)

    def forward(self, hits: Signal) -> Signal:
        """Map hits (N, channels, gaps) to (N, stations * channels)."""
        found: list[Signal] = []
        for b, (gap, local, activation) in enumerate(zip(self.gaps, self.local, self.activations, strict=True)):
            seen: Signal = local(take(hits, gap))
            seen = reshape(seen, (len(gap),))
            for a in range(b):
                seen = seen + self.maps[f"from_{a}_to_{b}"](found[a])
            found.append(activation(seen))
        return concatenate(found)


def station_pairs(stations: Sequence[int]) -> list[tuple[int, int]]:
    """Each station with each later one.

    Examples
    --------
    >>> station_pairs((3, 2, 2))
    [(0, 1), (0, 2), (1, 2)]
    """
    return [(a, b) for a in range(len(stations)) for b in range(a + 1, len(stations))]
