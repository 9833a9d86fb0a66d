from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from collidium.optim import COEFFICIENTS, InputScale, MuonPlusPlus, for_model

SHAPES = [(24, 9), (9, 24), (3, 6, 10)]


def random(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def spectral_norm(matrix: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix.detach().double(), 2))


@pytest.mark.parametrize("shape", [(16, 40), (24, 24)])
def test_every_step_and_every_weight_is_bounded(shape: tuple[int, int]) -> None:
    lr, decay, factor = 0.05, 0.5, (shape[0] / shape[1]) ** 0.5
    weight = torch.nn.Parameter(random(shape, 0))
    start = spectral_norm(weight)
    optimizer = MuonPlusPlus([weight], lr=lr, weight_decay=decay)
    trend = random(shape, 1)
    for t in range(1, 501):
        before = weight.detach().clone()
        weight.grad = trend + random(shape, t)
        optimizer.step()
        step = weight.detach() - (1 - lr * decay) * before
        assert spectral_norm(step) <= lr * factor * (1 + 1e-3)
        bound = (1 - lr * decay) ** t * start + factor / decay
        assert spectral_norm(weight) <= bound * (1 + 1e-3)


def test_norm_of_the_weights_stays_in_a_band_at_every_width() -> None:
    norms = []
    for width in (16, 64, 256):
        weight = torch.nn.Parameter(torch.zeros(width, 2 * width))
        optimizer = MuonPlusPlus([weight], lr=0.05, weight_decay=0.5)
        trend = random((width, 2 * width), 0)
        for step in range(25):
            weight.grad = trend + random((width, 2 * width), step + 1)
            optimizer.step()
        norms.append(spectral_norm(weight) * 2**0.5)
    assert max(norms) / min(norms) < 1.1


@pytest.mark.parametrize(
    ("direction", "precision"),
    [*((name, "float32") for name in COEFFICIENTS), ("jordan", "bfloat16"), ("polar_express_5", "bfloat16")],
)
def test_any_direction_map_is_brought_below_one(direction: str, precision: Any) -> None:
    weight = torch.nn.Parameter(torch.zeros(20, 48))
    optimizer = MuonPlusPlus(
        [weight], lr=1.0, direction=direction, steps=None, precision=precision, shape_factor="none"
    )
    for step in range(5):
        before = weight.detach().clone()
        optimizer.param_groups[0]["weight_decay"] = 0.0
        weight.grad = random((20, 48), step)
        optimizer.step()
        assert 0.5 < spectral_norm(weight.detach() - before) <= 1 + 1e-3


def numpy_polar(x: Any) -> Any:
    left, _, right = np.linalg.svd(x, full_matrices=False)
    return left @ right


@pytest.mark.parametrize("shape", SHAPES)
def test_golden_trajectory_in_numpy(shape: tuple[int, ...]) -> None:
    lr, decay, mu, q_decay = 0.05, 0.3, 0.8, 0.6
    draw = [np.random.default_rng(seed).normal(size=shape) for seed in range(6)]
    weight = torch.nn.Parameter(torch.from_numpy(draw[5].copy()))
    scale = InputScale(weight, target=2.0)
    group = {"params": [weight], "view": "stack"}
    options: dict[str, Any] = {"momentum": mu, "weight_decay": decay, "input_decay": q_decay, "direction": "exact"}
    optimizer = MuonPlusPlus([group], lr=lr, inputs=[scale], precision="float64", **options)
    w, m, q = draw[5].copy(), np.zeros(shape), 0.0
    for step, g in enumerate(draw[:5]):
        if step != 3:  # nothing is reported in one step
            inputs = np.exp(step) * np.random.default_rng(50 + step).normal(size=(4, shape[-1]))
            scale.report(torch.from_numpy(inputs[:1]))
            scale.report(torch.from_numpy(inputs[1:]))
            ratio = np.sqrt(np.mean(inputs**2)) / 2.0
            q = ratio if step == 0 else q_decay * q + (1 - q_decay) * ratio
        weight.grad = torch.from_numpy(g)
        optimizer.step()
        m = mu * m + (1 - mu) * g
        mixed = (1 - mu) * g + mu * m
        direction = np.stack([numpy_polar(part) for part in mixed.reshape(-1, *shape[-2:])]).reshape(shape)
        w = (1 - lr * decay) * w - lr * (shape[-2] / shape[-1]) ** 0.5 / max(1.0, q) * direction
    np.testing.assert_allclose(weight.detach().numpy(), w, rtol=0, atol=1e-7)


def test_change_of_the_outputs_stays_the_rate_for_large_inputs() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(64, 32, bias=False)
    scale = InputScale.watch(layer)
    optimizer = MuonPlusPlus([layer.weight], lr=0.1, weight_decay=0.0, inputs=[scale])
    inputs = 30.0 * random((16, 64), 0)
    before = layer(inputs)
    before.square().mean().backward()
    optimizer.step()
    with torch.no_grad():
        change = (layer(inputs) - before).square().mean(dim=1).sqrt()
    assert float(change.max()) <= 0.1 * (64 / 32) ** 0.5 * 1.5
    assert float(optimizer.state[layer.weight]["input_scale"]) == pytest.approx(
        float(inputs.square().mean().sqrt()), rel=1e-6
    )


def test_hook_listens_in_training_only_and_can_be_closed() -> None:
    layer = nn.Linear(3, 2)
    scale = InputScale.watch(layer, target=4.0)
    layer.eval()
    layer(torch.ones(5, 3))
    assert scale.take() is None
    layer.train()
    layer(torch.full((5, 3), 8.0, dtype=torch.float32))
    assert scale.take() == 2.0
    assert scale.take() is None
    scale.close()
    layer(torch.ones(5, 3))
    assert scale.take() is None


def test_watched_model_resumes_bit_exactly() -> None:
    def build() -> tuple[nn.Sequential, Any]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8))
        roles = {name: "matrix" if p.dim() == 2 else "bias" for name, p in model.named_parameters()}
        inputs = (InputScale.watch(model[0], target=0.1),)
        return model, for_model(model, "muon_plus_plus", lr=0.05, roles=roles, inputs=inputs)

    def train(model: nn.Sequential, optimizer: Any, steps: range) -> None:
        for step in steps:
            optimizer.zero_grad()
            model(step * random((4, 6), step)).square().mean().backward()
            optimizer.step()

    model, optimizer = build()
    train(model, optimizer, range(1, 4))
    disk = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, disk)
    disk.seek(0)
    saved = torch.load(disk, weights_only=True)
    twin, resumed = build()
    twin.load_state_dict(saved["model"])
    resumed.load_state_dict(saved["optimizer"])
    for one, other in ((model, optimizer), (twin, resumed)):
        train(one, other, range(4, 7))
    for left, right in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(left, right)


def test_refuses() -> None:
    with pytest.raises(ValueError, match="target is 0"):
        InputScale(torch.ones(2, 2), target=0.0)
    with pytest.raises(ValueError, match="input_decay is 1"):
        MuonPlusPlus([torch.nn.Parameter(torch.ones(2, 2))], input_decay=1.0)
