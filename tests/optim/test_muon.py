from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import COEFFICIENTS, DIRECTIONS, Muon, exact_polar
from collidium.optim._coefficients import schedule

TALL, WIDE, STACK = (24, 8), (8, 24), (3, 6, 10)
FACTORS = {
    "none": lambda m, n: 1.0,
    "original": lambda m, n: max(1.0, m / n) ** 0.5,
    "spectral_mup": lambda m, n: (m / n) ** 0.5,
    "match_rms": lambda m, n: 0.2 * max(m, n) ** 0.5,
}


def gradient(shape: tuple[int, ...], step: int) -> np.ndarray:
    return np.random.default_rng(step).normal(size=shape)


def numpy_direction(x: np.ndarray, name: str) -> np.ndarray:
    """Polar factor by singular vectors, or the textbook iteration, in float64."""
    if name == "exact":
        left, _, right = np.linalg.svd(x, full_matrices=False)
        return left @ right
    x = x / (COEFFICIENTS[name].safety * np.linalg.norm(x))
    for a, b, c in schedule(name):
        gram = x @ x.T
        x = a * x + b * gram @ x + c * gram @ gram @ x
    return x


def numpy_trajectory(w: np.ndarray, steps: int, *, lr: float, decay: float, mu: float, options: dict[str, Any]) -> Any:
    momentum = np.zeros_like(w)
    for step in range(steps):
        g = gradient(w.shape, step)
        if options["momentum_form"] == "ema":
            momentum = mu * momentum + (1 - mu) * g
            mixed = (1 - mu) * g + mu * momentum if options["nesterov"] else momentum
        else:
            momentum = mu * momentum + g
            mixed = g + mu * momentum if options["nesterov"] else momentum
        slices = mixed.reshape(-1, *w.shape[-2:])
        direction = np.stack([numpy_direction(part, options["direction"]) for part in slices]).reshape(w.shape)
        w = (1 - lr * decay) * w - lr * FACTORS[options["shape_factor"]](*w.shape[-2:]) * direction
    return w


OPTIONS = [
    {"momentum_form": "ema", "nesterov": True, "direction": "jordan", "shape_factor": "original"},
    {"momentum_form": "sum", "nesterov": True, "direction": "polar_express_5", "shape_factor": "match_rms"},
    {"momentum_form": "ema", "nesterov": False, "direction": "exact", "shape_factor": "spectral_mup"},
    {"momentum_form": "sum", "nesterov": False, "direction": "cubic5", "shape_factor": "none"},
]


@pytest.mark.parametrize("shape", [TALL, WIDE, STACK])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-5)])
def test_golden_trajectory_in_numpy(
    shape: tuple[int, ...], options: dict[str, Any], dtype: torch.dtype, tolerance: float
) -> None:
    weight = torch.nn.Parameter(torch.from_numpy(gradient(shape, 99)).to(dtype))
    expected = numpy_trajectory(weight.detach().double().numpy(), 5, lr=0.05, decay=0.1, mu=0.9, options=options)
    group = {"params": [weight], "view": "stack"}
    optimizer = Muon([group], lr=0.05, weight_decay=0.1, momentum=0.9, precision="float64", **options)
    if dtype == torch.float32:
        optimizer.param_groups[0]["precision"] = "float32" if options["direction"] != "exact" else "float64"
    for step in range(5):
        weight.grad = torch.from_numpy(gradient(shape, step)).to(dtype)
        optimizer.step()
    np.testing.assert_allclose(weight.detach().double().numpy(), expected, rtol=0, atol=tolerance)


def accumulated(optimizer_class: Any, shapes: list[tuple[int, int]], steps: int, **options: Any) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    before = [weight.detach().clone() for weight in weights]
    optimizer = optimizer_class(weights, lr=0.02, momentum=0.95, weight_decay=0.1, **options)
    for _ in range(steps):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
    return [weight.detach() - old for weight, old in zip(weights, before, strict=True)]


@pytest.mark.parametrize(
    ("precision", "form", "tolerance"),
    # float32 against torch's bfloat16: only rounding differs; bfloat16 standard form: the same operations.
    [("float32", "standard", 0.05), ("auto", "auto", 0.05), ("bfloat16", "standard", 1e-2)],
)
@pytest.mark.parametrize(("factor", "torch_factor"), [("original", "original"), ("match_rms", "match_rms_adamw")])
def test_equals_torch_muon(precision: str, form: str, tolerance: float, factor: str, torch_factor: str) -> None:
    shapes = [(32, 96), (96, 32), (48, 48)]
    theirs = accumulated(torch.optim.Muon, shapes, 20, adjust_lr_fn=torch_factor)
    ours = accumulated(Muon, shapes, 20, direction="jordan", shape_factor=factor, precision=precision, form=form)
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).norm() / other.norm() < tolerance


