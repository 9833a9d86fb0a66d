from __future__ import annotations

from typing import Any

import pytest
import torch

from collidium.optim import REG
from collidium.optim._balance import SCHEMES, balance

SHAPES = [(16, 40), (40, 16), (24, 24), (3, 8, 5)]


def random(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_many_passes_make_rows_and_columns_equal(shape: tuple[int, ...], scheme: str) -> None:
    balanced = balance(random(shape), scheme, iterations=60 if scheme == "half_powers" else 20)
    for dim in (-1, -2):
        norms = balanced.norm(dim=dim)
        torch.testing.assert_close(norms, norms.mean(dim=-1, keepdim=True).expand_as(norms), rtol=1e-4, atol=0)
    torch.testing.assert_close(balanced.norm(dim=(-2, -1)), torch.ones(shape[:-2], dtype=torch.float64))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_signs_and_rank_stay(scheme: str) -> None:
    low_rank = random((12, 3)) @ random((3, 9), 1)
    balanced = balance(low_rank, scheme)
    assert torch.equal(balanced.sign(), low_rank.sign())
    assert int(torch.linalg.matrix_rank(balanced)) == 3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_pass_improves_the_condition_of_a_scaled_orthogonal_matrix(scheme: str) -> None:
    orthogonal, _ = torch.linalg.qr(random((32, 32)))
    factors = torch.logspace(-3, 0, 32, dtype=torch.float64)
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    scaled = factors[:, None] * orthogonal * factors[order]
    assert torch.linalg.cond(balance(scaled, scheme)) < 0.1 * torch.linalg.cond(scaled)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scale_does_not_matter_and_empty_rows_stay_empty(scheme: str) -> None:
    matrix = random((6, 9)).float()
    matrix[2], matrix[:, 4] = 0.0, 0.0
    reference = balance(matrix, scheme, iterations=30)
    assert bool(reference.isfinite().all())
    assert not bool(reference[2].any() or reference[:, 4].any())
    for scale in (1e-10, 1e15):
        torch.testing.assert_close(balance(matrix * scale, scheme, iterations=30), reference, rtol=1e-4, atol=1e-7)
    assert not bool(balance(torch.zeros(4, 5), scheme).any())


def test_reg_steps_by_the_rms_of_adamw_without_touching_the_momentum() -> None:
    weight = torch.nn.Parameter(torch.zeros(10, 30, dtype=torch.float64))
    optimizer = REG([weight], lr=0.5, nesterov=False)
    weight.grad = random((10, 30))
    optimizer.step()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.1, rel=1e-9)
    torch.testing.assert_close(optimizer.state[weight]["momentum"], 0.05 * weight.grad)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "row_first"}, "unknown scheme 'row_first'; did you mean rows_first"),
        ({"iterations": 0}, "iterations is 0"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        REG([torch.nn.Parameter(torch.ones(2, 2))], **options)
