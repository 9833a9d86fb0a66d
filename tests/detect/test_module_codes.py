from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.detect import (
    LINK_BITS,
    ModuleConfig,
    charge_shares,
    float_value,
    normalise_cells,
    send_above,
    send_largest,
    send_truncated,
    simulate_module_block,
    threshold_for,
)


@pytest.fixture(scope="module")
def charge() -> np.ndarray:
    return simulate_module_block(ModuleConfig(), seed=9, block=0, size=2000).charge


def test_normalised_cells_are_rounded_fractions(charge: np.ndarray) -> None:
    codes = normalise_cells(charge)
    total = charge.sum(1, keepdims=True)
    fraction = np.divide(1024.0 * charge, total, out=np.zeros(charge.shape), where=total > 0)
    assert np.abs(np.minimum(fraction, 1023) - codes).max() <= 0.5
    assert codes.max() <= 1023
    assert (codes[total[:, 0] == 0] == 0).all()


def test_negative_charges_are_refused() -> None:
    with pytest.raises(InputError, match="charge is -1"):
        normalise_cells(np.array([[2, -1]]))


def test_an_empty_module_comes_back_flat() -> None:
    empty = np.zeros((1, 48), dtype=np.int64)
    for sent in (send_above(empty, 1), send_largest(empty, 48), send_truncated(empty, 48)):
        np.testing.assert_allclose(sent.shape, 1 / 48)
    assert charge_shares(empty).sum() == pytest.approx(1)


@pytest.mark.parametrize("bits", LINK_BITS.values())
def test_every_scheme_keeps_to_its_bits_and_gives_shapes(charge: np.ndarray, bits: int) -> None:
    threshold = threshold_for(charge, bits)
    above = send_above(charge, threshold)
    assert above.num_bits.mean() <= bits
    assert threshold == 1 or send_above(charge, threshold - 1).num_bits.mean() > bits
    for sent in (above, send_largest(charge, bits), send_truncated(charge, bits)):
        np.testing.assert_allclose(sent.shape.sum(1), 1)
        assert (sent.shape >= 0).all()


def test_bits_of_a_list() -> None:
    cells = np.arange(48)[None]
    assert send_above(cells, 47).num_bits.tolist() == [6 + 6 + 7]
    assert send_above(cells, 40).num_bits.tolist() == [6 + 48 + 8 * 7]
    assert send_above(cells, 0).num_bits.tolist() == [6 + 48 + 48 * 7]


def test_the_largest_cells_are_sent() -> None:
    cells = np.zeros((1, 48), dtype=np.int64)
    cells[0, [3, 7, 20, 40]] = [8, 16, 64, 8]
    shape = send_largest(cells, 48).shape[0]  # three cells fit
    assert np.flatnonzero(shape).tolist() == [3, 7, 20]
    np.testing.assert_allclose(shape[[3, 7, 20]], np.array([8, 16, 64]) / 88)


def test_floating_point_charges_lose_less_than_an_eighth() -> None:
    values = np.arange(1, 5000)
    coded = float_value(values)
    assert (coded <= values).all()
    assert (values - coded <= values / 8).all()
    assert (float_value(coded) == coded).all()
    assert len(set(coded.tolist())) <= 1 + 8 * 16


def test_truncation_with_enough_bits_loses_nothing(charge: np.ndarray) -> None:
    bits = int(charge.max()).bit_length()
    some = charge[charge.sum(1) > 0]
    np.testing.assert_allclose(send_truncated(some, 48 * bits).shape, charge_shares(some))


def test_truncation_needs_a_bit_for_each_cell() -> None:
    with pytest.raises(InputError, match="num_bits is 47"):
        send_truncated(np.ones((1, 48), dtype=np.int64), 47)
