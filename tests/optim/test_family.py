"""What every member does alike: matrices by themselves, resuming, precision. The engine's own tests are beside it."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

from collidium.optim import OPTIMIZERS, for_model
from collidium.optim._pipeline import Composition

# Members whose matrices share something by definition: a rate, a coefficient, a draw, storage blocks.
SHARING = ("lanton", "adaptive_memory_sgd", "adaptive_memory_adamw", "drop_muon", "muon_8bit")
# Members that drop layers or cap weights on purpose do so in their own tests.
OPTIONS: dict[str, dict[str, Any]] = {
    "drop_muon": {"distribution": "all"},
    "lipschitz_muon": {"max_norm": 100.0, "cap": "spectral_normalize"},
    "lipschitz_adamw": {"max_norm": 100.0, "cap": "spectral_normalize"},
}
# Decay by the adaptive rate, which is zero without a gradient; a norm that is kept.
OTHER_DECAY = ("namo", "namo_d", "hyperp")
VIEWS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "matrix": ((6, 10), {}),
    "stack": ((3, 6, 4), {"view": "stack"}),
    "split": ((8, 5), {"split_sizes": (4, 3, 1)}),
    "even split": ((9, 5), {"split_sizes": (3, 3, 3)}),
    "flatten": ((6, 2, 2, 2), {"view": "flatten"}),
}
MATRIX_MEMBERS = [name for name, info in OPTIMIZERS.items() if isinstance(info.rule, Composition)]
INDEPENDENT_MEMBERS = [name for name in MATRIX_MEMBERS if name not in SHARING]
every_member = pytest.mark.parametrize("name", OPTIMIZERS)
every_matrix_member = pytest.mark.parametrize("name", MATRIX_MEMBERS)
every_independent_member = pytest.mark.parametrize("name", INDEPENDENT_MEMBERS)


def random(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def build(name: str, params: Any, **options: Any) -> Any:
    precision = {"precision": "float32"} if "precision" in OPTIMIZERS[name].defaults else {}
    return OPTIMIZERS[name].build(params, lr=0.05, **{**precision, **OPTIONS.get(name, {}), **options})


def train(optimizer: Any, steps: range, scale: float = 1.0) -> list[torch.Tensor]:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for step in steps:
        for index, weight in enumerate(weights):
            weight.grad = scale * random(weight.shape, 100 * step + index, weight.dtype)
        optimizer.step()
    return [weight.detach() for weight in weights]


@every_matrix_member
@pytest.mark.parametrize(("view", "dtype"), [("matrix", torch.bfloat16), *((view, torch.float32) for view in VIEWS)])
def test_resumes_bit_by_bit_in_every_view(name: str, view: str, dtype: torch.dtype) -> None:
    shape, group = VIEWS[view]

    def fresh() -> Any:
        return build(name, [{"params": [torch.nn.Parameter(random(shape, 7, dtype))], **group}])

    straight = fresh()
    train(straight, range(5))
    first, second = fresh(), fresh()
    weights = train(first, range(2))
    buffer = io.BytesIO()
    torch.save({"optimizer": first.state_dict(), "weights": weights}, buffer)
    buffer.seek(0)
    saved = torch.load(buffer, weights_only=True)
    with torch.no_grad():
        second.param_groups[0]["params"][0].copy_(saved["weights"][0])
    second.load_state_dict(saved["optimizer"])
    (resumed,), (expected,) = train(second, range(2, 5)), [straight.param_groups[0]["params"][0].detach()]
    assert torch.equal(resumed, expected)
    states = [optimizer.state[optimizer.param_groups[0]["params"][0]] for optimizer in (second, straight)]
    assert states[0].keys() == states[1].keys()
    for key, tensor in states[0].items():
        assert tensor.dtype == states[1][key].dtype
        assert torch.equal(tensor, states[1][key])


@every_independent_member
def test_many_matrices_step_like_each_alone(name: str) -> None:
    shapes = [(6, 10), (10, 6), (6, 10), (4, 4), (1, 9)]
    together = [torch.nn.Parameter(random(shape, index)) for index, shape in enumerate(shapes)]
    optimizer = build(name, together)
    alone = [torch.nn.Parameter(random(shape, index)) for index, shape in enumerate(shapes)]
    optimizers = [build(name, [weight]) for weight in alone]
    for step in range(3):
        for index, (weight, single) in enumerate(zip(together, alone, strict=True)):
            weight.grad = random(weight.shape, 100 * step + index)
            single.grad = weight.grad.clone()
            optimizers[index].step()
        optimizer.step()
    for weight, single in zip(together, alone, strict=True):
        torch.testing.assert_close(weight.detach(), single.detach(), rtol=0, atol=2e-6)


def matrices_of(tensor: torch.Tensor, view: str) -> list[torch.Tensor]:
    if view == "stack":
        return list(tensor)
    return list(tensor.split((4, 3, 1))) if view == "split" else [tensor.flatten(1)]


@every_independent_member
@pytest.mark.parametrize("view", ["stack", "split", "flatten"])
def test_matrices_inside_a_parameter_step_like_parameters(name: str, view: str) -> None:
    shape, group = VIEWS[view]
    whole = torch.nn.Parameter(random(shape, 0))
    parts = [torch.nn.Parameter(part.clone()) for part in matrices_of(whole.detach(), view)]
    one, many = build(name, [{"params": [whole], **group}]), build(name, parts)
    for step in range(3):
        whole.grad = random(shape, step)
        for part, gradient in zip(parts, matrices_of(whole.grad, view), strict=True):
            part.grad = gradient.clone()
        one.step()
        many.step()
    for part, inside in zip(parts, matrices_of(whole.detach(), view), strict=True):
        torch.testing.assert_close(inside, part.detach(), rtol=0, atol=2e-6)


@every_member
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12])
def test_extreme_gradients_leave_everything_finite(name: str, scale: float) -> None:
    weights = [torch.nn.Parameter(random(shape, 0)) for shape in ((6, 10), (10, 6), (1, 5))]
    optimizer = build(name, weights)
    train(optimizer, range(3), scale)
    tensors = [*weights, *(tensor for weight in weights for tensor in optimizer.state[weight].values())]
    assert all(bool(tensor.isfinite().all()) for tensor in tensors)


@every_member
def test_a_tied_weight_takes_one_step(name: str) -> None:
    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(4, 4, bias=False)
            self.second = torch.nn.Linear(4, 4, bias=False)
            self.second.weight = self.first.weight

    model, weight = Tied(), torch.nn.Parameter(random((4, 4), 0))
    with torch.no_grad():
        model.first.weight.copy_(weight)
    roles = {"first.weight": "matrix", "second.weight": "matrix"}
    tied = for_model(model, name, lr=0.05, roles=roles, **OPTIONS.get(name, {}))
    assert [len(group["params"]) for group in tied.param_groups] == [1]
    recipe = {**OPTIMIZERS[name].recipe, **OPTIONS.get(name, {}), "lr": 0.05}
    model.first.weight.grad = random((4, 4), 1)
    tied.step()
    plain = OPTIMIZERS[name].build([{"params": [weight], **recipe}])
    weight.grad = random((4, 4), 1)
    plain.step()
    assert torch.equal(model.first.weight, weight)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in OTHER_DECAY])
def test_decay_alone_shrinks_weights_by_the_declared_factor(name: str) -> None:
    weight = torch.nn.Parameter(random((4, 6), 0))
    before = weight.detach().clone()
    optimizer = build(name, [weight], weight_decay=0.5)
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before * (1 - 0.05 * 0.5))


PLAIN_EMA = [
    "muon",
    "moonlight",
    "muon_mup",
    "normuon",
    "adamuon",
    "adago",
    "namo",
    "namo_d",
    "reg",
    "auon",
    "hybrid_auon",
]


@pytest.mark.parametrize("name", PLAIN_EMA)
def test_half_precision_momentum_equals_a_float32_shadow(name: str) -> None:
    # Regression: without look-ahead the momentum itself was normalised in place when the weights were bfloat16.
    weight = torch.nn.Parameter(random((6, 10), 0, torch.bfloat16))
    optimizer = build(name, [weight], nesterov=False)
    shadow = torch.zeros(6, 10)
    for step in range(4):
        weight.grad = random((6, 10), step, torch.bfloat16)
        optimizer.step()
        shadow.lerp_(weight.grad.float(), 1.0 - optimizer.param_groups[0]["momentum"])
    assert optimizer.state[weight]["momentum"].dtype == torch.float32
    assert torch.equal(optimizer.state[weight]["momentum"], shadow)
