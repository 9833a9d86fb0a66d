"""Tables addressed by hits, against a loop over channels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from collidium.artifact import InputError
from collidium.trigger import QuantizerConfig
from collidium.trigger._muon_patterns import PatternTables

STATIONS = (3, 1, 2)
ENTRY = QuantizerConfig(f=4.0)


def layer(num_channels: int = 7, num_outputs: int = 2) -> PatternTables:
    torch.manual_seed(0)
    return PatternTables(STATIONS, num_channels, num_outputs, entry=ENTRY)


def hits(num: int, num_channels: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(num, num_channels, sum(STATIONS), generator=generator) > 0.7).float()


def looked_up(tables: PatternTables, x: Tensor) -> Tensor:
    """The same, channel by channel."""
    entries, F = tables.entries(), tables.num_outputs
    out, padded = [], functional.pad(x, (0, 0, 1, 1))
    for event in padded:
        for channel in range(x.shape[1]):
            start = 0
            for station, gaps in enumerate(STATIONS):
                bits = event[channel : channel + 3, start : start + gaps].flatten().tolist()
                address = sum(int(bit) << place for place, bit in enumerate(bits))
                out.append(entries[address, station * F : (station + 1) * F])
                start += gaps
    return torch.stack(out).reshape(*x.shape[:2], -1)


def test_each_channel_reads_the_table_of_its_station() -> None:
    tables, x = layer(), hits(30)
    assert torch.equal(tables(x), looked_up(tables, x))
    tables.eval()
    assert torch.equal(tables(x.double()), looked_up(tables, x))


def test_gradients_are_those_of_the_loop() -> None:
    x, slope = hits(10), torch.randn(10, 7, 6, generator=torch.Generator().manual_seed(2))
    found = []
    for function in (PatternTables.forward, looked_up):
        tables = layer()
        (function(tables, x) * slope).sum().backward()
        found.append((tables.table.grad, tables.entry.f.grad))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert found[0][0].abs().sum() > 0


def test_channels_without_hits_say_nothing() -> None:
    tables = layer()
    assert not tables(torch.zeros(2, 7, 6)).any()
    alone = torch.zeros(1, 7, 6)
    alone[0, 3, 4] = 1
    assert tables(alone).view(7, 3, 2).abs().sum(2).gt(0).nonzero().tolist() == [[2, 2], [3, 2], [4, 2]]


def test_moved_hits_move_the_answer() -> None:
    tables, x = layer(), hits(20)
    x[:, (0, 1, 5, 6)] = 0
    assert torch.equal(tables(x.roll(1, 1)), tables(x).roll(1, 1))


def test_cost_is_that_of_tables_of_six_inputs() -> None:
    tables = layer(num_outputs=1)
    tables(hits(5))
    nine, three, six = tables.entry.width().flatten().tolist()
    assert tables.ebops().item() == pytest.approx(7 * (8 * nine + 0.3 * three + six))


@pytest.mark.parametrize(("kernel", "stations"), [(2, (3,)), (5, (4, 1))])
def test_what_is_no_table_is_refused(kernel: int, stations: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="odd number"):
        PatternTables(stations, 9, 1, kernel=kernel, entry=ENTRY)
