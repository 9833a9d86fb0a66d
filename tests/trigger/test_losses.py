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


def test_cross_entropy_in_machine_code_has_the_value_and_gradient_of_torch() -> None:
    objective, generator = OBJECTIVES["cross_entropy"], torch.Generator().manual_seed(2)
    output = 8 * torch.randn(700, 5, generator=generator)
    output[0], output[1] = 90.0, torch.tensor([-300.0, 300.0, 0.0, 0.0, 0.0])
    target = torch.randint(0, 5, (700,), generator=generator)
    found = objective.compiled(output, target)
    assert found is not None
    leaf = output.clone().requires_grad_()
    value = objective.loss(leaf, target)
    torch.testing.assert_close(found[0], value.detach(), rtol=1e-6, atol=0)
    torch.testing.assert_close(found[1], torch.autograd.grad(value, leaf)[0], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("target", [torch.tensor([0, -100, 2]), torch.eye(3)])
def test_other_targets_of_cross_entropy_go_to_torch(target: torch.Tensor) -> None:
    objective, output = OBJECTIVES["cross_entropy"], torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    assert objective.compiled(output, target) is None
    value, gradient = objective.with_gradient(output, target)
    assert value == torch.nn.functional.cross_entropy(output, target)
    torch.testing.assert_close(gradient.sum(1), torch.zeros(3))


def test_a_class_that_is_no_output_is_refused() -> None:
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        OBJECTIVES["cross_entropy"].with_gradient(torch.zeros(2, 3), torch.tensor([0, 3]))


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
