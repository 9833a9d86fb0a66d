"""Pair features: invariance, limits, digits (properties P6, P9, P10)."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from torch import Tensor

from collidium.cloud import PairKinematics, pair_features, pair_mass_squared


def _momenta(count: int, seed: int = 0) -> Tensor:
    """Massive and massless particles, (count, 4), GeV, float64."""
    generator = torch.Generator().manual_seed(seed)
    pt = torch.rand(count, generator=generator, dtype=torch.float64) * 100 + 0.2
    eta = torch.randn(count, generator=generator, dtype=torch.float64)
    phi = (torch.rand(count, generator=generator, dtype=torch.float64) - 0.5) * 2 * math.pi
    mass = torch.where(torch.arange(count) % 2 == 0, 0.13957, 0.0)
    p = torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()], -1)
    return torch.cat([(p.square().sum(-1, keepdim=True) + mass[:, None] ** 2).sqrt(), p], -1)


def _all_pairs(p4: Tensor, dtype: torch.dtype) -> Tensor:
    k = PairKinematics.of(p4)
    i, j = torch.tril_indices(len(p4), len(p4), offset=-1)
    return pair_features(k[i], k[j], dtype=dtype)


def _boost_z(p4: Tensor, beta: float) -> Tensor:
    gamma = 1 / math.sqrt(1 - beta**2)
    E, px, py, pz = p4.unbind(-1)
    return torch.stack([gamma * (E + beta * pz), px, py, gamma * (pz + beta * E)], -1)


def _rotate_z(p4: Tensor, angle: float) -> Tensor:
    E, px, py, pz = p4.unbind(-1)
    c, s = math.cos(angle), math.sin(angle)
    return torch.stack([E, c * px - s * py, s * px + c * py, pz], -1)


@pytest.mark.parametrize("angle", [0.3, 2.0, 3.1])
def test_boosts_along_z_and_rotations_leave_pair_features(angle: float) -> None:
    p4 = _momenta(30)
    moved = _rotate_z(_boost_z(p4, 0.6), angle)
    exact = _all_pairs(p4, torch.float64)
    assert torch.allclose(_all_pairs(moved, torch.float64), exact, rtol=0, atol=1e-9)
    single = _all_pairs(moved.float(), torch.float32).double()
    # float32 momenta carry 6e-8 relative; ln m2 of collinear pairs amplifies it.
    assert torch.allclose(single[:, :3], exact[:, :3], rtol=0, atol=5e-6)
    assert torch.allclose(single[:, 3], exact[:, 3], rtol=0, atol=1e-3)


def test_pair_features_are_symmetric() -> None:
    k = PairKinematics.of(_momenta(10))
    assert torch.equal(pair_features(k[:5], k[5:]), pair_features(k[5:], k[:5]))


def test_coincident_pair_sits_at_the_clamp_and_approach_is_monotone() -> None:
    pt = torch.tensor(10.0, dtype=torch.float64)
    distances = [0.0, *(10.0**-n for n in range(12, 0, -1))]
    values = []
    for distance in distances:
        a = PairKinematics(pt, torch.zeros_like(pt), torch.zeros_like(pt), torch.zeros_like(pt))
        b = PairKinematics(pt, torch.full_like(pt, distance), torch.zeros_like(pt), torch.zeros_like(pt))
        values.append(pair_features(a, b, dtype=torch.float64))
    table = torch.stack(values)
    assert torch.isfinite(table).all()
    floor = math.log(1e-8)
    assert table[0, 0] == table[0, 1] == table[0, 3] == pytest.approx(floor, abs=1e-12)
    assert (table[1:, [0, 1, 3]] >= table[:-1, [0, 1, 3]]).all()
    assert torch.equal(table[:, 2], torch.full_like(table[:, 2], math.log(0.5)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("mass", [0.0, 0.13957])
def test_pair_mass_agrees_with_fifty_digits(dtype: torch.dtype, mass: float) -> None:
    with mpmath.workdps(50):
        for exponent in range(-8, 1):
            dr = 10.0**exponent
            a = [torch.tensor(value, dtype=dtype) for value in (31.0, 0.0, 0.1, mass**2)]
            b = [torch.tensor(value, dtype=dtype) for value in (17.0, 0.6 * dr, 0.1 + 0.8 * dr, mass**2)]
            ours = float(pair_mass_squared(PairKinematics(*a), PairKinematics(*b)))
            pta, ya, phia, m2a, ptb, yb, phib, m2b = (mpmath.mpf(float(value)) for value in (*a, *b))
            mta, mtb = mpmath.sqrt(pta**2 + m2a), mpmath.sqrt(ptb**2 + m2b)
            true = m2a + m2b + 2 * (mta * mtb * mpmath.cosh(ya - yb) - pta * ptb * mpmath.cos(phia - phib))
            if true == 0:
                assert ours == 0
            else:
                assert abs(ours - true) / true < 1e-6, f"dR {dr}"


def test_rounding_of_stored_momenta_makes_no_mass() -> None:
    """E^2 - p^2 of float32 momenta is noise of 1e-7 E^2, twenty times the mass of a pair at dR = 1e-4."""
    generator = torch.Generator().manual_seed(3)
    for _ in range(50):
        eta, phi = (float(torch.randn((), generator=generator, dtype=torch.float64)) for _ in range(2))
        for dr in (1e-3, 1e-2):
            pt = torch.tensor([500.0, 250.0], dtype=torch.float64)
            at = torch.tensor([[eta, phi], [eta + 0.6 * dr, phi + 0.8 * dr]], dtype=torch.float64)
            p = torch.stack([pt * at[:, 1].cos(), pt * at[:, 1].sin(), pt * at[:, 0].sinh()], -1)
            stored = torch.cat([p.norm(dim=-1, keepdim=True), p], -1).float()
            k = PairKinematics.of(stored)
            true = 2 * 500.0 * 250.0 * (math.cosh(0.6 * dr) - math.cos(0.8 * dr))
            # float32 angles carry 1e-7, so dR of 1e-3 is known to 3e-4
            assert float(pair_mass_squared(k[0], k[1])) == pytest.approx(true, rel=2e-3 if dr == 1e-3 else 2e-4)


def test_single_precision_momenta_of_collinear_massless_pair_stay_at_rounding() -> None:
    p4 = torch.tensor([[50.0, 30.0, 0.0, 40.0], [5.0, 3.0, 0.0, 4.0]])
    k = PairKinematics.of(p4)
    assert float(pair_mass_squared(k[0], k[1])) == 0.0


def test_padded_row_of_zeros_is_finite() -> None:
    k = PairKinematics.of(torch.zeros(1, 4))
    assert torch.isfinite(pair_features(k, k)).all()
