from __future__ import annotations

from typing import Any

import numpy as np
import pythia8mc

from collidium.collide import PROCESSES, GenerateConfig, cluster, event_record, is_matched, pythia_settings, targets
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
