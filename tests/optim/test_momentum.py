from __future__ import annotations

import pytest
import torch

from collidium.optim import Muon
from collidium.optim._momentum import nesterov, storage_dtype, update_momentum_

GRADIENTS = [torch.randn(4, 6, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(7)]


@pytest.mark.parametrize("form", ["ema", "sum"])
def test_buffer_is_the_geometric_sum(form: str) -> None:
    mu, buffer = 0.9, torch.zeros(4, 6, dtype=torch.float64)
    for gradient in GRADIENTS:
        update_momentum_(buffer, gradient, mu, form)
    weights = [mu ** (len(GRADIENTS) - 1 - i) * (1 - mu if form == "ema" else 1.0) for i in range(len(GRADIENTS))]
    expected = sum(weight * gradient for weight, gradient in zip(weights, GRADIENTS, strict=True))
    torch.testing.assert_close(buffer, expected)


def test_average_and_sum_differ_by_one_minus_mu_only() -> None:
    mu = 0.95
    average, total = torch.zeros(4, 6, dtype=torch.float64), torch.zeros(4, 6, dtype=torch.float64)
    for gradient in GRADIENTS:
        update_momentum_(average, gradient, mu, "ema")
        update_momentum_(total, gradient, mu, "sum")
        mixed = nesterov(total, gradient, mu, "sum")
        torch.testing.assert_close(nesterov(average, gradient, mu, "ema"), (1 - mu) * mixed)
    torch.testing.assert_close(average, (1 - mu) * total)


@pytest.mark.parametrize("form", ["ema", "sum"])
def test_look_ahead_writes_neither_gradient_nor_buffer(form: str) -> None:
    # Regression: a popular library mixes the look-ahead into p.grad itself.
    buffer, gradient = GRADIENTS[0].clone(), GRADIENTS[1].clone()
    mixed = nesterov(buffer, gradient, 0.9, form)
    assert torch.equal(buffer, GRADIENTS[0])
    assert torch.equal(gradient, GRADIENTS[1])
    assert mixed.data_ptr() not in (buffer.data_ptr(), gradient.data_ptr())


def test_storage_is_never_below_float32() -> None:
    dtypes = [
        storage_dtype(torch.zeros(1, dtype=d)) for d in (torch.bfloat16, torch.float16, torch.float32, torch.float64)
    ]
    assert dtypes == [torch.float32, torch.float32, torch.float32, torch.float64]


@pytest.mark.parametrize("with_nesterov", [True, False])
def test_bfloat16_weights_keep_an_exact_float32_momentum(with_nesterov: bool) -> None:
    # Regression: with bfloat16 weights and Nesterov off, the direction map normalised the buffer in place.
    weight = torch.nn.Parameter(torch.ones(8, 5, dtype=torch.bfloat16))
    optimizer = Muon([weight], nesterov=with_nesterov)
    shadow = torch.zeros(8, 5)
    for step in range(5):
        weight.grad = torch.randn(8, 5, generator=torch.Generator().manual_seed(step)).bfloat16()
        optimizer.step()
        shadow.lerp_(weight.grad.float(), 1 - 0.95)
        assert torch.equal(optimizer.state[weight]["momentum"], shadow)
    assert weight.dtype == torch.bfloat16


@pytest.mark.parametrize("options", [{"momentum": 1.0}, {"momentum": -0.1}, {"momentum_form": "average"}])
def test_refuses(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Muon([torch.nn.Parameter(torch.ones(2, 2))], **options)
