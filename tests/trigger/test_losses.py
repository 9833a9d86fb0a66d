from __future__ import annotations

import numpy as np
import pytest
import torch

from collidium.artifact import InputError
from collidium.trigger import OBJECTIVES
from collidium.trigger._losses import baseline_merit

CELLS = ["telescope", "transport"]


def charges(count: int) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(1).poisson(2.0, (count, 48)) ** 3)


def test_baselines_are_the_best_constant_answers() -> None:
    shares = baseline_merit(OBJECTIVES["cross_entropy"], torch.zeros(1, 3), torch.tensor([0, 1, 1, 2, 1]))
    assert shares == pytest.approx(0.6)
    spread = baseline_merit(OBJECTIVES["mse"], torch.zeros(1), torch.tensor([1.0, 3.0]))
    assert spread == pytest.approx(1.0)


@pytest.mark.parametrize("name", CELLS)
def test_perfect_cells_cost_nothing_and_others_do(name: str) -> None:
    objective, charge = OBJECTIVES[name], charges(5)
    right = charge.double() / charge.sum(1, keepdim=True)
    assert float(objective.loss(right, charge)) == pytest.approx(0, abs=0.02)
    np.testing.assert_allclose(objective.merit(right, charge).numpy(), 0, atol=0.02)
    flat = torch.full_like(right, 1 / 48)
    assert float(objective.loss(flat, charge)) > 0
    assert (objective.merit(flat, charge) > 1).all()


def test_merit_of_cells_looks_at_shapes_and_a_constant_answer_has_one() -> None:
    objective, charge = OBJECTIVES["telescope"], charges(200)
    right = charge.double() / charge.sum(1, keepdim=True)
    np.testing.assert_allclose(objective.merit(3 * right, charge).numpy(), 0, atol=0.02)
    constant = baseline_merit(objective, right[:1], charge)
    flat = objective.merit(torch.full_like(right, 1 / 48), charge).mean()
    assert constant == pytest.approx(float(flat), rel=0.05)


def test_a_module_without_charge_has_no_shape() -> None:
    nothing = torch.zeros(1, 48, dtype=torch.int64)
    loss = OBJECTIVES["telescope"].loss(torch.zeros(1, 48), nothing)
    assert float(loss) == 0


@pytest.mark.parametrize("name", CELLS)
def test_other_targets_than_cells_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"charges \(N, 48\) are needed, got \(5, 3\) and \(5,\)"):
        OBJECTIVES[name].loss(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64))
