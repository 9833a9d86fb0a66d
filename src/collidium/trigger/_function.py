"""Functions of one number, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from collidium.artifact import InputError, unknown
from collidium.firmware import LookupTable, Overflow, Rounding, Table
from collidium.trigger._fixed_point import exact_exp2, integer_bits, round_to
from collidium.trigger._layer import QuantLayer
from collidium.trigger._lut_dense import WIDEST_TABLE, table_size
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._wire import Wire

ARGUMENT = QuantizerConfig(overflow=Overflow.SAT, f=4.0)
VALUE = QuantizerConfig(rounding=Rounding.RND_CONV, f=6.0)


@dataclass(frozen=True, kw_only=True)
class FunctionInfo:
    """A function that a table can hold.

    Attributes
    ----------
    name : str
        Its name in configurations.
    apply : callable
        Maps a tensor to a tensor.
    description : str
        What it is, in a line.
    """

    name: str
    apply: Callable[[Tensor], Tensor]
    description: str


FUNCTIONS: Mapping[str, FunctionInfo] = MappingProxyType(
    {
        info.name: info
        for info in (
            FunctionInfo(name="tanh", apply=torch.tanh, description="hyperbolic tangent"),
            FunctionInfo(name="sigmoid", apply=torch.sigmoid, description="1 / (1 + exp(-x))"),
            FunctionInfo(name="gelu", apply=functional.gelu, description="x times the normal distribution function"),
            FunctionInfo(name="silu", apply=functional.silu, description="x / (1 + exp(-x))"),
            FunctionInfo(name="decay", apply=lambda x: torch.exp(-x), description="exp(-x)"),
            FunctionInfo(name="square", apply=torch.square, description="x^2"),
            FunctionInfo(
                name="inverse",
                apply=lambda x: 1 / x.clamp_min(1.0),
                description="1 / x, and 1 where x is below 1, as no sum of exponentials with largest term 1 is",
            ),
        )
    }
)


class QuantFunction(QuantLayer):
    """A function of each element, read from a table.

    Parameters
    ----------
    name : str
        Key of ``FUNCTIONS``.
    shape : sequence of int
        Shape of the signal without the batch axis.
    argument, value : QuantizerConfig
        Quantizers of the argument and of the entries; one width for all elements unless they say otherwise.

    Raises
    ------
    InputError
        For an unknown name.

    Notes
    -----
    The cost is that of the tables of :func:`lut_cost` without adders.

    Examples
    --------
    >>> layer = QuantFunction("tanh", (2,))
    >>> layer(torch.tensor([[0.0, 3.0]]))
    tensor([[0., 1.]], grad_fn=<_RoundBackward>)
    """

    def __init__(
        self, name: str, shape: Sequence[int], *, argument: QuantizerConfig = ARGUMENT, value: QuantizerConfig = VALUE
    ) -> None:
        super().__init__()
        if name not in FUNCTIONS:
            raise unknown("function", name, FUNCTIONS)
        if value.integer_bits != "tracked" or value.overflow is not Overflow.WRAP:
            raise InputError(
                "value: the range of a table follows its content; integer_bits='tracked' and WRAP are needed"
            )
        self.info = FUNCTIONS[name]
        self.shape = tuple(shape)
        self.argument = Quantizer(argument, self.shape, shared=range(len(shape)))
        self.value = Quantizer(
            value, self.shape, shared=range(len(shape)) if argument.shared is None else argument.shared
        )
        self._tables: tuple[Tensor, NDArray[np.int64], NDArray[np.int64]] | None = None

    def train(self, mode: bool = True) -> QuantFunction:
        """Forget the frozen tables with every change of state."""
        self._tables = None
        super().train(mode)
        return self

    def compute(self, x: Tensor) -> Tensor:
        """Map (N, *shape) to (N, *shape)."""
        argument = self.argument(x)
        if self.training:
            out: Tensor = self.value(self.info.apply(argument))
            return out
        if self.argument.is_tracing:
            return self._entries(argument.double()).to(x.dtype)
        codes, low, _ = self.tables()
        f = self.argument.f.detach().round()
        address = (argument * exact_exp2(f, x.dtype)).to(torch.int64) - torch.from_numpy(low).to(x.device)
        number = torch.arange(len(codes), device=x.device).reshape(f.shape) * codes.shape[1]
        entries = codes.flatten()[address + number].to(x.dtype)
        return entries * exact_exp2(-self.value.f.detach().round(), x.dtype)

    def ebops(self) -> Tensor:
        """Physical look-up tables of all elements."""
        cost = table_size(self.argument.width()) * self.value.width()
        return cost.expand(self.shape).sum()

    def settle(self) -> None:
        """Make the frozen tables."""
        self.tables()

    def freeze(self, x: Wire) -> Wire:
        """Quantize, look up."""
        codes, low, size = self.tables()
        x = x.quantize(self.argument, "argument")
        f = self.value.formats(tuple(self.value.f.shape)).f.flatten()
        tables = [
            LookupTable(int(first), values[:num], int(exponent))
            for first, values, num, exponent in zip(low.flatten(), codes.cpu().numpy(), size.flatten(), f, strict=True)
        ]
        which = np.broadcast_to(np.arange(len(tables)).reshape(self.value.f.shape), self.shape)
        return x.graph.add(Table(x.graph.name(self.info.name), x.name, which, tables))

    @torch.no_grad()
    def tables(self) -> tuple[Tensor, NDArray[np.int64], NDArray[np.int64]]:
        """Tables as integers, made once after training.

        Returns
        -------
        codes : Tensor of int64, (T, C)
            One row for each width of the argument.
        low, size : ndarray of int64, the shape of the widths
            Smallest address, and entries in use.
        """
        if self._tables is None:
            formats = self.argument.formats(tuple(self.argument.f.shape))
            widest = int(formats.width.max())
            if widest > WIDEST_TABLE:
                raise InputError(f"{self.info.name}: {widest} address bits, at most {WIDEST_TABLE} are possible")
            size = np.left_shift(np.int64(1), formats.width)
            address = formats.code_min[..., None] + np.minimum(np.arange(1 << widest), size[..., None] - 1)
            values = torch.from_numpy(np.ldexp(address.astype(np.float64), -formats.f[..., None].astype(np.int32)))
            f = self.value.f.detach().round()
            entries = self._entries(values.movedim(-1, 0).to(f.device))
            self.value.i.copy_(integer_bits(entries.amin(0), entries.amax(0), f))
            self.value.k.copy_(entries.amin(0) < 0)
            codes = (entries * exact_exp2(f, torch.float64)).to(torch.int64)
            self._tables = codes.flatten(1).T.contiguous(), formats.code_min, size
        return self._tables

    def _entries(self, argument: Tensor) -> Tensor:
        """Values in float64, quantized."""
        return round_to(self.info.apply(argument), self.value.f.detach().round(), self.value.config.rounding)
