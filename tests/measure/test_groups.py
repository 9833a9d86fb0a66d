from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import HistFactory, Workspace

Document = dict[str, Any]


def built(document: Document) -> HistFactory:
    return HistFactory.of(Workspace.parse(document))


def modifiers(document: Document, channel: int, sample: int) -> list[Document]:
    found: list[Document] = document["channels"][channel]["samples"][sample]["modifiers"]
    return found


def test_statistical_errors_add_in_squares_over_the_samples_that_carry_them(likelihood: HistFactory) -> None:
    width = [likelihood.parameters[f"stat_sr[{b}]"].width for b in range(3)]
    expected = [np.hypot(1.2, 0.8) / 35.0, np.hypot(1.0, 0.6) / 24.0, 0.7 / 7.0]
    np.testing.assert_allclose(width, expected, rtol=1e-14)


def test_a_bin_without_statistical_error_is_held(likelihood: HistFactory) -> None:
    assert [likelihood.parameters[f"stat_cr[{b}]"].is_fixed for b in range(2)] == [False, True]


def test_a_shape_uncertainty_is_a_count_of_the_same_relative_width(likelihood: HistFactory) -> None:
    first, empty = likelihood.parameters["fake_rate[0]"], likelihood.parameters["fake_rate[2]"]
    assert first.width == pytest.approx(1.5 / 5.0)
    assert likelihood.poisson_data[0] == pytest.approx((5.0 / 1.5) ** 2)
    assert empty.is_fixed


def test_settings_of_the_measurement_win(every_modifier: Document) -> None:
    settings = every_modifier["measurements"][0]["config"]["parameters"]
    settings.append({"name": "mu", "inits": [2.0], "bounds": [[-3.0, 8.0]]})
    settings.append({"name": "jes", "auxdata": [0.3], "fixed": True, "sigmas": [0.5]})
    settings.append({"name": "fake_rate", "auxdata": [9.0, 8.0, 1.0], "factors": [10.0, 8.0, 1.0]})
    likelihood = built(every_modifier)
    mu, jes, rate = (likelihood.parameters[name] for name in ("mu", "jes", "fake_rate[0]"))
    assert (mu.init, mu.lower, mu.upper) == (2.0, -3.0, 8.0)
    assert (jes.center, jes.width, jes.is_fixed) == (0.3, 0.5, True)
    assert (rate.center, rate.width) == (0.9, pytest.approx(10.0**-0.5))


def test_a_shapefactor_in_channels_of_two_lengths_has_the_longer_one(every_modifier: Document) -> None:
    modifiers(every_modifier, 0, 2).append({"name": "shape", "type": "shapefactor", "data": None})
    likelihood = built(every_modifier)
    theta = likelihood.parameters.init.copy()
    theta[likelihood.parameters.index("shape[2]")] = 3.0
    change = likelihood.expected(theta) - likelihood.expected(likelihood.parameters.init)
    assert np.flatnonzero(change).tolist() == []  # the third bin of the fakes is empty
    theta[likelihood.parameters.index("shape[1]")] = 3.0
    change = likelihood.expected(theta) - likelihood.expected(likelihood.parameters.init)
    np.testing.assert_allclose(change, [0.0, 18.0, 0.0, 6.0, 0.0])


def test_one_statistical_error_may_span_channels(every_modifier: Document) -> None:
    modifiers(every_modifier, 1, 0)[3]["name"] = "stat_sr"
    names = built(every_modifier).parameters.names
    assert [name for name in names if name.startswith("stat")] == [f"stat_sr[{b}]" for b in range(5)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: modifiers(d, 0, 0).append({"name": "jes", "type": "normfactor", "data": None}),
            "/channels/0/samples/0/modifiers/3 named 'jes' needs other parameters",
        ),
        (
            lambda d: modifiers(d, 0, 1).append({"name": "fake_rate", "type": "shapesys", "data": [1.0, 1.0, 1.0]}),
            "a shapesys shares its parameters with none",
        ),
        (lambda d: d["measurements"][0]["config"].update(parameters=[]), "give no auxdata and sigmas for the modifier"),
        (
            lambda d: d["measurements"][0]["config"]["parameters"].append({"name": "mu", "inits": [1.0, 2.0]}),
            "/parameters/2/inits has 2 values for 'mu'; 1 are needed",
        ),
        (
            lambda d: d["measurements"][0]["config"]["parameters"].append({"name": "mu", "auxdata": [1.0]}),
            "/parameters/2/auxdata is given for 'mu', which has no auxdata",
        ),
        (
            lambda d: d["measurements"][0]["config"]["parameters"].append({"name": "jes", "factors": [1.0]}),
            "/parameters/2/factors is given for 'jes', which has no factors",
        ),
        (
            lambda d: d["measurements"][0]["config"]["parameters"][0].update(sigmas=[0.0]),
            "/parameters/0/sigmas of 'lumi' has the value 0; positive numbers",
        ),
        (
            lambda d: d["measurements"][0]["config"]["parameters"][0].update(bounds=[[1.05, 1.1]]),
            "/parameters/0 starts 'lumi' at 1, outside its bounds [1.05, 1.1]",
        ),
        (
            lambda d: modifiers(d, 0, 1)[1]["data"].update(lo=0.0),
            "/channels/0/samples/1/modifiers/1 has the factors 0 and 1.06; positive ones are needed",
        ),
        (
            lambda d: d["measurements"][0]["config"].update(poi="shape"),
            "/config/poi is 'shape', which has one parameter",
        ),
    ],
)
def test_modifiers_and_settings_that_contradict(
    change: Callable[[Document], Any], words: str, every_modifier: Document
) -> None:
    change(every_modifier)
    with pytest.raises(InputError) as error:
        built(every_modifier)
    assert words in str(error.value)
