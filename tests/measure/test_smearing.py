from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from collidium.measure import DoubleSidedCrystalBall, Gaussian, RelativisticBreitWigner, Shape, Smeared, Window

WINDOW = Window(60.0, 120.0)


@pytest.mark.parametrize(
    ("resolution", "values"),
    [(Gaussian(), [1.4]), (DoubleSidedCrystalBall(), [1.4, 1.7, 1.0, 30.0, 3.0])],
    ids=["gaussian", "crystal ball"],
)
def test_a_convolution_is_its_integral(resolution: Shape, values: list[float]) -> None:
    line = np.array([91.2, 2.5])
    found, _ = Smeared(resolution).unnormalised(np.array([63.3, 88.0, 91.23, 95.5]), np.array([*line, *values]), WINDOW)

    def integrand(true: float, x: float) -> float:
        intensity, _ = RelativisticBreitWigner().unnormalised(np.array([true]), line, WINDOW)
        seen, _ = resolution.unnormalised(np.array([x - true]), np.array([0.0, *values]), WINDOW)
        return float(intensity[0] * seen[0])

    for x, value in zip([63.3, 88.0, 91.23, 95.5], found, strict=True):
        # true masses up to 30 GeV beyond the window take part
        parts = ((30, 85), (85, 91.2), (91.2, 97), (97, 150))
        wanted = sum(quad(integrand, a, b, args=(x,), limit=300)[0] for a, b in parts)
        assert value == pytest.approx(wanted, rel=5e-6)


def test_integral_and_derivatives() -> None:
    shape = Smeared(DoubleSidedCrystalBall())
    values = np.array([91.2, 2.5, 1.4, 1.7, 1.3, 1.5, 3.0])
    x = np.linspace(60.0, 120.0, 20_001)
    function, slopes = shape.unnormalised(x, values, WINDOW)
    total, total_slopes = shape.integral(values, WINDOW)
    assert total == pytest.approx(np.trapezoid(function, x), rel=1e-6)
    for j, name in enumerate(shape.names):
        step = 1e-4 * values[j]
        up, down = values.copy(), values.copy()
        up[j] += step
        down[j] -= step
        difference = (shape.unnormalised(x, up, WINDOW)[0] - shape.unnormalised(x, down, WINDOW)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[j], difference, rtol=1e-3, atol=1e-4 * np.abs(difference).max(), err_msg=name)
        assert total_slopes[j] == pytest.approx(np.trapezoid(slopes[j], x), rel=1e-4, abs=1e-6)


def test_a_narrow_resolution_leaves_the_line() -> None:
    x = np.linspace(80.0, 100.0, 9)
    line = np.array([91.2, 2.5])
    smeared, _ = Smeared(Gaussian(), step=0.02).unnormalised(x, np.array([*line, 0.05]), WINDOW)
    bare, _ = RelativisticBreitWigner().unnormalised(x, line, WINDOW)
    np.testing.assert_allclose(smeared / smeared[4], bare / bare[4], rtol=5e-3)


def test_the_peak_of_a_running_width_lies_near_its_mass() -> None:
    x = np.linspace(90.0, 92.0, 2001)
    value, _ = RelativisticBreitWigner().unnormalised(x, np.array([91.188, 2.4955]), WINDOW)
    assert x[np.argmax(value)] == pytest.approx(91.188, abs=0.04)
