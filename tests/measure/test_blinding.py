from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import HistFactory, Workspace, blind_bins, blinded, fit


def without_bins(document: dict[str, Any], channel: str, kept: list[int]) -> dict[str, Any]:
    """The same workspace with some bins of a channel cut away."""
    cut = copy.deepcopy(document)
    for item in (*cut["observations"], *(s for c in cut["channels"] if c["name"] == channel for s in c["samples"])):
        if item.get("modifiers") is not None or item["name"] == channel:
            item["data"] = [item["data"][i] for i in kept]
        for modifier in item.get("modifiers", []):
            if modifier["type"] in ("staterror", "shapesys"):
                modifier["data"] = [modifier["data"][i] for i in kept]
            elif modifier["type"] == "histosys":
                modifier["data"] = {key: [values[i] for i in kept] for key, values in modifier["data"].items()}
    return cut


@pytest.mark.parametrize(
    ("windows", "wanted"),
    [
        (["signal_region"], [0, 0, 1, 1, 1]),
        (["signal_region:1"], [0, 0, 0, 1, 0]),
        (["control_region:0", "signal_region:1-2"], [1, 0, 0, 1, 1]),
        ([], [0, 0, 0, 0, 0]),
    ],
)
def test_windows_are_bins_of_channels(windows: list[str], wanted: list[int], likelihood: HistFactory) -> None:
    np.testing.assert_array_equal(blind_bins(likelihood, windows), np.array(wanted, dtype=bool))


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ("signal_regoin", "did you mean signal_region"),
        ("signal_region:3", "has the bins 0 to 2"),
        ("signal_region:2-1", "has the bins 0 to 2"),
        ("signal_region:x", "unknown blind channel 'signal_region:x'"),
        ("", "unknown blind channel ''"),
    ],
)
def test_windows_that_are_not_there(window: str, words: str, likelihood: HistFactory) -> None:
    with pytest.raises(InputError, match=words):
        blind_bins(likelihood, [window])


def test_a_channel_may_be_named_like_a_window(every_modifier: dict[str, Any]) -> None:
    for item in (every_modifier["channels"][0], every_modifier["observations"][0]):
        item["name"] = "region:1"
    likelihood = HistFactory.of(Workspace.parse(every_modifier))
    assert blind_bins(likelihood, ["region:1"]).sum() == 3


def test_the_blinded_fit_is_that_of_the_other_bins(every_modifier: dict[str, Any]) -> None:
    likelihood = HistFactory.of(Workspace.parse(every_modifier))
    is_blind = blind_bins(likelihood, ["signal_region:2"])
    result = fit(blinded(likelihood, is_blind), fixed={"mu": 0.0})
    others = fit(
        HistFactory.of(Workspace.parse(without_bins(every_modifier, "signal_region", [0, 1]))), fixed={"mu": 0.0}
    )
    for name in ("theory", "jes", "closure", "lumi", "shape[0]", "fake_rate[0]", "stat_sr[1]"):
        assert result[name] == pytest.approx(others[name], abs=2e-3)


def test_blind_counts_change_nothing(every_modifier: dict[str, Any], likelihood: HistFactory) -> None:
    is_blind = blind_bins(likelihood, ["signal_region"])
    every_modifier["observations"][0]["data"] = [0.0, 500.0, 3.0]
    other = HistFactory.of(Workspace.parse(every_modifier))
    np.testing.assert_array_equal(blinded(likelihood, is_blind).observed, blinded(other, is_blind).observed)
    np.testing.assert_array_equal(blinded(likelihood, is_blind).observed[:2], likelihood.observed[:2])


def test_all_bins_blind_is_refused(likelihood: HistFactory) -> None:
    with pytest.raises(InputError, match="every bin is blind"):
        blinded(likelihood, np.ones(5, dtype=bool))
