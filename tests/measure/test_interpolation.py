from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collidium.measure._interpolation import even_part, norm_factors

ALPHA = np.array([-3.0, -1.2, -1.0, -0.7, -0.1, 0.0, 0.2, 0.9, 1.0, 1.3, 4.0])
STEP = 1e-6


def template(low: float, nominal: float, high: float, alpha: np.ndarray, code: str) -> np.ndarray:
    """The interpolated template, from its half difference and half sum."""
    even, _, _ = even_part(alpha, code)  # type: ignore[arg-type]
    return nominal + (high - low) / 2 * alpha + (high + low - 2 * nominal) / 2 * even


@pytest.mark.parametrize("code", ["code0", "code2", "code4p"])
def test_shapes_pass_through_their_variations(code: str) -> None:
    at = template(3.0, 5.0, 9.0, np.array([-1.0, 0.0, 1.0]), code)
    np.testing.assert_allclose(at, [3.0, 5.0, 9.0], rtol=1e-15)


@pytest.mark.parametrize("code", ["code0", "code4p"])
def test_shapes_go_on_linearly(code: str) -> None:
    at = template(3.0, 5.0, 9.0, np.array([-2.0, 3.0]), code)
    np.testing.assert_allclose(at, [5.0 - 2 * 2.0, 5.0 + 3 * 4.0], rtol=1e-15)


def test_code_two_goes_on_with_the_slope_at_one() -> None:
    # inside a S + a^2 H with S = 3, H = 1
    at = template(3.0, 5.0, 9.0, np.array([0.5, 2.0, -2.0]), "code2")
    np.testing.assert_allclose(at, [5 + 1.5 + 0.25, 9.0 + 5.0, 3.0 - 1.0], rtol=1e-15)


def test_code_four_p_as_the_notes_state_it() -> None:
    # a (S + a Q (15 + a^2 (3 a^2 - 10))), Q = (up + down) / 16 with up and down the differences to the nominal
    alpha, up, down = 0.3, 4.0, -2.0
    S, Q = (up - down) / 2, (up + down) / 16
    expected = 5.0 + alpha * (S + alpha * Q * (15 + alpha**2 * (3 * alpha**2 - 10)))
    assert template(3.0, 5.0, 9.0, np.array([alpha]), "code4p")[0] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("code", ["code0", "code2", "code4p"])
def test_derivatives_of_the_even_part(code: str) -> None:
    smooth = ALPHA[~np.isin(ALPHA, [-1.0, 0.0, 1.0])]
    _, slope, bend = even_part(smooth, code)  # type: ignore[arg-type]
    up, down = (even_part(smooth + side * STEP, code) for side in (1.0, -1.0))  # type: ignore[arg-type]
    np.testing.assert_allclose(slope, (up[0] - down[0]) / (2 * STEP), atol=1e-8)
    np.testing.assert_allclose(bend, (up[1] - down[1]) / (2 * STEP), atol=1e-7)


def test_code_four_p_has_two_continuous_derivatives_at_one() -> None:
    inside, outside = even_part(1.0 - 1e-12, "code4p"), even_part(1.0 + 1e-12, "code4p")
    np.testing.assert_allclose(inside, outside, atol=1e-10)


@pytest.mark.parametrize("code", ["code1", "code4", "combine"])
def test_norms_pass_through_their_factors_and_go_on_exponentially(code: str) -> None:
    factors = norm_factors([0.8] * 5, [1.3] * 5, code)  # type: ignore[arg-type]
    values, _ = factors.values(np.array([-1.0, 0.0, 1.0, 2.0, -3.0]))
    np.testing.assert_allclose(values, [0.8, 1.0, 1.3, 1.3**2, 0.8**3], rtol=1e-14)


@given(st.floats(0.05, 20.0), st.floats(0.05, 20.0))
def test_code_four_matches_value_slope_and_curvature_at_one(low: float, high: float) -> None:
    factors = norm_factors([low, low, high, high], [high, high, low, low], "code4")
    inside, outside = 1.0 - 1e-13, 1.0
    alpha = np.array([inside, outside, inside, outside])
    values, slopes = factors.values(alpha)
    bends = factors.curvatures(alpha)
    for found in (values, slopes, bends):
        np.testing.assert_allclose(found[::2], found[1::2], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("code", ["code1", "code4", "combine"])
def test_derivatives_of_the_norms(code: str) -> None:
    smooth = ALPHA[~np.isin(ALPHA, [-1.0, 0.0, 1.0])]
    factors = norm_factors(np.full(len(smooth), 0.7), np.full(len(smooth), 1.5), code)  # type: ignore[arg-type]
    _, slope = factors.values(smooth)
    up, down = factors.values(smooth + STEP), factors.values(smooth - STEP)
    np.testing.assert_allclose(slope, (up[0] - down[0]) / (2 * STEP), atol=1e-8)
    np.testing.assert_allclose(factors.curvatures(smooth), (up[1] - down[1]) / (2 * STEP), atol=1e-7)
