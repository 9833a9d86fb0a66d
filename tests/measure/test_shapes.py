"""Every shape: integral one, derivatives against differences, values against numbers worked out elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import cauchy, expon, norm

from collidium.artifact import InputError
from collidium.measure import (
    Bernstein,
    BreitWigner,
    Dijet,
    DoubleSidedCrystalBall,
    Exponential,
    ExponentialPolynomial,
    Gaussian,
    PowerLaw,
    RelativisticBreitWigner,
    Shape,
    Voigtian,
    Window,
    density,
)

WINDOW = Window(105.0, 160.0)
CASES: list[tuple[Shape, list[float]]] = [
    (Gaussian(), [125.0, 1.7]),
    (Gaussian(), [104.0, 20.0]),
    (DoubleSidedCrystalBall(), [125.09, 1.7, 1.5, 8.0, 1.6, 15.0]),
    (DoubleSidedCrystalBall(), [106.0, 1.7, 1.5, 8.0, 1.6, 15.0]),
    (DoubleSidedCrystalBall(), [160.5, 1.7, 0.4, 2.5, 1.6, 1.5]),
    (DoubleSidedCrystalBall(), [99.0, 2.0, 1.0, 3.0, 1.2, 4.0]),
    (BreitWigner(), [125.0, 2.5]),
    (BreitWigner(), [165.0, 0.5]),
    (Voigtian(), [125.0, 2.5, 1.4]),
    (Voigtian(), [125.0, 0.3, 1.4]),
    (Voigtian(), [106.0, 3.0, 0.6]),
    (Exponential(), [-0.03]),
    (Exponential(), [0.0]),
    (Exponential(), [1e-5]),
    (PowerLaw(), [-4.2]),
    (PowerLaw(), [-1.0]),
    (ExponentialPolynomial(order=3), [-2.0, 0.7, -0.3]),
    (Bernstein(order=4), [0.8, 0.5, 0.3, 0.35]),
    (Dijet(num_parameters=3, energy=400.0), [3.0, 5.0, 0.7]),
    (RelativisticBreitWigner(), [125.0, 2.5]),
]
IDS = [f"{type(shape).__name__}-{i}" for i, (shape, _) in enumerate(CASES)]


@pytest.mark.parametrize(("shape", "values"), CASES, ids=IDS)
def test_densities_integrate_to_one(shape: Shape, values: list[float]) -> None:
    def at(x: float) -> float:
        return float(density(shape, np.array([x]), np.array(values), WINDOW)[0][0])

    center, width = (values[0], values[-1] if len(values) < 4 else values[1]) if values[0] > 50 else (130.0, 5.0)
    knots = sorted({float(np.clip(center + k * width, 105.001, 159.999)) for k in (-20, -5, -1.5, 0, 1.6, 5, 20)})
    total, _ = quad(at, WINDOW.low, WINDOW.high, points=knots, limit=400, epsabs=1e-12, epsrel=1e-12)
    assert total == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize(("shape", "values"), CASES, ids=IDS)
def test_derivatives_are_those_of_differences(shape: Shape, values: list[float]) -> None:
    x = np.random.default_rng(0).uniform(WINDOW.low, WINDOW.high, 60)
    theta = np.array(values)
    value, slopes = density(shape, x, theta, WINDOW)
    assert slopes.shape == (len(theta), 60)
    for j in range(len(theta)):
        step = 1e-5 * max(1.0, abs(theta[j])) if abs(theta[j]) > 1e-3 else 1e-6
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        slope = (density(shape, x, up, WINDOW)[0] - density(shape, x, down, WINDOW)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[j], slope, atol=2e-6 * (np.abs(slope).max() + value.max()))


def test_crystal_ball_density() -> None:
    # measured when the model was written down: range 105-160
    values = np.array([125.09, 1.7, 1.5, 8.0, 1.6, 15.0])
    found, _ = density(DoubleSidedCrystalBall(), np.array([115.0, 122.0, 125.09, 128.0, 135.0]), values, WINDOW)
    np.testing.assert_allclose(found, [5.7210449e-4, 4.5619795e-2, 0.22322108, 5.1955972e-2, 2.3292220e-4], rtol=1e-7)


def test_a_crystal_ball_with_far_tails_is_a_gaussian() -> None:
    x = np.linspace(120.0, 130.0, 50)
    ball, _ = density(DoubleSidedCrystalBall(), x, np.array([125.0, 1.7, 9.0, 5.0, 9.0, 5.0]), WINDOW)
    gaussian, _ = density(Gaussian(), x, np.array([125.0, 1.7]), WINDOW)
    np.testing.assert_allclose(ball, gaussian, rtol=1e-12)


def test_densities_of_scipy() -> None:
    x = np.linspace(105.0, 160.0, 40)
    for shape, values, other in (
        (Gaussian(), [125.0, 9.0], norm(125.0, 9.0)),
        (BreitWigner(), [125.0, 3.0], cauchy(125.0, 1.5)),
        (Exponential(), [-0.05], expon(105.0, 20.0)),
    ):
        inside = other.cdf(160.0) - other.cdf(105.0)
        found, _ = density(shape, x, np.array(values), WINDOW)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, other.pdf(x) / inside, rtol=1e-12)


def test_a_voigtian_is_the_convolution() -> None:
    mean, width, sigma = 125.0, 2.5, 1.4

    def convolved(x: float) -> float:
        lorentz = cauchy(mean, width / 2)
        value, _ = quad(
            lambda y: lorentz.pdf(y) * norm.pdf(x - y, scale=sigma), x - 12 * sigma, x + 12 * sigma, limit=200
        )
        return float(value)

    x = np.array([118.0, 123.0, 125.0, 131.0])
    found, _ = density(Voigtian(), x, np.array([mean, width, sigma]), WINDOW)
    expected = np.array([convolved(value) for value in x])
    np.testing.assert_allclose(found / found[2], expected / expected[2], rtol=1e-9)


def test_first_order_polynomials_agree_with_their_closed_forms() -> None:
    x = np.linspace(105.0, 160.0, 30)
    exponential, _ = density(Exponential(), x, np.array([-0.03]), WINDOW)
    polynomial, _ = density(ExponentialPolynomial(order=1), x, np.array([-0.03 * 55.0]), WINDOW)
    np.testing.assert_allclose(polynomial, exponential, rtol=1e-12)
    line, _ = density(Bernstein(order=1), x, np.array([0.0]), WINDOW)
    np.testing.assert_allclose(line, 2.0 / 55.0 * (160.0 - x) / 55.0, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (1.0, 1.0), (0.0, math.inf), (math.nan, 1.0)])
def test_windows_have_two_ends(low: float, high: float) -> None:
    with pytest.raises(InputError, match="two finite ends in rising order"):
        Window(low, high)
