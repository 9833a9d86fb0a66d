from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from collidium.optim import OPTIMIZERS, MatrixOptimizer, NonFiniteGradientError

# Members that drop layers or cap weights on purpose do so in their own tests; here they must move everything.
OPTIONS: dict[str, dict[str, Any]] = {
    "drop_muon": {"distribution": "all"},
    "lipschitz_muon": {"max_norm": 100.0, "cap": "spectral_normalize"},
    "lipschitz_adamw": {"max_norm": 100.0, "cap": "spectral_normalize"},
}
# Learning rates for which 150 steps reach a target of Frobenius norm ten; 0.3 for all others.
RATES = {"adaptive_memory_sgd": 2.0, "adago": 1.0}
# Members whose weights keep their norm cannot reach a target of another one.
ON_A_SPHERE = ("hyperp",)
Parameters = list[torch.nn.Parameter]
SHAPES = [(6, 4), (4, 10), (1, 7), (7, 1), (1, 1), (0, 3), (3, 0)]


def parameters(shapes: list[tuple[int, ...]], dtype: torch.dtype = torch.float32, seed: int = 0) -> Parameters:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in shapes]


def give_gradients(weights: Parameters, seed: int) -> None:
    generator = torch.Generator().manual_seed(1000 + seed)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator).to(weight.dtype)


def build(name: str, params: Any, lr: float = 0.01, **options: Any) -> MatrixOptimizer:
    optimizer = OPTIMIZERS[name].build(params, lr=lr, **{**OPTIONS.get(name, {}), **options})
    assert isinstance(optimizer, MatrixOptimizer)
    return optimizer


def snapshot(optimizer: MatrixOptimizer) -> list[torch.Tensor]:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    states = [tensor for weight in weights for _, tensor in sorted(optimizer.state.get(weight, {}).items())]
    return [tensor.detach().clone() for tensor in (*weights, *states)]


def assert_equal(left: list[torch.Tensor], right: list[torch.Tensor]) -> None:
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)


every_member = pytest.mark.parametrize("name", OPTIMIZERS)


@every_member
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_moves_every_shape_keeps_dtype_and_only_reads_gradients(name: str, dtype: torch.dtype) -> None:
    weights = parameters(SHAPES, dtype)
    before = [weight.detach().clone() for weight in weights]
    optimizer = build(name, weights, lr=0.1)
    for step in range(3):
        give_gradients(weights, step)
        gradients = [weight.grad.clone() for weight in weights if weight.grad is not None]
        optimizer.step()
        assert_equal([weight.grad for weight in weights if weight.grad is not None], gradients)
    for weight, old in zip(weights, before, strict=True):
        assert weight.dtype == dtype
        assert bool(torch.isfinite(weight).all())
        is_stuck = weight.numel() == 0 or (name in ON_A_SPHERE and weight.numel() == 1)
        assert torch.equal(weight, old) == is_stuck


@every_member
def test_zero_gradients_move_nothing(name: str) -> None:
    weights = parameters(SHAPES)
    before = [weight.detach().clone() for weight in weights]
    optimizer = build(name, weights, weight_decay=0.0)
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        optimizer.step()
    assert_equal([weight.detach() for weight in weights], before)


@every_member
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("is_first_step", [True, False])
def test_non_finite_gradients_are_refused_before_anything_changes(name: str, value: float, is_first_step: bool) -> None:
    weights = parameters([(6, 4), (4, 10), (5, 5)])
    optimizer = build(name, [("a", weights[0]), ("b", weights[1]), ("c", weights[2])])
    if not is_first_step:
        give_gradients(weights, 0)
        optimizer.step()
    before = snapshot(optimizer)
    give_gradients(weights, 1)
    weights[1].grad[2, 3] = value
    with pytest.raises(NonFiniteGradientError, match="non-finite gradient in b; nothing was changed"):
        optimizer.step()
    assert_equal(snapshot(optimizer), before)


