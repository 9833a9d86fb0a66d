from __future__ import annotations

import io
from typing import Any

import pytest
import torch

from collidium.optim import OPTIMIZERS, AdamW, Muon, for_model

every_member = pytest.mark.parametrize("name", OPTIMIZERS)


def network(dtype: torch.dtype = torch.float32) -> torch.nn.Sequential:
    torch.manual_seed(0)
    layers = (torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    return torch.nn.Sequential(*layers).to(dtype)


ROLES = {"0.weight": "embedding", "2.weight": "matrix", "4.weight": "head"} | {f"{i}.bias": "bias" for i in (0, 2, 4)}


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> list[torch.Tensor]:
    dtype = next(model.parameters()).dtype
    for step in steps:
        inputs = torch.randn(16, 6, generator=torch.Generator().manual_seed(step)).to(dtype)
        optimizer.zero_grad()
        model(inputs).square().mean().backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


def through_disk(content: Any) -> Any:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@every_member
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_resume_in_the_middle_is_bit_exact(name: str, dtype: torch.dtype) -> None:
    # Regression: torch casts loaded state to the weight's dtype, which would round a float32 momentum to bfloat16.
    model = network(dtype)
    straight = train(model, for_model(model, name, lr=0.01, roles=ROLES), range(6))
    first = network(dtype)
    optimizer = for_model(first, name, lr=0.01, roles=ROLES)
    train(first, optimizer, range(3))
    saved = through_disk({"model": first.state_dict(), "optimizer": optimizer.state_dict()})
    second = network(dtype)
    second.load_state_dict(saved["model"])
    resumed = for_model(second, name, lr=0.5, roles=ROLES)
    resumed.load_state_dict(saved["optimizer"])
    for one, other in zip(train(second, resumed, range(3, 6)), straight, strict=True):
        assert torch.equal(one, other)


@every_member
def test_loaded_state_shares_no_memory_with_the_saved_one(name: str) -> None:
    model = network()
    optimizer = for_model(model, name, lr=0.01, roles=ROLES)
    train(model, optimizer, range(2))
    saved = optimizer.state_dict()
    twin = for_model(model, name, lr=0.01, roles=ROLES)
    twin.load_state_dict(saved)
    for parameter in model.parameters():
        for key, tensor in twin.state[parameter].items():
            assert torch.equal(tensor, optimizer.state[parameter][key])
            assert tensor.data_ptr() != optimizer.state[parameter][key].data_ptr()


def named(model: torch.nn.Module, *names: str) -> list[tuple[str, torch.nn.Parameter]]:
    parameters = dict(model.named_parameters())
    return [(name, parameters[name]) for name in names]


def test_groups_and_parameters_are_matched_by_name() -> None:
    model = network()
    weights = ("0.weight", "2.weight", "4.weight")
    optimizer = Muon([{"params": named(model, *weights[:2])}, {"params": named(model, weights[2]), "lr": 0.5}], lr=0.1)
    train(model, optimizer, range(2))
    order = Muon([{"params": named(model, weights[2])}, {"params": named(model, weights[1], weights[0])}], lr=0.2)
    order.load_state_dict(optimizer.state_dict())
    assert [group["lr"] for group in order.param_groups] == [0.5, 0.1]
    for _, weight in named(model, *weights):
        assert torch.equal(order.state[weight]["momentum"], optimizer.state[weight]["momentum"])


def test_state_survives_a_change_of_split_sizes() -> None:
    model = network()
    optimizer = Muon(named(model, "2.weight"))
    train(model, optimizer, range(2))
    split = Muon([{"params": named(model, "2.weight"), "split_sizes": (4, 4)}])
    split.load_state_dict(optimizer.state_dict())
    weight = model[2].weight
    assert torch.equal(split.state[weight]["momentum"], optimizer.state[weight]["momentum"])
    assert split.param_groups[0]["split_sizes"] == (4, 4)


def test_state_survives_a_change_of_dtype() -> None:
    model, double = network(), network(torch.float64)
    optimizer = Muon(named(model, "2.weight"))
    train(model, optimizer, range(2))
    wide = Muon(named(double, "2.weight"))
    wide.load_state_dict(optimizer.state_dict())
    momentum = wide.state[double[2].weight]["momentum"]
    assert momentum.dtype == torch.float64
    assert torch.equal(momentum, optimizer.state[model[2].weight]["momentum"].double())


def test_refuses_what_does_not_fit() -> None:
    model = network()
    muon = Muon(named(model, "0.weight", "2.weight"))
    train(model, muon, range(1))
    with pytest.raises(ValueError, match=r"saved and present parameters differ: 0\.weight, 4\.weight"):
        Muon(named(model, "2.weight", "4.weight")).load_state_dict(muon.state_dict())
    with pytest.raises(ValueError, match="saved group has rule 'muon'; this optimizer has 'adamw'"):
        AdamW(named(model, "0.weight", "2.weight")).load_state_dict(muon.state_dict())
    torch_muon = torch.optim.Muon([model[0].weight, model[2].weight])
    with pytest.raises(ValueError, match="saved group has rule None"):
        muon.load_state_dict(torch_muon.state_dict())
    other = muon.state_dict()
    other["state"] = {0: {"momentum": torch.zeros(3, 3)}, 1: {"momentum": torch.zeros(8, 8)}}
    with pytest.raises(ValueError, match="saved momentum of parameter 0 has shape"):
        muon.load_state_dict(other)
    other["state"] = {0: {"momentum_buffer": torch.zeros(8, 6)}}
    with pytest.raises(ValueError, match=r"has \['momentum_buffer'\]; \['momentum'\] is needed"):
        muon.load_state_dict(other)
    split = Muon([{"params": named(model, "0.weight")}, {"params": named(model, "2.weight"), "lr": 0.5}])
    with pytest.raises(ValueError, match="had different options when saved"):
        muon.load_state_dict(split.state_dict())
