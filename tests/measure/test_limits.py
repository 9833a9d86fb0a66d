"""CLs and limits against closed forms and pyhf 0.7.6."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collidium.artifact import InputError
from collidium.measure import AsymptoticTest, FitError, HistFactory, Workspace, counting_experiment


def test_an_excess() -> None:
    test = AsymptoticTest(counting_experiment(signal=10.0, background=100.0, observed=105), "mu")
    found = test.cls(1.0)
    assert found.clsb == pytest.approx(0.3154669, abs=1e-7)
    assert found.clb == pytest.approx(0.6872507, abs=1e-7)
    assert found.observed == pytest.approx(0.4590273, abs=1e-7)
    assert test.cls(2.0).observed == pytest.approx(0.1180673, abs=1e-7)


def test_a_deficit() -> None:
    for lower in (0.0, -5.0):
        test = AsymptoticTest(counting_experiment(signal=10.0, background=100.0, observed=95, lower=lower), "mu")
        assert test.cls(2.0).observed == pytest.approx(0.0287071, abs=1e-7)


def test_upper_limits() -> None:
    limits = AsymptoticTest(counting_experiment(signal=10.0, background=100.0, observed=105), "mu").upper_limit()
    assert limits.observed == pytest.approx(2.4800, abs=5e-5)
    assert limits.expected[2] == pytest.approx(2.0901, abs=5e-5)
    assert list(limits.expected) == sorted(limits.expected)


def test_the_limit_is_where_cls_has_the_level(likelihood: HistFactory) -> None:
    test = AsymptoticTest(likelihood, "mu")
    limits = test.upper_limit(0.1)
    assert test.cls(limits.observed).observed == pytest.approx(0.1, rel=1e-5)
    for i, value in enumerate(limits.expected):
        assert test.cls(value).expected[i] == pytest.approx(0.1, rel=1e-5)


def test_a_workspace_with_every_modifier_has_pyhf_s_limits(likelihood: HistFactory) -> None:
    # python benchmarks/peers/pyhf_reference.py cls REQUEST (mu = 1.5), and limit REQUEST
    test = AsymptoticTest(likelihood, "mu")
    found = test.cls(1.5)
    assert found.observed == pytest.approx(0.5021924324092489, rel=1e-4)
    expected = (8.337022628994858e-05, 0.0009198848462103806, 0.008731443437850152, 0.06223312256489533, 0.27305342670)
    assert found.expected == pytest.approx(expected, rel=1e-4)
    limits = test.upper_limit()
    assert limits.observed == pytest.approx(2.8107259764795653, rel=1e-5)
    expected = (0.49928634443205, 0.6982632228180726, 1.0336917121126055, 1.5807877549486307, 2.3929759126333687)
    assert limits.expected == pytest.approx(expected, rel=1e-5)


def test_the_sbottom_search(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    # measured with pyhf 0.7.6 when the data was collected: data/README.md, atlas-likelihoods
    with tarfile.open(shared_data("atlas-likelihoods/ATLAS-SUSY-2018-31_sbottom_ins1748602.tar.gz")) as archive:
        for name in ("BkgOnly", "patch.sbottom_1300_205_60"):
            archive.extract(f"RegionA/{name}.json", tmp_path, filter="data")
    folder = tmp_path / "RegionA"
    likelihood = HistFactory.read(folder / "BkgOnly.json", patch=folder / "patch.sbottom_1300_205_60.json")
    found = AsymptoticTest(likelihood, "mu_SIG").cls(1.0)
    assert found.observed == pytest.approx(0.244436, abs=2e-6)
    assert found.expected == pytest.approx((0.090224, 0.193782, 0.384322, 0.655774, 0.891041), abs=5e-6)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_only_positive_signal_strengths_are_tested(value: float) -> None:
    test = AsymptoticTest(counting_experiment(signal=10.0, background=100.0, observed=105), "mu")
    with pytest.raises(InputError, match="the signal strength tested is"):
        test.cls(value)


def test_levels_are_probabilities() -> None:
    test = AsymptoticTest(counting_experiment(signal=10.0, background=100.0, observed=105), "mu")
    with pytest.raises(InputError, match="level is 5"):
        test.upper_limit(5.0)


def test_a_signal_without_events_has_no_limit(every_modifier: dict[str, Any]) -> None:
    every_modifier["channels"][0]["samples"][0]["data"] = [0.0, 0.0, 0.0]
    test = AsymptoticTest(HistFactory.of(Workspace.parse(every_modifier)), "mu")
    with pytest.raises(FitError, match="does not depend on mu"):
        test.upper_limit()


def test_unknown_parameters_of_interest() -> None:
    with pytest.raises(InputError, match="unknown parameter 'muu': did you mean mu"):
        AsymptoticTest(counting_experiment(signal=10.0, background=100.0, observed=105), "muu")
