from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from collidium.artifact import InputError
from collidium.models import MLPConfig


def test_reads_jet_features_only(batch, build) -> None:
    data, model = batch([3, 5]), build("mlp")
    other = replace(data, x=torch.randn_like(data.x), p4=torch.randn_like(data.p4))
    assert torch.equal(model(data.cloud), model(other.cloud))
    assert not torch.equal(model(data.cloud), model(replace(data, g=data.g + 1).cloud))


def test_needs_jet_features() -> None:
    with pytest.raises(InputError, match="reads jet features and the data has 0"):
        MLPConfig().build(17, 0, 2, seed=0)
