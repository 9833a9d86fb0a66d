from __future__ import annotations

import numpy as np
import pytest

from collidium.detect import ModuleConfig, layer_fraction, radial_quantile


def test_a_moliere_radius_holds_nine_tenths() -> None:
    """28 mm, that of the detector's electromagnetic part, for the sum of core and tail."""
    config = ModuleConfig()
    share = [scale**-2 / (scale**-2 + 28.0**-2) for scale in (config.core, config.tail)]
    assert config.core_weight * share[0] + (1 - config.core_weight) * share[1] == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("energy", [1.0, 30.0, 500.0])
def test_the_longitudinal_profile_is_normalised_and_peaks_where_it_should(energy: float) -> None:
    t = np.arange(0.005, 100, 0.01)
    profile = layer_fraction(np.full(len(t), energy), t, critical_energy=0.01)
    assert profile.sum() * 0.01 == pytest.approx(1, abs=1e-4)
    assert t[profile.argmax()] == pytest.approx(np.log(energy / 0.01) + 0.5, abs=0.02)


def test_the_radial_quantile_inverts_the_profile() -> None:
    r = radial_quantile(np.array([0.2, 0.9]), np.array([4.0, 18.0]))
    np.testing.assert_allclose(r**2 / (r**2 + np.array([4.0, 18.0]) ** 2), [0.2, 0.9])
