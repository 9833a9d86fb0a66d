from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from collidium.firmware import Formats, Overflow, Rounding, quantize_real
from collidium.trigger._fixed_point import (
    Powers,
    exact_exp2,
    integer_bits,
    limits,
    num_bits,
    quantize_tracked,
    round_in_training,
    round_to,
    wrap,
)
from collidium.trigger._saturation import quantize_saturated

LN2 = math.log(2)
HALVES = [n / 8 for n in range(-40, 41)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_powers_of_two_are_exact(dtype: torch.dtype) -> None:
    exponents = torch.arange(-100, 101)
    assert exact_exp2(exponents, dtype).tolist() == [2.0**n for n in range(-100, 101)]
    assert exact_exp2(exponents.double(), dtype).dtype == dtype


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("f", [-2, 0, 1])
def test_roundings_are_those_of_the_firmware(rounding: Rounding, f: int) -> None:
    formats = Formats(np.ones(1, int), np.full(1, 10), np.full(1, f))
    wanted = quantize_real(np.array(HALVES)[:, None], formats, rounding, Overflow.WRAP)[:, 0] * 2.0**-f
    for dtype in (torch.float32, torch.float64):
        x = torch.tensor(HALVES, dtype=dtype)
        assert round_to(x, torch.tensor(float(f)), rounding).tolist() == wanted.tolist()
        assert round_in_training(x, Powers.of(torch.tensor(float(f)), dtype), rounding).tolist() == wanted.tolist()


def test_the_number_right_below_half_a_step_is_rounded_down() -> None:
    below = torch.tensor([np.nextafter(np.float32(0.5), np.float32(0))])
    assert round_to(below, torch.zeros(1), Rounding.RND).item() == 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(-5000, 5000), st.integers(0, 1), st.integers(-2, 6), st.integers(-3, 6))
def test_wrap_is_the_firmwares(code: int, k: int, i: int, f: int) -> None:
    if k + i + f <= 0:
        return
    wanted = quantize_real([code * 2.0**-f], Formats([k], [i], [f]), Rounding.TRN, Overflow.WRAP)[0] * 2.0**-f
    got = wrap(torch.tensor([code * 2.0**-f]), torch.tensor([float(k)]), torch.tensor([float(i)]))
    assert got.item() == wanted


@settings(max_examples=60, deadline=None)
@given(st.integers(-300, 300), st.integers(-300, 300), st.integers(-3, 5))
def test_integer_bits_are_the_fewest(a: int, b: int, f: int) -> None:
    low, high = sorted((a, b))
    i = int(integer_bits(torch.tensor([low * 2.0**-f]), torch.tensor([high * 2.0**-f]), torch.tensor([float(f)])))

    def holds(bits: int) -> bool:
        return -(2.0**bits) <= low * 2.0**-f and high * 2.0**-f <= 2.0**bits - 2.0**-f

    assert holds(i)
    assert i == -f or not holds(i - 1)


def test_tracked_gradients_are_the_closed_forms() -> None:
    x = torch.randn(50, 4, dtype=torch.float64, requires_grad=True)
    f = torch.tensor([0.2, 1.4, -0.7, 3.0], dtype=torch.float64, requires_grad=True)
    slope = torch.randn(50, 4, dtype=torch.float64)
    out = quantize_tracked(x, f, Rounding.RND)
    out.backward(slope)
    assert torch.equal(out, torch.floor(x * 2 ** f.round() + 0.5) / 2 ** f.round())
    assert torch.equal(x.grad, slope)
    torch.testing.assert_close(f.grad, LN2 * (slope * (x - out)).sum(0).detach(), rtol=1e-12, atol=0)


def test_width_gradient_is_the_derivative_of_the_smooth_surrogate() -> None:
    # round(x s) / s where the rounded number moves as x s does: n0 + x (2^f - 2^f0)
    x, f0, h = 0.37, 2.0, 1e-6
    n0 = math.floor(x * 2**f0 + 0.5)
    smooth = [(n0 + x * (2**f - 2**f0)) / 2**f for f in (f0 - h, f0 + h)]
    f = torch.tensor([f0], dtype=torch.float64, requires_grad=True)
    quantize_tracked(torch.tensor([x], dtype=torch.float64), f, Rounding.RND).backward()
    assert f.grad.item() == pytest.approx((smooth[1] - smooth[0]) / (2 * h), rel=1e-8)


@pytest.mark.parametrize("overflow", [Overflow.SAT, Overflow.SAT_SYM])
@pytest.mark.parametrize("k", [0.0, 1.0])
@pytest.mark.parametrize("i", [-3.0, 1.3])
def test_saturated_gradients_are_those_of_autograd_on_the_composed_formula(
    overflow: Overflow, k: float, i: float
) -> None:
    generator = torch.Generator().manual_seed(1)
    x0 = torch.randn(200, 1, dtype=torch.float64, generator=generator) * 4
    slope = torch.randn(200, 1, dtype=torch.float64, generator=generator)

    def composed(x: torch.Tensor, f: torch.Tensor, i: torch.Tensor) -> torch.Tensor:
        whole, integer = f + (f.round() - f).detach(), i + (i.round() - i).detach()
        integer = torch.maximum(integer, -whole)
        high = 2**integer - 2**-whole
        low = -k * (high if overflow is Overflow.SAT_SYM else 2**integer)
        scaled = torch.minimum(torch.maximum(x, low), high) * 2**whole
        return (scaled + (torch.floor(scaled + 0.5) - scaled).detach()) / 2**whole

    results = []
    for function in (composed, None):
        x = x0.clone().requires_grad_()
        f, integer = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (2.2, i))
        if function is None:
            out = quantize_saturated(x, f, integer, torch.tensor([k], dtype=torch.float64), Rounding.RND, overflow)
        else:
            out = function(x, f, integer)
        out.backward(slope)
        results.append([out.detach(), x.grad, f.grad, integer.grad])
    for first, second in zip(*results, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-10, atol=1e-12)


def test_integer_bits_at_their_floor_can_grow_again() -> None:
    f, i = torch.tensor([1.0], requires_grad=True), torch.tensor([-1.0], requires_grad=True)
    quantize_saturated(torch.tensor([9.0]), f, i, torch.ones(1), Rounding.RND, Overflow.SAT).backward()
    assert i.grad is not None
    assert i.grad.item() == pytest.approx(0.5 * math.log(2))


def test_clipped_values_move_only_the_limits() -> None:
    f, i = torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)
    out = quantize_saturated(torch.tensor([9.0]), f, i, torch.ones(1), Rounding.RND, Overflow.SAT)
    out.backward()
    assert out.item() == 3.5
    assert i.grad.item() == pytest.approx(LN2 * 4)
    assert f.grad.item() == pytest.approx(LN2 * 0.5)


def test_limits_are_the_formats() -> None:
    form = Formats([1, 0], [2, 1], [3, 2])
    k, i, f = (torch.tensor(v, dtype=torch.float64) for v in ([1, 0], [2, 1], [3, 2]))
    low, high = limits(k, i, f, Overflow.SAT, torch.float64)
    assert (low * 2**f).tolist() == form.code_min.tolist()
    assert (high * 2**f).tolist() == form.code_max.tolist()


def test_bits_have_no_gradient_where_none_is_left() -> None:
    f = torch.tensor([2.4, -3.0], requires_grad=True)
    bits = num_bits(f, torch.ones(2))
    bits.sum().backward()
    assert bits.tolist() == [3.0, 0.0]
    assert f.grad.tolist() == [1.0, 0.0]
