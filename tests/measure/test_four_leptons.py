from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError, json_dumps
from collidium.measure import FourLeptonConfig, Window, fit, fit_four_leptons, q0, read_four_leptons
from collidium.measure._four_leptons import four_lepton_likelihood

QUICK = FourLeptonConfig(num_toys=2)


def test_peaks_drawn_are_found() -> None:
    config = FourLeptonConfig()
    likelihood = four_lepton_likelihood(np.array([125.0]), config)
    truth = likelihood.parameters.init.copy()
    for name, value in {"higgs": 60.0, "higgs_mass": 125.0, "z": 200.0, "continuum": 150.0, "slope": 0.01}.items():
        truth[likelihood.parameters.index(name)] = value
    toy = likelihood.toy(truth, np.random.default_rng(3))
    result = fit(toy, start=truth)
    for name in ("higgs", "higgs_mass", "z", "z_mass", "continuum", "slope"):
        i = likelihood.parameters.index(name)
        assert abs(result.theta[i] - truth[i]) < 4 * result.errors[i]
    assert q0(toy, "higgs", best=result) > 9.0


def test_all_events_are_read(shared_data: Callable[[str], Path]) -> None:
    mass, flow = read_four_leptons(shared_data("cms-h4l-run1"), Window(0.0, 2000.0))
    assert len(mass) == 278
    assert np.sum((mass > 118.0) & (mass < 130.0)) == 15
    assert np.sum((mass > 80.0) & (mass < 100.0)) == 47
    assert {row.sample: row.raw for row in flow.rows} == {"4mu": 113, "4e": 48, "2e2mu": 117}


def test_the_higgs_boson_beside_the_z(shared_data: Callable[[str], Path]) -> None:
    found = fit_four_leptons(shared_data("cms-h4l-run1"), config=QUICK)
    for name, known in (("higgs_mass", 125.20), ("z_mass", 91.188)):
        assert abs(found.values[name] - known) < 2.0 * found.errors[name]
    assert found.z_local > 3.0
    assert found.goodness.p_value > 0.01
    assert found.scan_mass[np.argmax(found.scan_q0)] == pytest.approx(found.values["higgs_mass"], abs=1.0)
    assert found.scan_q0.max() <= found.q0 + 1e-6
    assert '"z_global"' in json_dumps(found.report())


def test_a_folder_without_four_leptons(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file of four leptons"):
        fit_four_leptons(tmp_path)
    (tmp_path / "4mu_2011.csv").write_text("Run,M\n1,125.0\n")
    with pytest.raises(InputError, match="no column of numbers 'E1'"):
        fit_four_leptons(tmp_path)
