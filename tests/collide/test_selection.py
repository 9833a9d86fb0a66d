from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pythia8mc

from collidium.collide import PROCESSES, GenerateConfig, cluster, event_record, is_matched, pythia_settings, targets
from collidium.collide import _selection as selection_module
from collidium.collide._selection import HardProcessSelection
from collidium.detect import truth_response


class Watcher(HardProcessSelection):
    """Notes what the selection would do, and lets every event pass."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.votes: list[bool] = []

    def doVetoProcessLevel(self, process: Any) -> bool:
        self.votes.append(super().doVetoProcessLevel(process))
        return False


class Entry:
    """A row of the process record."""

    def __init__(self, pid: int, mother: int, *, pt: float = 0.0, eta: float = 0.0) -> None:
        self._pid, self._mother, self._pt, self._eta = pid, mother, pt, eta

    def id(self) -> int:
        return self._pid

    def mother1(self) -> int:
        return self._mother

    def isFinal(self) -> bool:
        return self._mother > 0

    def px(self) -> float:
        return self._pt

    def py(self) -> float:
        return 0.0

    def eta(self) -> float:
        return self._eta

    def phi(self) -> float:
        return 0.0


class Process(list[Entry]):
    """A process record."""

    def size(self) -> int:
        return len(self)


def test_vetoes_in_a_row_are_counted_and_end_in_giving_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_module, "HOPELESS_VETOES", 3)
    select = HardProcessSelection(PROCESSES["Hbb"].truth, pt_window=(100.0, 200.0), radius=0.8)
    higgs = Entry(25, 0)
    good = Process([Entry(90, 0), higgs, Entry(5, 1, pt=60.0), Entry(-5, 1, pt=60.0)])
    soft = Process([Entry(90, 0), higgs, Entry(5, 1, pt=10.0), Entry(-5, 1, pt=10.0)])
    wide = Process([Entry(90, 0), higgs, Entry(5, 1, pt=60.0, eta=1.0), Entry(-5, 1, pt=60.0)])
    assert [select.doVetoProcessLevel(process) for process in (soft, wide, good, soft, wide)] == [1, 1, 0, 1, 1]
    assert not select.is_hopeless
    assert not select.doVetoProcessLevel(soft)
    assert select.is_hopeless
    select.restart()
    assert not select.is_hopeless
    assert select.doVetoProcessLevel(soft)


def test_dropped_hard_processes_would_have_given_almost_no_jets() -> None:
    config = GenerateConfig(classes=("Hqql",), num_jets=1, pt_min=300.0, pt_max=450.0, margin=0.15)
    truth = PROCESSES["Hqql"].truth
    watcher = Watcher(truth, pt_window=(300 * 0.85, 450 * 1.15), radius=0.8)
    pythia = pythia8mc.Pythia("", False)
    for setting in (*pythia_settings("Hqql", config), "Random:setSeed=on", "Random:seed=4"):
        assert pythia.readString(setting)
    pythia.setUserHooksPtr(watcher)
    pythia.init()
    record = event_record(pythia.nextBatch(500))
    assert len(watcher.votes) == len(record)
    candidates = truth_response(record.stable_particles(max_abs_eta=3.5), generator=np.random.default_rng(1))
    jets = cluster(candidates, len(record), radius=0.8, min_pt=300.0)
    is_good = is_matched(targets(record, truth), jets.event, jets.eta, jets.phi, radius=0.8) & (jets.pt < 450.0)
    dropped = np.array(watcher.votes)
    assert is_good.sum() > 40
    assert dropped.mean() > 0.6  # four of five hard processes are useless: wrong decays, wide angles, other pT
    assert dropped[jets.event[is_good]].mean() < 0.12
    assert is_good.sum() / (~dropped).sum() > 0.4
