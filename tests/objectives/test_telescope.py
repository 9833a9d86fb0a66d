from __future__ import annotations

import numpy as np
import pytest
import torch

from collidium.detect import telescope_groups
from collidium.objectives import TelescopeScale, telescope_loss


@pytest.fixture
def scales() -> list[TelescopeScale]:
    return [
        TelescopeScale(torch.as_tensor(group.membership), torch.as_tensor(group.weight), group.factor)
        for group in telescope_groups()
    ]


def test_it_is_the_sum_of_the_definition(scales: list[TelescopeScale]) -> None:
    a, b = torch.rand(2, 5, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = 0.0
    for group in telescope_groups():
        terms = []
        for image in range(5):
            for members, weight in zip(group.membership, group.weight, strict=True):
                p, q = (float(values[image][torch.as_tensor(members > 0)].sum()) for values in (a, b))
                terms.append(weight * (p - q) ** 2 * max(p, q))
        expected += group.factor * float(np.mean(terms))
    assert float(telescope_loss(a, b, scales)) == pytest.approx(expected, rel=1e-12)


def test_moving_charge_within_a_group_costs_less_than_across(scales: list[TelescopeScale]) -> None:
    target = torch.zeros(1, 48, dtype=torch.float64)
    target[0, 5] = 1.0
    near, far = torch.zeros_like(target), torch.zeros_like(target)
    near[0, 6] = far[0, 40] = 1.0
    losses = [float(telescope_loss(values, target, scales)) for values in (target, near, far)]
    assert losses[0] == 0
    assert losses[0] < losses[1] < losses[2]


def test_the_gradient_vanishes_at_the_target_alone(scales: list[TelescopeScale]) -> None:
    target = torch.rand(2, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    at_target = target.clone().requires_grad_()
    telescope_loss(at_target, target, scales).backward()
    assert at_target.grad is not None
    assert not at_target.grad.any()
    beside = (target + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: telescope_loss(values, target, scales), (beside,))
