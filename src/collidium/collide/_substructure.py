"""Sixteen groomed observables of boosted jets, those of the trigger's five-class benchmark."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from collidium.cloud import Jets

Float = NDArray[np.float64]

GROOMED_OBSERVABLES: dict[str, str] = {
    "zlogz": "sum z ln z",
    "c1_b0": "e2 at beta 0",
    "c1_b1": "e2 at beta 1",
    "c1_b2": "e2 at beta 2",
    "c2_b1": "e3 / e2^2 at beta 1",
    "c2_b2": "e3 / e2^2 at beta 2",
    "ln_d2_b1": "ln(e3 / e2^3) at beta 1",
    "ln_d2_b2": "ln(e3 / e2^3) at beta 2",
    "ln_d2_a1_b2": "ln(e3 at beta 1 / e2 at beta 2 ^(3/2))",
    "m2_b1": "e3 of the smallest angle / e2 at beta 1",
    "m2_b2": "e3 of the smallest angle / e2 at beta 2",
    "n2_b1": "e3 of the two smallest angles / e2^2 at beta 1",
    "n2_b2": "e3 of the two smallest angles / e2^2 at beta 2",
    "mass_groomed": "mass of the groomed particles, GeV",
    "mass": "mass of all particles, GeV",
    "multiplicity": "number of all particles",
}
_CHUNK = 64
_TINY_E2, _TINY_E3 = 1e-10, 1e-20
_LEAST_LN_D2 = -6.0


def groomed_observables(jets: Jets, groomed: Jets) -> dict[str, Float]:
    """Compute the observables of ``GROOMED_OBSERVABLES``.

    Parameters
    ----------
    jets, groomed : Jets
        N jets and the same jets groomed.

    Returns
    -------
    dict of str to ndarray, (N,)
        By name; 1, and GeV for the masses. Finite for every jet.

    Notes
    -----
    With z the share of the groomed jet's pT and theta the distance in (eta, phi), ``e2 = sum_{i<j} z_i z_j theta^beta``
    and ``e3 = sum_{i<j<k} z_i z_j z_k theta^beta`` with theta the product of the three angles, of the two smallest (N)
    or the smallest alone (M). The list is that of the public benchmark but for D2 with alpha = beta = 1, which is
    D2 at beta 1: the ungroomed mass stands in its place. D2 spans orders of magnitude and is taken in its logarithm, at
    least -6, which jets of two particles get.

    References
    ----------
    Coleman et al., arXiv:1709.08705 (the list); Larkoski, Moult, Neill, arXiv:1409.6298 (D2); Moult, Necib,
    Thaler, arXiv:1609.07483 (generalised correlators, M2, N2).
    """
    N = len(groomed)
    e2, e3 = np.zeros((3, N)), np.zeros((3, 2, N))
    zlogz = np.zeros(N)
    for rows, z, theta in _padded(groomed):
        e2[:, rows] = _two_point(z, theta)
        e3[:, :, rows] = _three_point(z, theta)
        zlogz[rows] = (z * np.log(np.maximum(z, 1e-300))).sum(1)
    b1, b2 = np.maximum(e2[1:], _TINY_E2)
    smallest, two_smallest, product = np.maximum(e3, _TINY_E3)
    values = (
        zlogz,
        *e2,
        product[0] / b1**2,
        product[1] / b2**2,
        *np.maximum(np.log([product[0] / b1**3, product[1] / b2**3, product[0] / b2**1.5]), _LEAST_LN_D2),
        smallest[0] / b1,
        smallest[1] / b2,
        two_smallest[0] / b1**2,
        two_smallest[1] / b2**2,
        _mass(groomed),
        _mass(jets),
        np.diff(jets.offsets).astype(np.float64),
    )
    return dict(zip(GROOMED_OBSERVABLES, values, strict=True))


def _mass(jets: Jets) -> Float:
    """Mass of the sum of the particles, (N,), GeV."""
    owner = np.repeat(np.arange(len(jets)), np.diff(jets.offsets))
    E, px, py, pz = (
        np.bincount(owner, weights=jets.particles[name], minlength=len(jets)).astype(np.float64)
        for name in ("part_energy", "part_px", "part_py", "part_pz")
    )
    mass: Float = np.sqrt(np.maximum(E * E - px * px - py * py - pz * pz, 0))
    return mass


def _padded(jets: Jets) -> Iterator[tuple[NDArray[np.int64], Float, Float]]:
    """Rows, shares of pT (n, P) and distances (n, P, P) of a few jets of like length at a time."""
    lengths = np.diff(jets.offsets)
    order = np.argsort(lengths, kind="stable")
    px, py, pz = (jets.particles[name].astype(np.float64) for name in ("part_px", "part_py", "part_pz"))
    pt = np.hypot(px, py)
    eta, phi = np.arcsinh(pz / np.maximum(pt, 1e-20)), np.arctan2(py, px)
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        place = np.arange(max(int(lengths[rows].max()), 1))
        mask = place < lengths[rows, None]
        index = np.where(mask, jets.offsets[rows, None] + place, 0)
        z = pt[index] * mask
        z = z / np.maximum(z.sum(1, keepdims=True), 1e-20)
        d_eta = eta[index][:, :, None] - eta[index][:, None]
        d_phi = np.mod(phi[index][:, :, None] - phi[index][:, None] + np.pi, 2 * np.pi) - np.pi
        yield rows, z, np.hypot(d_eta, d_phi)


def _two_point(z: Float, theta: Float) -> Float:
    """Two-point correlators at beta 0, 1 and 2, (3, n)."""
    at_zero = (1 - (z * z).sum(1)) / 2
    return np.stack([at_zero, *(np.einsum("np,npq,nq->n", z, theta**beta, z) / 2 for beta in (1, 2))])


def _three_point(z: Float, theta: Float) -> Float:
    """Three-point correlators of the smallest angle, the two smallest and all, at beta 1 and 2, (3, 2, n).

    The first particle of a triple is taken in turn, the other two are any pair after it.
    """
    n, P = z.shape
    z, theta = z.astype(np.float32), theta.astype(np.float32)
    total = np.zeros((3, 2, n))
    for i in range(P - 2):
        far, pair, rest = theta[:, i, i + 1 :], theta[:, i + 1 :, i + 1 :], z[:, i + 1 :]
        low, high = np.minimum(far[:, :, None], far[:, None]), np.maximum(far[:, :, None], far[:, None])
        weight = rest[:, :, None] * rest[:, None] * (z[:, i] / 2)[:, None, None]
        two_smallest = low * np.minimum(high, pair)
        product = low * high
        product *= pair
        np.minimum(low, pair, out=low)
        # a particle paired with itself has the angle 0
        for kind, angle in enumerate((low, two_smallest, product)):
            weighted = angle * weight
            total[kind, 0] += weighted.sum((1, 2))
            total[kind, 1] += np.einsum("npq,npq->n", weighted, angle)
    return total
