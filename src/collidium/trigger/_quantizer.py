"""The quantizer: trained widths, exact values, three states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from collidium.artifact import InputError
from collidium.firmware import Formats, Overflow
from collidium.trigger._fixed_point import (
    EXPONENT_LIMIT,
    Powers,
    exact_exp2,
    integer_bits,
    limits,
    num_bits,
    quantize_tracked,
    round_to,
    wrap,
)
from collidium.trigger._quantizer_config import WIDTH_LIMIT, QuantizerConfig
from collidium.trigger._saturation import quantize_saturated

PowerKey: TypeAlias = tuple[int, int, torch.dtype]


class Quantizer(nn.Module):
    """Rounds a tensor to fixed-point numbers whose widths are trained.

    Parameters
    ----------
    config : QuantizerConfig
        Modes and first widths.
    shape : sequence of int
        Shape of the tensor without the batch axis.
    shared : sequence of int
        Axes of it along which all elements have the same width, where the configuration says nothing.
    is_constant : bool
        The tensor is a parameter.

    Notes
    -----
    The state is one of three. *Training*: rounds with gradients; tracked integer bits follow the data and nothing
    overflows. *Tracing* (``is_tracing``, not training): rounds, and widens tracked formats to hold everything seen.
    *Deployed* (not training): what the firmware does, with overflow, and 0 where no bit is left.

    Examples
    --------
    >>> quantizer = Quantizer(QuantizerConfig(i=1, f=1, integer_bits="fixed"), (1,)).eval()
    >>> quantizer(torch.tensor([[0.6], [2.0]]))
    tensor([[ 0.5000],
            [-2.0000]])
    """

    f: Tensor
    i: Tensor
    k: Tensor

    def __init__(
        self, config: QuantizerConfig, shape: Sequence[int], *, shared: Sequence[int] = (), is_constant: bool = False
    ) -> None:
        super().__init__()
        self.config = config
        self.is_constant = is_constant
        self.is_tracing = False
        self.known_bits: Tensor | None = None
        self.known_powers: tuple[PowerKey, Powers] | None = None
        self.seen: Tensor | None = None
        joined = {axis % len(shape) for axis in (shared if config.shared is None else config.shared)}
        widths = tuple(1 if axis in joined else size for axis, size in enumerate(shape))
        self._reduced = tuple(axis for axis, size in enumerate(widths) if size == 1 and shape[axis] > 1)
        for name, is_parameter in (("f", config.is_trained), ("i", config.integer_bits == "trained")):
            values = torch.full(widths, float(getattr(config, name)))
            if is_parameter:
                self.register_parameter(name, nn.Parameter(values))
            else:
                self.register_buffer(name, values)
        self.register_buffer("k", torch.full(widths, float(config.is_signed)))

    @property
    def is_free(self) -> bool:
        """Whether training only rounds and leaves the integer part free."""
        return self.is_tracked or self.config.overflow is Overflow.WRAP

    @property
    def is_tracked(self) -> bool:
        """Whether integer bits follow the data."""
        return self.config.integer_bits == "tracked"

    def forward(self, x: Tensor) -> Tensor:
        """Quantize.

        Parameters
        ----------
        x : Tensor, (N, *shape); (*shape) for a constant
            Values.

        Returns
        -------
        Tensor
            Values on the grid.
        """
        if self.is_tracked and (self.training or self.is_constant):
            out = quantize_tracked(x, self.f, self.config.rounding, self.powers(x.dtype))
            self.see(out.detach())
            return out
        if self.training and self.config.overflow is Overflow.WRAP:
            return quantize_tracked(x, self.f, self.config.rounding, self.powers(x.dtype))
        if self.training:
            return quantize_saturated(x, self.f, self.i, self.k, self.config.rounding, self.config.overflow)
        if self.is_tracing and self.is_tracked:
            return self._trace(x)
        return self._deploy(x)

    def powers(self, dtype: torch.dtype) -> Powers:
        """Powers of two of the widths, computed once for each value of them."""
        key = self.power_key(dtype)
        if self.known_powers is None or self.known_powers[0] != key:
            self.known_powers = (key, Powers.of(self.f, dtype))
        return self.known_powers[1]

    def power_key(self, dtype: torch.dtype) -> PowerKey:
        """What changes whenever the widths do."""
        return self.f._version, id(self.f), dtype

    def see(self, out: Tensor) -> None:
        """Take note of quantized values that the tracked integer bits have to hold.

        Parameters
        ----------
        out : Tensor, (N, *shape); (*shape) for a constant
            What was quantized; the integer bits follow when they are asked for.
        """
        dims = tuple(range(out.dim() - self.f.dim()))
        dims += tuple(len(dims) + axis for axis in self._reduced)
        self.seen = torch.maximum(out.amax(dims), -out.amin(dims)).reshape(self.f.shape) if dims else out

    @torch.no_grad()
    def follow(self) -> None:
        """Set the integer bits from what was seen."""
        if self.seen is None:
            return
        powers = self.powers(self.seen.dtype)
        self.keep(torch.frexp(self.seen * powers.scale).exponent - powers.whole)

    def keep(self, needed: Tensor) -> None:
        """Take over the integer bits that what was seen needs; those of data shrink by ``decay`` at most."""
        if self.is_constant:
            self.i.copy_(needed)
        else:
            torch.maximum(self.i - self.config.decay, needed, out=self.i)
        self.seen = None

    def bits(self) -> Tensor:
        """Bits that count in products: without the sign where overflow wraps, with it where it saturates."""
        if self.known_bits is not None:
            return self.known_bits
        self.follow()
        return num_bits(self.f, self.i, self.counted_sign)

    @property
    def counted_sign(self) -> Tensor | None:
        """Sign bits that count in products."""
        return None if self.config.overflow is Overflow.WRAP else self.k

    def width(self) -> Tensor:
        """Bits of the wires, sign included."""
        self.follow()
        return num_bits(self.f, self.i, self.k)

    def formats(self, shape: Sequence[int]) -> Formats:
        """Formats of the elements of the tensor.

        Parameters
        ----------
        shape : sequence of int
            Shape without the batch axis.

        Returns
        -------
        Formats, shape
        """
        self.follow()
        k, i, f = (_whole(value) for value in (self.k, self.i.detach().round(), self.f.detach().round()))
        return Formats(*(np.broadcast_to(value, tuple(shape)) for value in (k, np.maximum(i, -f), f)))

    def codes(self, x: Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Integers of a constant, and their fractional bits.

        Parameters
        ----------
        x : Tensor, (*shape)
            The constant in full precision.

        Returns
        -------
        codes, f : ndarray of int64, (*shape)
            The quantized value is ``codes * 2**-f``.

        Raises
        ------
        InputError
            If a value is not finite.
        """
        if not torch.isfinite(x).all():
            raise InputError("a weight is NaN or infinite; the network cannot be frozen")
        with torch.no_grad():
            f = self.f.round().double()
            codes = self(x.double()) * exact_exp2(f, torch.float64)
        return _whole(codes), np.broadcast_to(_whole(f), tuple(x.shape))

    def start_trace(self) -> None:
        """Forget the ranges tracked from data; the next calls widen them."""
        self.is_tracing = True
        self.follow()
        if self.is_tracked and not self.is_constant:
            self.i.fill_(-EXPONENT_LIMIT)
            self.k.zero_()

    @torch.no_grad()
    def clip_widths(self) -> None:
        """Bring trained widths back into their limits."""
        if self.config.is_trained:
            self.f.clamp_(self.config.f_min, self.config.f_max)
        if self.config.integer_bits == "trained":
            self.i.clamp_(-WIDTH_LIMIT, WIDTH_LIMIT)

    def _trace(self, x: Tensor) -> Tensor:
        """Round, and widen the formats to hold the result."""
        f = self.f.detach().round()
        out = round_to(x, f, self.config.rounding)
        dims = tuple(range(out.dim() - f.dim()))
        dims += tuple(len(dims) + axis for axis in self._reduced)
        low, high = (reduce(out, dims).reshape(f.shape) for reduce in (torch.amin, torch.amax))
        torch.maximum(self.i, integer_bits(low, high, f), out=self.i)
        torch.maximum(self.k, (low < 0).to(self.k.dtype), out=self.k)
        return out

    def _deploy(self, x: Tensor) -> Tensor:
        """Quantize as the firmware does."""
        f, k = self.f.detach().round(), self.k
        i = torch.maximum(self.i.detach().round(), -f)
        if self.config.overflow is Overflow.WRAP:
            out = wrap(round_to(x, f, self.config.rounding), k, i)
        else:
            low, high = limits(k, i, f, self.config.overflow, x.dtype)
            out = torch.clamp(round_to(x, f, self.config.rounding), low, high)
        return torch.where(k + i + f > 0, out, 0)


def _whole(values: Tensor) -> NDArray[np.int64]:
    result: NDArray[np.int64] = values.detach().cpu().to(torch.int64).numpy()
    return result
