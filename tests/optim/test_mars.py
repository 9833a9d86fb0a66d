from __future__ import annotations

from typing import Any

import pytest
import torch

from collidium.optim import MarsM, Muon
from collidium.optim._variance_reduction import add_scaled_


def gradients(shape: tuple[int, ...], count: int) -> list[torch.Tensor]:
    return [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in range(count)]


def run(optimizer: torch.optim.Optimizer, series: list[torch.Tensor]) -> torch.Tensor:
    (weight,) = optimizer.param_groups[0]["params"]
    for gradient in series:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


def parameter(shape: tuple[int, ...] = (6, 9)) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(shape))


def test_without_correction_and_clip_it_is_muon_bit_by_bit() -> None:
    options: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.1, "shape_factor": "match_rms"}
    series = gradients((6, 9), 5)
    ours = run(MarsM([parameter()], gamma=0.0, max_norm=None, **options), series)
    assert torch.equal(ours, run(Muon([parameter()], nesterov=False, **options), series))


def test_full_correction_removes_the_lag_of_the_momentum() -> None:
    # With gamma = 1, M - G obeys M_t - G_t = mu (M_{t-1} - G_{t-1}): the momentum is the gradient, however it drifts.
    weight = parameter()
    optimizer = MarsM([weight], gamma=1.0, max_norm=None)
    for gradient in gradients((6, 9), 4):
        run(optimizer, [gradient])
        torch.testing.assert_close(optimizer.state[weight]["momentum"], gradient, rtol=0, atol=1e-5)


def test_noise_shared_by_consecutive_steps_is_not_amplified() -> None:
    # G_t = t + e with the noise e of a pair of steps: the correction sees only the difference of the signal.
    corrected = []
    for noise in gradients((4, 4), 200):
        weight = parameter((4, 4))
        optimizer = MarsM([weight], momentum=0.5, gamma=0.5, max_norm=None)
        run(optimizer, [noise])
        before = optimizer.state[weight]["momentum"].clone()
        run(optimizer, [1.0 + noise])
        corrected.append(2.0 * optimizer.state[weight]["momentum"] - before)
    sample = torch.stack(corrected)
    noise_variance = torch.stack(gradients((4, 4), 200)).var(dim=0)
    torch.testing.assert_close(sample.var(dim=0), noise_variance, rtol=1e-4, atol=0)
    torch.testing.assert_close(
        sample.mean(dim=0) - torch.stack(gradients((4, 4), 200)).mean(dim=0), torch.full((4, 4), 1.5)
    )


def test_every_slice_is_clipped_by_its_own_norm() -> None:
    # Regression: a batch of matrices was clipped by one norm.
    weight = parameter((2, 3, 3))
    optimizer = MarsM([{"params": [weight], "view": "stack"}], gamma=0.0)
    run(optimizer, [torch.stack([torch.eye(3) * 100.0, torch.eye(3) * 0.1])])
    norms = optimizer.state[weight]["momentum"].norm(dim=(1, 2)) / 0.05
    torch.testing.assert_close(norms, torch.tensor([1.0, 0.1 * 3**0.5]))


def test_previous_gradient_is_a_copy() -> None:
    # Regression: a reference to p.grad becomes the present gradient when the buffer is reused.
    weight = parameter((3, 3))
    optimizer = MarsM([weight])
    weight.grad = torch.eye(3)
    optimizer.step()
    weight.grad.mul_(7.0)
    assert torch.equal(optimizer.state[weight]["previous_gradient"], torch.eye(3))


def test_efficient_variant_keeps_half_the_state() -> None:
    weight = parameter()
    optimizer = MarsM([weight], variant="efficient")
    run(optimizer, gradients((6, 9), 1))
    assert set(optimizer.state[weight]) == {"momentum"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "exactly"}, "unknown variant 'exactly'"),
        ({"gamma": -0.1}, "gamma is -0.1"),
        ({"max_norm": 0.0}, "max_norm is 0.0"),
        ({"variant": "efficient", "momentum": 0.0}, "momentum is 0.0"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MarsM([parameter()], **options)


@pytest.mark.parametrize("max_norm", [None, 1.0])
def test_look_ahead_mixes_the_corrected_gradient(max_norm: float | None) -> None:
    weight, series = parameter(), gradients((6, 9), 3)
    group = {"params": [weight], "nesterov": True, "shape_factor": "none", "weight_decay": 0.0}
    run(MarsM([group], lr=1.0, momentum=0.5, gamma=1.0, max_norm=max_norm, direction="exact"), series)
    expected, momentum, previous = torch.ones(6, 9), torch.zeros(6, 9), torch.zeros(6, 9)
    for gradient in series:
        corrected = 2.0 * gradient - previous
        corrected *= 1.0 if max_norm is None else min(1.0, max_norm / float(corrected.norm()))
        momentum = 0.5 * momentum + 0.5 * corrected
        left, _, right = torch.linalg.svd(0.5 * corrected + 0.5 * momentum, full_matrices=False)
        expected, previous = expected - left @ right, gradient
    torch.testing.assert_close(weight.detach(), expected, rtol=0, atol=1e-5)


def test_corrects_and_clips_in_any_memory_format() -> None:
    weights = [torch.nn.Parameter(torch.ones(4, 3, 2, 2)) for _ in range(2)]
    weights[1].data = weights[1].data.to(memory_format=torch.channels_last)
    gradient = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    for weight in weights:
        optimizer = MarsM([{"params": [weight], "view": "flatten"}], lr=0.1, direction="exact")
        for scale in (1.0, -2.0):
            weight.grad = (scale * gradient).clone(memory_format=torch.preserve_format)
            optimizer.step()
    torch.testing.assert_close(weights[0].detach(), weights[1].detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("precision", ["highest", "medium"])
@pytest.mark.parametrize("shape", [(300, 700), (3, 300, 700)])
def test_momentum_keeps_its_precision_whatever_products_of_matrices_may_lose(
    precision: str, shape: tuple[int, ...]
) -> None:
    total, term = gradients(shape, 2)
    scale = torch.rand(*shape[:-2], 1, 1)
    expected = 0.95 * total.double() + 0.05 * scale.double() * term.double()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        add_scaled_(total, term, scale, beta=0.95, alpha=0.05)
    finally:
        torch.set_float32_matmul_precision(before)
    torch.testing.assert_close(total.double(), expected, rtol=1e-6, atol=1e-7)
