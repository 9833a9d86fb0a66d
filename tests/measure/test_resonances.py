from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError, json_dumps
from collidium.measure import (
    BACKGROUNDS,
    RESONANCES,
    SIGNALS,
    PeakConfig,
    PeakModel,
    Window,
    build_peak,
    fit_peak,
    fit_resonance,
)

Z_BOSONS = [pytest.param(name, marks=pytest.mark.slow) for name in ("zmumu", "zee")]
MODEL = PeakModel(signal="gaussian", background="exponential", window=Window(3.5, 3.9))


def masses(generator: np.random.Generator, num_signal: int = 500, num_background: int = 1000) -> np.ndarray:
    return np.concatenate([generator.normal(3.686, 0.03, num_signal), generator.uniform(3.5, 3.9, num_background)])


@pytest.mark.parametrize("signal", [name for name in SIGNALS if name != "upsilon-family"])
def test_every_signal_finds_a_peak(signal: str) -> None:
    generator = np.random.default_rng(3)
    if signal == "voigtian" or signal.startswith("breit-wigner"):
        known, width, resolution, window = 91.188, 2.5, 1.2, Window(60.0, 120.0)
    else:
        known, width, resolution, window = 3.686, 0.0, 0.03, Window(3.5, 3.9)
    lines = known + 0.5 * width * generator.standard_cauchy(4000)
    x = np.concatenate([generator.normal(lines, resolution), generator.uniform(window.low, window.high, 1000)])
    model = PeakModel(signal=signal, background="exponential", window=window)
    found = fit_peak(model, x, known_mass=known, known_width=width, resolution=0.8 * resolution)
    assert found.values["mass"] == pytest.approx(known, abs=0.3 * resolution)
    assert found.values["resolution"] == pytest.approx(resolution, rel=0.3)
    assert found.curves.expected.sum() == pytest.approx(found.num_events, rel=1e-4)
    total = np.sum(list(found.curves.components.values()), axis=0)
    np.testing.assert_allclose(found.curves.total, total)


def test_three_upsilons_share_their_scale() -> None:
    generator = np.random.default_rng(7)
    scale, spread = 0.998, 0.009
    true = np.repeat([9.4604, 10.0234, 10.3551], [4000, 1200, 600])
    x = np.concatenate([scale * generator.normal(true, spread * true), generator.uniform(8.5, 11.5, 6000)])
    model = PeakModel(signal="upsilon-family", background="bernstein1", window=Window(8.5, 11.5))
    found = fit_peak(model, x, known_mass=9.4604, resolution=0.08, fixed={"alpha_low": 5.0})
    wanted = {"mass": scale * 9.4604, "resolution": scale * spread * 9.4604}
    wanted |= {"events": 4000.0, "events_2S": 1200.0, "events_3S": 600.0}
    for name, value in wanted.items():
        assert abs(found.values[name] - value) < 4 * found.errors[name]
    assert found.errors["mass"] < 0.003


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_background_fits_a_flat_one(background: str) -> None:
    x = np.random.default_rng(5).uniform(0.65, 0.9, 600)
    model = PeakModel(signal="gaussian", background=background, window=Window(0.65, 0.9))
    found = fit_peak(model, x, known_mass=0.78, resolution=0.01, fixed={"mass": 0.78, "resolution": 0.01})
    assert abs(found.values["events"]) < 5.0 * found.errors["events"]


def test_weighted_events_have_honest_errors() -> None:
    pulls, p_values = [], []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        x = masses(generator)
        weight = generator.choice([0.2, 2.0], len(x))
        found = fit_peak(MODEL, x, known_mass=3.686, resolution=0.03, weight=weight)
        pulls.append((found.values["mass"] - 3.686) / found.errors["mass"])
        p_values.append(found.goodness.p_value)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)
    assert abs(np.mean(pulls)) < 0.5
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.15)
    # what the curvature says for the sum of weights is not enough
    parameters = found.result.parameters
    assert found.errors["mass"] > 1.2 * float(found.result.errors[parameters.index("mass")])


