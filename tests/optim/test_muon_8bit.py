from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import Muon, Muon8bit, quantisation_error
from collidium.optim._quantisation import Quantised, dequantise, dynamic_table, quantise

Array = np.ndarray[Any, np.dtype[np.float64]]
SCHEMES = ("linear", "dynamic")


def buffer(size: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    spread = torch.randn(size, generator=torch.Generator().manual_seed(seed))
    return scale * spread * torch.logspace(-3, 0, size)


def round_trip(values: torch.Tensor, scheme: str, block_size: int) -> torch.Tensor:
    return dequantise(quantise(values, scheme, block_size), scheme, block_size)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_linear_error_is_at_most_half_a_step_and_attained(scale: float) -> None:
    values = buffer(5000, scale=scale)
    largest = torch.cat([block.abs().max().expand(len(block)) for block in values.split(256)])
    error = (round_trip(values, "linear", 256) - values).abs() / largest
    assert error.max() <= 1 / 254 * (1 + 1e-5)
    halfway = torch.tensor([254.0, 1.0, -3.0])
    assert torch.equal((round_trip(halfway, "linear", 3) - halfway).abs(), torch.tensor([0.0, 1.0, 1.0]))


def test_dynamic_error_shrinks_with_the_value() -> None:
    values = torch.cat([torch.ones(1), torch.logspace(-6, 0, 2000)])
    error = (round_trip(values, "dynamic", 4096) - values).abs()
    table = dynamic_table()
    assert bool((table.diff() > 0).all())
    gap = torch.maximum(table.diff()[127:].max(), torch.tensor(0.0))
    assert error.max() <= gap / 2 * (1 + 1e-5)
    small = values < 1e-3
    assert error[small].max() < 1e-4 < (round_trip(values, "linear", 4096) - values).abs()[small].max()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("block_size", [1, 7, 256, 2048])
def test_quantising_twice_changes_nothing(scheme: str, block_size: int) -> None:
    once = quantise(buffer(3000), scheme, block_size)
    twice = quantise(dequantise(once, scheme, block_size), scheme, block_size)
    assert torch.equal(twice.codes, once.codes)
    torch.testing.assert_close(twice.scales, once.scales, rtol=2e-7, atol=0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_zero_and_subnormal_blocks_stay_finite(scheme: str) -> None:
    values = torch.zeros(600)
    values[300:] = 1e-44
    restored = round_trip(values, scheme, 256)
    assert torch.equal(restored[:256], torch.zeros(256))
    assert bool(torch.isfinite(restored).all())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_stochastic_rounding_is_exact_on_average(scheme: str) -> None:
    value, count = 0.3217, 40_000
    values = torch.full((count + 1,), value)
    values[0] = 1.0
    noise = torch.rand(count + 1, generator=torch.Generator().manual_seed(0))
    restored = dequantise(quantise(values, scheme, count + 1, noise), scheme, count + 1)[1:]
    assert len(restored.unique()) == 2
    assert abs(float(restored.mean()) - value) < 5 * float(restored.std()) / count**0.5


def test_monitor_reports_the_relative_error() -> None:
    values = buffer(4096).view(64, 64)
    expected = (round_trip(values.view(-1), "linear", 2048) - values.view(-1)).norm() / values.norm()
    assert quantisation_error(values) == pytest.approx(float(expected))
    assert quantisation_error(values, block_size=64) < quantisation_error(values)
    assert quantisation_error(torch.zeros(5)) == 0.0


def numpy_quantised(values: Array, block_size: int, table: Array | None) -> Array:
    result = np.empty_like(values)
    for start in range(0, len(values), block_size):
        block = values[start : start + block_size]
        largest = np.float64(np.float32(np.abs(block).max()))
        ratio = block / largest
        if table is None:
            result[start : start + block_size] = np.clip(np.rint(127 * ratio), -127, 127) / 127 * largest
        else:
            nearest = np.abs(ratio[:, None] - table[None, :]).argmin(axis=1)
            result[start : start + block_size] = table[nearest] * largest
    return result


def numpy_polar(x: Array) -> Array:
    left, _, right = np.linalg.svd(x, full_matrices=False)
    return left @ right


@pytest.mark.parametrize("shape", [(24, 9), (9, 24), (3, 6, 10)])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_golden_trajectory_in_numpy(shape: tuple[int, ...], scheme: str) -> None:
    lr, decay, mu, block_size = 0.02, 0.3, 0.8, 50
    gradients = [np.random.default_rng(step).normal(size=shape) for step in range(6)]
    weight = torch.nn.Parameter(torch.from_numpy(gradients[5].copy()))
    w, stored = gradients[5].copy(), np.zeros(shape)
    options: dict[str, Any] = {"scheme": scheme, "block_size": block_size, "smallest_quantised": 1}
    group = {"params": [weight], "view": "stack"}
    optimizer = Muon8bit([group], lr=lr, weight_decay=decay, momentum=mu, direction="exact", **options)
    table = dynamic_table().double().numpy() if scheme == "dynamic" else None
    for g in gradients[:5]:
        weight.grad = torch.from_numpy(g)
        optimizer.step()
        m = mu * stored + g
        directions = np.stack([numpy_polar(part) for part in m.reshape(-1, *shape[-2:])]).reshape(shape)
        w = (1 - lr * decay) * w - lr * 0.2 * max(shape[-2:]) ** 0.5 * directions
        stored = numpy_quantised(m.ravel(), block_size, table).reshape(shape)
    np.testing.assert_allclose(weight.detach().numpy(), w, rtol=0, atol=1e-9)


def train(optimizer: Any, weight: torch.nn.Parameter, steps: range) -> None:
    for step in steps:
        weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(step))
        optimizer.step()


def test_small_buffers_stay_in_float32_and_step_like_muon() -> None:
    ours, theirs = (torch.nn.Parameter(torch.ones(63, 65)) for _ in range(2))
    eight, full = Muon8bit([ours], lr=0.1), Muon([theirs], lr=0.1, nesterov=False, momentum_form="sum")
    full.param_groups[0].update(shape_factor="match_rms", weight_decay=0.1)
    train(eight, ours, range(4))
    train(full, theirs, range(4))
    assert eight.state[ours]["momentum"].dtype == torch.float32
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_steps_stay_close_to_float32(scheme: str) -> None:
    ours, theirs = (torch.nn.Parameter(torch.zeros(64, 128)) for _ in range(2))
    train(Muon8bit([ours], lr=0.1, scheme=scheme, precision="float32"), ours, range(20))
    full = Muon([theirs], lr=0.1, nesterov=False, shape_factor="match_rms", weight_decay=0.1, precision="float32")
    train(full, theirs, range(20))
    assert torch.cosine_similarity(ours.detach().view(-1), theirs.detach().view(-1), dim=0) > 0.99


@pytest.mark.parametrize("options", [{"scheme": "linear"}, {"scheme": "dynamic"}, {"rounding": "stochastic"}])
def test_resume_is_byte_identical_and_eight_bits_wide_on_disk(options: dict[str, Any]) -> None:
    weight = torch.nn.Parameter(torch.zeros(64, 128))
    optimizer = Muon8bit([weight], lr=0.1, seed=3, **options)
    train(optimizer, weight, range(3))
    disk = io.BytesIO()
    torch.save(optimizer.state_dict()["state"], disk)
    assert disk.tell() < 1.01 * weight.numel() + 4000
    twin_weight = torch.nn.Parameter(weight.detach().clone())
    twin = Muon8bit([twin_weight], lr=0.5)
    for name in options:
        twin.param_groups[0][name] = options[name]
    twin.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(optimizer, weight, range(3, 6))
    train(twin, twin_weight, range(3, 6))
    assert torch.equal(weight, twin_weight)
    for key, tensor in optimizer.state[weight].items():
        assert torch.equal(tensor, twin.state[twin_weight][key])


def test_stochastic_rounding_is_a_function_of_seed_and_parameter() -> None:
    def codes(seed: int) -> list[torch.Tensor]:
        weights = [torch.nn.Parameter(torch.zeros(64, 64)) for _ in range(2)]
        optimizer = Muon8bit(weights, rounding="stochastic", seed=seed)
        for weight in weights:
            weight.grad = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
        optimizer.step()
        return [optimizer.state[weight]["momentum_codes"] for weight in weights]

    assert torch.equal(codes(1)[0], codes(1)[0])
    assert not torch.equal(codes(1)[0], codes(2)[0])
    assert not torch.equal(*codes(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "linar"}, "unknown scheme 'linar'; did you mean linear"),
        ({"rounding": "up"}, "unknown rounding 'up'"),
        ({"block_size": 0}, "block_size is 0"),
        ({"momentum": 1.0}, "momentum is 1"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Muon8bit([torch.nn.Parameter(torch.ones(2, 2))], **options)


def test_codes_of_zero_are_zero() -> None:
    for scheme in SCHEMES:
        weight = torch.nn.Parameter(torch.zeros(64, 64))
        optimizer = Muon8bit([weight], scheme=scheme)
        weight.grad = torch.zeros(64, 64)
        optimizer.step()
        state = optimizer.state[weight]
        stored = Quantised(state["momentum_codes"], state["momentum_scales"])
        assert not dequantise(stored, scheme, 2048).any()
        assert not weight.any()
