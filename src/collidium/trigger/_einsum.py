"""Einstein sums: of a signal with weights, and of two signals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from collidium.artifact import InputError
from collidium.firmware import Linear, Select
from collidium.trigger._layer import DataQuantizer, QuantLayer
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import DATA, WEIGHT, QuantizerConfig
from collidium.trigger._signal import contract
from collidium.trigger._wire import Wire


@dataclass(frozen=True, kw_only=True)
class Subscripts:
    """An equation ``"pf,fo->po"`` of a signal and weights, without the batch axis.

    Attributes
    ----------
    x, weight, out : str
        Letters of the axes.
    sizes : mapping of str to int
        Size of each letter.
    """

    x: str
    weight: str
    out: str
    sizes: Mapping[str, int]

    @classmethod
    def parse(cls, equation: str, shape: Sequence[int], sizes: Mapping[str, int]) -> Subscripts:
        """Read an equation; ``sizes`` are those of the letters that the signal does not have."""
        left, arrow, out = equation.replace(" ", "").partition("->")
        x, comma, weight = left.partition(",")
        letters = {**sizes, **dict(zip(x, shape, strict=False))}
        is_plain = all(len(set(word)) == len(word) and word.islower() for word in (x, weight, out) if word)
        is_whole = set(out) <= set(x) | set(weight) and set(weight) <= letters.keys() and set(x) <= set(weight + out)
        if not (arrow and comma and is_plain and is_whole and len(x) == len(shape)):
            raise InputError(
                f"equation {equation!r} does not fit a signal of shape {tuple(shape)} and sizes {dict(sizes)}; "
                "it must be like 'pf,fo->po', without the batch axis"
            )
        return cls(x=x, weight=weight, out=out, sizes=letters)

    def letters(self, *, in_x: bool, in_weight: bool, in_out: bool) -> str:
        """Letters that occur in exactly these three words."""
        every = dict.fromkeys(self.x + self.weight + self.out)
        return "".join(
            letter
            for letter in every
            if ((letter in self.x) == in_x)
            and ((letter in self.weight) == in_weight)
            and ((letter in self.out) == in_out)
        )

    def shape(self, letters: str) -> tuple[int, ...]:
        """Sizes of some letters."""
        return tuple(self.sizes[letter] for letter in letters)


class QuantEinsum(QuantLayer):
    """An Einstein sum of a signal with trained weights.

    Parameters
    ----------
    equation : str
        E.g. ``"pf,pfo->po"``: other weights for every place p. The batch axis is not written.
    shape : sequence of int
        Shape of the signal without the batch axis.
    sizes : mapping of str to int
        Sizes of the letters that only the weights have.
    data : QuantizerConfig or Quantizer
        Quantizer of the signal, or the one that it has passed.
    weight, bias : QuantizerConfig
        Quantizers of the weights and of the bias, which has all axes of the output that the weights have; None for no
        bias.

    Examples
    --------
    >>> layer = QuantEinsum("pf,pfo->po", (4, 3), {"o": 2})
    >>> layer(torch.zeros(5, 4, 3)).shape
    torch.Size([5, 4, 2])
    """

    def __init__(
        self,
        equation: str,
        shape: Sequence[int],
        sizes: Mapping[str, int],
        *,
        data: QuantizerConfig | Quantizer = DATA,
        weight: QuantizerConfig = WEIGHT,
        bias: QuantizerConfig | None = WEIGHT,
    ) -> None:
        super().__init__()
        self.subscripts = text = Subscripts.parse(equation, shape, sizes)
        self.data = DataQuantizer(data, tuple(shape))
        self.kernel = nn.Parameter(torch.empty(text.shape(text.weight)))
        self.kernel_quantizer = Quantizer(weight, self.kernel.shape, is_constant=True)
        contracted = math.prod(text.shape(text.letters(in_x=True, in_weight=True, in_out=False)))
        free = math.prod(text.shape(text.letters(in_x=False, in_weight=True, in_out=True)))
        bound = math.sqrt(6.0 / (contracted + free))
        nn.init.uniform_(self.kernel, -bound, bound)
        self.has_bias = bias is not None
        if bias is not None:
            own = [
                size if letter in text.weight else 1
                for letter, size in zip(text.out, text.shape(text.out), strict=True)
            ]
            self.bias = nn.Parameter(torch.zeros(own))
            self.bias_quantizer = Quantizer(bias, own, is_constant=True)

    def compute(self, x: Tensor) -> Tensor:
        """Map (N, *shape) to (N, ...)."""
        text = self.subscripts
        x = self.data(x)
        out = torch.einsum(f"Z{text.x},{text.weight}->Z{text.out}", x, self.kernel_quantizer(self.kernel).to(x.dtype))
        return out + self.bias_quantizer(self.bias).to(x.dtype) if self.has_bias else out

    def ebops(self) -> Tensor:
        """Sum over all scalar products of the bits of both factors, and the bits of the bias."""
        text = self.subscripts
        weight = self.kernel_quantizer.bits()
        cost = torch.einsum(f"{text.x},{text.weight}->{text.out}", self.data.bits(), weight).sum()
        if not self.has_bias:
            return cost
        places = math.prod(text.shape(text.out)) / self.bias.numel()
        return cost + self.bias_quantizer.bits().sum() * places

    def freeze(self, x: Wire) -> Wire:
        """One matrix for each place of the axes that signal, weights and output share."""
        x = self.data(x)
        text, graph = self.subscripts, x.graph
        lead = text.letters(in_x=True, in_weight=False, in_out=True)
        group = text.letters(in_x=True, in_weight=True, in_out=True)
        inner = text.letters(in_x=True, in_weight=True, in_out=False)
        free = text.letters(in_x=False, in_weight=True, in_out=True)
        sizes = {word: math.prod(text.shape(word)) for word in (lead, group, inner, free)}
        places = np.arange(math.prod(x.shape)).reshape(x.shape)
        index = np.einsum(f"{text.x}->{group}{lead}{inner}", places).reshape(sizes[group], sizes[lead], sizes[inner])
        codes, f = (
            np.einsum(f"{text.weight}->{group}{inner}{free}", array).reshape(sizes[group], sizes[inner], sizes[free])
            for array in self.kernel_quantizer.codes(self.kernel)
        )
        offset, offset_f = self._bias_codes(group, free, sizes)
        names = []
        for g in range(sizes[group]):
            part = graph.add(Select(graph.name("part"), x.name, index[g]))
            node = Linear(graph.name("linear"), part.name, codes[g], f[g], offset[g], offset_f[g])
            names.append(graph.add(node).name)
        order = np.arange(sizes[group] * sizes[lead] * sizes[free]).reshape(
            *map(text.sizes.__getitem__, group + lead + free)
        )
        arranged = np.einsum(f"{group}{lead}{free}->{text.out}", order)
        return graph.add(Select(graph.name("joined"), names, arranged))

    def _bias_codes(self, group: str, free: str, sizes: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the bias and their fractional bits, by group and free axes."""
        if not self.has_bias:
            zeros = np.zeros((sizes[group], sizes[free]), np.int64)
            return zeros, zeros
        own = [letter for letter in self.subscripts.out if letter in self.subscripts.weight]
        codes, f = (
            np.einsum(f"{''.join(own)}->{group}{free}", array.reshape([self.subscripts.sizes[c] for c in own]))
            for array in self.bias_quantizer.codes(self.bias)
        )
        return codes.reshape(sizes[group], sizes[free]), f.reshape(sizes[group], sizes[free])


