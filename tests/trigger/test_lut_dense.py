from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch

from collidium.artifact import InputError
from collidium.firmware import Table
from collidium.trigger import LutDense, QuantizerConfig, lut_cost


def test_cost_is_the_published_formula() -> None:
    b_in, b_out = torch.tensor([[3.0, 5.0, 8.0, 0.0]]), torch.tensor([[4.0, 2.0, 1.0, 7.0]])
    wanted = 0.5 * (3 / 5 * 4 + 1 * 2 + 8 * 1) + (4 + 2 + 1)
    assert lut_cost(b_in, b_out).item() == pytest.approx(wanted)


def test_cost_is_of_trained_widths_in_training_and_of_the_tables_once_frozen() -> None:
    layer = LutDense((1,), 1, has_norm=False, entry=QuantizerConfig(f=0.0, overflow="SAT", integer_bits="trained"))
    with torch.no_grad():
        layer.w1.fill_(1.0)
        layer.w2.fill_(0.5 / len(layer.w2))
        layer.b2.fill_(-0.5)
    x = torch.linspace(-4, 3.9, 50)[:, None]
    assert set(layer(x).flatten().tolist()) == {-1.0, 0.0}
    cost, six = layer.ebops(), torch.tensor([[6.0]])
    assert cost == lut_cost(six, torch.tensor([[3.0]]))
    cost.backward()
    for width in (layer.entry.f, layer.entry.i, layer.address.f):
        assert width.grad is not None
        assert width.grad.item() > 0
    assert layer.eval().ebops() == lut_cost(six, torch.ones(1, 1))
    with torch.no_grad():
        layer.b2.zero_()
        layer.w2.zero_()
    assert layer.train().eval().ebops() == 0


def test_an_address_of_two_codes_below_one_is_one_bit() -> None:
    layer = LutDense((1,), 1, address=QuantizerConfig(f=0.0, i=0.0, rounding="TRN"))
    layer(torch.tensor([[-0.5], [0.5]]))
    entry = layer.entry.width().detach()
    cost = layer.ebops()
    assert cost == lut_cost(torch.ones(1, 1), entry)
    cost.backward()
    assert layer.address.f.grad.item() > 0


def test_codes_that_the_data_never_had_have_the_entries_of_its_ends(around: type) -> None:
    network = around(LutDense((3,), 4), [(3,)])
    data = torch.rand(200, 3) * 1.6 - 0.3
    network(data)
    with torch.no_grad():
        network.layers_.w1.mul_(20)
    network.calibrate([[data[:120]], [data[120:]]])
    layer, codes = network.layers_, network.layers_.tables().codes
    free = deepcopy(network).train().eval().layers_.tables().codes
    assert not torch.equal(free, codes)
    seen = torch.stack([entry(data) for entry in network.entries])[0]
    f = layer.address.f.detach().round()[0]
    for g, u in np.ndindex(3, 4):
        own = torch.floor(seen[:, g] * 2 ** f[g, u]).long() - int(layer.tables().low[g, u])
        column = codes[g, : 1 << int(layer.tables().bits[g, u]), u]
        assert own.max() < len(column) - 1 or own.min() > 0
        assert torch.equal(column, free[g, torch.arange(len(column)).clamp(own.min(), own.max()), u])
    again = around(LutDense((3,), 4), [(3,)])
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval().layers_.tables().codes, codes)


def test_entries_are_made_once_and_forgotten_in_training() -> None:
    layer = LutDense((3,), 2)
    layer(torch.randn(20, 3))
    layer.eval()
    first = layer.tables()
    assert layer.tables() is first
    layer.train()
    layer.eval()
    assert layer.tables() is not first


def test_frozen_tables_are_those_of_the_integer_model(around: type) -> None:
    network = around(LutDense((3,), 2), [(3,)])
    network(torch.randn(50, 3))
    network.calibrate([[torch.randn(50, 3)]])
    frozen = network.layers_.tables()
    node = next(node for node in network.freeze().nodes.values() if isinstance(node, Table))
    for (g, u), which in np.ndenumerate(node.which):
        table = node.tables[which]
        assert table.low == frozen.low[g, u]
        assert table.values.tolist() == frozen.codes[g, : 1 << frozen.bits[g, u], u].tolist()


def test_training_and_deployment_agree_on_the_batch_that_set_the_ranges() -> None:
    layer = LutDense((4,), 3, has_norm=False).double()
    x = torch.randn(200, 4, dtype=torch.float64)
    trained = layer(x)
    layer.eval()
    torch.testing.assert_close(layer(x), trained, rtol=0, atol=1e-12)


def test_address_and_entry_ranges_follow_the_batch() -> None:
    layer = LutDense((2,), 2, address=QuantizerConfig(f=1.0, i=0.0, rounding="TRN"))
    layer(torch.tensor([[3.9, -1.0], [0.0, 0.5]]))
    assert layer.address.i[0, :, 0].tolist() == [2.0, 0.0]
    assert layer.address.k[0, :, 0].tolist() == [0.0, 1.0]


def test_a_wide_address_is_refused_when_frozen() -> None:
    layer = LutDense((2,), 1, address=QuantizerConfig(f=20.0, rounding="TRN"))
    layer(torch.randn(10, 2))
    with pytest.raises(InputError, match="at most 16"):
        layer.eval().tables()


def test_a_weight_that_is_not_finite_is_refused() -> None:
    layer = LutDense((2,), 1)
    layer(torch.randn(10, 2))
    with torch.no_grad():
        layer.w2[0] = float("nan")
    with pytest.raises(InputError, match="NaN or infinite"):
        layer.eval().tables()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": QuantizerConfig(rounding="RND_CONV")}, "TRN or RND"),
        ({"address": QuantizerConfig(overflow="SAT")}, "WRAP are needed"),
        ({"entry": QuantizerConfig(integer_bits="fixed")}, "trained' is needed"),
        ({"inputs_per_table": 3}, "divisor of the 4 inputs"),
    ],
)
def test_what_a_table_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LutDense((4,), 2, **options)


def test_groups_of_inputs_are_a_partition() -> None:
    layer = LutDense((6,), 2, inputs_per_table=3, seed=4)
    assert sorted(layer.groups.flatten().tolist()) == list(range(6))
    assert layer.groups.shape == (3, 2)
