"""Tables addressed by the hits around a channel: what a station says at each of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError
from collidium.firmware import Format, Formats, LookupTable, Overflow, Quantize, Rounding, Select, Shift, Table
from collidium.trigger._conv import patch_index
from collidium.trigger._fixed_point import exact_exp2
from collidium.trigger._layer import QuantLayer
from collidium.trigger._lut_dense import WIDEST_TABLE, table_size
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._signal import concatenate
from collidium.trigger._wire import Wire

_START = 0.3


class PatternTables(QuantLayer):
    """For each station and channel, numbers read from a table by the hits in all gaps on nearby channels.

    Parameters
    ----------
    stations : sequence of int
        Gas gaps of each station.
    num_channels : int
        Channels of a gap.
    num_outputs : int
        Numbers F that each station makes at a channel.
    kernel : int
        Channels that a table sees, odd; there are none beyond the first and the last.
    entry : QuantizerConfig
        Widths of the entries: one for each number of each station.

    Raises
    ------
    InputError
        If a table would have too many address bits or the kernel is even.

    Notes
    -----
    The entries themselves are trained, and all channels of a station share them, as a straight track looks alike
    everywhere. A channel without hits around it says 0, so in training only the few others are looked up. The cost is
    that of :func:`lut_cost` without adders.

    Examples
    --------
    >>> tables = PatternTables((3, 2, 2), 50, 2, entry=QuantizerConfig(f=3, i=2))
    >>> tables(torch.zeros(4, 50, 7)).shape
    torch.Size([4, 50, 6])
    """

    used: Tensor
    places: Tensor

    def __init__(
        self,
        stations: Sequence[int],
        num_channels: int,
        num_outputs: int,
        *,
        kernel: int = 3,
        entry: QuantizerConfig,
    ) -> None:
        super().__init__()
        self.bits = [kernel * gaps for gaps in stations]
        if kernel % 2 == 0 or max(self.bits) > WIDEST_TABLE:
            raise InputError(
                f"kernel is {kernel}: an odd number is needed, and at most {WIDEST_TABLE} address bits, of which a "
                f"station has {max(self.bits)}"
            )
        self.kernel, self.num_channels, self.num_outputs = kernel, num_channels, num_outputs
        ends = np.cumsum((0, *stations)).tolist()
        patches = patch_index((num_channels, ends[-1]), (kernel,), (1,), "same").reshape(num_channels, kernel, -1)
        self.index = [patches[:, :, a:b].reshape(num_channels, -1) for a, b in pairwise(ends)]
        rows, S = 1 << max(self.bits), len(self.bits)
        number = torch.arange(rows)[:, None].expand(-1, S)
        used = (number > 0) & (number < torch.tensor([1 << bits for bits in self.bits]))
        self.register_buffer("used", used.float().repeat_interleave(num_outputs, 1))
        self.table = nn.Parameter(_START * torch.randn(rows, S * num_outputs))
        self.entry = Quantizer(entry, (rows, S * num_outputs), shared=(0,), is_constant=True)
        gap = torch.arange(ends[-1])
        places = [((gap >= a) & (gap < b)) * 2.0 ** (gap - a) for a, b in pairwise(ends)]
        self.register_buffer("places", torch.stack(places, 1))

    def compute(self, x: Tensor) -> Tensor:
        """Map bits (N, channels, gaps) to (N, channels, stations * F)."""
        rows = self._addresses(x).flatten()
        S, F = len(self.bits), self.num_outputs
        hit = rows.nonzero()[:, 0]
        stacked = self.entries().to(x.dtype).reshape(-1, S, F).transpose(0, 1).reshape(-1, F)
        found = stacked.index_select(0, rows[hit] + hit % S * len(self.table))
        out = x.new_zeros(len(rows), F).index_copy(0, hit, found)
        return out.view(*x.shape[:2], -1)

    def entries(self) -> Tensor:
        """Entries (address, stations * F) on their grid; 0 where there is no hit."""
        table = self.table if self.training else self.table.detach().double()
        out: Tensor = self.entry(table * self.used)
        return out

    def ebops(self) -> Tensor:
        """Physical look-up tables at all channels."""
        size = table_size(torch.tensor(self.bits, dtype=self.table.dtype, device=self.table.device))
        width = self.entry.width().view(len(self.bits), -1).sum(1)
        return self.num_channels * (size * width).sum()

    def freeze(self, x: Wire) -> Wire:
        """Lay the hits around each channel side by side; look up."""
        f = self.entry.formats((1, self.table.shape[1])).f[0]
        codes = (self.entries() * exact_exp2(torch.from_numpy(f), torch.float64)).to(torch.int64).cpu().numpy()
        graph, F, found = x.graph, self.num_outputs, []
        for station, (bits, index) in enumerate(zip(self.bits, self.index, strict=True)):
            address = x.select(index[:, 0])
            for place in range(1, bits):
                field = graph.add(Shift(graph.name("field"), x.select(index[:, place]).name, place))
                address = address + field
            whole = Formats.full(address.shape, Format(0, bits, 0))
            address = graph.add(Quantize(graph.name("address"), address.name, whole, Rounding.TRN, Overflow.WRAP))
            spread = np.repeat(np.arange(self.num_channels)[:, None], F, 1)
            address = graph.add(Select(graph.name("edges"), address.name, spread))
            columns = range(station * F, (station + 1) * F)
            tables = [LookupTable(0, codes[: 1 << bits, column], int(f[column])) for column in columns]
            which = np.broadcast_to(np.arange(F), spread.shape)
            found.append(graph.add(Table(graph.name("tables"), address.name, which, tables)))
        return concatenate(found)

    def _addresses(self, x: Tensor) -> Tensor:
        """Addresses (N, channels, stations): the bits of a channel, then those of the next."""
        side, C = self.kernel // 2, self.num_channels
        own = functional.pad(x @ self.places.to(x.dtype), (0, 0, side, side))
        steps = own.new_tensor([2.0 ** (bits // self.kernel) for bits in self.bits])
        address = own[:, :C]
        for offset in range(1, self.kernel):
            address = address + own[:, offset : offset + C] * steps**offset
        return address.to(torch.int64)