def test_unknown_models_are_named() -> None:
    for change in ({"signal": "gausian"}, {"background": "exponentil"}):
        model = PeakModel(**{"signal": "gaussian", "background": "exponential", "window": Window(0.0, 1.0), **change})
        with pytest.raises(InputError, match="did you mean"):
            build_peak(model, mass=0.5, width=0.0, resolution=0.1, num_events=10)


@pytest.fixture
def psi2s_file(tmp_path: Path) -> Path:
    """Pairs back to back with the mass of a psi(2S) peak, a fifth of them of equal charge."""
    generator = np.random.default_rng(8)
    path = tmp_path / "pairs.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Run", "Event", "pt1", "eta1", "phi1", "Q1", "pt2", "eta2", "phi2", "Q2"])
        for event, mass in enumerate(masses(generator)):
            momentum = np.sqrt(mass**2 / 4 - 0.1056583755**2)
            writer.writerow([1, event, momentum, 0.0, 0.0, 1, momentum, 0.0, np.pi, -1])
        for event, mass in enumerate(generator.uniform(3.5, 3.9, 300), start=10_000):
            momentum = np.sqrt(mass**2 / 4 - 0.1056583755**2)
            writer.writerow([1, event, momentum, 0.0, 0.0, 1, momentum, 0.0, np.pi, 1])
    return path


def test_a_recipe_on_another_file(psi2s_file: Path) -> None:
    found = fit_resonance("psi2s", psi2s_file, config=PeakConfig(signal="gaussian", num_bins=40))
    assert abs(found.mass - 3.686) < 4 * found.peak.errors["mass"]
    assert found.same_sign is not None
    assert abs(found.same_sign.values["events"]) < 4 * found.same_sign.errors["events"]
    assert found.scale_error == pytest.approx(0.002 * found.mass * (1 - 4 * 0.1056583755**2 / found.mass**2))
    assert found.mass_error**2 == pytest.approx(
        found.peak.errors["mass"] ** 2 + found.model_error**2 + found.scale_error**2
    )
    assert '"pull"' in json_dumps(found.report())
    assert len(found.peak.curves.counts) == 40


def test_what_a_recipe_refuses(psi2s_file: Path) -> None:
    with pytest.raises(InputError, match="unknown resonance 'psi2'"):
        fit_resonance("psi2", psi2s_file)
    with pytest.raises(InputError, match="is a folder; the recipe upsilon-family needs a file"):
        fit_resonance("upsilon-family", psi2s_file.parent)
    with pytest.raises(InputError, match="no pair of opposite charge passes the selection of omega"):
        fit_resonance("omega", psi2s_file)
    with pytest.raises(InputError, match=r"the window \[3.75, 3.9\] leaves out 3.6861 GeV, where the fit starts"):
        fit_resonance("psi2s", psi2s_file, config=PeakConfig(low=3.75))
    with pytest.raises(InputError, match="num_bins is 1"):
        fit_resonance("psi2s", psi2s_file, config=PeakConfig(num_bins=1))


@pytest.mark.parametrize("name", ["phi", "omega", "jpsi", "psi2s", "upsilon", *Z_BOSONS])
def test_masses_agree_with_known_ones(shared_data: Callable[[str], Path], name: str) -> None:
    found = fit_resonance(name, shared_data(str(RESONANCES[name].file)))
    assert abs(found.pull) < 2.0
    # the error is not generous: half a per cent at most
    assert found.mass_error < 0.005 * found.mass
    assert found.peak.goodness.p_value > 0.01
    assert found.peak.values["events"] > 4 * found.peak.errors["events"]
    assert not found.failed


@pytest.mark.slow
def test_equal_charges_have_no_muon_peak_but_flipped_electrons(shared_data: Callable[[str], Path]) -> None:
    muons = fit_resonance("zmumu", shared_data(str(RESONANCES["zmumu"].file)))
    electrons = fit_resonance("zee", shared_data(str(RESONANCES["zee"].file)))
    assert muons.same_sign is not None
    assert electrons.same_sign is not None
    assert muons.same_sign.values["events"] < 3 * muons.same_sign.errors["events"]
    flipped = electrons.same_sign.values["events"] / electrons.peak.values["events"]
    assert 0.003 < flipped < 0.02