@every_member
def test_missing_gradients_leave_weight_and_state_alone(name: str) -> None:
    weights = parameters([(6, 4), (4, 10)])
    optimizer = build(name, weights)
    give_gradients(weights, 0)
    weights[1].grad = None
    old = weights[1].detach().clone()
    optimizer.step()
    assert weights[1] not in optimizer.state
    assert torch.equal(weights[1], old)
    lone = parameters([(6, 4)])
    give_gradients(lone, 0)
    build(name, lone).step()
    assert torch.equal(weights[0], lone[0])


@every_member
def test_memory_layout_does_not_matter(name: str) -> None:
    def run(
        make: Callable[[torch.Tensor], torch.Tensor], gradient_layout: Callable[[torch.Tensor], torch.Tensor]
    ) -> Any:
        weight = torch.nn.Parameter(make(torch.randn(6, 4, generator=torch.Generator().manual_seed(0))))
        optimizer = build(name, [weight])
        for step in range(3):
            gradient = torch.randn(6, 4, generator=torch.Generator().manual_seed(step))
            weight.grad = gradient_layout(gradient)
            optimizer.step()
        return weight.detach()

    def plain(tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def transposed(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.t().contiguous().t()

    def strided(tensor: torch.Tensor) -> torch.Tensor:
        return torch.stack([tensor, -tensor], dim=-1)[..., 0]

    expected = run(plain, plain)
    for weight_layout in (plain, transposed, strided):
        for gradient_layout in (plain, transposed, strided):
            torch.testing.assert_close(run(weight_layout, gradient_layout), expected, rtol=0, atol=2e-6)


@every_member
def test_a_reused_gradient_buffer_is_not_part_of_the_state(name: str) -> None:
    # Regression: a state that keeps a reference to p.grad becomes zero under zero_grad(set_to_none=False).
    def run(set_to_none: bool) -> torch.Tensor:
        (weight,) = parameters([(5, 3)])
        optimizer = build(name, [weight])
        for step in range(4):
            optimizer.zero_grad(set_to_none=set_to_none)
            factor = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
            (weight * factor).sum().backward()
            optimizer.step()
            storages = {tensor.untyped_storage().data_ptr() for tensor in optimizer.state[weight].values()}
            assert weight.grad is not None
            assert not storages & {weight.grad.untyped_storage().data_ptr(), weight.untyped_storage().data_ptr()}
            assert len(storages) == len(optimizer.state[weight])
        return weight.detach()

    assert torch.equal(run(True), run(False))


@every_member
def test_groups_have_their_own_rates_and_schedulers_move_them(name: str) -> None:
    weights = parameters([(4, 4), (4, 4)])
    optimizer = build(name, [{"params": weights[:1]}, {"params": weights[1:], "lr": 0.0, "weight_decay": 0.3}], lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 if step == 0 else 0.0)
    frozen = weights[1].detach().clone()
    give_gradients(weights, 0)
    optimizer.step()
    moved = weights[0].detach().clone()
    scheduler.step()
    give_gradients(weights, 1)
    optimizer.step()
    assert torch.equal(weights[1], frozen)
    assert torch.equal(weights[0], moved)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]


@every_member
@pytest.mark.parametrize("kind", ["OneCycleLR", "CosineAnnealingLR", "ReduceLROnPlateau"])
def test_schedulers_of_torch_accept_it(name: str, kind: str) -> None:
    weights = parameters([(4, 4)])
    optimizer = build(name, weights)
    schedulers = torch.optim.lr_scheduler
    scheduler: Any = {
        "OneCycleLR": lambda: schedulers.OneCycleLR(optimizer, 0.1, total_steps=5),
        "CosineAnnealingLR": lambda: schedulers.CosineAnnealingLR(optimizer, 5),
        "ReduceLROnPlateau": lambda: schedulers.ReduceLROnPlateau(optimizer, patience=0),
    }[kind]()
    rates = []
    for step in range(4):
        give_gradients(weights, step)
        optimizer.step()
        scheduler.step(*([1.0] if kind == "ReduceLROnPlateau" else []))
        rates.append(optimizer.param_groups[0]["lr"])
    assert len(set(rates)) > 1


@every_member
def test_tensor_rate_equals_float_rate(name: str) -> None:
    results = []
    for lr in (0.03125, torch.tensor(0.03125)):
        weights = parameters([(4, 6)])
        give_gradients(weights, 0)
        build(name, weights, lr=lr).step()
        results.append(weights[0].detach())
    assert torch.equal(*results)


@every_member
def test_closure_is_evaluated_with_gradients_and_its_loss_returned(name: str) -> None:
    (weight,) = parameters([(3, 3)])
    optimizer = build(name, [weight])

    def closure() -> float:
        optimizer.zero_grad()
        loss = (weight - 1.0).square().sum()
        loss.backward()
        return loss.item()

    first = optimizer.step(closure)
    assert optimizer.step(closure) < first


@every_member
def test_grad_scaler_skips_overflow_and_unscales(name: str) -> None:
    weights, plain = parameters([(4, 4)]), parameters([(4, 4)])
    optimizer, reference = build(name, weights), build(name, plain)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    factor = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    old = weights[0].detach().clone()
    scaler.scale((weights[0] * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(weights[0], old)
    optimizer.zero_grad()
    scaler.scale((weights[0] * factor).sum()).backward()
    scaler.step(optimizer)
    (plain[0] * factor).sum().backward()
    reference.step()
    assert torch.equal(weights[0], plain[0])


@every_member
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))])
def test_copies_continue_like_the_original(name: str, copier: Callable[[Any], Any]) -> None:
    weights = parameters([(4, 6)])
    optimizer = build(name, weights)
    give_gradients(weights, 0)
    optimizer.step()
    twin = copier(optimizer)
    for one in (optimizer, twin):
        give_gradients(one.param_groups[0]["params"], 1)
        one.step()
    assert_equal(snapshot(optimizer), snapshot(twin))


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in ON_A_SPHERE])
def test_converges_on_matrix_regression(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(8, 12, generator=generator)
    inputs = torch.randn(12, 64, generator=generator)
    weight = torch.nn.Parameter(torch.zeros(8, 12))
    optimizer = build(name, [weight], lr=RATES.get(name, 0.3), weight_decay=0.0)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=150)
    for _ in range(150):
        optimizer.zero_grad()
        ((weight - target) @ inputs).square().mean().backward()
        optimizer.step()
        scheduler.step()
    assert ((weight - target) @ inputs).square().mean() < 1e-3 * (target @ inputs).square().mean()


