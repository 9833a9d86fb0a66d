from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import (
    Binned,
    Category,
    Component,
    ExponentialPolynomial,
    FitError,
    Parameter,
    Parameters,
    PeakModel,
    Spectrum,
    Unbinned,
    Window,
    build_peak,
    envelope,
    envelope_scan,
    fit,
    spurious_signal,
)

WINDOW = Window(105.0, 160.0)
HELD = {"mass": 125.0, "resolution": 1.7}


def unbinned(background: str, x: np.ndarray) -> Unbinned:
    model = PeakModel(signal="gaussian", background=background, window=WINDOW)
    parameters, components = build_peak(model, mass=125.0, width=0.0, resolution=1.7, num_events=len(x))
    return Unbinned.of(parameters, [Category.of("all", WINDOW, components, x)])


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    """An exponential of 4000 events with a peak of 150."""
    generator = np.random.default_rng(2)
    x = 105.0 + generator.exponential(30.0, 9000)
    return np.concatenate([x[x < 160.0][:4000], generator.normal(125.0, 1.7, 150)])


def test_an_envelope_of_one_is_its_profile(data: np.ndarray) -> None:
    likelihood = unbinned("exponential", data)
    found = envelope({"exponential": likelihood}, "events", fixed=HELD)
    best = fit(likelihood, fixed=HELD)
    assert found.value == pytest.approx(best["events"], abs=0.01)
    for end in (found.low, found.high):
        assert fit(likelihood, fixed={**HELD, "events": end}).twice_nll - best.twice_nll == pytest.approx(1.0, abs=1e-3)


def test_a_choice_of_functions_widens_the_interval(data: np.ndarray) -> None:
    names = ("exponential", "power-law", "bernstein3", "exp-poly2")
    likelihoods = {name: unbinned(name, data) for name in names}
    alone = envelope({"exponential": likelihoods["exponential"]}, "events", penalty=0.0, fixed=HELD)
    found = envelope(likelihoods, "events", penalty=0.0, fixed=HELD)
    assert found.high - found.low > alone.high - alone.low
    values = np.linspace(found.low, found.high, 7)
    q, winners = envelope_scan(found, values)
    assert q[0] == pytest.approx(1.0, abs=1e-2)
    assert q[-1] == pytest.approx(1.0, abs=1e-2)
    assert np.all(q[1:-1] < 1.0)
    assert set(winners) <= set(names)
    # parameters cost: the function of one parameter wins where the data need no more
    assert envelope(likelihoods, "events", penalty=2.0, fixed=HELD).chosen in ("exponential", "power-law")
    assert abs(found.value - 150.0) < 4 * (found.high - found.low)


def test_functions_that_have_no_fit_are_told(data: np.ndarray) -> None:
    with pytest.raises(InputError, match="at least one background function"):
        envelope({}, "events")
    good = unbinned("exponential", data)
    far = Parameters(
        [
            Parameter(name="events", init=100.0, lower=0.0),
            Parameter(name="mass", init=9000.0),
            Parameter(name="resolution", init=1.0, lower=0.1),
        ]
    )
    peak = good.categories[0].components[0]
    empty = Unbinned.of(far, [Category.of("all", WINDOW, [peak], data)])
    found = envelope({"good": good, "empty": empty}, "events")
    assert found.chosen == "good"
    assert "not finite at the start" in found.failed["empty"]
    with pytest.raises(FitError, match="no background function has a fit: empty"):
        envelope({"empty": empty}, "events")


def template(events: float) -> Spectrum:
    """Without fluctuations: exp(-2 z + 1.2 z^2) in bins."""
    edges = np.linspace(105.0, 160.0, 111)
    parameters = Parameters(
        [Parameter(name="n", init=events), Parameter(name="c1", init=-2.0), Parameter(name="c2", init=1.2)]
    )
    truth = Component(
        name="truth", shape=ExponentialPolynomial(2), shape_parameters={"c1": "c1", "c2": "c2"}, yields=("n",)
    )
    empty = Binned.of(parameters, [truth], Spectrum.of("template", edges, np.ones(110)))
    return empty.asimov(parameters.init).spectrum


def test_the_spurious_signal_test_picks_the_true_function() -> None:
    spectrum = template(40_000.0)
    likelihoods = {}
    for name in ("exponential", "exp-poly2", "exp-poly3"):
        model = PeakModel(signal="gaussian", background=name, window=WINDOW)
        parameters, components = build_peak(model, mass=125.0, width=0.0, resolution=1.7, num_events=40_000)
        held = Parameters(
            [Parameter(name=p.name, init=p.init, is_fixed=True) if p.name == "resolution" else p for p in parameters]
        )
        likelihoods[name] = Binned.of(held, components, spectrum)
    chosen, tests = spurious_signal(likelihoods, [123.0, 125.0, 127.0], expected_signal=300.0)
    assert chosen == "exp-poly2"
    assert not tests["exponential"].passes
    assert tests["exponential"].largest > 60.0
    assert tests["exp-poly2"].largest < 1.0
    assert [tests[name].num_free for name in likelihoods] == [2, 3, 4]
    only, _ = spurious_signal({"exponential": likelihoods["exponential"]}, [125.0], expected_signal=300.0)
    assert only is None
