from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import HistFactory, ScanConfig, WorkspaceConfig, fit, minos, profile_scan, scan_workspace


@pytest.fixture
def path(every_modifier: dict[str, Any], tmp_path: Path) -> Path:
    written = tmp_path / "workspace.json"
    written.write_text(json.dumps(every_modifier))
    return written


def test_a_scan_is_that_of_the_library(path: Path, likelihood: HistFactory, tmp_path: Path) -> None:
    written = json.loads(scan_workspace(path, tmp_path / "out", scan=ScanConfig(num_points=9)).read_text())
    assert written["parameter"] == "mu"
    assert len(written["values"]) == len(written["q"]) == 9
    np.testing.assert_allclose(written["q"], profile_scan(likelihood, "mu", written["values"]).q, atol=1e-6)
    interval = minos(likelihood, "mu")
    assert written["interval_68"]["low"] == pytest.approx(interval.low)
    assert written["interval_95"]["high"] > interval.high
    assert written["value"] == fit(likelihood)["mu"]


def test_contours_of_two_parameters(path: Path, tmp_path: Path) -> None:
    config = ScanConfig(parameter="jes", second="theory", num_points=5)
    written = json.loads(scan_workspace(path, tmp_path / "out", scan=config).read_text())
    inner, outer = (np.array(written["contours"][level]) for level in ("68", "95"))
    assert inner.shape == outer.shape == (5, 2)
    center = [written["value"], written["second"]["value"]]
    assert np.all(np.linalg.norm(outer - center, axis=1) > np.linalg.norm(inner - center, axis=1))


def test_a_range_of_one_s_own(path: Path, tmp_path: Path) -> None:
    config = ScanConfig(low=0.5, high=2.5, num_points=5)
    written = json.loads(scan_workspace(path, tmp_path / "out", scan=config).read_text())
    assert written["values"] == [0.5, 1.0, 1.5, 2.0, 2.5]


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        ({"parameter": "jse"}, "unknown parameter 'jse': did you mean jes"),
        ({"parameter": "norm_tt"}, "parameter 'norm_tt' is held; a scan needs a free one"),
        ({"low": 2.0, "high": 1.0}, "the range is 2 to 1; a rising one is needed"),
        ({"low": 500.0}, "the range of mu is 500 to"),
        ({"num_points": 2}, "num_points is 2; at least 3"),
        ({"high": float("inf")}, "high is inf; a finite number"),
    ],
)
def test_bad_scans(scan: dict[str, Any], words: str, path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        scan_workspace(path, tmp_path / "out", scan=ScanConfig(**scan))
    assert not (tmp_path / "out").exists()


def test_blind_windows_go_with_the_artifact(path: Path, tmp_path: Path) -> None:
    blind = WorkspaceConfig(blind=("signal_region",))
    first = json.loads(scan_workspace(path, tmp_path / "a", config=blind, scan=ScanConfig(num_points=3)).read_text())
    again = json.loads(scan_workspace(tmp_path / "a", tmp_path / "b", scan=ScanConfig(num_points=3)).read_text())
    opened = json.loads(
        scan_workspace(
            tmp_path / "b", tmp_path / "c", config=WorkspaceConfig(unblind=True), scan=ScanConfig(num_points=3)
        ).read_text()
    )
    assert first["is_blind"]
    assert again == first
    assert first["value"] == pytest.approx(0.0, abs=2e-3)
    assert not opened["is_blind"]
    assert opened["value"] > 0.5
