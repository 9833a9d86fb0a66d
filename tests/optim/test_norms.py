from __future__ import annotations

import pytest
import torch

from collidium.optim._norms import DOT_FROM, euclidean_norm, frobenius_norm

ROWS = DOT_FROM // 256


def matrix(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.mark.parametrize("rows", [ROWS - 1, ROWS, 4 * ROWS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_is_the_root_of_the_sum_of_squares(rows: int, dtype: torch.dtype) -> None:
    x = matrix(rows, 256, dtype=dtype)
    expected = x.double().square().sum().sqrt()
    for norm in (euclidean_norm(x, torch.promote_types(dtype, torch.float32)), frobenius_norm(x, torch.float64)):
        torch.testing.assert_close(norm.double().squeeze(), expected, rtol=2e-5, atol=0)
    assert euclidean_norm(x).dtype == dtype


def test_layout_does_not_matter() -> None:
    x = matrix(ROWS, 512)
    for other in (x.mT, x[:, :256].mT.contiguous(), torch.stack([x, x], dim=-1)[..., 0]):
        expected = other.double().square().sum().sqrt()
        torch.testing.assert_close(euclidean_norm(other).double(), expected, rtol=2e-5, atol=0)
        assert frobenius_norm(other).shape == (1, 1)


def test_every_matrix_of_a_stack_has_its_own() -> None:
    stack = matrix(3, ROWS, 256) * torch.tensor([1.0, 1e3, 1e-3])[:, None, None]
    norms = frobenius_norm(stack)
    assert norms.shape == (3, 1, 1)
    for norm, part in zip(norms, stack, strict=True):
        torch.testing.assert_close(norm, frobenius_norm(part), rtol=2e-5, atol=0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_entry_that_is_not_finite_shows(bad: float) -> None:
    x = matrix(ROWS, 256)
    x[7, 11] = bad
    assert not euclidean_norm(x).isfinite()
