from __future__ import annotations

import copy
import io
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from collidium.optim import DropMuon, Muon, expected_cost, for_model, next_active
from collidium.optim._layer_sampling import start_layer

Parameters = list[torch.nn.Parameter]


def layers(count: int, shape: tuple[int, ...] = (6, 4), seed: int = 0) -> Parameters:
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for _ in range(count)]


def give_gradients(weights: Parameters, step: int) -> None:
    generator = torch.Generator().manual_seed(1000 + step)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator)


def test_resting_layers_and_their_momenta_stay_bitwise() -> None:
    weights = layers(5)
    optimizer = DropMuon(weights, lr=0.1, weight_decay=0.3)
    for step in range(20):
        give_gradients(weights, step)
        active = {id(parameter) for parameter in next_active(optimizer)}
        before = [(w.detach().clone(), copy.deepcopy(optimizer.state.get(w, {}))) for w in weights]
        optimizer.step()
        moved = [id(weight) in active for weight in weights]
        assert moved == sorted(moved)  # a start layer, and all after it
        assert moved[-1]
        for weight, is_active, (old, state) in zip(weights, moved, before, strict=True):
            assert torch.equal(weight, old) != is_active
            if not is_active and state:
                assert torch.equal(optimizer.state[weight]["momentum"], state["momentum"])


def test_always_all_is_muon() -> None:
    ours, theirs = layers(3), layers(3)
    pair = (DropMuon(ours, lr=0.1, distribution="all"), Muon(theirs, lr=0.1, nesterov=False))
    for step in range(4):
        for weights, optimizer in zip((ours, theirs), pair, strict=True):
            give_gradients(weights, step)
            optimizer.step()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


def starts(optimizer: DropMuon, weights: Parameters, count: int) -> list[int]:
    found = []
    for _ in range(count):
        found.append(len(weights) - len(next_active(optimizer)))
        give_gradients(weights, 0)
        optimizer.step()
    return found


@pytest.mark.parametrize("probabilities", [(0.25,) * 4, (0.1, 0.0, 0.6, 0.3)])
def test_start_layers_follow_the_distribution(probabilities: tuple[float, ...]) -> None:
    weights = layers(4, (1, 1))
    uniform = len(set(probabilities)) == 1
    optimizer = DropMuon(weights, distribution="uniform" if uniform else probabilities)
    counts = Counter(starts(optimizer, weights, 400))
    for layer, probability in enumerate(probabilities):
        spread = (400 * probability * (1 - probability)) ** 0.5
        assert abs(counts[layer] - 400 * probability) <= 4 * spread


def test_sampler_is_seeded_and_resumes() -> None:
    weights = layers(6)
    whole = starts(DropMuon(weights, seed=5), weights, 40)
    assert whole == starts(DropMuon(weights, seed=5), weights, 40)
    assert whole != starts(DropMuon(weights, seed=6), weights, 40)
    optimizer = DropMuon(weights, seed=5)
    starts(optimizer, weights, 15)
    disk = io.BytesIO()
    torch.save(optimizer.state_dict(), disk)
    disk.seek(0)
    resumed = DropMuon(weights, seed=0)
    resumed.load_state_dict(torch.load(disk, weights_only=True))
    assert starts(resumed, weights, 25) == whole[15:]


def test_a_refused_gradient_draws_nothing() -> None:
    weights = layers(2)
    optimizer = DropMuon(weights)
    weights[0].grad = torch.full((6, 4), float("nan"))
    with pytest.raises(ValueError, match="non-finite"):
        optimizer.step()
    assert not optimizer.state


