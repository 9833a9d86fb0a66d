from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from collidium.artifact import InputError
from collidium.firmware import Formats, Input
from collidium.trigger import MLPConfig, multiply
from collidium.trigger._wire import Graph


def test_names_are_those_of_layers_and_unique() -> None:
    layer = nn.Identity()
    graph = Graph({layer: "body_0"})
    x = graph.add(Input("x", Formats([1, 1], [2, 2], [1, 1])))
    with graph.scope(layer):
        first, second = x + x, x + x
    assert (first.name, second.name) == ("body_0_add", "body_0_add_2")
    assert graph.name("add") == "net_add"


def test_slices_are_numpys() -> None:
    graph = Graph({})
    x = graph.add(Input("x", Formats(np.ones((2, 3), int), np.arange(6).reshape(2, 3), np.zeros((2, 3), int))))
    for key in (0, (slice(None), 1), (..., slice(1, 3))):
        assert np.array_equal(x[key].interval.maximum, x.interval.maximum[key])


def test_a_fault_names_its_node() -> None:
    graph = Graph({})
    x = graph.add(Input("x", Formats([1], [40], [0])))
    with pytest.raises(InputError, match="net_times: exactness"):
        multiply(x, x)


def test_weights_that_are_not_finite_are_refused() -> None:
    network = MLPConfig(widths=(4,)).build(seed=0)
    network(torch.randn(5, 16))
    network.calibrate([(torch.randn(5, 16),)])
    with torch.no_grad():
        network.body.layers[0].weight[0, 0] = float("nan")
    with pytest.raises(InputError, match="NaN or infinite"):
        network.freeze()
