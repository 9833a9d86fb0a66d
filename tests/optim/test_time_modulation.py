from __future__ import annotations

import warnings

import torch
from torch import nn

from collidium.optim import for_model, time_modulated_roles


class Block(nn.Module):
    """A transformer block whose normalised features are scaled, shifted and gated by the time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.mlp = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        shift, scale, gate = self.adaLN_modulation(time).chunk(3, dim=-1)
        update: torch.Tensor = self.mlp(torch.tanh(self.norm(x) * (1 + scale) + shift))
        return x + gate * update


class Velocity(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.time_embed = nn.Sequential(nn.Linear(4, width), nn.SiLU(), nn.Linear(width, width))
        self.inputs = nn.Linear(2, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(2))
        self.scale_shift_table = nn.Parameter(torch.zeros(2, width))
        self.outputs = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        condition = self.time_embed(torch.cat([time, time**2, torch.cos(time), torch.sin(time)], dim=-1))
        x = self.inputs(x)
        for block in self.blocks:
            x = block(x, condition)
        shift, scale = self.scale_shift_table
        velocity: torch.Tensor = self.outputs(x * (1 + scale) + shift)
        return velocity


MODULATION = {
    "time_embed.0.weight",
    "time_embed.2.weight",
    "blocks.0.adaLN_modulation.1.weight",
    "blocks.1.adaLN_modulation.1.weight",
    "scale_shift_table",
}


def test_weights_that_carry_the_time_go_to_adamw() -> None:
    model = Velocity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        roles = time_modulated_roles(model)
    assert {name for name, role in roles.items() if role == "modulation"} == MODULATION
    roles |= {"inputs.weight": "embedding", "outputs.weight": "head"}
    optimizer = for_model(model, "muon", lr=0.01, roles=roles)
    rules = {name: group["rule"] for group in optimizer.param_groups for name in group["param_names"]}
    assert {name for name, rule in rules.items() if rule == "muon"} == {"blocks.0.mlp.weight", "blocks.1.mlp.weight"}
    assert set(rules) == {name for name, _ in model.named_parameters()}
    assert "modulation by time or condition" in str(optimizer.routing)


def test_names_can_be_given() -> None:
    roles = time_modulated_roles(Velocity(), {"mlp"})
    assert {name for name, role in roles.items() if role == "modulation"} == {
        "blocks.0.mlp.weight",
        "blocks.1.mlp.weight",
    }


def test_a_time_modulated_network_trains() -> None:
    model = Velocity()
    roles = time_modulated_roles(model) | {"inputs.weight": "embedding", "outputs.weight": "head"}
    optimizer = for_model(model, "muon", lr=0.01, roles=roles)
    generator = torch.Generator().manual_seed(0)
    x, time = torch.randn(64, 2, generator=generator), torch.rand(64, 1, generator=generator)
    target = torch.cat([torch.cos(3 * time) * x[:, :1], torch.sin(3 * time) * x[:, 1:]], dim=1)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = (model(x, time) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]
