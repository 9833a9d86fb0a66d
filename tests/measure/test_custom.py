"""Modifiers of one's own: the scaling of ttW with the number of jets, and a function given in Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import BinFactor, HistFactory, JetScaling, Parameter, Workspace, fit
from collidium.measure._pointer import Place

Document = dict[str, Any]

SCALING = {"jets": [4, 5, 7], "reference": [0.4, 0.3], "strength": "NF_ttWp"}


def with_scaling(document: Document, **changes: Any) -> Document:
    """ttW+ and ttW- in the signal region, with their own strengths and one scaling."""
    samples = document["channels"][0]["samples"]
    for name, data in (("ttWp", [20.0, 9.0, 3.0]), ("ttWm", [11.0, 5.0, 1.5])):
        scaling = {**SCALING, "strength": f"NF_{name}", **changes}
        modifiers = [{"name": "ttW", "type": "jet_scaling", "data": scaling}]
        samples.append({"name": name, "data": data, "modifiers": modifiers})
    return document


def build(document: Document) -> HistFactory:
    return HistFactory.of(Workspace.parse(document))


def point(likelihood: HistFactory, **values: float) -> np.ndarray:
    theta = likelihood.parameters.init.copy()
    for name, value in values.items():
        theta[likelihood.parameters.index(name)] = value
    return theta


def test_the_scaling_is_the_product_of_the_ratios(every_modifier: Document, likelihood: HistFactory) -> None:
    scaled = build(with_scaling(every_modifier))
    theta = point(scaled, NF_ttWp=1.3, NF_ttWm=0.8, a0=0.55, a1=0.2)
    region = scaled.channels[1]
    found = scaled.expected(theta)[region.start : region.stop]
    without = likelihood.expected(likelihood.parameters.init)[2:]

    def ratio(jets: int, a0: float, a1: float) -> float:
        return a0 + a1 / (1 + (jets - 4))

    for b, jets in enumerate(SCALING["jets"]):
        product = math.prod(ratio(j, 0.55, 0.2) / ratio(j, 0.4, 0.3) for j in range(4, jets))  # type: ignore[call-overload]
        expected = product * (1.3 * [20.0, 9.0, 3.0][b] + 0.8 * [11.0, 5.0, 1.5][b])
        assert found[b] - without[b] == pytest.approx(expected, rel=1e-12)


def test_at_the_reference_the_scaling_is_the_strength() -> None:
    factor = JetScaling.of([2, 4, 9], strength="s", offset="a0", slope="a1", reference=(0.4, 0.3))
    np.testing.assert_allclose(factor.factors(np.array([1.7, 0.4, 0.3]))[0], 1.7, rtol=1e-14)


def test_fractions_average_the_scaling_over_numbers_of_jets() -> None:
    def read(data: Document) -> JetScaling:
        return JetScaling.read("s", Place("w", "", data), 1)

    mixed = read({"jets": [4, 6], "fractions": [[0.25, 0.75]], "reference": [0.4, 0.3]})
    six = read({"jets": [6], "reference": [0.4, 0.3]})
    values = np.array([1.0, 0.7, 0.1])
    assert mixed.factors(values)[0][0] == pytest.approx(0.25 + 0.75 * six.factors(values)[0][0])
    assert [parameter.name for parameter in mixed.parameters] == ["s", "a0", "a1"]


def check_derivatives(likelihood: HistFactory, theta: np.ndarray) -> None:
    step = 1e-5
    gradient, hessian = likelihood.grad(theta), likelihood.hessian(theta)
    for j in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        slope = (likelihood.nll(up) - likelihood.nll(down)) / (2 * step)
        assert gradient[j] == pytest.approx(slope, rel=1e-6, abs=1e-6 * np.abs(gradient).max())
        row = (likelihood.grad(up) - likelihood.grad(down)) / (2 * step)
        np.testing.assert_allclose(hessian[j], row, rtol=1e-5, atol=2e-6 * np.abs(hessian).max())


@pytest.mark.parametrize("strength", [1.4, 0.0])
def test_derivatives_of_the_scaling(every_modifier: Document, strength: float) -> None:
    likelihood = build(with_scaling(every_modifier))
    check_derivatives(likelihood, point(likelihood, NF_ttWp=strength, NF_ttWm=0.7, a0=0.5, a1=0.15, mu=1.2, jes=0.4))


def test_the_scaling_is_measured(every_modifier: Document) -> None:
    # statistics of a real control region, so that four parameters can be told apart
    document = with_scaling(every_modifier)
    for name, size in (("plus", 2000.0), ("minus", 1200.0)):
        scaling = {**SCALING, "strength": f"NF_ttW{name[0]}", "jets": [4, 5, 6, 7]}
        sample = {
            "name": "ttW",
            "data": [size, 0.7 * size, 0.4 * size, 0.2 * size],
            "modifiers": [{"name": "ttW", "type": "jet_scaling", "data": scaling}],
        }
        document["channels"].append({"name": name, "samples": [sample]})
        document["observations"].append({"name": name, "data": [1.0] * 4})
    likelihood = build(document)
    truth = point(likelihood, NF_ttWp=1.4, NF_ttWm=1.2, a0=0.5, a1=0.2)
    result = fit(likelihood.asimov(truth))
    for name in ("NF_ttWp", "NF_ttWm", "a0", "a1"):
        assert result[name] == pytest.approx(truth[likelihood.parameters.index(name)], abs=1e-6)
        assert 0.0 < result.errors[likelihood.parameters.index(name)] < 0.2


class Turn:
    """1 + c x with a Gaussian constraint of c, and a power of a free k: a function of one's own."""

    def __init__(self, num_bins: int) -> None:
        self.x = np.linspace(-1.0, 1.0, num_bins)
        self.parameters = (
            Parameter(name="c", init=0.0, lower=-0.9, upper=0.9, center=0.1, width=0.2),
            Parameter(name="k", init=1.0, lower=0.1, upper=5.0),
        )

    def factors(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c, k = values
        line = 1.0 + c * self.x
        return line * k**2, np.column_stack([self.x * k**2, 2.0 * k * line])


def turn(name: str, data: Place, num_bins: int) -> BinFactor:
    return Turn(num_bins)


def test_a_function_in_python(every_modifier: Document) -> None:
    sample = every_modifier["channels"][0]["samples"][1]
    sample["modifiers"].append({"name": "turn", "type": "turn", "data": None})
    # the same sample scaled as well: two functions of one's own on the same bins
    sample["modifiers"].append({"name": "ttW", "type": "jet_scaling", "data": SCALING})
    custom = {"turn": turn, "jet_scaling": JetScaling.read}
    likelihood = HistFactory.of(Workspace.parse(every_modifier, custom=custom))
    assert likelihood.parameters["c"].width == 0.2
    check_derivatives(likelihood, point(likelihood, c=0.3, k=1.1, a0=0.5, a1=0.1, NF_ttWp=0.9, jes=0.3, closure=-0.4))
    result = fit(likelihood, fixed={"NF_ttWp": 1.0, "a0": 0.4, "a1": 0.3})
    assert result.edm < 1e-6


def test_settings_of_a_measurement_reach_the_parameters(every_modifier: Document) -> None:
    with_scaling(every_modifier)
    settings = every_modifier["measurements"][0]["config"]["parameters"]
    settings.append({"name": "a0", "inits": [0.6], "bounds": [[0.1, 0.9]], "fixed": True})
    found = build(every_modifier).parameters["a0"]
    assert (found.init, found.lower, found.upper, found.is_fixed) == (0.6, 0.1, 0.9, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: with_scaling(d, jets=[4, 5]), "/modifiers/0/data/jets has 2 numbers; 3 are needed"),
        (lambda d: with_scaling(d, jets=[4, 5, 5.5]), "/data/jets/2 is 5.5; a number of jets is needed"),
        (lambda d: with_scaling(d, reference=[0.0, 0.0]), "/data/reference has no events with 5 jets"),
        (lambda d: with_scaling(d, fractions=[[1, 0, 0]]), "/data/fractions has 1 rows; 3 are needed"),
        (lambda d: with_scaling(d, colour="red"), "/data has the unknown key 'colour'"),
        (lambda d: with_scaling(d, strength="mu"), "needs another parameter 'mu' than an earlier modifier"),
    ],
)
def test_scalings_that_are_wrong(every_modifier: Document, change: Callable[[Document], Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        build(change(every_modifier))
    assert words in str(error.value)


def test_poisson_constraints_of_statistical_errors(every_modifier: Document, likelihood: HistFactory) -> None:
    poisson = HistFactory.of(Workspace.parse(every_modifier), stat_constraint="poisson")
    assert poisson.parameters.names == likelihood.parameters.names
    width = poisson.parameters["stat_sr[0]"].width
    assert width == pytest.approx(likelihood.parameters["stat_sr[0]"].width)
    # tau = 1 / width^2 counts were seen where tau gamma are expected
    tau, gamma = width**-2, 1.3
    # the constraint alone: take away what the bins say
    change = poisson.nll(point(poisson, **{"stat_sr[0]": gamma})) - poisson.nll(poisson.parameters.init)
    other = likelihood.nll(point(likelihood, **{"stat_sr[0]": gamma})) - likelihood.nll(likelihood.parameters.init)
    difference = change - other
    assert difference == pytest.approx(tau * (gamma - 1.0 - math.log(gamma)) - 0.5 * ((gamma - 1.0) / width) ** 2)
    assert fit(poisson).edm < 1e-6
