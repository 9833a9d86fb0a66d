from __future__ import annotations

import torch

from collidium.models import DeepSetsConfig


def test_published_counts() -> None:
    model = DeepSetsConfig().build(17, 0, 10, seed=0)
    assert sum(p.numel() for p in model.parameters()) == 86_154
    assert round(model.num_macs(128) / 1e6, 1) == 4.5


def test_is_a_function_of_the_sum(batch, build) -> None:
    data, model = batch([3, 5]).to(torch.float64), build("deep-sets").double()
    latent = torch.stack([model.particle(x[m]).sum(0) for x, m in zip(data.x, data.mask, strict=True)])
    torch.testing.assert_close(model(data.cloud), model.head(model.jet(latent)))
