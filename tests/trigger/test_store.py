from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from collidium.artifact import InputError, to_plain
from collidium.train import read_tensors, write_tensors
from collidium.trigger import (
    NETWORKS,
    CostTarget,
    FitConfig,
    JetFormerConfig,
    MLPConfig,
    MuonTrackerConfig,
    QuantizerConfig,
)
from collidium.trigger._run import TYPES
from collidium.trigger._store import load_optimizers, optimizer_tensors, revive


def test_tensors_and_text_come_back(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", {"a": torch.arange(3.0)[::2]}, label="text")
    tensors, label = read_tensors(tmp_path / "t")
    assert tensors["a"].tolist() == [0.0, 2.0]
    assert label == "text"
    (tmp_path / "t").write_bytes((tmp_path / "t").read_bytes()[:40])
    with pytest.raises(InputError, match="damaged or truncated"):
        read_tensors(tmp_path / "t")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("muon", "widths/body.layers.1.data.quantizer.f/exp_avg"), ("adamw", "packed/widths/exp_avg")],
)
def test_optimizer_state_comes_back_by_name(name: str, expected: str) -> None:
    network, again = (MLPConfig(widths=(4,)).build(seed=0) for _ in range(2))
    config = FitConfig(optimizer=name)
    optimizers, others = config.optimizers(network), config.optimizers(again)
    (network(torch.randn(8, 16)).sum() + network.ebops()).backward()
    for optimizer in optimizers.values():
        optimizer.step()
    tensors = optimizer_tensors(optimizers)
    assert expected in tensors
    load_optimizers(others, tensors)
    for name, value in optimizer_tensors(others).items():
        assert torch.equal(value, tensors[name])


@pytest.mark.parametrize(
    "config",
    [
        *(kind() for kind in NETWORKS.values()),
        MLPConfig(kinds=("lut", "dense", "lut", "dense"), data=QuantizerConfig(overflow="SAT", shared=(0,))),
        JetFormerConfig(num_blocks=2),
        MuonTrackerConfig(maps=(((0, 1), (1,)),) * 3, num_channels=2),
        FitConfig(pressure=CostTarget(ebops=5.0)),
    ],
    ids=lambda config: type(config).__name__,
)
def test_configurations_come_back_from_their_document(config: object) -> None:
    assert revive(json.loads(json.dumps(to_plain(config))), TYPES) == config


def test_a_document_of_another_version_is_refused() -> None:
    with pytest.raises(InputError, match="no configuration of this version"):
        revive({"type": "BetaSchedule", "slope": 1}, TYPES)
    with pytest.raises(InputError, match="no configuration of this version"):
        revive({"type": "Unknown"}, TYPES)
