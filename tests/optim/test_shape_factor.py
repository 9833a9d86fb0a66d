from __future__ import annotations

import pytest
import torch

from collidium.optim import Muon, shape_factor

TABLE = [
    ("none", 64, 256, 1.0),
    ("none", 256, 64, 1.0),
    ("original", 64, 256, 1.0),
    ("original", 256, 64, 2.0),
    ("spectral_mup", 64, 256, 0.5),
    ("spectral_mup", 256, 64, 2.0),
    ("match_rms", 64, 256, 3.2),
    ("match_rms", 256, 64, 3.2),
    ("match_rms", 1, 1, 0.2),
]


@pytest.mark.parametrize(("name", "m", "n", "expected"), TABLE)
def test_table(name: str, m: int, n: int, expected: float) -> None:
    assert shape_factor(name, m, n) == pytest.approx(expected, rel=1e-12)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="unknown shape factor 'match_adam'"):
        shape_factor("match_adam", 1, 1)


def step_of(shape: tuple[int, ...], lr: float = 0.01, **options: object) -> torch.Tensor:
    weight = torch.nn.Parameter(torch.zeros(shape))
    weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    Muon([{"params": [weight], "lr": lr, **options}]).step()
    return weight.detach()


@pytest.mark.parametrize("shape", [(64, 64), (64, 512), (512, 64)])
def test_match_rms_gives_the_update_size_of_adamw(shape: tuple[int, int]) -> None:
    exact = step_of(shape, shape_factor="match_rms", direction="exact").square().mean().sqrt() / 0.01
    assert exact.item() == pytest.approx(0.2, rel=1e-3)
    default = step_of(shape, shape_factor="match_rms").square().mean().sqrt() / 0.01
    assert default.item() == pytest.approx(0.2, rel=0.15)


@pytest.mark.parametrize("width", [32, 64, 128, 256])
def test_spectral_mup_step_has_operator_norm_lr_at_every_width(width: int) -> None:
    for m, n in ((width, width), (width, 16), (16, width)):
        step = step_of((m, n), shape_factor="spectral_mup", direction="exact")
        rms_to_rms = torch.linalg.matrix_norm(step, 2) * (n / m) ** 0.5
        assert rms_to_rms.item() == pytest.approx(0.01, rel=1e-4)


def test_factor_comes_from_the_slice_of_a_stack_and_the_block_of_a_split() -> None:
    stack = step_of((5, 32, 8), view="stack", direction="exact")
    split = step_of((48, 8), split_sizes=(32, 16), direction="exact")
    flat = step_of((32, 2, 2, 2), view="flatten", direction="exact")
    for block, factor in ((stack[3], 2.0), (split[:32], 2.0), (split[32:], 2.0**0.5), (flat.flatten(1), 2.0)):
        assert torch.linalg.matrix_norm(block, 2).item() == pytest.approx(0.01 * factor, rel=1e-4)