def test_momentum_forms_take_the_same_steps() -> None:
    shapes = [(12, 20), (20, 12)]
    average = accumulated(Muon, shapes, 5, momentum_form="ema", precision="float32")
    total = accumulated(Muon, shapes, 5, momentum_form="sum", precision="float32")
    for one, other in zip(average, total, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_split_weight_steps_like_separate_weights() -> None:
    fused = torch.nn.Parameter(torch.zeros(24, 8))
    blocks = [torch.nn.Parameter(torch.zeros(rows, 8)) for rows in (12, 6, 6)]
    one = Muon([{"params": [fused], "split_sizes": (12, 6, 6)}], precision="float32", shape_factor="match_rms")
    many = Muon(blocks, precision="float32", shape_factor="match_rms")
    for step in range(3):
        fused.grad = torch.from_numpy(gradient((24, 8), step)).float()
        for block, part in zip(blocks, fused.grad.split((12, 6, 6)), strict=True):
            block.grad = part.clone()
        one.step()
        many.step()
    torch.testing.assert_close(fused.detach(), torch.cat([block.detach() for block in blocks]), rtol=0, atol=1e-6)


def test_stack_steps_like_its_slices_and_needs_to_be_declared() -> None:
    # Regression: three-dimensional weights were silently taken for a batch, four-dimensional ones for convolutions.
    stack = torch.nn.Parameter(torch.zeros(3, 6, 4))
    slices = [torch.nn.Parameter(torch.zeros(6, 4)) for _ in range(3)]
    with pytest.raises(ValueError, match="set the group's view to 'stack' or 'flatten'"):
        Muon([stack])
    one, many = Muon([{"params": [stack], "view": "stack"}], precision="float32"), Muon(slices, precision="float32")
    stack.grad = torch.from_numpy(gradient((3, 6, 4), 0)).float()
    for part, slice_gradient in zip(slices, stack.grad, strict=True):
        part.grad = slice_gradient.clone()
    one.step()
    many.step()
    torch.testing.assert_close(stack.detach(), torch.stack([part.detach() for part in slices]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_convolution_steps_like_its_flattened_matrix(memory_format: torch.memory_format) -> None:
    weight = torch.nn.Parameter(torch.zeros(6, 4, 3, 3).to(memory_format=memory_format))
    weight.grad = torch.from_numpy(gradient((6, 4, 3, 3), 0)).float().to(memory_format=memory_format)
    Muon([{"params": [weight], "view": "flatten"}], lr=1.0, direction="exact").step()
    expected = -exact_polar(weight.grad.reshape(6, 36))
    torch.testing.assert_close(weight.detach().reshape(6, 36), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_step_is_a_descent_direction_of_bounded_size(direction: str) -> None:
    weight = torch.nn.Parameter(torch.zeros(16, 40))
    weight.grad = torch.from_numpy(gradient((16, 40), 0)).float()
    Muon([weight], lr=1.0, direction=direction).step()
    step = -weight.detach()
    assert (step * weight.grad).sum() > 0.9 * torch.linalg.svdvals(weight.grad).sum() * 0.75
    assert torch.linalg.matrix_norm(step, 2) < 1.31  # the widest published band


def test_float64_weights_stay_in_float64() -> None:
    weight = torch.nn.Parameter(torch.zeros(200, 200, dtype=torch.float64))
    weight.grad = torch.from_numpy(gradient((200, 200), 0))
    Muon([weight], lr=1.0, direction="polar_express", steps=20).step()
    torch.testing.assert_close(-weight.detach(), exact_polar(weight.grad), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "jordan5"}, "unknown direction 'jordan5'; did you mean jordan"),
        ({"precision": "float16"}, "unknown precision 'float16'; did you mean"),
        ({"form": "fast"}, "unknown form 'fast'"),
        ({"direction": "cubic5", "steps": 6}, "fixed to at most 5"),
        ({"direction": "exact", "precision": "bfloat16"}, "float32 or float64 for the exact map"),
        ({"shape_factor": "match_rm"}, "unknown shape factor 'match_rm'; did you mean match_rms"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Muon([torch.nn.Parameter(torch.ones(2, 2))], **options)


def test_refuses_vectors() -> None:
    with pytest.raises(ValueError, match=r"parameter gain has shape \(4,\); the view 'matrix' needs 2 dimensions"):
        Muon([("gain", torch.nn.Parameter(torch.ones(4)))])
