"""A four-top-like search: what is put in is found, with the backgrounds measured in their regions."""

from __future__ import annotations

import numpy as np
import pytest

from collidium.analysis import FourTopRegion, four_top_document, score_region
from collidium.artifact import InputError
from collidium.measure import HistFactory, Workspace, fit, q0

JETS = np.arange(4, 11)
RATES = {"tttt": 0.2, "ttH": 0.15, "ttZ": 0.12, "other": 0.3}
NONE: dict[str, np.ndarray] = {}


def falling(events: float) -> np.ndarray:
    """Events by number of jets as the reference says."""
    ratios = [0.25 + 0.25 / (1 + j) for j in range(len(JETS) - 1)]
    return events * np.cumprod([1.0, *ratios])


def events_of(generator: np.random.Generator, total: float, shape: tuple[float, float], jets: float) -> tuple:
    """Scores, weights and jets of simulated events."""
    score = generator.beta(*shape, 4000)
    return score, np.full(4000, total / 4000), np.clip(generator.poisson(jets, 4000), 6, 12)


def regions() -> list[FourTopRegion]:
    """Yields like those of the observation: signal region of a score, eight control regions, all as expected."""
    generator = np.random.default_rng(0)
    simulated = {
        "tttt": events_of(generator, 26.0, (5.0, 1.5), 8.0),
        "ttW_plus": events_of(generator, 80.0, (1.2, 3.0), 7.0),
        "ttW_minus": events_of(generator, 45.0, (1.2, 3.0), 7.0),
        "ttH": events_of(generator, 60.0, (1.5, 3.0), 7.5),
        "ttZ": events_of(generator, 55.0, (1.5, 3.0), 7.5),
        "HF_e": events_of(generator, 8.0, (1.0, 4.0), 6.5),
        "HF_mu": events_of(generator, 10.0, (1.0, 4.0), 6.5),
        "material": events_of(generator, 18.0, (1.0, 4.0), 6.5),
        "low_m": events_of(generator, 10.0, (1.0, 4.0), 6.5),
        "other": events_of(generator, 30.0, (1.3, 3.0), 7.0),
    }
    found = [score_region("SR", np.linspace(0.0, 1.0, 8), simulated, [])]
    six = np.array([6])
    for sample, name in (("HF_e", "CR_HF_e"), ("HF_mu", "CR_HF_mu"), ("material", "CR_mat"), ("low_m", "CR_low_m")):
        content = {sample: np.array([60.0]), "other": np.array([25.0])}
        found.append(FourTopRegion(name, content, NONE, np.zeros(1), six))
    for sample, name in (("ttW_plus", "CR_ttW_plus"), ("ttW_minus", "CR_ttW_minus")):
        content = {sample: falling(220.0), "ttZ": falling(120.0), "HF_mu": falling(30.0)}
        found.append(FourTopRegion(name, content, NONE, np.zeros(7), JETS))
    for sample, name in (("ttW_plus", "CR_1b_plus"), ("ttW_minus", "CR_1b_minus")):
        content = {sample: falling(150.0), "other": falling(140.0)}
        found.append(FourTopRegion(name, content, NONE, np.zeros(7), JETS))
    return found


def build() -> HistFactory:
    document = four_top_document(regions(), rate_errors=RATES)
    return HistFactory.of(Workspace.parse(document, source="four tops"))


def test_what_is_put_in_is_found() -> None:
    model = build()
    truth = model.parameters.init.copy()
    put_in = {
        "mu": 1.9,
        "NF_ttW_plus": 1.3,
        "NF_ttW_minus": 1.1,
        "a0": 0.35,
        "a1": 0.2,
        "NF_HF_e": 0.7,
        "NF_low_m": 1.2,
    }
    for name, value in put_in.items():
        truth[model.parameters.index(name)] = value
    result = fit(model.asimov(truth))
    for name, value in put_in.items():
        assert result[name] == pytest.approx(value, abs=1e-3)
    assert 0.2 < result.errors[model.parameters.index("mu")] < 0.8
    for name in put_in:
        assert result.errors[model.parameters.index(name)] < 0.75


def test_the_expected_significance_is_like_that_of_the_observation() -> None:
    model = build()
    for strength, low, high in ((1.0, 3.5, 6.0), (1.9, 6.0, 10.0)):
        truth = model.parameters.init.copy()
        truth[model.parameters.index("mu")] = strength
        assert low < np.sqrt(q0(model.asimov(truth), "mu")) < high


def test_a_wrong_scaling_is_seen_in_the_control_regions_and_corrected_in_the_signal_region() -> None:
    model = build()
    names = model.parameters.names
    truth = model.parameters.init.copy()
    truth[names.index("a0")] = 0.45
    data = model.asimov(truth)
    held = fit(data, fixed={"a0": 0.25, "a1": 0.25})
    free = fit(data)
    assert free["mu"] == pytest.approx(1.0, abs=1e-3)
    assert abs(held["mu"] - 1.0) > 0.1


def test_shares_of_jets_are_those_of_the_events() -> None:
    columns = ([0.1, 0.1, 0.9, 0.9], [1.0, 3.0, 1.0, 1.0], [4, 6, 5, 14])
    region = score_region("SR", [0.0, 0.5, 1.0], {"tttt": columns}, [0.2, 1.5])
    assert isinstance(region.jets, dict)
    np.testing.assert_allclose(region.jets["tttt"][0, :3], [0.25, 0.0, 0.75])
    np.testing.assert_allclose(region.jets["tttt"][1, [1, 6]], [0.5, 0.5])
    np.testing.assert_array_equal(region.observed, [1.0, 1.0])
    np.testing.assert_allclose(region.errors["tttt"], [np.sqrt(10.0), np.sqrt(2.0)])


def test_every_background_is_uncertain() -> None:
    with pytest.raises(InputError, match="sample 'ttH' has no entry in rate_errors"):
        four_top_document(regions(), rate_errors={"tttt": 0.2})
    with pytest.raises(InputError, match="no region has the sample 'tttt'"):
        four_top_document(regions()[1:], rate_errors=RATES)
