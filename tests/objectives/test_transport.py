from __future__ import annotations

import numpy as np
import pytest
import torch

from collidium.detect import cell_distances
from collidium.evaluate import earth_mover_distance
from collidium.objectives import TransportKernel, transport_distance


@pytest.fixture
def kernel() -> TransportKernel:
    return TransportKernel.of(torch.tensor(cell_distances()))


def shapes(seed: int, count: int) -> torch.Tensor:
    values = torch.rand(count, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) ** 8
    return values / values.sum(1, keepdim=True)


def test_equal_shapes_are_at_zero(kernel: TransportKernel) -> None:
    a = shapes(1, 4)
    np.testing.assert_allclose(transport_distance(a, a, kernel).numpy(), 0, atol=0.02)


def test_a_charge_that_moves_as_a_whole_goes_its_distance(kernel: TransportKernel) -> None:
    a = torch.eye(48, dtype=torch.float64)
    found = transport_distance(a, a.roll(7, 0), kernel).numpy()
    np.testing.assert_allclose(found, cell_distances()[np.arange(48), (np.arange(48) - 7) % 48], rtol=1e-3)


def test_it_follows_the_earth_movers_distance(kernel: TransportKernel) -> None:
    a, b = shapes(2, 25), shapes(3, 25)
    exact = earth_mover_distance(a.numpy(), b.numpy(), cell_distances())
    found = transport_distance(a, b, kernel).numpy()
    assert np.corrcoef(found, exact)[0, 1] > 0.95
    sharp = TransportKernel.of(torch.tensor(cell_distances()), blur=1.5)
    np.testing.assert_allclose(transport_distance(a, b, sharp, iterations=500).numpy(), exact, rtol=0.1, atol=0.3)


def test_the_gradient_is_that_of_the_value(kernel: TransportKernel) -> None:
    a, b = shapes(4, 3), shapes(5, 3)
    a = a.requires_grad_()
    transport_distance(a, b, kernel, iterations=300).sum().backward()
    assert a.grad is not None
    step = 1e-4 * a.detach() * torch.randn(3, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    step -= a.detach() * step.sum(1, keepdim=True)
    ends = [transport_distance(a.detach() + s * step, b, kernel, iterations=300) for s in (1, -1)]
    np.testing.assert_allclose((a.grad * step).sum(1).numpy(), ((ends[0] - ends[1]) / 2).numpy(), rtol=0.02)


def test_single_precision_is_enough(kernel: TransportKernel) -> None:
    a, b = torch.eye(48)[:8], shapes(7, 8).float()
    single = TransportKernel.of(torch.tensor(cell_distances()).float())
    np.testing.assert_allclose(
        transport_distance(a, b, single).numpy(), transport_distance(a.double(), b.double(), kernel).numpy(), rtol=1e-3
    )
