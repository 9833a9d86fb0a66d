from __future__ import annotations

import pytest
import torch

from collidium.optim import Moonlight, Muon, MuonMuP


def step_of(optimizer_class: type[torch.optim.Optimizer], shape: tuple[int, int], **options: object) -> torch.Tensor:
    weight = torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    optimizer_class([weight], **options).step()
    return -weight.detach()


@pytest.mark.parametrize("shape", [(64, 64), (64, 512), (512, 64)])
@pytest.mark.parametrize(("direction", "tolerance"), [("exact", 1e-6), ("polar_express_5", 0.15)])
def test_rms_of_the_update_is_that_of_adamw(shape: tuple[int, int], direction: str, tolerance: float) -> None:
    step = step_of(Moonlight, shape, lr=0.5, direction=direction)
    assert float(step.square().mean().sqrt()) / 0.5 == pytest.approx(0.2, rel=tolerance)


@pytest.mark.parametrize("width", [32, 128, 512])
def test_operator_norm_of_the_step_is_the_rate_at_every_width(width: int) -> None:
    for shape in ((4 * width, width), (width, width), (width, 4 * width)):
        step = step_of(MuonMuP, shape, lr=0.3, direction="exact")
        rms_to_rms = torch.linalg.matrix_norm(step, 2) * (shape[1] / shape[0]) ** 0.5
        assert float(rms_to_rms) == pytest.approx(0.3, rel=1e-4)


@pytest.mark.parametrize(("preset", "factor", "decay"), [(Moonlight, "match_rms", 0.1), (MuonMuP, "spectral_mup", 0.0)])
def test_is_muon_with_other_defaults(preset: type[torch.optim.Optimizer], factor: str, decay: float) -> None:
    weights = [torch.nn.Parameter(torch.ones(6, 4)) for _ in range(2)]
    optimizers = (preset(weights[:1], lr=0.1), Muon(weights[1:], lr=0.1, shape_factor=factor, weight_decay=decay))
    for seed in range(3):
        for weight, optimizer in zip(weights, optimizers, strict=True):
            weight.grad = torch.randn(6, 4, generator=torch.Generator().manual_seed(seed))
            optimizer.step()
    assert torch.equal(*weights)
