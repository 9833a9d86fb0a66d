"""Blockwise quantisation to 8 bits: one float32 scale per block, one byte per number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

LINEAR_LEVELS = 127
DECADES = 7


class Quantised(NamedTuple):
    """Codes and scales of a flat tensor.

    Parameters
    ----------
    codes : Tensor, (N,), int8 or uint8
        One per number.
    scales : Tensor, (B,), float32
        Largest absolute value of each block.
    """

    codes: Tensor
    scales: Tensor


@cache
def dynamic_table() -> Tensor:
    """The 256 values of the signed dynamic code, ascending, from -1 to 1.

    Returns
    -------
    Tensor, (256,), float32

    Notes
    -----
    Decade ``10^-i`` (i = 0..6) has ``2^(6-i)`` values per sign, the centres of equal parts of ``[0.1, 1] 10^-i``;
    zero and one come on top, and minus one stands in for the largest negative centre. So both ends are exact, and
    quantising twice changes nothing.

    References
    ----------
    T. Dettmers, 8-Bit Approximations for Parallelism in Deep Learning, arXiv:1511.04561; the exact table is our
    reading of it.

    Examples
    --------
    >>> table = dynamic_table()
    >>> len(table), float(table[0]), float(table[-1]), int((table == 0).sum())
    (256, -1.0, 1.0, 1)
    """
    positive = torch.cat([_decade(i) for i in range(DECADES)])
    values = torch.cat([-positive, torch.tensor([0.0, 1.0], dtype=torch.float64), positive]).sort().values
    values[0] = -1.0
    return values.float()


def _decade(index: int) -> Tensor:
    edges = torch.linspace(0.1, 1.0, 2 ** (DECADES - 1 - index) + 1, dtype=torch.float64)
    return (edges[:-1] + edges[1:]) / 2 * 10.0**-index


def quantise(values: Tensor, scheme: str, block_size: int, noise: Tensor | None = None) -> Quantised:
    """Codes of a flat tensor.

    Parameters
    ----------
    values : Tensor, (N,), 1
        Only read.
    scheme : {"linear", "dynamic"}
        Equal steps, or steps that shrink with the value.
    block_size : int
        Consecutive numbers that share a scale; the last block may be shorter.
    noise : Tensor, (N,), uniform in [0, 1), optional
        Rounds stochastically, so that the mean is exact, instead of to the nearest.

    Returns
    -------
    Quantised

    Notes
    -----
    Linear: ``q = round(127 x / max|x|)``, hence an error of at most ``max|x| / 254``.

    References
    ----------
    A. Gupta et al., Effective Quantization of Muon Optimizer States, arXiv:2509.23106.

    Examples
    --------
    >>> quantise(torch.tensor([0.0, 1.0, -2.0]), "linear", 2048)
    Quantised(codes=tensor([   0,   64, -127], dtype=torch.int8), scales=tensor([2.]))
    """
    blocks = _in_blocks(values, block_size)
    scales = blocks.abs().amax(dim=1).float()
    ratio = blocks / scales.clamp(min=torch.finfo(torch.float32).tiny).to(values.dtype).unsqueeze(1)
    spread = None if noise is None else _in_blocks(noise, block_size)
    codes = SCHEMES[scheme].encode(ratio, spread)
    return Quantised(codes.view(-1)[: values.numel()].clone(), scales)


def dequantise(quantised: Quantised, scheme: str, block_size: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers that codes stand for.

    Parameters
    ----------
    quantised : Quantised
        What `quantise` returned.
    scheme, block_size
        As given to `quantise`.
    dtype : torch.dtype
        Of the result.

    Returns
    -------
    Tensor, (N,), 1

    Examples
    --------
    >>> dequantise(quantise(torch.tensor([0.5, -1.0]), "dynamic", 2048), "dynamic", 2048)
    tensor([ 0.5008, -1.0000])
    """
    blocks = SCHEMES[scheme].decode(_in_blocks(quantised.codes, block_size), dtype)
    return (blocks * quantised.scales.to(dtype).unsqueeze(1)).view(-1)[: quantised.codes.numel()]


def quantisation_error(values: Tensor, scheme: str = "linear", block_size: int = 2048) -> float:
    """Relative Frobenius error of storing a tensor in 8 bits, to watch a momentum with.

    Parameters
    ----------
    values : Tensor, any shape, 1
        For example a momentum buffer.
    scheme, block_size
        As in `quantise`.

    Returns
    -------
    float

    Notes
    -----
    The polar factor amplifies the error of directions with small singular values: for steep spectra
    (``s_k`` falling like ``k^-1.5``) an error that looks small here still turns the step.

    Examples
    --------
    >>> quantisation_error(torch.ones(10, 10))
    0.0
    """
    flat = values.reshape(-1).float()
    restored = dequantise(quantise(flat, scheme, block_size), scheme, block_size)
    return float((restored - flat).norm() / flat.norm().clamp(min=torch.finfo(torch.float32).tiny))


def _in_blocks(flat: Tensor, block_size: int) -> Tensor:
    """``(B, block_size)``, the last block filled up with zeros."""
    missing = -flat.numel() % block_size
    return (torch.nn.functional.pad(flat, (0, missing)) if missing else flat).view(-1, block_size)


class Scheme(NamedTuple):
    """How ratios in [-1, 1] become codes and back; ``zero`` is the code of zero."""

    encode: Callable[[Tensor, Tensor | None], Tensor]
    decode: Callable[[Tensor, torch.dtype], Tensor]
    dtype: torch.dtype
    zero: int


def _encode_linear(ratio: Tensor, noise: Tensor | None) -> Tensor:
    scaled = ratio * LINEAR_LEVELS
    rounded = scaled.round() if noise is None else (scaled + noise).floor()
    return rounded.clamp_(-LINEAR_LEVELS, LINEAR_LEVELS).to(torch.int8)


def _decode_linear(codes: Tensor, dtype: torch.dtype) -> Tensor:
    return codes.to(dtype) / LINEAR_LEVELS


def _encode_dynamic(ratio: Tensor, noise: Tensor | None) -> Tensor:
    table = dynamic_table().to(ratio.device, ratio.dtype)
    if noise is None:
        return torch.bucketize(ratio, (table[:-1] + table[1:]) / 2).to(torch.uint8)
    below = (torch.bucketize(ratio, table, right=True) - 1).clamp_(0, len(table) - 2)
    share = (ratio - table[below]) / (table[below + 1] - table[below])
    return (below + (noise < share)).to(torch.uint8)


def _decode_dynamic(codes: Tensor, dtype: torch.dtype) -> Tensor:
    return dynamic_table().to(codes.device, dtype)[codes.long()]


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "linear": Scheme(_encode_linear, _decode_linear, torch.int8, 0),
        "dynamic": Scheme(_encode_dynamic, _decode_dynamic, torch.uint8, 127),
    }
)
