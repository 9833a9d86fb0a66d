"""All quantizers of a network at once: their widths are small, and few operations on long tensors are fast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from collidium.trigger._fixed_point import Powers, num_bits
from collidium.trigger._quantizer import Quantizer


@torch.no_grad()
def follow_all(quantizers: Sequence[Quantizer]) -> None:
    """Set the tracked integer bits of quantizers from what each has seen since the last time.

    Parameters
    ----------
    quantizers : sequence of Quantizer
        All that share a device and a type; treated in few operations, as their widths are small.
    """
    waiting = [(quantizer, quantizer.seen) for quantizer in quantizers if quantizer.seen is not None]
    if not waiting:
        return
    seen = torch.cat([value.flatten() for _, value in waiting])
    powers = [quantizer.powers(seen.dtype) for quantizer, _ in waiting]
    scale, whole = (
        torch.cat([part.flatten() for part in parts])
        for parts in ([p.scale for p in powers], [p.whole for p in powers])
    )
    needed = torch.frexp(seen * scale).exponent - whole
    for (quantizer, value), part in zip(
        waiting, torch.split(needed, [value.numel() for _, value in waiting]), strict=True
    ):
        quantizer.keep(part.view(value.shape))


@torch.no_grad()
def clip_all(quantizers: Sequence[Quantizer]) -> None:
    """Bring trained widths back into their limits, and compute their powers of two.

    Parameters
    ----------
    quantizers : sequence of Quantizer
        All that share a device and a type.
    """
    for dtype in {quantizer.f.dtype for quantizer in quantizers}:
        group = [quantizer for quantizer in quantizers if quantizer.f.dtype == dtype]
        widths = torch.cat([quantizer.f.flatten() for quantizer in group])
        low, high = (max(q.config.f_min for q in group), min(q.config.f_max for q in group))
        if widths.amin() < low or widths.amax() > high or any(q.config.integer_bits == "trained" for q in group):
            for quantizer in group:
                quantizer.clip_widths()
            widths = torch.cat([quantizer.f.flatten() for quantizer in group])
        powers = Powers.of(widths, dtype)
        sizes = [quantizer.f.numel() for quantizer in group]
        for quantizer, *parts in zip(group, *(torch.split(value, sizes) for value in powers), strict=True):
            key = quantizer.power_key(dtype)
            quantizer.known_powers = (key, Powers(*(part.view(quantizer.f.shape) for part in parts)))


@contextmanager
def shared_bits(quantizers: Sequence[Quantizer]) -> Iterator[None]:
    """Compute the bits of all quantizers at once, for the block.

    Parameters
    ----------
    quantizers : sequence of Quantizer
        All that share a device and a type.
    """
    follow_all(quantizers)
    for is_signed in (False, True):
        group = [quantizer for quantizer in quantizers if (quantizer.counted_sign is not None) == is_signed]
        if group:
            f, i, k = (torch.cat([getattr(q, name).flatten() for q in group]) for name in ("f", "i", "k"))
            bits = torch.split(num_bits(f, i, k if is_signed else None), [quantizer.f.numel() for quantizer in group])
            for quantizer, part in zip(group, bits, strict=True):
                quantizer.known_bits = part.view(quantizer.f.shape)
    try:
        yield
    finally:
        for quantizer in quantizers:
            quantizer.known_bits = None
