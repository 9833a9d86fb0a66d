from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson

from collidium.artifact import InputError, json_dumps
from collidium.measure import HUNTS, BumpHuntConfig, Spectrum, hunt_bumps, hunt_in_file

EDGES = np.linspace(100.0, 160.0, 61)
EXPONENTIAL = BumpHuntConfig(background="exponential", resolution=0.015, num_toys=0)


def spectrum(seed: int, *, bump: float = 0.0) -> Spectrum:
    rates = 400.0 * np.exp(-0.03 * (EDGES[1:] - 100.0))
    middle = (EDGES[1:] + EDGES[:-1]) / 2.0
    rates += bump * np.exp(-0.5 * ((middle - 125.0) / 1.9) ** 2) / (1.9 * math.sqrt(2 * math.pi))
    return Spectrum.of("toy", EDGES, np.random.default_rng(seed).poisson(rates))


@pytest.mark.parametrize("method", ["likelihood", "counting"])
def test_a_bump_is_found_where_it_is(method: str) -> None:
    config = dataclasses.replace(EXPONENTIAL, method=method, num_toys=20)
    found = hunt_bumps(spectrum(1, bump=250.0), config)
    assert found.scan.low[found.best] < 125.0 < found.scan.high[found.best]
    assert found.p_local < 1e-5
    assert found.p_global == pytest.approx(1 / 21)
    if method == "likelihood":
        assert found.scan.observed[found.best] == pytest.approx(250.0, abs=100.0)
        assert found.p_global_upcrossings < 1e-3
        assert found.p_global_upcrossings > found.p_local
    assert '"p_global"' in json_dumps(found.report())


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is() -> None:
    p_values = [hunt_bumps(spectrum(seed), dataclasses.replace(EXPONENTIAL, num_toys=19)).p_global for seed in range(8)]
    assert min(p_values) > 0.04
    assert 0.2 < np.mean(p_values) < 0.8


def test_local_counts_are_poisson() -> None:
    found = hunt_bumps(spectrum(3), dataclasses.replace(EXPONENTIAL, method="counting"))
    excess = found.scan.observed > found.scan.background
    wanted = poisson.sf(found.scan.observed[excess] - 1, found.scan.background[excess])
    np.testing.assert_allclose(found.scan.p_local[excess], wanted, rtol=1e-9)
    assert np.all(found.scan.p_local[~excess] == 1.0)
    assert found.p_global == 1.0


def test_a_sideband_fit_does_not_see_its_gap() -> None:
    config = dataclasses.replace(EXPONENTIAL, method="counting", sideband=(119.0, 131.0))
    plain, with_bump = hunt_bumps(spectrum(4), config), hunt_bumps(spectrum(4, bump=600.0), config)
    outside = np.abs(with_bump.spectrum.centers - 125.0) > 7.0
    np.testing.assert_allclose(with_bump.background[outside], plain.background[outside], rtol=0.02)
    assert np.all((with_bump.scan.low >= 119.0) & (with_bump.scan.high <= 131.0))
    assert with_bump.p_local < 1e-10


def test_a_part_of_the_spectrum() -> None:
    found = hunt_bumps(spectrum(5), dataclasses.replace(EXPONENTIAL, low=110.0, high=150.0))
    assert (found.spectrum.edges[0], found.spectrum.edges[-1]) == (110.0, 150.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"background": "dijt4"}, "unknown background 'dijt4': did you mean dijet4"),
        ({"method": "counts"}, "unknown method 'counts'"),
        ({"resolution": 0.9}, "resolution is 0.9"),
        ({"num_toys": -1}, "num_toys is -1"),
        ({"sideband": (119.0, 131.0)}, "method counting is needed"),
        ({"sideband": (90.0, 170.0), "method": "counting"}, "leaves 0 of 60 bins for the background fit"),
        ({"low": 159.5}, "no events in whole bins of the window"),
    ],
)
def test_settings_that_cannot_be(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        hunt_bumps(spectrum(6), dataclasses.replace(EXPONENTIAL, **change))  # type: ignore[arg-type]


def test_the_jpsi_is_found_and_its_control_is_empty(shared_data: Callable[[str], Path]) -> None:
    config = dataclasses.replace(HUNTS["jpsi"].config, num_toys=0)
    found = hunt_in_file("jpsi", shared_data(HUNTS["jpsi"].file), config=config)
    assert found.search.scan.mass[found.search.best] == pytest.approx(3.097, abs=0.05)
    assert found.search.p_local < 1e-7
    assert found.control is not None
    assert found.control.p_local > 1e-3
    nearest = np.argmin(np.abs(found.control.scan.mass - 3.097))
    assert found.control.scan.q0[nearest] < 4.0


@pytest.mark.parametrize("name", ["dijet", "trijet", pytest.param("diphoton", marks=pytest.mark.slow)])
def test_published_spectra_have_no_bump(shared_data: Callable[[str], Path], name: str) -> None:
    config = dataclasses.replace(HUNTS[name].config, num_toys=3)
    found = hunt_in_file(name, shared_data(HUNTS[name].file), config=config).search
    assert found.goodness.p_value > 0.05
    assert math.sqrt(found.scan.q0.max()) < 3.5
    assert found.p_global_upcrossings > 0.05


def test_hunts_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown bump hunt 'dijett'"):
        hunt_in_file("dijett", tmp_path)
    with pytest.raises(InputError, match="cannot be read as a table"):
        hunt_in_file("dijet", tmp_path)
