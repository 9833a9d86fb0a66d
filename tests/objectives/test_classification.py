"""Weighted cross-entropy against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from collidium.objectives import cross_entropy, inverse_class_weights


def test_equals_the_formula_written_out():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 4, (50,), generator=generator)
    w = torch.rand(50, generator=generator, dtype=torch.float64)
    expected = 0.0
    for z, label, weight in zip(logits.tolist(), y.tolist(), w.tolist(), strict=True):
        expected += weight * (math.log(sum(math.exp(value) for value in z)) - z[label])
    expected /= sum(w.tolist())
    assert float(cross_entropy(logits, y, w)) == pytest.approx(expected, rel=1e-12)


def test_gradient_is_weight_times_probability_minus_target():
    logits = torch.tensor([[0.3, -1.0, 2.0], [0.0, 0.5, -0.5]], dtype=torch.float64, requires_grad=True)
    y, w = torch.tensor([2, 0]), torch.tensor([3.0, 1.0], dtype=torch.float64)
    cross_entropy(logits, y, w).backward()
    target = torch.nn.functional.one_hot(y, 3)
    expected = w[:, None] / w.sum() * (logits.detach().softmax(1) - target)
    torch.testing.assert_close(logits.grad, expected, rtol=1e-12, atol=1e-15)


def test_unlabelled_jets_change_nothing_and_get_no_gradient():
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(2), requires_grad=True)
    y = torch.tensor([0, -1, 2, -1, 1, -1])
    w = torch.tensor([1.0, 50.0, 2.0, float(10**6), 0.5, 7.0])
    kept = y >= 0
    loss = cross_entropy(logits, y, w)
    torch.testing.assert_close(loss, cross_entropy(logits[kept], y[kept], w[kept]), rtol=1e-6, atol=0)
    loss.backward()
    assert torch.count_nonzero(logits.grad[~kept]) == 0
    assert torch.count_nonzero(logits.grad[kept]) == 9


def test_scaling_all_weights_changes_nothing():
    logits, y, w = torch.randn(8, 2), torch.arange(8) % 2, torch.rand(8)
    torch.testing.assert_close(cross_entropy(logits, y, 1000 * w), cross_entropy(logits, y, w))


def test_negative_weight_turns_the_gradient_round_and_keeps_the_scale():
    logits = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    w = torch.tensor([1.0, -1.0], dtype=torch.float64)
    loss = cross_entropy(logits, torch.tensor([0, 0]), w)
    assert loss.item() == 0.0
    loss.backward()
    assert logits.grad.tolist() == [[-0.25, 0.25], [0.25, -0.25]]


@pytest.mark.parametrize("y", [[-1, -1], [0, 1]])
def test_nothing_to_learn_from_gives_zero_loss_and_zero_gradient(y):
    logits = torch.randn(2, 2, requires_grad=True)
    w = torch.ones(2) if y[0] < 0 else torch.zeros(2)
    loss = cross_entropy(logits, torch.tensor(y), w)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.count_nonzero(logits.grad) == 0


def test_class_weights_multiply_the_jet_weights():
    logits, y = torch.randn(10, 3), torch.arange(10) % 3
    w, c = torch.rand(10), torch.tensor([1.0, 2.0, 0.5])
    torch.testing.assert_close(cross_entropy(logits, y, w, class_weights=c), cross_entropy(logits, y, w * c[y]))


def test_inverse_class_weights_equalise_the_classes_and_keep_the_mean():
    totals = torch.tensor([10.0, 30.0, 0.0, 60.0], dtype=torch.float64)
    c = inverse_class_weights(totals)
    torch.testing.assert_close(c * totals, torch.tensor([100 / 3, 100 / 3, 0.0, 100 / 3], dtype=torch.float64))
    assert float((c * totals).sum() / totals.sum()) == pytest.approx(1.0)


def test_bfloat16_logits_are_summed_in_float32():
    logits = torch.randn(4096, 2).bfloat16()
    y, w = torch.arange(4096) % 2, torch.ones(4096)
    loss = cross_entropy(logits, y, w)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, cross_entropy(logits.float(), y, w))
