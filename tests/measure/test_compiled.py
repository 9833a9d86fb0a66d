"""Derivatives of the flattened model against differences, at ordinary points and where factors vanish."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from collidium.measure import HistFactory, Workspace


def ordinary_point(likelihood: HistFactory, seed: int) -> np.ndarray:
    """Inside of all bounds, with nuisance parameters on both sides of one standard deviation."""
    generator = np.random.default_rng(seed)
    parameters = likelihood.parameters
    width = np.where(np.isfinite(parameters.width), np.minimum(parameters.width, 1.5), 0.5)
    theta = parameters.init + width * generator.uniform(-1.4, 1.4, len(parameters))
    return np.clip(theta, np.maximum(parameters.lower, -5.0) + 0.1, parameters.upper)


def rate_by_hand(document: dict[str, Any], value: dict[str, float]) -> list[float]:
    """Expected events of the signal region from the definition, sample by sample."""

    def norm(low: float, high: float, a: float) -> float:
        assert abs(a) >= 1.0
        return float(high**a if a > 0 else low**-a)

    def shape(low: float, nominal: float, high: float, a: float) -> float:
        assert abs(a) >= 1.0
        return float(a * (high - nominal) if a > 0 else -a * (low - nominal))

    signal, tt, fakes = (sample for sample in document["channels"][0]["samples"])
    total = []
    for b in range(3):
        gamma = value[f"stat_sr[{b}]"]
        jes, closure = tt["modifiers"][2]["data"], fakes["modifiers"][2]["data"]
        from_signal = signal["data"][b] * value["mu"] * value["lumi"] * norm(0.85, 1.2, value["theory"])
        content = tt["data"][b] + shape(jes["lo_data"][b], tt["data"][b], jes["hi_data"][b], value["jes"])
        from_tt = content * value["lumi"] * value["norm_tt"] * norm(0.93, 1.06, value["jes"]) * gamma
        content = fakes["data"][b] + shape(
            closure["lo_data"][b], fakes["data"][b], closure["hi_data"][b], value["closure"]
        )
        total.append(from_signal + from_tt + content * gamma * value[f"fake_rate[{b}]"])
    return total


def test_rates_follow_the_definition(likelihood: HistFactory, every_modifier: dict[str, Any]) -> None:
    theta = ordinary_point(likelihood, 0)
    for name, alpha in (("jes", 1.3), ("closure", -1.7), ("theory", -1.0)):
        theta[likelihood.parameters.index(name)] = alpha
    value = dict(zip(likelihood.parameters.names, theta.tolist(), strict=True))
    region = likelihood.channels[1]
    found = likelihood.expected(theta)[region.start : region.stop]
    np.testing.assert_allclose(found, rate_by_hand(every_modifier, value), rtol=1e-14)


def test_samples_add_up_to_bins(likelihood: HistFactory) -> None:
    theta = ordinary_point(likelihood, 1)
    samples = likelihood.expected_samples(theta)
    np.testing.assert_allclose(samples[:4].reshape(2, 2).sum(axis=0), likelihood.expected(theta)[:2])
    np.testing.assert_allclose(samples[4:].reshape(3, 3).sum(axis=0), likelihood.expected(theta)[2:])


@pytest.mark.parametrize("seed", range(6))
def test_gradient_and_hessian_against_differences(likelihood: HistFactory, seed: int) -> None:
    theta = ordinary_point(likelihood, seed)
    step = 1e-5
    gradient, hessian = likelihood.grad(theta), likelihood.hessian(theta)
    for j in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        slope = (likelihood.nll(up) - likelihood.nll(down)) / (2 * step)
        assert gradient[j] == pytest.approx(slope, rel=1e-6, abs=1e-6 * np.abs(gradient).max())
        row = (likelihood.grad(up) - likelihood.grad(down)) / (2 * step)
        np.testing.assert_allclose(hessian[j], row, rtol=1e-5, atol=1e-6 * np.abs(hessian).max())


def test_the_gradient_is_the_weighted_jacobian(likelihood: HistFactory) -> None:
    theta = ordinary_point(likelihood, 5)
    rates = likelihood.model.rates(theta)
    weight = np.random.default_rng(1).normal(size=len(rates.bins))
    expected = weight @ likelihood.model.jacobian(theta, rates)
    np.testing.assert_allclose(likelihood.model.gradient(rates, weight), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(likelihood.expand(theta, "fisher").gradient, likelihood.grad(theta), rtol=1e-12)


def test_the_fisher_matrix_is_the_hessian_of_the_asimov_set(likelihood: HistFactory) -> None:
    theta = ordinary_point(likelihood, 3)
    asimov = likelihood.asimov(theta)
    np.testing.assert_allclose(asimov.fisher(theta), asimov.hessian(theta), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(asimov.grad(theta), 0.0, atol=1e-10)


@pytest.mark.parametrize("zeros", [("mu",), ("mu", "lumi"), ("norm_tt",)])
def test_derivatives_where_factors_are_zero(likelihood: HistFactory, zeros: tuple[str, ...]) -> None:
    theta = ordinary_point(likelihood, 4)
    for name in zeros:
        theta[likelihood.parameters.index(name)] = 0.0
    rates = likelihood.model.rates(theta)
    jacobian = likelihood.model.jacobian(theta, rates)
    weight = np.random.default_rng(0).normal(size=len(rates.bins))
    curvature = likelihood.model.curvature(theta, rates, weight)
    assert np.all(np.isfinite(jacobian))
    step = 1e-5
    for j in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        above, below = likelihood.model.rates(up), likelihood.model.rates(down)
        np.testing.assert_allclose(jacobian[:, j], (above.bins - below.bins) / (2 * step), atol=1e-6)
        slope = weight @ (likelihood.model.jacobian(up, above) - likelihood.model.jacobian(down, below))
        np.testing.assert_allclose(curvature[j], slope / (2 * step), atol=1e-5)


def test_a_bin_below_the_floor_has_no_slope(every_modifier: dict[str, Any]) -> None:
    every_modifier["channels"][0]["samples"][1]["modifiers"].append(
        {"name": "broken", "type": "histosys", "data": {"lo_data": [31.0, 21.5, 7.5], "hi_data": [1.0, 20.0, 7.0]}}
    )
    likelihood = HistFactory.of(Workspace.parse(every_modifier))
    theta = likelihood.parameters.init.copy()
    theta[likelihood.parameters.index("broken")] = 3.0
    rates = likelihood.model.rates(theta)
    first = likelihood.channels[1].start
    assert rates.bins[first] == 1e-20
    assert not likelihood.model.jacobian(theta, rates)[first].any()
    assert np.isfinite(likelihood.nll(theta))
