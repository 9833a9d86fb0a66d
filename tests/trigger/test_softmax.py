from __future__ import annotations

import pytest
import torch

from collidium.trigger import QuantizerConfig, QuantSoftmax


def test_fine_softmax_is_torchs() -> None:
    fine = QuantizerConfig(f=9.0)
    layer = QuantSoftmax(
        (2, 5),
        score=fine,
        distance=QuantizerConfig(i=3.0, f=9.0, is_signed=False, overflow="SAT", integer_bits="fixed"),
        exponential=fine,
        denominator=fine,
        reciprocal=fine,
    )
    x = torch.randn(50, 2, 5)
    torch.testing.assert_close(layer(x), torch.softmax(x, -1), rtol=0, atol=0.02)
    valid = (torch.rand(50, 1, 5) > 0.3).float()
    valid[..., 0] = 1
    wanted = torch.softmax(x.masked_fill(valid == 0, -torch.inf), -1)
    torch.testing.assert_close(layer(x, valid), wanted, rtol=0, atol=0.02)


@pytest.mark.parametrize("is_training", [True, False])
def test_what_is_not_valid_has_no_part(is_training: bool) -> None:
    layer = QuantSoftmax((4,)).train(is_training)
    x, valid = torch.tensor([[1.0, 1.0, 1.9, 1.9]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    assert layer(x, valid).tolist() == [[0.5, 0.5, 0.0, 0.0]]
    assert layer(x, torch.zeros(1, 4)).tolist() == [[0.0] * 4]
