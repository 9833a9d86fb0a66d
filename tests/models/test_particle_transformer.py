from __future__ import annotations

import pytest
import torch
from torch import nn

from collidium.artifact import InputError
from collidium.models import ParticleTransformer, ParticleTransformerConfig

PUBLISHED = ParticleTransformerConfig()
PLAIN = ParticleTransformerConfig(pair_widths=None)


def size(config: ParticleTransformerConfig) -> int:
    return sum(p.numel() for p in config.build(17, 0, 10, seed=0).parameters())


def test_published_counts() -> None:
    assert size(PUBLISHED) == 2_143_486
    assert size(PLAIN) == 2_133_918
    # Multiply-adds at 128 particles: 335M with everything. The 227M quoted for the plain model leave out the products
    # q k^T and w v of its eight blocks, which are 34M (the paper's own figure is 260M).
    attention = 8 * 2 * 128 * 128 * 128
    assert round(PUBLISHED.build(17, 0, 10, seed=0).num_macs(128) / 1e6) == 335
    plain = PLAIN.build(17, 0, 10, seed=0).num_macs(128)
    assert round((plain - attention) / 1e6) == 227
    assert round(plain / 1e6) == 261


def test_initialisation_follows_the_publication() -> None:
    model = PUBLISHED.build(17, 0, 10, seed=0)
    for depth, block in enumerate(model.blocks, start=1):
        d = 128
        for part in block.qkv.weight.chunk(3):
            assert part.abs().max() <= (6 / (2 * d)) ** 0.5
            assert part.abs().max() > 0.95 * (6 / (2 * d)) ** 0.5
        for layer, fan in ((block.output, 2 * d), (block.contract, 5 * d)):
            expected = (2 / fan) ** 0.5 / (2 * depth) ** 0.5
            assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.03)
        assert not block.qkv.bias.any()
    assert float(model.class_token.detach().std()) == pytest.approx(0.02, rel=0.3)


def test_dropout_acts_in_training_of_particle_blocks_only(batch) -> None:
    cloud = batch([5, 7]).cloud
    config = ParticleTransformerConfig(num_blocks=1, num_class_blocks=1)
    model = config.build(7, 3, 4, seed=0)
    assert not torch.equal(model(cloud), model(cloud))
    model.eval()
    assert torch.equal(model(cloud), model(cloud))
    no_blocks = ParticleTransformerConfig(num_blocks=0, num_class_blocks=2, pair_widths=None).build(7, 3, 4, seed=0)
    assert torch.equal(no_blocks(cloud), no_blocks(cloud))


def test_pairs_matter(batch, build) -> None:
    data, model = batch([5, 7]), build("particle-transformer").eval()
    assert isinstance(model, ParticleTransformer)
    before = model(data.cloud)
    after = model.forward_padded(data.x, data.p4 * torch.tensor([2.0, 2.0, -2.0, 2.0]), data.mask, data.g)
    assert (before - after).abs().max() > 1e-3


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="num_heads is 7"):
        ParticleTransformerConfig(num_heads=7)


def test_blocks_have_no_other_layers() -> None:
    kinds = {type(m).__name__ for m in PUBLISHED.build(17, 0, 10, seed=0).blocks[0].children()}
    assert kinds == {"LayerNorm", "FusedProjection", "Linear", "Dropout"}
    assert isinstance(PLAIN.build(17, 0, 10, seed=0).blocks, nn.ModuleList)


def test_inference_in_parts_equals_the_whole(batch, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = batch([5, 7]).cloud
    model = ParticleTransformerConfig(num_blocks=2).build(7, 3, 4, seed=0).eval()
    whole = model(cloud).detach()
    monkeypatch.setattr("collidium.models._particle_transformer._PART_ROWS", 3)
    with torch.no_grad():
        torch.testing.assert_close(model(cloud), whole, rtol=0, atol=1e-5)