class QuantContract(QuantLayer):
    """An Einstein sum of two signals, each quantized first.

    Parameters
    ----------
    equation : str
        E.g. ``"hik,hjk->hij"``; the batch axis is not written.
    x_shape, y_shape : sequence of int
        Shapes of the signals without the batch axis.
    x, y : QuantizerConfig
        Their quantizers.

    Examples
    --------
    >>> QuantContract("ik,jk->ij", (2, 3), (4, 3))(torch.zeros(1, 2, 3), torch.zeros(1, 4, 3)).shape
    torch.Size([1, 2, 4])
    """

    def __init__(
        self,
        equation: str,
        x_shape: Sequence[int],
        y_shape: Sequence[int],
        *,
        x: QuantizerConfig = DATA,
        y: QuantizerConfig = DATA,
    ) -> None:
        super().__init__()
        self.equation = equation
        self.x = DataQuantizer(x, tuple(x_shape))
        self.y = DataQuantizer(y, tuple(y_shape))

    def compute(self, x: Tensor, y: Tensor) -> Tensor:
        """Quantize both, and sum."""
        left: Tensor = self.x(x)
        right: Tensor = self.y(y)
        return contract(left, right, self.equation)

    def freeze(self, x: Wire, y: Wire) -> Wire:
        """Quantize both, and sum."""
        left: Wire = self.x(x)
        right: Wire = self.y(y)
        return contract(left, right, self.equation)

    def ebops(self) -> Tensor:
        """Sum over all products of the bits of both factors."""
        return torch.einsum(self.equation, self.x.bits(), self.y.bits()).sum()
