from __future__ import annotations

from typing import Any

import pytest
import torch

from collidium.optim import Conda
from collidium.optim import _rotation as rotation
from collidium.optim._rotation import back, project, singular_basis


def random(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(24, 8), (8, 24), (3, 6, 6), (1, 7)])
def test_projection_is_undone_and_diagonalises(shape: tuple[int, ...]) -> None:
    matrix = random(shape)
    basis = singular_basis(matrix)
    rotated = project(matrix, basis)
    torch.testing.assert_close(back(rotated, basis), matrix, rtol=0, atol=1e-5)
    gram = rotated.mT @ rotated if shape[-2] >= shape[-1] else rotated @ rotated.mT
    off_diagonal = gram - torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1))
    assert float(off_diagonal.abs().max()) < 1e-4


def test_in_the_identity_basis_it_is_adam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "singular_basis", lambda matrix: torch.eye(min(matrix.shape)))
    weights = [torch.nn.Parameter(random((6, 9))) for _ in range(2)]
    ours = Conda(weights[:1], lr=0.01, eps=1e-12)
    theirs = torch.optim.AdamW(weights[1:], lr=0.01, eps=1e-12, weight_decay=0.0)
    for seed in range(5):
        for weight, optimizer in zip(weights, (ours, theirs), strict=True):
            weight.grad = random((6, 9), seed)
            optimizer.step()
    torch.testing.assert_close(*weights, rtol=0, atol=1e-6)


def test_singular_values_are_decomposed_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(rotation, "singular_basis", lambda matrix: calls.append(1) or singular_basis(matrix))
    weight = torch.nn.Parameter(random((6, 9)))
    optimizer = Conda([weight], refresh_every=3)
    counts = []
    for seed in range(7):
        weight.grad = random((6, 9), seed)
        optimizer.step()
        counts.append(len(calls))
    assert counts == [1, 1, 1, 2, 2, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"refresh_every": 0}, "refresh_every is 0"), ({"beta2": 1.0}, "beta2 is 1"), ({"scale": 0.0}, "scale is 0")],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conda([torch.nn.Parameter(torch.ones(2, 2))], **options)
