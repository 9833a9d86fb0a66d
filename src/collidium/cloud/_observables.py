"""Jet-level observables from the constituents."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.cloud._angles import delta_phi

# name: (unit, formula, shift, scale); the scales bring QCD, W, Z, H and top jets at 0.5-1 TeV to order one.
OBSERVABLES: dict[str, tuple[str, str, float, float]] = {
    "jet_log_pt": ("1", "ln(pT/GeV) of the constituent sum", 6.5, 2.0),
    "jet_abs_eta": ("1", "|eta| of the constituent sum", 1.0, 1.0),
    "jet_mass": ("GeV", "mass of the constituent sum", 100.0, 0.015),
    "jet_multiplicity": ("1", "number of constituents", 50.0, 0.04),
    "jet_zlogz": ("1", "sum z ln z", -3.0, 1.0),
    "jet_ptd": ("1", "sqrt(sum z^2)", 0.3, 6.0),
    "jet_lha": ("1", "sum z sqrt(dR)", 0.35, 6.0),
    "jet_width": ("1", "sum z dR", 0.15, 8.0),
    "jet_c1_b0": ("1", "e2 at beta 0", 0.45, 20.0),
    "jet_c1_b1": ("1", "e2 at beta 1", 0.08, 15.0),
    "jet_c1_b2": ("1", "e2 at beta 2", 0.025, 25.0),
    "jet_c2_b1": ("1", "e3/e2^2 at beta 1", 0.12, 15.0),
    "jet_c2_b2": ("1", "e3/e2^2 at beta 2", 0.03, 30.0),
    "jet_ln_d2_b1": ("1", "ln(e3/e2^3) at beta 1", 1.0, 1.0),
    "jet_ln_d2_b2": ("1", "ln(e3/e2^3) at beta 2", 1.0, 0.7),
    "jet_ln_d2_a1_b2": ("1", "ln(e3 at beta 1 / e2 at beta 2 ^(3/2))", -0.5, 1.0),
}
_CHUNK = 64


def jet_observables(p4: Tensor, offsets: Tensor) -> dict[str, Tensor]:
    """Compute the sixteen jet-level observables of ``OBSERVABLES``.

    Parameters
    ----------
    p4 : Tensor, (T, 4), GeV
        E, px, py, pz of packed particles.
    offsets : Tensor of int64, (N + 1,)
        Rows of each jet.

    Returns
    -------
    dict of str to Tensor, (N,)
        By name, in the units of ``OBSERVABLES``; finite for every jet, also an empty one.

    Notes
    -----
    With z = pT / sum pT and theta the distance in (eta, phi), ``e2 = sum_{i<j} z_i z_j theta_ij^beta`` and
    ``e3 = sum_{i<j<k} z_i z_j z_k (theta_ij theta_jk theta_ki)^beta``. The triple sum is the trace of the third power
    of ``M_ij = sqrt(z_i z_j) theta_ij^beta`` divided by six, so it costs one matrix product a jet.

    References
    ----------
    Larkoski, Salam, Thaler, arXiv:1305.0007, eq. (2.4)-(2.6), (2.8); Larkoski, Moult, Neill, arXiv:1409.6298, eq. (5).

    Examples
    --------
    >>> p4 = torch.tensor([[5.0, 3.0, 0.0, 4.0], [5.0, -3.0, 0.0, -4.0]])
    >>> float(jet_observables(p4, torch.tensor([0, 2]))["jet_mass"])
    10.0
    """
    N = len(offsets) - 1
    if N == 0:
        return {name: p4.new_zeros(0) for name in OBSERVABLES}
    parts = [_observables(p4, offsets[i : i + _CHUNK + 1]) for i in range(0, N, _CHUNK)]
    return {name: torch.cat([part[name] for part in parts]) for name in OBSERVABLES}


def _observables(p4: Tensor, offsets: Tensor) -> dict[str, Tensor]:
    """Observables of a few jets, padded to the longest of them."""
    lengths = offsets.diff()
    P = max(int(lengths.max()), 1)
    position = torch.arange(P)
    mask = position < lengths[:, None]
    padded = p4.new_zeros(len(lengths), P, 4)
    padded[mask] = p4[(offsets[:-1, None] + position)[mask]]
    jet = padded.double().sum(1)
    E, px, py, pz = jet.unbind(-1)
    jet_pt = torch.hypot(px, py).clamp(min=1e-20)
    jet_eta = torch.asinh(pz / jet_pt)
    pt = torch.hypot(padded[..., 1], padded[..., 2])
    eta = torch.asinh(padded[..., 3] / pt.clamp(min=1e-20))
    phi = torch.atan2(padded[..., 2], padded[..., 1])
    z = pt / pt.sum(1, keepdim=True).clamp(min=1e-20)
    deta = eta - jet_eta.to(eta)[:, None]
    dr = torch.hypot(deta, delta_phi(phi, torch.atan2(py, px).to(phi)[:, None])) * mask
    theta = torch.hypot(eta[:, :, None] - eta[:, None], delta_phi(phi[:, :, None], phi[:, None]))
    e2_b0 = (1 - (z * z).sum(1)) / 2
    e2_b1, e3_b1 = _correlators(z, theta)
    e2_b2, e3_b2 = _correlators(z, theta**2)
    values = (
        jet_pt.log(),
        jet_eta.abs(),
        (E * E - px * px - py * py - pz * pz).clamp(min=0).sqrt(),
        lengths,
        torch.special.xlogy(z, z).sum(1),
        (z * z).sum(1).sqrt(),
        (z * dr.sqrt()).sum(1),
        (z * dr).sum(1),
        e2_b0,
        e2_b1,
        e2_b2,
        e3_b1 / e2_b1**2,
        e3_b2 / e2_b2**2,
        (e3_b1 / e2_b1**3).log(),
        (e3_b2 / e2_b2**3).log(),
        (e3_b1 / e2_b2**1.5).log(),
    )
    return {name: value.to(p4.dtype) for name, value in zip(OBSERVABLES, values, strict=True)}


def _correlators(z: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Two- and three-point energy correlators of fractions (N, P) and angles (N, P, P), kept above zero."""
    root = z.sqrt()
    M = root[:, :, None] * angle * root[:, None]
    e2 = torch.einsum("np,npq,nq->n", z, angle, z) / 2
    e3 = torch.einsum("npq,nqp->n", M @ M, M) / 6
    return e2.double().clamp(min=1e-10), e3.double().clamp(min=1e-20)
