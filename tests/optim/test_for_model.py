from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from collidium.optim import OPTIMIZERS, AdamW, Muon, NonFiniteGradientError, for_model


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Linear(5, 8)
        self.hidden = nn.Linear(8, 24)
        self.head = nn.Linear(24, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(torch.tanh(self.hidden(torch.tanh(self.embedding(x)))))
        return logits

    def parameter_roles(self) -> dict[str, str]:
        weights = {"embedding.weight": "embedding", "hidden.weight": "matrix", "head.weight": "head"}
        return weights | {f"{name}.bias": "bias" for name in ("embedding", "hidden", "head")}

    def split_sizes(self) -> dict[str, tuple[int, ...]]:
        return {"hidden.weight": (8, 8, 8)}


def backward(model: nn.Module, step: int) -> None:
    model.zero_grad()
    inputs = torch.randn(16, 5, generator=torch.Generator().manual_seed(step))
    model(inputs).square().mean().backward()


def test_one_object_equals_two_optimizers() -> None:
    one, two = Small(), Small()
    together = for_model(one, "muon", lr=0.02)
    named = dict(two.named_parameters())
    vectors = [p for p in named.values() if p.dim() == 1]
    others: list[dict[str, Any]] = [
        {"params": [named["embedding.weight"], named["head.weight"]], "weight_decay": 0.1},
        {"params": vectors, "weight_decay": 0.0},
    ]
    matrices = {"params": [named["hidden.weight"]], "split_sizes": (8, 8, 8)}
    apart = (
        Muon([matrices], lr=0.02, shape_factor="match_rms", weight_decay=0.1),
        AdamW(others, lr=0.02, betas=(0.9, 0.95)),
    )
    for step in range(4):
        backward(one, step)
        together.step()
        backward(two, step)
        for optimizer in apart:
            optimizer.step()
    for left, right in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(left, right)


def test_recipe_and_overrides_reach_the_groups() -> None:
    options: dict[str, Any] = {"direction": "jordan", "adamw": {"lr": 0.001, "betas": (0.8, 0.9)}}
    optimizer = for_model(Small(), "muon", lr=0.02, weight_decay=0.3, **options)
    by_rule = {group["rule"]: group for group in optimizer.param_groups if group["weight_decay"] > 0}
    muon, adamw = by_rule["muon"], by_rule["adamw"]
    assert (muon["lr"], muon["direction"], muon["shape_factor"], muon["momentum"]) == (
        0.02,
        "jordan",
        "match_rms",
        0.95,
    )
    assert (adamw["lr"], adamw["betas"], adamw["weight_decay"], muon["weight_decay"]) == (0.001, (0.8, 0.9), 0.3, 0.3)


def test_adamw_takes_everything_under_its_own_name() -> None:
    optimizer = for_model(Small(), "adamw", lr=0.02)
    assert {group["rule"] for group in optimizer.param_groups} == {"adamw"}
    assert sorted(group["weight_decay"] for group in optimizer.param_groups) == [0.0, 0.1]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_schedulers_and_training(name: str) -> None:
    model = Small()
    optimizer = for_model(model, name, lr=0.02)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    assert isinstance(optimizer, torch.optim.Optimizer)
    backward(model, 0)
    losses = []
    for _ in range(40):
        backward(model, 0)
        losses.append(sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None))
        optimizer.step()
        scheduler.step()
    assert losses[-1] < 0.05 * losses[0]
    assert all(group["lr"] < 1e-9 for group in optimizer.param_groups)


@pytest.mark.parametrize("option", [{"betas": (0.8, 0.9)}, {"adamw": {"betas": (0.8, 0.9)}}])
def test_options_of_adamw_may_be_given_either_way(option: dict[str, Any]) -> None:
    assert {group["betas"] for group in for_model(Small(), "adamw", lr=0.1, **option).param_groups} == {(0.8, 0.9)}


def test_copies_keep_the_routing_of_their_own_parameters() -> None:
    twin = copy.deepcopy(for_model(Small(), "muon", lr=0.02))
    copied = {id(p) for group in twin.param_groups for p in group["params"]}
    assert {id(r.parameter) for r in twin.routing.routes} == copied


def test_a_bad_gradient_of_one_rule_stops_the_other_too() -> None:
    model = Small()
    optimizer = for_model(model, "muon", lr=0.02)
    backward(model, 0)
    assert model.head.bias.grad is not None
    model.head.bias.grad[0] = float("nan")
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(NonFiniteGradientError, match=r"head\.bias"):
        optimizer.step()
    assert not optimizer.state
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


def test_models_of_torch_alone_are_routed_by_layer() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    optimizer = for_model(layer, "muon", lr=0.01)
    muon = {n for group in optimizer.param_groups if group["rule"] == "muon" for n in group["param_names"]}
    assert muon == {"self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "linear2.weight"}
    splits = {n: group.get("split_sizes") for group in optimizer.param_groups for n in group["param_names"]}
    assert splits["self_attn.in_proj_weight"] == (16, 16, 16)
    assert "in_proj_weight" in str(optimizer.routing)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("moun", {}, "unknown optimizer 'moun'; did you mean muon"),
        ("muon", {"nestrov": True}, "unknown option of muon 'nestrov'; did you mean nesterov"),
        ("muon", {"adamw": {"beta": 0.9}}, "unknown option of adamw 'beta'; did you mean betas"),
        ("muon", {"roles": {}}, "is unrouted"),
    ],
)
def test_refuses(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        for_model(Small(), name, lr=0.1, **options)
