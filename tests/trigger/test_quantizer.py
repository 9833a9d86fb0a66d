from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from collidium.artifact import InputError
from collidium.firmware import Formats, Overflow, Rounding, quantize_real
from collidium.trigger import Quantizer, QuantizerConfig

CONFIGS = [
    QuantizerConfig(overflow=overflow, rounding=rounding, integer_bits=bits, f=2.3, i=1.0, is_signed=signed)
    for overflow in Overflow
    for rounding in (Rounding.TRN, Rounding.RND, Rounding.RND_CONV)
    for bits in ("tracked", "trained", "fixed")
    for signed in (False, True)
    if not (overflow is Overflow.WRAP and bits == "trained")
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.overflow}-{c.rounding}-{c.integer_bits}-{c.is_signed}")
def test_deployed_values_are_the_firmwares(config: QuantizerConfig) -> None:
    quantizer = Quantizer(config, (3,)).eval()
    with torch.no_grad():
        quantizer.f.copy_(torch.tensor([2.3, -0.6, -4.0]))
    quantizer.start_trace()
    x = torch.randn(500, 3) * 4
    quantizer(x[:100])
    quantizer.is_tracing = False
    formats = quantizer.formats((3,))
    wanted = np.ldexp(quantize_real(x.double().numpy(), formats, config.rounding, config.overflow), -formats.f)
    np.testing.assert_array_equal(quantizer(x).detach().numpy(), wanted)


@settings(max_examples=40, deadline=None)
@given(st.integers(-6, 6), st.integers(0, 2**32 - 1), st.sampled_from(list(Rounding)))
def test_calibrated_ranges_hold_everything_seen(f: int, seed: int, rounding: Rounding) -> None:
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(seed)) * 5
    quantizer = Quantizer(QuantizerConfig(f=float(f), rounding=rounding), (2,)).eval()
    quantizer.start_trace()
    traced = [quantizer(part) for part in x.split(10)]
    quantizer.is_tracing = False
    assert torch.equal(quantizer(x), torch.cat(traced))
    formats = quantizer.formats((2,))
    narrower = Formats(formats.k, formats.i - 1, formats.f)
    codes = (quantizer(x).detach().double() * 2.0**f).numpy()
    is_outside = (codes < narrower.code_min) | (codes > narrower.code_max)
    assert (is_outside.any(0) | (formats.width == formats.k) | (formats.width == 0)).all()


def test_integer_bits_follow_the_data_and_shrink_slowly() -> None:
    quantizer = Quantizer(QuantizerConfig(i=0.0, f=2.0, decay=0.25), (1,))
    quantizer(torch.tensor([[5.0]]))
    quantizer.follow()
    assert quantizer.i.item() == 3.0
    for wanted in (2.75, 2.5):
        quantizer(torch.tensor([[0.5]]))
        quantizer.follow()
        assert quantizer.i.item() == wanted


def test_nothing_overflows_in_training_where_ranges_are_tracked() -> None:
    quantizer = Quantizer(QuantizerConfig(i=0.0, f=1.0), (1,))
    assert quantizer(torch.tensor([[100.25]])).item() == 100.5


def test_groups_share_a_width() -> None:
    assert Quantizer(QuantizerConfig(), (4, 3), shared=(0,)).f.shape == (1, 3)
    assert Quantizer(QuantizerConfig(shared=(0, 1)), (4, 3), shared=(0,)).f.shape == (1, 1)
    quantizer = Quantizer(QuantizerConfig(f=0.0), (2, 2), shared=(-1,))
    quantizer(torch.tensor([[[1.0, 7.0], [0.0, 2.0]]]))
    quantizer.follow()
    assert quantizer.i.flatten().tolist() == [3.0, 2.0]


def test_bits_count_the_sign_only_where_values_saturate() -> None:
    wrapped, saturated = (
        Quantizer(QuantizerConfig(i=2.0, f=3.0, integer_bits="fixed", overflow=mode), (1,)) for mode in ("WRAP", "SAT")
    )
    assert (wrapped.bits().item(), wrapped.width().item(), saturated.bits().item()) == (5.0, 6.0, 6.0)


def test_a_constant_has_the_bits_of_its_value() -> None:
    quantizer = Quantizer(QuantizerConfig(f=3.0), (4,), is_constant=True)
    weight = torch.tensor([0.0, 0.125, -2.9, 0.05])
    quantizer(weight)
    assert quantizer.bits().tolist() == [0.0, 1.0, 5.0, 0.0]
    codes, f = quantizer.codes(weight)
    assert codes.tolist() == [0, 1, -23, 0]
    assert f.tolist() == [3, 3, 3, 3]


def test_a_weight_that_is_not_finite_is_refused() -> None:
    quantizer = Quantizer(QuantizerConfig(), (1,), is_constant=True)
    with pytest.raises(InputError, match="NaN or infinite"):
        quantizer.codes(torch.tensor([float("nan")]))


def test_powers_follow_a_change_of_widths_in_place() -> None:
    quantizer = Quantizer(QuantizerConfig(f=1.0), (1,))
    assert quantizer(torch.tensor([[0.3]])).item() == 0.5
    with torch.no_grad():
        quantizer.f.add_(1)
    assert quantizer(torch.tensor([[0.3]])).item() == 0.25
    assert quantizer.double()(torch.tensor([[0.3]], dtype=torch.float64)).item() == 0.25


def test_widths_are_clipped() -> None:
    quantizer = Quantizer(QuantizerConfig(f=1.0, f_max=2.0, overflow="SAT", integer_bits="trained"), (1,))
    with torch.no_grad():
        quantizer.f.fill_(9.0)
        quantizer.i.fill_(-99.0)
    quantizer.clip_widths()
    assert (quantizer.f.item(), quantizer.i.item()) == (2.0, -24.0)
