from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.firmware import Format, Formats


@pytest.mark.parametrize("width", range(1, 7))
@pytest.mark.parametrize("is_signed", [False, True])
def test_converters_keep_the_set_of_values(width: int, is_signed: bool) -> None:
    for integer in range(-3, width + 4):
        form = Format.from_ap_fixed(width, integer, is_signed=is_signed)
        step = 2.0 ** (integer - width)
        codes = np.arange(2**width) - (2 ** (width - 1) if is_signed else 0)
        assert (form.minimum, form.maximum, form.step) == (codes[0] * step, codes[-1] * step, step)
        assert form.width == width
        assert Format.from_ap_fixed(*form.to_ap_fixed()[:2], is_signed=form.to_ap_fixed()[2]) == form
        bits, whole, keep_negative = form.to_quantized_bits()
        assert bits == width
        assert Format.from_quantized_bits(bits, whole, keep_negative=keep_negative) == form


def test_quantized_bits_count_the_sign_in_the_bits_only() -> None:
    form = Format.from_quantized_bits(6, 2, keep_negative=True)
    assert (form.minimum, form.maximum, form.step) == (-4.0, 3.875, 0.125)


def test_formats_agree_with_single_formats() -> None:
    k, i, f = np.meshgrid([0, 1], np.arange(-4, 5), np.arange(-4, 5), indexing="ij")
    formats = Formats(k, i, f)
    for place in np.ndindex(*formats.shape):
        single = formats[place]
        assert formats.width[place] == single.width
        assert (formats.code_min[place], formats.code_max[place]) == (single.code_min, single.code_max)


def test_no_width_means_zero() -> None:
    assert (Format(1, 2, -3).width, Format(1, 2, -3).minimum, Format(0, 0, 0).maximum) == (0, 0.0, 0.0)


@pytest.mark.parametrize(("k", "i", "f"), [(2, 1, 1), (0, 30, 24), (0, 1, 2000)])
def test_refuses_what_is_not_exact(k: int, i: int, f: int) -> None:
    with pytest.raises(InputError, match="format"):
        Format(k, i, f)


def test_refuses_formats_of_floats() -> None:
    with pytest.raises(InputError, match="format i: must be integers, got float64"):
        Formats([1], [2.5], [3])
