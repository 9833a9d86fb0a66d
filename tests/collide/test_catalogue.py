from __future__ import annotations

import pytest
import pythia8mc

from collidium.collide import PROCESSES, GenerateConfig, pythia_settings

JETCLASS = {"QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl"}


@pytest.fixture(scope="module")
def pythia() -> object:
    return pythia8mc.Pythia("", False)


def test_jetclass_and_quark_gluon_classes_are_there() -> None:
    assert set(PROCESSES) == JETCLASS | {"light", "gluon"}
    assert all(process.name == name for name, process in PROCESSES.items())


@pytest.mark.parametrize("name", PROCESSES)
def test_pythia_knows_every_setting(name: str, pythia: pythia8mc.Pythia) -> None:
    settings = pythia_settings(name, GenerateConfig(classes=(name,), num_jets=1))
    assert all(pythia.readString(setting) for setting in settings)


@pytest.mark.parametrize("name", PROCESSES)
def test_the_hard_process_covers_the_window_and_its_margin(name: str) -> None:
    config = GenerateConfig(classes=(name,), num_jets=1, pt_min=400.0, pt_max=600.0, margin=0.1)
    settings = dict(setting.split("=", 1) for setting in pythia_settings(name, config))
    assert float(settings["PhaseSpace:pTHatMin"]) == pytest.approx(360.0)
    assert float(settings["PhaseSpace:pTHatMax"]) >= 660.0 - 1e-9
    assert settings["PhaseSpace:increaseMaximum"] == "off"
