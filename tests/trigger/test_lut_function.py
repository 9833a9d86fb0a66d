"""The regrouped gradients against automatic differentiation of the layer evaluated sample by sample."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from collidium.artifact import InputError
from collidium.firmware import Overflow, Rounding
from collidium.trigger import _lut_function, look_up_trained, quantize_saturated, quantize_tracked
from collidium.trigger._edge_function import NORM_EPSILON, EdgeWeights
from collidium.trigger._lut_record import EntryModes


class _Centre(torch.autograd.Function):
    """Truncation to the centre of an interval, with the gradients of trained widths."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, f: Tensor) -> Tensor:
        out = (torch.floor(x * 2 ** f.round()) + 0.5) / 2 ** f.round()
        ctx.save_for_backward(x - out, f)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        error, f = ctx.saved_tensors
        return grads[0], (grads[0] * error).sum_to_size(f.shape) * math.log(2)


def sample_by_sample(
    x: Tensor,
    f_in: Tensor,
    f_out: Tensor,
    i_out: Tensor,
    norm: tuple[Tensor, Tensor] | None,
    weights: EdgeWeights,
    rounding: Rounding,
    entry: EntryModes,
) -> Tensor:
    num, K, G = x.shape
    spread = x[..., None].expand(num, K, G, f_out.shape[1])
    v = _Centre.apply(spread, f_in) if rounding is Rounding.TRN else quantize_tracked(spread, f_in, rounding)
    h = (weights.b1 + (v[:, None] * weights.w1).sum(2)).tanh()
    p = (h * weights.w2).sum(1) + weights.b2
    if norm is not None:
        mean, variance = p.mean((0, 1)), p.var((0, 1), correction=0)
        p = (p - mean) / torch.sqrt(variance + NORM_EPSILON) * norm[0] + norm[1]
    return quantize_saturated(p / math.sqrt(G), f_out, i_out, entry.k, entry.rounding, entry.overflow).sum(1)


def parameters(K: int, G: int, U: int, *, has_norm: bool, num: int = 60) -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(K)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_()

    f_in = (torch.randint(0, 3, (K, G, U), generator=generator).double() + 0.3).requires_grad_()
    f_out = (torch.randint(1, 5, (G, U), generator=generator).double() - 0.2).requires_grad_()
    i_out = (torch.randint(-2, 2, (G, U), generator=generator).double() + 0.1).requires_grad_()
    weights = EdgeWeights(draw(5, K, G, U), draw(5, G, U), draw(5, G, U), draw(G, U))
    return draw(num, K, G), f_in, f_out, i_out, (draw(U), draw(U)) if has_norm else None, weights


def modes(G: int, U: int, overflow: Overflow = Overflow.SAT_SYM) -> EntryModes:
    return EntryModes(torch.ones(G, U, dtype=torch.float64), Rounding.RND, overflow)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine code."""
    monkeypatch.setattr(_lut_function, "has_compiler", lambda: False)


@pytest.mark.parametrize("K", [1, 2, 3])
@pytest.mark.parametrize("rounding", [Rounding.TRN, Rounding.RND])
@pytest.mark.parametrize("has_norm", [False, True])
@pytest.mark.parametrize("overflow", [Overflow.SAT_SYM, Overflow.SAT])
def test_values_and_gradients_are_those_sample_by_sample(
    K: int, rounding: Rounding, has_norm: bool, overflow: Overflow
) -> None:
    x, f_in, f_out, i_out, norm, weights = parameters(K, 4, 3, has_norm=has_norm)
    variables = [x, f_in, f_out, i_out, *(norm or ()), *weights]
    slope, entry = torch.randn(60, 3, dtype=torch.float64), modes(4, 3, overflow)
    ours, _ = look_up_trained(x, f_in, f_out, i_out, norm, weights, rounding, entry)
    theirs = sample_by_sample(x, f_in, f_out, i_out, norm, weights, rounding, entry)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    found = torch.autograd.grad(ours, variables, slope)
    assert (found[3] != 0).any()
    assert (found[3] == 0).any()
    for first, second in zip(found, torch.autograd.grad(theirs, variables, slope), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("rounding", [Rounding.TRN, Rounding.RND])
@pytest.mark.parametrize("has_norm", [False, True])
def test_tables_of_one_input_without_machine_code(rounding: Rounding, has_norm: bool) -> None:
    test_values_and_gradients_are_those_sample_by_sample(1, rounding, has_norm, Overflow.SAT_SYM)


@pytest.mark.parametrize("has_norm", [False, True])
def test_machine_code_in_single_precision_is_what_torch_does(has_norm: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x, *widths, norm, weights = parameters(1, 16, 20, has_norm=has_norm, num=500)
    x, *widths = (tensor.detach().float().requires_grad_() for tensor in (x, *widths))
    norm = None if norm is None else tuple(value.detach().float().requires_grad_() for value in norm)
    weights = EdgeWeights(*(weight.detach().float().requires_grad_() for weight in weights))
    entry = EntryModes(torch.ones(16, 20), Rounding.RND, Overflow.SAT_SYM)
    slope = torch.randn(500, 20)
    results = []
    for is_compiled in (True, False):
        monkeypatch.setattr(_lut_function, "has_compiler", lambda is_compiled=is_compiled: is_compiled)
        y, record = look_up_trained(x, *widths, norm, weights, Rounding.TRN, entry)
        gradients = torch.autograd.grad(y, [x, *widths, *(norm or ()), *weights], slope)
        results.append((y.detach(), record.low, record.high, record.mean, record.variance, *gradients))
    compiled, plain = results
    # a value at a half rounds either way with the last bit of a tanh: one step of one table
    assert ((compiled[0] - plain[0]).abs() > 1e-5).float().mean() < 1e-3
    assert torch.equal(compiled[1], plain[1])
    assert torch.equal(compiled[2], plain[2])
    for first, second in zip(compiled[3:], plain[3:], strict=True):
        assert first.shape == second.shape
        assert (first - second).norm() < 1e-3 * second.norm()


@pytest.mark.parametrize("far", [500.0, 1e9])
def test_cells_without_samples_do_not_matter(far: float) -> None:
    # one sample far away makes more cells than samples, so only those visited are kept
    x, f_in, f_out, i_out, norm, weights = parameters(1, 3, 2, has_norm=True, num=20)
    x = x.detach().clone()
    x[0] = far
    ours, record = look_up_trained(x, f_in, f_out, i_out, norm, weights, Rounding.TRN, modes(3, 2))
    assert (record.high == far).all()
    theirs = sample_by_sample(x, f_in, f_out, i_out, norm, weights, Rounding.TRN, modes(3, 2))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    variables = [f_in, f_out, i_out, *norm, *weights]
    slope = torch.randn(20, 2, dtype=torch.float64)
    for first, second in zip(
        torch.autograd.grad(ours, variables, slope), torch.autograd.grad(theirs, variables, slope), strict=True
    ):
        torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-9 * far)


@pytest.mark.parametrize("K", [1, 2])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_inputs_that_are_not_finite_are_refused(K: int, value: float) -> None:
    x, f_in, f_out, i_out, norm, weights = parameters(K, 3, 2, has_norm=True)
    x = x.detach().clone()
    x[7, 0, 2] = value
    with pytest.raises(InputError, match="an input of a layer of tables is NaN or infinite"):
        look_up_trained(x, f_in, f_out, i_out, norm, weights, Rounding.TRN, modes(3, 2))
