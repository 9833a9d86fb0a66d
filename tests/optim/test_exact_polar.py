from __future__ import annotations

import pytest
import torch

from collidium.optim import exact_polar


@pytest.mark.parametrize("shape", [(20, 20), (8, 30), (30, 8), (2, 3, 6, 5)])
def test_equals_the_singular_vectors(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left, _, right = torch.linalg.svd(x, full_matrices=False)
    torch.testing.assert_close(exact_polar(x), left @ right, rtol=0, atol=1e-9)


def test_rank_deficient_directions_stay_zero() -> None:
    x = torch.outer(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(exact_polar(x), x / 5, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_extreme_scales(scale: float, dtype: torch.dtype) -> None:
    x = torch.randn(6, 10, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(exact_polar(scale * x, dtype=torch.float64), exact_polar(x), rtol=0, atol=1e-6)


def test_zeros_give_exact_zeros() -> None:
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(exact_polar(torch.zeros(3, 4), dtype=dtype), torch.zeros(3, 4))


def test_float32_precision_on_a_rectangle() -> None:
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(3))
    values = torch.linalg.svdvals(exact_polar(x, dtype=torch.float32))
    assert (values - 1).abs().max() < 1e-3
    assert exact_polar(x, dtype=torch.float32).dtype == torch.float32
