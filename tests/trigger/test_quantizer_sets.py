from __future__ import annotations

import torch

from collidium.trigger import Quantizer, QuantizerConfig
from collidium.trigger._quantizer_sets import clip_all, follow_all, shared_bits


def make() -> list[Quantizer]:
    return [
        Quantizer(QuantizerConfig(f=1.4), (3,)),
        Quantizer(QuantizerConfig(f=2.0, overflow="SAT"), (2, 2), shared=(0,)),
        Quantizer(QuantizerConfig(f=3.0), (2,), is_constant=True),
    ]


def test_all_at_once_is_one_by_one() -> None:
    ours, theirs = make(), make()
    for quantizers in (ours, theirs):
        generator = torch.Generator().manual_seed(0)
        for quantizer, shape in zip(quantizers, ((5, 3), (5, 2, 2), (2,)), strict=True):
            quantizer(torch.randn(shape, generator=generator) * 9)
    follow_all(ours)
    for quantizer in theirs:
        quantizer.follow()
    with shared_bits(ours):
        bits = [quantizer.bits() for quantizer in ours]
    torch.stack([part.sum() for part in bits]).sum().backward()
    alone = [quantizer.bits() for quantizer in theirs]
    torch.stack([part.sum() for part in alone]).sum().backward()
    for one, other, first, second in zip(ours, theirs, bits, alone, strict=True):
        assert torch.equal(one.i, other.i)
        assert torch.equal(first, second)
        assert torch.equal(one.f.grad, other.f.grad)
        assert one.known_bits is None


def test_clipping_knows_the_powers_of_the_clipped_widths() -> None:
    quantizers = make()
    with torch.no_grad():
        quantizers[0].f.fill_(99.0)
    clip_all(quantizers)
    assert quantizers[0].f.tolist() == [24.0] * 3
    known = [quantizer.known_powers for quantizer in quantizers]
    for quantizer, entry in zip(quantizers, known, strict=True):
        powers = quantizer.powers(torch.float32)
        assert powers is entry[1]
        assert torch.equal(powers.scale * powers.step, torch.ones_like(quantizer.f))
        assert torch.equal(powers.whole, quantizer.f.round())
