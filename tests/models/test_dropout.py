from __future__ import annotations

import torch

from collidium.models._dropout import Dropout, random_levels


def test_rate_mean_and_seed() -> None:
    layer = Dropout(0.1)
    x = torch.ones(1000, 1001)
    torch.manual_seed(0)
    first = layer(x)
    torch.manual_seed(0)
    assert torch.equal(layer(x), first)
    dropped = (first == 0).double().mean()
    # 26/256 of a million elements, five standard deviations.
    assert abs(float(dropped) - 26 / 256) < 5 * (0.1 * 0.9 / x.numel()) ** 0.5
    assert torch.equal(first.unique(), torch.tensor([0.0, 256 / 230]))


def test_every_byte_of_a_word_is_uniform_and_its_own() -> None:
    levels = random_levels(torch.Size([100_000, 8]), dtype=torch.float64, device=torch.device("cpu"))
    counts = torch.bincount(levels.flatten().long(), minlength=256)
    expected = levels.numel() / 256
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    # 255 degrees of freedom, five standard deviations.
    assert abs(chi_squared - 255) < 5 * (2 * 255) ** 0.5
    correlation = torch.corrcoef(levels.T) - torch.eye(8)
    assert correlation.abs().max() < 5 / 100_000**0.5


def test_bfloat16_holds_every_level() -> None:
    torch.manual_seed(0)
    exact = random_levels(torch.Size([5000]), dtype=torch.float64, device=torch.device("cpu"))
    torch.manual_seed(0)
    assert torch.equal(
        random_levels(torch.Size([5000]), dtype=torch.bfloat16, device=torch.device("cpu")).double(), exact
    )


def test_evaluation_and_zero_probability_are_the_identity() -> None:
    x = torch.randn(5)
    assert Dropout(0.0)(x) is x
    assert Dropout(0.5).eval()(x) is x


def test_gradient_flows_through_kept_elements_only() -> None:
    x = torch.ones(64, requires_grad=True)
    y = Dropout(0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())