@every_member
def test_state_has_the_declared_bytes(name: str) -> None:
    weights = parameters([(256, 256)])
    optimizer = build(name, weights)
    give_gradients(weights, 0)
    optimizer.step()
    num_bytes = sum(tensor.numel() * tensor.element_size() for tensor in optimizer.state[weights[0]].values())
    assert num_bytes / weights[0].numel() == pytest.approx(OPTIMIZERS[name].state_bytes, abs=1e-3)


@every_member
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1.0}, "lr is -1"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"eps": 0.0}, "eps is 0"),
        ({"rule": "x"}, "rule"),
    ],
)
def test_refuses_options_out_of_range_and_forgets_the_group(name: str, options: dict[str, Any], message: str) -> None:
    if set(options) - {"rule"} - set(OPTIMIZERS[name].defaults):
        return
    optimizer = build(name, parameters([(2, 2)]))
    with pytest.raises(ValueError, match=message):
        optimizer.add_param_group({"params": parameters([(3, 3)], seed=1), **options})
    assert len(optimizer.param_groups) == 1


@every_member
def test_refuses_complex_parameters_and_sparse_gradients(name: str) -> None:
    with pytest.raises(ValueError, match=r"parameter 0 is torch\.complex64"):
        build(name, [torch.nn.Parameter(torch.zeros(2, 2, dtype=torch.complex64))])
    weight = torch.nn.Parameter(torch.zeros(3, 2))
    weight.grad = torch.zeros(3, 2).to_sparse()
    with pytest.raises(ValueError, match="gradient of 0 is sparse"):
        build(name, [weight]).step()
