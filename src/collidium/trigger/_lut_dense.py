"""LUT-Dense: a sum of trained tables, one for each pair of input and output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from collidium.artifact import InputError
from collidium.firmware import Format, Formats, LookupTable, Overflow, Quantize, Rounding, Select, Shift, Sum, Table
from collidium.trigger._cells import find_cells, look_up
from collidium.trigger._edge_function import EdgeWeights, affine_norm, edge_outputs, hidden_units
from collidium.trigger._fixed_point import exact_exp2, integer_bits, num_bits
from collidium.trigger._layer import QuantLayer
from collidium.trigger._lut_function import cell_bits, cell_codes, code_values, look_up_trained, quantize_entries
from collidium.trigger._lut_record import EntryModes
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._wire import Wire

ADDRESS = QuantizerConfig(rounding=Rounding.TRN, f=3.0)
ENTRY = QuantizerConfig(overflow=Overflow.SAT_SYM, integer_bits="trained", f=4.0)
LUT_INPUTS = 6
WIDEST_TABLE = 16
_VALUES_AT_ONCE = 1 << 20
_MOMENTUM = 0.1
_SLOPE, _HEIGHT = 0.03, 0.07
"""Standard deviations of the functions' first weights."""


def lut_cost(b_in: Tensor, b_out: Tensor) -> Tensor:
    """Physical look-up tables of a layer of tables and its adders.

    Parameters
    ----------
    b_in, b_out : Tensor, (G, U), bit
        Address and data bits of each table.

    Returns
    -------
    Tensor, (), 1
        ``2^(b - B) sum s(b_in) b_out + sum b_out`` with B = 6, b = 5 and ``s(n) = 2^(n - b)`` from ``b`` on, ``n / b``
        below; a table without an address is a constant and costs nothing.

    References
    ----------
    The cost of HGQ-LUT: a LUT6 is two LUT5 with shared inputs; an adder takes one LUT for each bit.

    Examples
    --------
    >>> float(lut_cost(torch.tensor([[6.0, 0.0]]), torch.tensor([[4.0, 4.0]])))
    8.0
    """
    return (table_size(b_in) * b_out).sum() + (b_out * (b_in > 0)).sum()


def table_size(b_in: Tensor) -> Tensor:
    """Physical look-up tables for each data bit of a table with ``b_in`` address bits.

    Examples
    --------
    >>> table_size(torch.tensor([2.5, 5.0, 7.0]))
    tensor([0.2500, 0.5000, 2.0000])
    """
    half = LUT_INPUTS - 1
    size = torch.where(b_in >= half, torch.exp2(b_in.clamp_min(half) - half), b_in / half)
    return size * 2.0 ** (half - LUT_INPUTS)


@dataclass(frozen=True, kw_only=True)
class FrozenTables:
    """The tables of a layer as integers.

    Attributes
    ----------
    formats : Formats, (K, G, U)
        Of each address part.
    bits : ndarray of int, (G, U)
        Address bits of each table, all parts together.
    below : ndarray of int, (K, G, U)
        Bits of the parts after each one: its code is shifted left by them.
    low : ndarray of int, (G, U)
        Smallest address.
    codes : Tensor of int64, (G, C, U)
        Entry ``c`` of table (g, o) is that of address ``low + c``, in steps of the entries' own ``2**-f``.
    """

    formats: Formats
    bits: NDArray[np.int64]
    below: NDArray[np.int64]
    low: NDArray[np.int64]
    codes: Tensor


class TableOptions(TypedDict, total=False):
    """Options of all layers of tables, explained at :class:`LutDense`."""

    hidden: int
    inputs_per_table: int
    has_norm: bool
    address: QuantizerConfig
    entry: QuantizerConfig
    seed: int


