"""Features of particle pairs, in forms that keep their digits."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from collidium.cloud._angles import delta_phi

PAIR_FEATURES = ("ln_delta", "ln_kt", "ln_z", "ln_m2")
_FLOOR = 1e-8


@dataclass(frozen=True)
class PairKinematics:
    """What a pair needs to know of each particle.

    Attributes
    ----------
    pt : Tensor, (...), GeV
        Transverse momentum.
    rapidity : Tensor, (...), 1
        Rapidity.
    phi : Tensor, (...), rad
        Azimuth.
    mass2 : Tensor, (...), GeV^2
        Squared mass; 0 where it is below the rounding of the stored four-momentum, ``4 eps E^2``.
    """

    pt: Tensor
    rapidity: Tensor
    phi: Tensor
    mass2: Tensor

    @staticmethod
    def of(p4: Tensor, *, dtype: torch.dtype = torch.float64) -> PairKinematics:
        """Compute the kinematics of particles.

        Parameters
        ----------
        p4 : Tensor, (..., 4), GeV
            E, px, py, pz. A row of zeros (padding) gives finite values.
        dtype : torch.dtype
            Precision of the work; the differences of nearly collinear pairs need float64.

        Returns
        -------
        PairKinematics
            Tensors of the leading shape.
        """
        E, px, py, pz = p4.to(dtype).unbind(-1)
        pt2 = px * px + py * py
        mass2 = E * E - pt2 - pz * pz
        # below the rounding of the stored momenta a mass is noise, and would swamp a collinear pair
        mass2 = torch.where(mass2 > 4 * torch.finfo(p4.dtype).eps * E * E, mass2, 0.0)
        mt = (pt2 + mass2).clamp(min=1e-40).sqrt()
        return PairKinematics(pt2.sqrt(), torch.asinh(pz / mt), torch.atan2(py, px), mass2)

    def __getitem__(self, index: object) -> PairKinematics:
        return PairKinematics(*(getattr(self, field.name)[index] for field in fields(self)))


def pair_mass_squared(a: PairKinematics, b: PairKinematics) -> Tensor:
    """Squared invariant mass of pairs without cancellation.

    Parameters
    ----------
    a, b : PairKinematics
        Broadcastable.

    Returns
    -------
    Tensor, GeV^2
        ``m_a^2 + m_b^2 + 2 [mT_a mT_b cosh(dy) - pT_a pT_b cos(dphi)]``, with ``cosh(u) - 1 = 2 sinh^2(u/2)``,
        ``1 - cos(u) = 2 sin^2(u/2)`` and the difference of the transverse products rationalised.

    Examples
    --------
    >>> p4 = torch.tensor([[5.0, 3.0, 0.0, 4.0], [5.0, -3.0, 0.0, -4.0]])
    >>> k = PairKinematics.of(p4)
    >>> float(pair_mass_squared(k[0], k[1]).round(decimals=6))
    100.0
    """
    dy = a.rapidity - b.rapidity
    dphi = delta_phi(a.phi, b.phi)
    pt = a.pt * b.pt
    mt2_a, mt2_b = a.pt**2 + a.mass2, b.pt**2 + b.mass2
    mt = (mt2_a * mt2_b).sqrt()
    excess = (a.pt**2 * b.mass2 + b.pt**2 * a.mass2 + a.mass2 * b.mass2) / (mt + pt).clamp(min=1e-40)
    turning = 2 * mt * torch.sinh(dy / 2) ** 2 + 2 * pt * torch.sin(dphi / 2) ** 2
    return a.mass2 + b.mass2 + 2 * (turning + excess)


def pair_features(a: PairKinematics, b: PairKinematics, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Compute the four pair features of the Particle Transformer.

    Parameters
    ----------
    a, b : PairKinematics
        Broadcastable to a common shape.
    dtype : torch.dtype
        Precision of the result; the quantities are formed in the precision of the kinematics.

    Returns
    -------
    Tensor, (..., 4), 1
        ln Delta, ln kT, ln z, ln m^2 with Delta, kT (GeV), z and m^2 (GeV^2) not below 1e-8; symmetric in a and b.

    References
    ----------
    Qu, Li, Qian, "Particle Transformer for jet tagging", arXiv:2202.03772, eq. (3)-(6).

    Examples
    --------
    >>> k = PairKinematics.of(torch.tensor([[5.0, 3.0, 0.0, 4.0]]))
    >>> pair_features(k, k).shape
    torch.Size([1, 4])
    """
    delta = torch.hypot(a.rapidity - b.rapidity, delta_phi(a.phi, b.phi))
    softer = torch.minimum(a.pt, b.pt)
    kt = softer * delta
    z = softer / (a.pt + b.pt).clamp(min=_FLOOR)
    quantities = torch.stack([delta, kt, z, pair_mass_squared(a, b)], -1)
    return quantities.clamp(min=_FLOOR).to(dtype).log()
