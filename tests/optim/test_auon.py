from __future__ import annotations

from typing import Any

import pytest
import torch

from collidium.optim import OPTIMIZERS, AuON, HybridAuON
from collidium.optim._cosh_scale import cosh_scale


def random(shape: tuple[int, int] = (12, 30)) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def step_of(member: Any, gradient: torch.Tensor, **options: Any) -> torch.Tensor:
    weight = torch.nn.Parameter(torch.zeros_like(gradient))
    weight.grad = gradient.clone()
    member([weight], lr=1.0, **options).step()
    return -weight.detach()


@pytest.mark.parametrize("member", [AuON, HybridAuON])
@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (1, 1)])
def test_step_is_bounded_by_the_rate(member: Any, shape: tuple[int, int]) -> None:
    step = step_of(member, random(shape))
    assert torch.linalg.matrix_norm(step, 2) <= step.norm() + 1e-12
    assert step.norm() <= 1.0


@pytest.mark.parametrize("scaling", ["paper", "code"])
def test_step_is_parallel_to_the_momentum(scaling: str) -> None:
    gradient = random()
    step = step_of(AuON, gradient, scaling=scaling)
    torch.testing.assert_close(step / step.norm(), gradient / gradient.norm(), rtol=0, atol=1e-9)


def test_the_paper_ignores_the_scale_of_gradients_and_the_code_does_not() -> None:
    gradient = random()
    torch.testing.assert_close(step_of(AuON, gradient), step_of(AuON, 1e3 * gradient), rtol=1e-6, atol=0)
    code = [step_of(AuON, scale * gradient, scaling="code").norm() for scale in (1.0, 1e3)]
    assert float(code[1] / code[0]) == pytest.approx(1e3, rel=1e-6)


def test_the_scale_is_one_to_five_digits_for_large_matrices() -> None:
    # What the docstring says of both forms: normalised, and plain, momentum descent.
    gradient = random((256, 1024))
    assert float(step_of(AuON, gradient).norm()) == pytest.approx(1.0, abs=2e-5)
    mixed = 0.05 * 1.95 * gradient
    torch.testing.assert_close(step_of(AuON, gradient, scaling="code"), mixed, rtol=2e-5, atol=0)


def test_auon_has_no_direction_map_and_the_hybrid_takes_one_step() -> None:
    assert "direction" not in OPTIMIZERS["auon"].defaults
    assert OPTIMIZERS["hybrid_auon"].defaults["steps"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scaling": "papers"}, "unknown scaling 'papers'; did you mean paper"),
        ({"gamma": 0.0}, "gamma is 0"),
        ({"norm_eps": 0.0}, "norm_eps is 0"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AuON([torch.nn.Parameter(torch.ones(2, 2))], **options)


@pytest.mark.parametrize("gamma", [1.0, 1.5, 6.0])
@pytest.mark.parametrize("shape", [(3, 2), (256, 256)])
def test_scale_keeps_the_digits_of_single_precision(shape: tuple[int, int], gamma: float) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    exact = matrix.double()
    rho = (gamma * exact / exact.norm()).cosh().square().mean().sqrt()
    assert float(cosh_scale(matrix, "code", gamma=gamma)) == pytest.approx(float(1 / rho), rel=5e-7)
