from __future__ import annotations

import pytest
import torch

from collidium.optim import NonFiniteGradientError
from collidium.optim._gradients import refuse_non_finite, refuse_unsupported


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_names_every_non_finite_gradient(value: float, dtype: torch.dtype) -> None:
    bad = torch.zeros(3, 4, dtype=dtype)
    bad[2, 1] = value
    gradients = [("a", torch.ones(2)), ("b", bad), ("c", torch.ones(2, dtype=dtype)), ("d", bad.T)]
    with pytest.raises(NonFiniteGradientError, match="non-finite gradient in b, d; nothing was changed"):
        refuse_non_finite(gradients)


def test_large_half_precision_gradients_are_finite() -> None:
    refuse_non_finite([("a", torch.full((100, 100), 6e4, dtype=torch.float16)), ("b", torch.zeros(0))])
    refuse_non_finite([])


def test_opposite_infinities_do_not_cancel() -> None:
    with pytest.raises(NonFiniteGradientError):
        refuse_non_finite([("a", torch.tensor([float("inf"), float("-inf")]))])


def test_refuses_sparse_and_complex() -> None:
    with pytest.raises(ValueError, match="gradient of e is sparse"):
        refuse_unsupported("e", torch.eye(3).to_sparse())
    with pytest.raises(ValueError, match="gradient of c is complex"):
        refuse_unsupported("c", torch.zeros(2, dtype=torch.complex64))
