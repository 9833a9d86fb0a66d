from __future__ import annotations

import pytest
import torch

from collidium.optim import Muon
from collidium.optim._decay import decay_


def test_decay_uses_the_rate_without_the_shape_factor() -> None:
    weight = torch.nn.Parameter(torch.ones(64, 4, dtype=torch.float64))
    weight.grad = torch.zeros_like(weight)
    Muon([weight], lr=0.1, weight_decay=0.5, shape_factor="match_rms").step()
    torch.testing.assert_close(weight.detach(), torch.full_like(weight, 1 - 0.1 * 0.5), rtol=1e-15, atol=0)


def test_no_decay_leaves_the_weight_bitwise() -> None:
    weight = torch.randn(3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(decay_(weight.clone(), 0.1, 0.0), weight)


def test_refuses_negative_decay() -> None:
    with pytest.raises(ValueError, match="weight_decay is -1"):
        Muon([torch.nn.Parameter(torch.ones(2, 2))], weight_decay=-1.0)
