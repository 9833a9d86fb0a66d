from __future__ import annotations

import json
from pathlib import Path

import pytest

from collidium.analysis import TEMPLATES_NAME, TemplatesConfig, make_templates
from collidium.artifact import InputError, read_manifest
from collidium.measure import fit_workspace


def test_templates_are_an_artifact_that_can_be_fitted(predictions_path: Path, tmp_path: Path) -> None:
    out = make_templates(predictions_path, tmp_path / "templates")
    about = json.loads((out / TEMPLATES_NAME).read_text())
    assert set(about["truth"]) == {"luminosity", "efficiency", "mistag"}
    written = json.loads(fit_workspace(out, tmp_path / "fit").read_text())
    assert written["parameters"]["mu"]["value"] == pytest.approx(1.0, abs=1.0)
    labels = json.loads((tmp_path / "fit" / "labels.json").read_text())
    assert labels["data"] == "pseudo-data"
    assert labels["channels"]["signal_region"]["edges"] == about["edges"]["signal_region"]


def test_the_cutflow_ends_in_the_best_bin(predictions_path: Path, tmp_path: Path) -> None:
    out = make_templates(predictions_path, tmp_path / "templates")
    about = json.loads((out / TEMPLATES_NAME).read_text())
    document = json.loads((out / "workspace.json").read_text())
    lines = (out / "cutflow.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * len(about["edges"]["signal_region"])
    best = {sample["name"]: sample["data"][-1] for sample in document["channels"][0]["samples"]}
    for line in lines[-2:]:
        _, sample, events, *_ = line.split(",")
        assert float(events) == pytest.approx(best[sample])
    assert r"\toprule" in (out / "cutflow.tex").read_text()


def test_the_same_predictions_have_the_same_templates(predictions_path: Path, tmp_path: Path) -> None:
    hashes = [read_manifest(make_templates(predictions_path, tmp_path / name)).content_hash for name in ("a", "b")]
    assert hashes[0] == hashes[1]
    other = make_templates(predictions_path, tmp_path / "c", config=TemplatesConfig(seed=1))
    assert read_manifest(other, "templates").content_hash != hashes[0]


def test_errors_name_the_predictions(predictions_path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"predictions: unknown signal class 'tpo'"):
        make_templates(predictions_path, tmp_path / "out", config=TemplatesConfig(signal="tpo"))
    assert not (tmp_path / "out").exists()
