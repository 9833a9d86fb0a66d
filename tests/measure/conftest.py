"""Workspaces small enough to read."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from collidium.measure import HistFactory, Workspace


def normfactor(name: str) -> dict[str, Any]:
    return {"name": name, "type": "normfactor", "data": None}


def normsys(name: str, low: float, high: float) -> dict[str, Any]:
    return {"name": name, "type": "normsys", "data": {"lo": low, "hi": high}}


def histosys(name: str, low: list[float], high: list[float]) -> dict[str, Any]:
    return {"name": name, "type": "histosys", "data": {"lo_data": low, "hi_data": high}}


def lumi() -> dict[str, Any]:
    return {"name": "lumi", "type": "lumi", "data": None}


def per_bin(name: str, kind: str, data: list[float] | None) -> dict[str, Any]:
    return {"name": name, "type": kind, "data": data}


# every type of modifier; jes is a rate and a shape at once; one bin of tt has no statistical error
EVERY_MODIFIER: dict[str, Any] = {
    "channels": [
        {
            "name": "signal_region",
            "samples": [
                {
                    "name": "signal",
                    "data": [1.5, 4.0, 6.5],
                    "modifiers": [normfactor("mu"), lumi(), normsys("theory", 0.85, 1.2)],
                },
                {
                    "name": "tt",
                    "data": [30.0, 21.0, 7.0],
                    "modifiers": [
                        lumi(),
                        normsys("jes", 0.93, 1.06),
                        histosys("jes", [29.0, 21.5, 7.7], [31.5, 20.2, 6.1]),
                        per_bin("stat_sr", "staterror", [1.2, 1.0, 0.7]),
                        normfactor("norm_tt"),
                    ],
                },
                {
                    "name": "fakes",
                    "data": [5.0, 3.0, 0.0],
                    "modifiers": [
                        per_bin("stat_sr", "staterror", [0.8, 0.6, 0.0]),
                        per_bin("fake_rate", "shapesys", [1.5, 1.1, 0.4]),
                        histosys("closure", [4.0, 2.5, 0.1], [5.2, 3.9, 0.3]),
                    ],
                },
            ],
        },
        {
            "name": "control_region",
            "samples": [
                {
                    "name": "tt",
                    "data": [210.0, 95.0],
                    "modifiers": [
                        lumi(),
                        normsys("jes", 0.95, 1.04),
                        normfactor("norm_tt"),
                        per_bin("stat_cr", "staterror", [4.0, 0.0]),
                    ],
                },
                {"name": "multijet", "data": [12.0, 9.0], "modifiers": [per_bin("shape", "shapefactor", None)]},
            ],
        },
    ],
    "observations": [
        {"name": "signal_region", "data": [38.0, 33.0, 16.0]},
        {"name": "control_region", "data": [220.0, 120.0]},
    ],
    "measurements": [
        {
            "name": "analysis",
            "config": {
                "poi": "mu",
                "parameters": [
                    {"name": "lumi", "inits": [1.0], "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.9, 1.1]]},
                    {"name": "norm_tt", "fixed": True},
                ],
            },
        }
    ],
    "version": "1.0.0",
}


@pytest.fixture
def every_modifier() -> dict[str, Any]:
    """A fresh copy of the document with every type of modifier."""
    return copy.deepcopy(EVERY_MODIFIER)


@pytest.fixture
def likelihood(every_modifier: dict[str, Any]) -> HistFactory:
    """Its likelihood."""
    return HistFactory.of(Workspace.parse(every_modifier))
