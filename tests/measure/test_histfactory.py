"""The likelihood against pyhf 0.7.6, on a small workspace and on published ones.

The numbers come from ``python benchmarks/peers/pyhf_reference.py nll REQUEST`` (and ``fit``), in an environment with
pyhf 0.7.6, iminuit and jsonpatch.
"""

from __future__ import annotations

import logging
import math
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import HistFactory, Workspace, fit

ARCHIVE = "atlas-likelihoods/ATLAS-SUSY-2018-31_sbottom_ins1748602.tar.gz"


def waved(likelihood: HistFactory, phase: float) -> np.ndarray:
    """A point that is easy to write down: starts plus sines."""
    parameters = likelihood.parameters
    width = np.where(np.isfinite(parameters.width), 2.0 * np.minimum(parameters.width, 0.5), 0.4)
    for name in ("jes", "theory", "closure"):
        width[parameters.index(name)] = 1.4
    theta = parameters.init + np.sin(phase * np.arange(1, len(parameters) + 1)) * width
    return np.clip(theta, np.maximum(parameters.lower, -5.0), parameters.upper)


@pytest.mark.parametrize(
    ("phase", "twice_nll"),
    [
        (1.0, 97.08114305861025),
        (2.0, 152.31246750380197),
        (3.0, 89.22640664526554),
        (0.0, 26.893840559167316),
    ],
)
def test_values_are_pyhf_s(likelihood: HistFactory, phase: float, twice_nll: float) -> None:
    assert 2.0 * likelihood.nll(waved(likelihood, phase)) == pytest.approx(twice_nll, rel=1e-13)


def test_the_fit_is_at_least_as_good_as_minuit_s(likelihood: HistFactory) -> None:
    # pyhf with Minuit ends at 23.480542, with mu 1.5315 +- 0.6499 and jes 0.0928 +- 0.8651
    result = fit(likelihood)
    assert result.twice_nll == pytest.approx(23.48045, abs=1e-5)
    assert result["mu"] == pytest.approx(1.5315, abs=0.01)
    assert result.errors[likelihood.parameters.index("mu")] == pytest.approx(0.6499, rel=0.01)
    assert result["norm_tt"] == 1.0


# workspace, its patch, and twice_nll at the starts and with every free parameter 0.3 widths (normfactors 0.1) up; all
# others, and more points, are in ``test_published.py``
PUBLISHED = [
    ("ATLAS-SUSY-2018-04_SRcombined.json", "", 224.5936383627881, 283.7636279111236),
    ("ATLAS-SUSY-2018-14_SRee_bkgonly.json", "", 2.7578770870849083, 2.9047562198023646),
    ("simplified/ATLAS-SUSY-2018-31_simplifiedA.json", "", 51.933962882100914, 52.490395676224516),
    ("RegionA/BkgOnly.json", "", 109.66759583447421, 137.52008083956426),
    ("RegionA/BkgOnly.json", "RegionA/patch.sbottom_1300_205_60.json", 107.34560831422243, 122.62681833351652),
]


@pytest.fixture
def published(shared_data: Callable[[str], Path], tmp_path: Path) -> Callable[[str, str], HistFactory]:
    """Reader of the published workspaces, also those in the archive."""

    def read(name: str, patch: str) -> HistFactory:
        if not name.startswith("Region"):
            return HistFactory.read(shared_data(f"atlas-likelihoods/{name}"))
        with tarfile.open(shared_data(ARCHIVE)) as archive:
            for member in filter(None, (name, patch)):
                archive.extract(member, tmp_path, filter="data")
        return HistFactory.read(tmp_path / name, patch=tmp_path / patch if patch else None)

    return read


@pytest.mark.parametrize(("name", "patch", "nominal", "shifted"), PUBLISHED)
def test_published_likelihoods_have_pyhf_s_values(
    published: Callable[[str, str], HistFactory], name: str, patch: str, nominal: float, shifted: float
) -> None:
    likelihood = published(name, patch)
    parameters = likelihood.parameters
    up = np.where(np.isfinite(parameters.width), parameters.init + 0.3 * np.nan_to_num(parameters.width), 1.1)
    up = np.where(parameters.is_fixed, parameters.init, up)
    assert 2.0 * likelihood.nll(parameters.init) == pytest.approx(nominal, rel=1e-12)
    assert 2.0 * likelihood.nll(up) == pytest.approx(shifted, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "num_parameters", "twice_nll"),
    [
        ("ATLAS-SUSY-2018-04_SRcombined.json", 118, 217.0793),
        ("RegionB/BkgOnly.json", 59, None),
    ],
)
def test_published_likelihoods_fit(
    published: Callable[[str, str], HistFactory], name: str, num_parameters: int, twice_nll: float | None
) -> None:
    likelihood = published(name, "")
    result = fit(likelihood)
    assert len(likelihood.parameters) == num_parameters
    assert result.edm < 1e-6
    if twice_nll is not None:
        assert result.twice_nll == pytest.approx(twice_nll, abs=1e-4)
    assert np.all(np.linalg.eigvalsh(result.covariance) > -1e-12)