def test_backward_costs_what_is_expected() -> None:
    # Gradients stop where the step begins once the resting layers are frozen.
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(4, 4, bias=False) for _ in range(4)))
    weights = list(model.parameters())
    optimizer = DropMuon(weights, lr=1e-3)
    costs, num_steps = [1.0, 2.0, 3.0, 4.0], 250
    total = 0.0
    for _ in range(num_steps):
        active = {id(parameter) for parameter in next_active(optimizer)}
        for weight in weights:
            weight.requires_grad_(id(weight) in active)
            weight.grad = None
        model(torch.ones(2, 4)).square().mean().backward()
        total += sum(cost for weight, cost in zip(weights, costs, strict=True) if weight.grad is not None)
        optimizer.step()
    expected = expected_cost([0.25] * 4, costs)
    assert expected == pytest.approx((10 + 9 + 7 + 4) / 4)
    assert total / num_steps == pytest.approx(expected, rel=0.06)


def test_missing_gradients_do_not_shift_the_layers() -> None:
    weights = layers(4)
    optimizer = DropMuon(weights, lr=0.1, distribution=(0.0, 0.0, 1.0, 0.0))
    give_gradients(weights, 0)
    weights[0].grad = weights[1].grad = None
    before = [weight.detach().clone() for weight in weights]
    optimizer.step()
    assert [torch.equal(*pair) for pair in zip(weights, before, strict=True)] == [True, True, False, False]


def test_side_groups_of_a_model_always_move() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(3)))
    roles = {name: "bias" if "bias" in name else "matrix" for name, _ in model.named_parameters()}
    optimizer = for_model(model, "drop_muon", lr=0.1, roles=roles, distribution=(0.0, 0.0, 1.0))
    biases = [parameter for name, parameter in model.named_parameters() if "bias" in name]
    active = {id(parameter) for parameter in next_active(optimizer)}
    assert active == {id(model[2].weight), *(id(bias) for bias in biases)}


def numpy_polar(x: Any) -> Any:
    left, values, right = np.linalg.svd(x, full_matrices=False)
    return left @ right, values.sum()


@pytest.mark.parametrize("shape", [(24, 9), (9, 24), (3, 6, 10)])
@pytest.mark.parametrize("step_length", ["lmo", "sharp"])
def test_golden_trajectory_in_numpy(shape: tuple[int, ...], step_length: Any) -> None:
    lr, decay, mu = 0.05, 0.3, 0.8
    draw = [np.random.default_rng(seed).normal(size=(3, *shape)) for seed in range(6)]
    weights = [torch.nn.Parameter(torch.from_numpy(part.copy())) for part in draw[5]]
    group = {"params": weights, "view": "stack"}
    options: dict[str, Any] = {"momentum": mu, "weight_decay": decay, "direction": "exact", "step_length": step_length}
    optimizer = DropMuon([group], lr=lr, seed=2, shape_factor="none", **options)
    w, m = draw[5].copy(), np.zeros((3, *shape))
    for gradients in draw[:5]:
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = torch.from_numpy(gradient)
        start = 3 - len(next_active(optimizer))
        optimizer.step()
        for layer in range(start, 3):
            m[layer] = mu * m[layer] + (1 - mu) * gradients[layer]
            w[layer] *= 1 - lr * decay
            slices, momenta = w[layer].reshape(-1, *shape[-2:]), m[layer].reshape(-1, *shape[-2:])
            for i, momentum in enumerate(momenta):
                direction, nuclear = numpy_polar(momentum)
                slices[i] -= lr * direction * (nuclear if step_length == "sharp" else 1.0)
    for weight, expected in zip(weights, w, strict=True):
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=0, atol=1e-10)


def test_start_layer_survives_rounding_of_the_probabilities() -> None:
    assert start_layer((0.3, 0.7 - 1e-7, 0.0), 3, 1.0 - 1e-12) == 1
    assert start_layer("uniform", 3, 1.0 - 1e-16) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distribution": "some"}, "'uniform', 'all' or probabilities"),
        ({"distribution": (0.5, 0.4)}, "probabilities >= 0 with sum 1"),
        ({"distribution": (0.5, 0.25, 0.25)}, "one probability for each of 2 layers"),
        ({"step_length": "shrp"}, "unknown step_length 'shrp'; did you mean sharp"),
    ],
)
def test_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DropMuon(layers(2), **options)
