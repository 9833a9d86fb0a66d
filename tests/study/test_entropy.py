from __future__ import annotations

import math

import pytest
import torch

from collidium.study import mean_entropy, singular_entropy


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (torch.eye(5), 1.0),
        (-3.0 * torch.eye(4, 7), 1.0),
        (torch.outer(torch.arange(1.0, 4.0), torch.ones(6)), 0.0),
        (torch.diag(torch.tensor([1.0, 1.0, 0.0, 0.0])), 0.5),
    ],
)
def test_closed_forms(matrix: torch.Tensor, expected: float) -> None:
    assert singular_entropy(matrix) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("matrix", [torch.zeros(3, 3), torch.ones(1, 4), torch.full((2, 2), math.inf)])
def test_where_it_is_not_defined(matrix: torch.Tensor) -> None:
    assert math.isnan(singular_entropy(matrix))


def test_fused_matrices_count_apart() -> None:
    layer = torch.nn.Linear(2, 4, bias=False)
    layer.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert mean_entropy(layer, {"weight": "matrix"}, {"weight": (2, 2)}) == pytest.approx(0.5, abs=1e-12)
    assert mean_entropy(layer, {"weight": "matrix"}, {}) > 0.6