def test_the_signal_strength_of_a_counting_experiment_is_the_closed_form() -> None:
    # one bin, known background: mu = (n - b) / s with variance n / s^2
    document: dict[str, Any] = {
        "channels": [
            {
                "name": "count",
                "samples": [
                    {"name": "s", "data": [4.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
                    {"name": "b", "data": [20.0], "modifiers": []},
                ],
            }
        ],
        "observations": [{"name": "count", "data": [30.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    result = fit(HistFactory.of(Workspace.parse(document)))
    assert result["mu"] == pytest.approx(2.5, abs=1e-9)
    assert result.errors[0] == pytest.approx(math.sqrt(30.0) / 4.0, rel=1e-6)
    assert result.nll == pytest.approx(30.0 - 30.0 * math.log(30.0) + math.lgamma(31.0))


def test_toys_fluctuate_around_the_point_they_are_drawn_at(likelihood: HistFactory) -> None:
    theta = waved(likelihood, 2.0)
    generator = np.random.default_rng(5)
    toys = [likelihood.toy(theta, generator) for _ in range(2000)]
    mean = np.mean([toy.observed for toy in toys], axis=0)
    expected = likelihood.expected(theta)
    np.testing.assert_allclose(mean, expected, atol=4 * np.sqrt(expected.max() / 2000))
    pulls = np.array([(toy.gaussian_data - theta[toy.gaussian]) / toy.gaussian_width for toy in toys])
    np.testing.assert_allclose(pulls.std(axis=0), 1.0, atol=0.08)
    counts = np.array([toy.poisson_data for toy in toys])
    np.testing.assert_allclose(counts.mean(axis=0), likelihood.poisson_scale * theta[likelihood.poisson], rtol=0.05)


def test_the_fit_of_an_asimov_set_is_the_point_it_was_made_at(likelihood: HistFactory) -> None:
    theta = np.clip(waved(likelihood, 1.0), 0.2, None)
    free = ~likelihood.parameters.is_fixed
    theta = np.where(free, theta, likelihood.parameters.init)
    result = fit(likelihood.asimov(theta))
    np.testing.assert_allclose(result.theta[free], theta[free], atol=1e-5)


def test_an_empty_bin_is_warned_of_with_its_samples(
    every_modifier: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    for sample in every_modifier["channels"][0]["samples"]:
        sample["data"][2] = 0.0
    every_modifier["observations"][0]["data"][2] = 0.0
    with caplog.at_level(logging.WARNING):
        HistFactory.of(Workspace.parse(every_modifier))
    assert "channel 'signal_region', bin 2 expects 0 events of signal, tt, fakes" in caplog.text


@pytest.mark.parametrize(("expected", "observed"), [(0.0, 1.0), (-0.5, 0.0)])
def test_a_bin_that_cannot_be_is_refused(every_modifier: dict[str, Any], expected: float, observed: float) -> None:
    for sample in every_modifier["channels"][0]["samples"]:
        sample["data"][2] = expected / 3.0
    every_modifier["observations"][0]["data"][2] = observed
    with pytest.raises(InputError, match=r"channel 'signal_region', bin 2 expects .* a positive expectation is needed"):
        HistFactory.of(Workspace.parse(every_modifier))


def test_a_workspace_without_modifiers_has_nothing_to_fit(every_modifier: dict[str, Any]) -> None:
    for channel in every_modifier["channels"]:
        for sample in channel["samples"]:
            sample["modifiers"] = []
    with pytest.raises(InputError, match="no sample has a modifier"):
        HistFactory.of(Workspace.parse(every_modifier))


def test_a_parameter_of_interest_that_no_sample_carries_is_none(every_modifier: dict[str, Any]) -> None:
    every_modifier["channels"][0]["samples"].pop(0)
    assert HistFactory.of(Workspace.parse(every_modifier)).poi is None
