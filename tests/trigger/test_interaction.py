from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from collidium.trigger import InteractionConfig, QuantizerConfig
from collidium.trigger._interaction import PairSum

FINE = QuantizerConfig(f=18.0, is_trained=False)
FIXED = QuantizerConfig(i=1.0, f=2.0, integer_bits="fixed")


def published(network: torch.nn.Module, x: Tensor, valid: Tensor) -> Tensor:
    """The interaction network pair by pair: relation on the joined features, object on the joined sum."""
    receive, send = network.receive, network.send
    relation = torch.cat([receive.weight, send.weight], dim=1)
    sums = []
    for i in range(x.shape[1]):
        effect = torch.zeros(len(x), len(relation))
        for j in range(x.shape[1]):
            if i != j:
                pair = functional.linear(torch.cat([x[:, i], x[:, j]], dim=1), relation, receive.bias)
                effect = effect + torch.relu(pair) * valid[:, j, None]
        inner = torch.cat([x[:, i], effect], dim=1)
        for layer in network.particles.layers:
            inner = torch.relu(functional.linear(inner, layer.weight, layer.bias))
        sums.append(inner * valid[:, i, None])
    out = torch.stack(sums).sum(0) / 4
    for number, layer in enumerate(network.head.layers):
        out = functional.linear(torch.relu(out) if number else out, layer.weight, layer.bias)
    return out


def test_fine_network_is_the_published_one() -> None:
    config = InteractionConfig(
        num_particles=4, pair_features=3, widths=(5, 4), head=(5,), entry=FINE, data=FINE, weight=FINE
    )
    network = config.build(seed=0)
    x, valid = torch.randn(20, 4, 3), (torch.rand(20, 4) > 0.3).float()
    torch.testing.assert_close(network(x, valid), published(network, x, valid), rtol=0, atol=1e-4)


@pytest.mark.parametrize("receiver", [-1.0, 0.5])
def test_a_pair_is_added_once_for_each_other_valid_particle(receiver: float) -> None:
    layer = PairSum((3, 1))
    one = torch.full((1, 3, 1), receiver)
    valid = torch.tensor([[1.0, 1.0, 0.0]])
    assert layer(one, torch.ones(1, 3, 1), valid).flatten().tolist() == [1 + receiver, 1 + receiver, 2 * (1 + receiver)]


def test_costs_count_both_additions_of_each_pair() -> None:
    assert PairSum((4, 2), FIXED).ebops().item() == 4 * 3 * 2 * (3 + 3)