class LutDense(QuantLayer):
    """A layer without products: each pair of input and output has a table, and tables are summed.

    Parameters
    ----------
    shape : sequence of int
        Shape of the input without the batch axis; the last axis is summed over.
    num_outputs : int
        Columns of the output.
    hidden : int
        Hidden units of the function that fills a table.
    inputs_per_table : int
        Inputs K that address a table together. With K > 1 the inputs, in a random order, are cut into groups of K.
    has_norm : bool
        Normalise the functions' outputs over the batch, before they become entries.
    address, entry : QuantizerConfig
        Widths of the addresses, one for each edge, and of the entries, one for each table.
    seed : int
        Decides the groups of inputs.

    Notes
    -----
    The function of an edge is a perceptron of one hidden layer of tanh. In training it is evaluated for each code, see
    :func:`look_up_trained`; when deployed the table is an array of integers, made once, which :meth:`freeze` hands on.
    It starts small and nearly linear, so that edges grow apart and those that are not needed end without a bit. Entries
    saturate at a range that is trained: a few rare codes do not decide how many bits all entries have.
    An address that is truncated stands for the centre of its interval; one below or above all that the data had when
    the network was calibrated has the entry of the lowest or the highest.

    References
    ----------
    HGQ-LUT: look-up tables trained as private functions of quantized scalars.

    Examples
    --------
    >>> layer = LutDense((16,), 20)
    >>> layer(torch.rand(8, 16)).shape
    torch.Size([8, 20])
    """

    groups: Tensor
    low: Tensor
    high: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        num_outputs: int,
        *,
        hidden: int = 8,
        inputs_per_table: int = 1,
        has_norm: bool = True,
        address: QuantizerConfig = ADDRESS,
        entry: QuantizerConfig = ENTRY,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _check(address, entry, shape[-1], inputs_per_table)
        K, G, U = inputs_per_table, shape[-1] // inputs_per_table, num_outputs
        self.shape = tuple(shape)
        order = np.arange(shape[-1]) if K == 1 else np.random.default_rng(seed).permutation(shape[-1])
        self.register_buffer("groups", torch.from_numpy(order.reshape(G, K).T.copy()))
        self.address = Quantizer(address, (K, G, U))
        self.entry = Quantizer(entry, (G, U), is_constant=True)
        self.w1 = nn.Parameter(_SLOPE * torch.randn(hidden, K, G, U) / math.sqrt(K))
        self.b1 = nn.Parameter(torch.zeros(hidden, G, U))
        self.w2 = nn.Parameter(_HEIGHT * torch.randn(hidden, G, U))
        self.b2 = nn.Parameter(torch.zeros(G, U))
        self.gain = nn.Parameter(torch.ones(U)) if has_norm else None
        self.offset = nn.Parameter(torch.zeros(U)) if has_norm else None
        self.register_buffer("mean", torch.zeros(U))
        self.register_buffer("variance", torch.ones(U))
        self.register_buffer("low", torch.full((K, G), -torch.inf))
        self.register_buffer("high", torch.full((K, G), torch.inf))
        self._tables: FrozenTables | None = None

    def train(self, mode: bool = True) -> LutDense:
        """Forget the frozen tables with every change of state, and the range of the data when training goes on."""
        self._tables = None
        if mode:
            self.low.fill_(-torch.inf)
            self.high.fill_(torch.inf)
        super().train(mode)
        return self

    def start_trace(self) -> None:
        """Forget the range of the data."""
        self.low.fill_(torch.inf)
        self.high.fill_(-torch.inf)

    def compute(self, x: Tensor) -> Tensor:
        """Map (N, *shape) to (N, *shape[:-1], num_outputs)."""
        flat = x.reshape(-1, self.shape[-1])
        inputs = flat[:, None] if len(self.groups) == 1 else flat[:, self.groups]
        if self.training:
            out = self._train(inputs)
        elif self.address.is_tracing:
            out = self._trace(inputs)
        else:
            out = self._deploy(inputs)
        return out.reshape(*x.shape[:-1], -1)

    def ebops(self) -> Tensor:
        """Physical look-up tables for all places of the leading axes, of the trained widths or of the frozen tables."""
        if self.training:
            q = self.address
            address, entry = num_bits(q.f, q.i, q.k, has_lone_sign=True).sum(0), self.entry.width()
        else:
            frozen = self.tables()
            address = torch.from_numpy(frozen.bits).to(self.w1)
            zero = torch.zeros((), device=self.w1.device)
            low, high = (ends.to(self.w1.dtype) for ends in torch.aminmax(frozen.codes, dim=1))
            entry = integer_bits(low, high, zero) + (low < 0)
        return lut_cost(address, entry) * math.prod(self.shape[:-1])

    def settle(self) -> None:
        """Make the frozen tables."""
        self.tables()

    def freeze(self, x: Wire) -> Wire:
        """Spread the inputs over the edges, quantize, look up, add."""
        frozen, graph = self.tables(), x.graph
        G, U = frozen.bits.shape
        places = self.shape[:-1]
        first = np.arange(math.prod(places)).reshape(*places, 1, 1) * self.shape[-1]
        parts = []
        for k, group in enumerate(self.groups.cpu().numpy()):
            index = np.broadcast_to(first + group[:, None], (*places, G, U))
            spread = graph.add(Select(graph.name("edges"), x.name, index))
            own = Formats(*(array[k] for array in (frozen.formats.k, frozen.formats.i, frozen.formats.f)))
            rounding = self.address.config.rounding
            parts.append(graph.add(Quantize(graph.name("address"), spread.name, own, rounding, Overflow.WRAP)))
        address = parts[0] if len(parts) == 1 else self._joined(parts, frozen)
        codes, f = frozen.codes.cpu().numpy(), self.entry.formats((G, U)).f
        tables = [
            LookupTable(int(frozen.low[g, o]), codes[g, : 1 << frozen.bits[g, o], o], int(f[g, o]))
            for g, o in np.ndindex(G, U)
        ]
        which = np.broadcast_to(np.arange(G * U).reshape(G, U), (*places, G, U))
        looked = graph.add(Table(graph.name("tables"), address.name, which, tables))
        return graph.add(Sum(graph.name("sum"), looked.name, -2))

    def tables(self) -> FrozenTables:
        """Tables as integers, made once after training and kept until the layer is trained again.

        Returns
        -------
        FrozenTables

        Raises
        ------
        InputError
            If a weight is not finite or an address too wide.
        """
        if self._tables is None:
            self._tables = self._fill()
        return self._tables

    @torch.no_grad()
    def _fill(self) -> FrozenTables:
        formats = self.address.formats(tuple(self.address.f.shape))
        bits = formats.width.sum(axis=0)
        if bits.max() > WIDEST_TABLE:
            raise InputError(
                f"a table has {bits.max()} address bits, at most {WIDEST_TABLE} are possible; train longer"
            )
        below = np.cumsum(formats.width[::-1], axis=0)[::-1] - formats.width
        number = np.arange(1 << bits.max())[:, None]
        digits = (number >> below[:, :, None]) & ((1 << formats.width[:, :, None]) - 1)
        codes = torch.from_numpy(digits + formats.code_min[:, :, None]).double().to(self.w1.device)
        f, rounding = self.address.f.round().double(), self.address.config.rounding
        seen = (cell_codes(edge[..., None].double(), f, rounding) for edge in (self.low, self.high))
        entries = self._entries(code_values(torch.clamp(codes, *seen), f, rounding))
        if not torch.isfinite(entries).all():
            raise InputError("a weight is NaN or infinite; the network cannot be frozen")
        return FrozenTables(
            formats=formats,
            bits=bits,
            below=below,
            low=(formats.code_min << below).sum(axis=0),
            codes=(entries * exact_exp2(self.entry.f.round()[:, None], torch.float64)).to(torch.int64),
        )

    def _entries(self, v: Tensor) -> Tensor:
        """Entries (G, C, U) in float64 for arguments (K, G, C, U), of the deployed functions."""
        weights = self._weights().double()
        gain, offset = (None if value is None else value.detach().double() for value in (self.gain, self.offset))
        p = edge_outputs(hidden_units(v, weights), weights)
        scale, shift = affine_norm(gain, offset, self.mean.double(), self.variance.double(), len(p))
        f, i = (width.detach().double()[:, None] for width in (self.entry.f, self.entry.i))
        return quantize_entries(p * scale + shift, f, i, self._entry_modes()).values

    def _train(self, x: Tensor) -> Tensor:
        norm = None if self.gain is None or self.offset is None else (self.gain, self.offset)
        widths = self.address.f, self.entry.f, self.entry.i
        y, record = look_up_trained(
            x, *widths, norm, self._weights(), self.address.config.rounding, self._entry_modes()
        )
        with torch.no_grad():
            low, needed = self._address_range(record.low, record.high)
            torch.maximum(self.address.i - self.address.config.decay, needed, out=self.address.i)
            self.address.k.copy_(low < 0)
            self.mean.lerp_(record.mean, _MOMENTUM)
            self.variance.lerp_(record.variance, _MOMENTUM)
        return y

    @torch.no_grad()
    def _trace(self, x: Tensor) -> Tensor:
        """Deployed values without overflow, widening the addresses."""
        rounding = self.address.config.rounding
        cells = find_cells(x.double(), cell_bits(self.address.f, rounding).double())
        torch.minimum(self.low, cells.low.to(self.low.dtype), out=self.low)
        torch.maximum(self.high, cells.high.to(self.high.dtype), out=self.high)
        low, needed = self._address_range(cells.low, cells.high)
        torch.maximum(self.address.i, needed.to(self.address.i.dtype), out=self.address.i)
        torch.maximum(self.address.k, (low < 0).to(self.address.k.dtype), out=self.address.k)
        f = self.address.f.round().double()
        entries = self._entries(code_values(cell_codes(cells.lower, f, rounding), f, rounding))
        return look_up(entries, cells.rows).to(x.dtype)

    @torch.no_grad()
    def _deploy(self, x: Tensor) -> Tensor:
        """Quantize every edge's address, and index the frozen tables."""
        frozen = self.tables()
        G, C, U = frozen.codes.shape
        f = self.address.f.round()
        entries = (frozen.codes * exact_exp2(-self.entry.f.round()[:, None], torch.float64)).to(x.dtype).flatten()
        place = torch.arange(G, device=x.device)[:, None] * C * U + torch.arange(U, device=x.device)
        start = torch.from_numpy(frozen.low).to(x.device)
        factor = torch.from_numpy(1 << frozen.below).to(x.device)
        out = []
        for part in torch.split(x, max(_VALUES_AT_ONCE // frozen.formats.width.size, 1)):
            codes = self.address(part[..., None].expand(-1, -1, -1, U)) * exact_exp2(f, x.dtype)
            address = (codes.to(torch.int64) * factor).sum(1) - start
            out.append(entries[address * U + place].sum(1))
        return torch.cat(out)

    def _weights(self) -> EdgeWeights:
        return EdgeWeights(self.w1, self.b1, self.w2, self.b2)

    def _entry_modes(self) -> EntryModes:
        return EntryModes(self.entry.k, self.entry.config.rounding, self.entry.config.overflow)

    def _address_range(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Smallest address on each edge of samples in cells (K, G), and the integer bits that they need, (K, G, U)."""
        f, rounding = self.address.f.detach().round(), self.address.config.rounding
        low, high = (cell_codes(edge[..., None], f, rounding)[:, :, 0] for edge in (low, high))
        step = exact_exp2(-f, low.dtype)
        return low, integer_bits(low * step, high * step, f)

    def _joined(self, parts: list[Wire], frozen: FrozenTables) -> Wire:
        """Lay the codes of several inputs side by side: an address without fractional bits."""
        graph = parts[0].graph
        joined = None
        for part, by in zip(parts, frozen.below + frozen.formats.f, strict=True):
            shifted = graph.add(Shift(graph.name("field"), part.name, by))
            joined = shifted if joined is None else joined + shifted
        assert joined is not None
        form = Format(1, int(frozen.bits.max()), 0)
        whole = Formats.full(joined.shape, form)
        return graph.add(Quantize(graph.name("joined"), joined.name, whole, Rounding.TRN, Overflow.WRAP))


def _check(address: QuantizerConfig, entry: QuantizerConfig, num_inputs: int, inputs_per_table: int) -> None:
    """Refuse what a table cannot be."""
    if address.integer_bits != "tracked" or address.overflow is not Overflow.WRAP:
        raise InputError("address: the range of a table follows the data; integer_bits='tracked' and WRAP are needed")
    if entry.integer_bits != "trained":
        raise InputError("entry: the range of entries is trained; integer_bits='trained' is needed")
    if address.rounding not in (Rounding.TRN, Rounding.RND):
        raise InputError(f"address rounding is {address.rounding}, TRN or RND is needed")
    if inputs_per_table < 1 or num_inputs % inputs_per_table:
        raise InputError(f"inputs_per_table is {inputs_per_table}, a divisor of the {num_inputs} inputs is needed")
