from __future__ import annotations

import dataclasses

import pytest
import torch

from collidium.optim import OPTIMIZERS, MatrixOptimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_record_agrees_with_the_class(name: str) -> None:
    info = OPTIMIZERS[name]
    assert info.name == name
    optimizer = info.build([torch.nn.Parameter(torch.ones(2, 2))])
    assert isinstance(optimizer, MatrixOptimizer)
    assert optimizer.rules == {name: info.rule}
    group = optimizer.param_groups[0]
    assert {key: group[key] for key in info.defaults} == dict(info.defaults)
    assert set(info.recipe) <= set(info.defaults)
    assert info.composition == info.rule.describe()
    assert [line.split()[0] for line in info.composition] == sorted(line.split()[0] for line in info.composition)
    assert info.reference
    assert info.claim


def test_records_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        OPTIMIZERS["muon"].name = "other"
    with pytest.raises(TypeError):
        OPTIMIZERS["other"] = OPTIMIZERS["muon"]
