from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError
from collidium.trigger import AttentionConfig, JetFormerConfig, ParticleMLPConfig, QuantizerConfig

FINE = QuantizerConfig(f=16.0, is_trained=False)
TABLE = QuantizerConfig(f=16.0, is_trained=False, is_signed=False, rounding="RND_CONV")


def dense(layer: nn.Module, x: Tensor) -> Tensor:
    """A dense layer in full precision, with its normalisation of the input where it has one."""
    if layer.side == "input":
        mean, variance = x.flatten(0, 1).mean(0), x.flatten(0, 1).var(0, correction=0)
        x = (x - mean) / torch.sqrt(variance + 1e-3) * layer.norm.gain + layer.norm.offset
    return functional.linear(x, layer.weight, layer.bias)


def transformer(network: nn.Module, x: Tensor, valid: Tensor, num_heads: int) -> Tensor:
    """A pre-norm transformer of torch's own operations, with the weights of a network."""
    inner = dense(network.embed, x)
    absent = torch.zeros(len(x), 1, 1, x.shape[1]).masked_fill(valid[:, None, None] == 0, -torch.inf)
    for block in network.blocks:
        parts = dense(block.attention.project, inner).unflatten(-1, (3, num_heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts, attn_mask=absent, scale=1.0)
        inner = inner + dense(block.attention.merge, mixed.transpose(1, 2).flatten(2))
        wide, narrow = block.feed_forward.layers
        inner = inner + dense(narrow, torch.relu(dense(wide, inner)))
    out = (inner * valid[..., None]).sum(1) / 2 ** math.ceil(math.log2(x.shape[1]))
    for number, layer in enumerate(network.head.layers):
        out = dense(layer, torch.relu(out) if number else out)
    return out


@pytest.mark.parametrize(("num_blocks", "tolerance"), [(1, 0.01), (2, 0.05)])
def test_fine_jetformer_is_torchs_transformer(num_blocks: int, tolerance: float) -> None:
    attention = AttentionConfig(
        data=FINE,
        probability=FINE,
        score=FINE,
        distance=QuantizerConfig(i=4.0, f=10.0, is_signed=False, overflow="SAT", integer_bits="fixed"),
        exponential=TABLE,
        denominator=QuantizerConfig(f=10.0, is_signed=False, overflow="SAT"),
        reciprocal=TABLE,
    )
    config = JetFormerConfig(
        num_particles=5, num_blocks=num_blocks, attention=attention, entry=FINE, data=FINE, weight=FINE
    )
    network = config.build(seed=0)
    x, valid = torch.randn(40, 5, 3), (torch.rand(40, 5) > 0.3).float()
    valid[:, 0] = 1
    wanted = transformer(network, x, valid, attention.num_heads)
    torch.testing.assert_close(network(x, valid), wanted, rtol=0, atol=tolerance)


def test_perceptron_has_a_width_for_each_place() -> None:
    network = ParticleMLPConfig(num_particles=4, head=(6,)).build(seed=0)
    assert network.entry.quantizer.f.shape == (4, 3)
    x, valid = torch.randn(50, 4, 3), torch.ones(50, 4)
    network.double().calibrate([(x.double(), valid.double())])
    model = network.freeze()
    assert [node.name for node in model.inputs] == ["x"]


def test_perceptron_without_hidden_layer_is_refused() -> None:
    with pytest.raises(InputError, match="head is empty"):
        ParticleMLPConfig(head=()).build(seed=0)
