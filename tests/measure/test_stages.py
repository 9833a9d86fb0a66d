from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError, read_manifest
from collidium.measure import AsymptoticTest, HistFactory, LimitConfig, fit, fit_workspace, limit_workspace


@pytest.fixture
def path(every_modifier: dict[str, Any], tmp_path: Path) -> Path:
    written = tmp_path / "workspace.json"
    written.write_text(json.dumps(every_modifier))
    return written


def test_a_fit_holds_the_parameters_and_says_how_good_it_is(
    path: Path, likelihood: HistFactory, tmp_path: Path
) -> None:
    written = json.loads(fit_workspace(path, tmp_path / "out").read_text())
    result = fit(likelihood)
    assert written["twice_nll"] == result.twice_nll
    assert written["converged"] is True
    assert 0.0 < written["seconds"] < 60.0
    assert set(written["parameters"]) == set(likelihood.parameters.names)
    for i, name in enumerate(likelihood.parameters.names):
        assert written["parameters"][name]["value"] == result.theta[i]
        assert written["parameters"][name]["error"] == result.errors[i]
    assert written["channels"]["control_region"]["observed"] == [220.0, 120.0]
    covariance = json.loads((tmp_path / "out" / "covariance.json").read_text())
    index = [likelihood.parameters.index(name) for name in covariance["parameters"]]
    np.testing.assert_array_equal(covariance["covariance"], result.covariance[np.ix_(index, index)])


def test_the_same_fit_has_the_same_content(path: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fit_workspace(path, tmp_path / name)
    first, second = (read_manifest(tmp_path / name, "fit") for name in ("one", "two"))
    assert first.content_hash == second.content_hash
    assert first.inputs[str(path)] == second.inputs[str(path)]


def test_limits_are_the_asymptotic_test_s(path: Path, likelihood: HistFactory, tmp_path: Path) -> None:
    limit = LimitConfig(signal_strength=1.5, level=0.1)
    written = json.loads(limit_workspace(path, tmp_path / "out", limit=limit).read_text())
    test = AsymptoticTest(likelihood, "mu")
    assert written["cls_observed"] == test.cls(1.5).observed
    assert written["cls_expected"] == list(test.cls(1.5).expected)
    assert written["upper_limit_observed"] == pytest.approx(test.upper_limit(0.1).observed, rel=1e-6)
    assert written["upper_limit_expected"] == pytest.approx(test.upper_limit(0.1).expected, rel=1e-6)
    assert read_manifest(tmp_path / "out", "limit").config["limit"]["level"] == 0.1  # type: ignore[index, call-overload]


def test_zero_observations_cannot_measure_a_normalisation(
    every_modifier: dict[str, Any], path: Path, tmp_path: Path
) -> None:
    for observation in every_modifier["observations"]:
        observation["data"] = [0.0] * len(observation["data"])
    path.write_text(json.dumps(every_modifier))
    with pytest.raises(InputError, match=r"all observed counts are zero; mu, .* cannot be measured"):
        fit_workspace(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_limit_needs_a_signal(every_modifier: dict[str, Any], path: Path, tmp_path: Path) -> None:
    every_modifier["channels"][0]["samples"].pop(0)
    path.write_text(json.dumps(every_modifier))
    with pytest.raises(InputError, match="no sample carries the parameter of interest 'mu'"):
        limit_workspace(path, tmp_path / "out")
    written = json.loads(fit_workspace(path, tmp_path / "background").read_text())
    assert written["poi"] is None


def test_a_failed_fit_is_one_line(every_modifier: dict[str, Any], path: Path, tmp_path: Path) -> None:
    # two free factors on one sample
    every_modifier["channels"][0]["samples"][0]["modifiers"].append({"name": "k", "type": "normfactor", "data": None})
    path.write_text(json.dumps(every_modifier))
    with pytest.raises(InputError, match=r"workspace\.json: the fit failed: .* along"):
        fit_workspace(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]
