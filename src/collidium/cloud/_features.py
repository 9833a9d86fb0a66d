"""Particle features: name, unit, formula, transform and its inverse, together as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from collidium.cloud._angles import delta_phi
from collidium.cloud._columns import COLUMNS


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One input of a model: a formula on columns and the transform to the model's scale.

    Attributes
    ----------
    name : str
        Key of the registry ``FEATURES`` or of the jet observables.
    unit : str
        Unit of the raw value; logarithms are of the value over its unit.
    formula : str
        How the raw value follows from the columns, for people.
    columns : tuple of str
        The columns it needs.
    shift, scale : float
        ``x = (raw - shift) * scale``.
    low, high : float or None
        Clip of the transformed value.
    """

    name: str
    unit: str
    formula: str
    columns: tuple[str, ...]
    shift: float = 0.0
    scale: float = 1.0
    low: float | None = None
    high: float | None = None

    def transform(self, raw: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Bring raw values to the model's scale.

        Parameters
        ----------
        raw : Tensor, (...), ``unit``
            Raw values; minus infinity (a logarithm of zero) goes to the lower clip.
        out : Tensor, (...), optional
            Where to write; a new tensor by default.

        Returns
        -------
        Tensor, (...), 1
            ``clip((raw - shift) * scale, low, high)``.
        """
        x = torch.empty_like(raw) if out is None else out
        if self.shift == 0.0 and self.scale == 1.0:
            x.copy_(raw)
        else:
            torch.sub(raw, self.shift, out=x).mul_(self.scale)
        return x if self.low is None and self.high is None else x.clamp_(self.low, self.high)

    def inverse(self, x: Tensor) -> Tensor:
        """Undo the transform; exact inside the clip range.

        Parameters
        ----------
        x : Tensor, (...), 1
            Transformed values.

        Returns
        -------
        Tensor, (...), ``unit``
            Raw values.
        """
        return x / self.scale + self.shift

    def is_clipped(self, raw: Tensor) -> Tensor:
        """Tell which raw values the clip changes; Tensor of bool, the shape of ``raw``."""
        x = (raw - self.shift) * self.scale
        return (x < (-torch.inf if self.low is None else self.low)) | (
            x > (torch.inf if self.high is None else self.high)
        )


class ParticleColumns:
    """Columns of packed particles with the kinematics that several features share.

    Parameters
    ----------
    columns : mapping of str to Tensor, (T,)
        Particle columns and, repeated for each particle, the jet columns that formulas use; floating point.

    Examples
    --------
    >>> columns = {name: torch.ones(1) for name in ("part_px", "part_py", "part_pz", "part_energy", "jet_pt")}
    >>> round(float(ParticleColumns(columns).pt), 3)
    1.414
    """

    def __init__(self, columns: Mapping[str, Tensor]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Tensor:
        return self._columns[name]

    @cached_property
    def pt(self) -> Tensor:
        """Transverse momentum, (T,), GeV."""
        return _norm(self["part_px"], self["part_py"])

    @cached_property
    def eta_relative(self) -> Tensor:
        """Pseudorapidity from the jet's, folded by the sign of the jet's (sign(0) is +1), (T,), 1."""
        jet_eta = self["jet_eta"]
        sign = torch.copysign(torch.ones(()), jet_eta + 0.0)
        return (_pseudorapidity(self.pt, self["part_pz"]) - jet_eta) * sign

    @cached_property
    def phi_relative(self) -> Tensor:
        """Azimuth from the jet's, (T,), rad."""
        return delta_phi(torch.atan2(self["part_py"], self["part_px"]), self["jet_phi"])


def _norm(a: Tensor, b: Tensor) -> Tensor:
    """Length of a vector whose squared components are within the range of floats."""
    return torch.addcmul(a * a, b, b).sqrt_()


def _pseudorapidity(pt: Tensor, pz: Tensor) -> Tensor:
    """``asinh(pz / pT)`` as ``sign(pz) ln(1 + (|pz| + pz^2 / (pT + p)) / pT)``: log1p is vectorised, asinh is not."""
    pt = pt.clamp(min=1e-20)
    pz2 = pz * pz
    p = torch.addcmul(pz2, pt, pt).sqrt_()
    return pz2.div_(p.add_(pt)).add_(pz.abs()).div_(pt).log1p_().copysign_(pz)


_PT = ("part_px", "part_py")
_ETA = ("part_px", "part_py", "part_pz", "jet_eta")
_PHI = ("part_px", "part_py", "jet_phi")


def _feature(
    name: str,
    unit: str,
    formula: str,
    columns: tuple[str, ...],
    transform: tuple[float, float] | None = None,
    clip: tuple[float, float] | None = None,
) -> Feature:
    shift, scale = transform or (0.0, 1.0)
    low, high = clip or ((-5.0, 5.0) if transform else (None, None))
    return Feature(name=name, unit=unit, formula=formula, columns=columns, shift=shift, scale=scale, low=low, high=high)


FEATURES: dict[str, tuple[Feature, Callable[[ParticleColumns], Tensor]]] = {
    feature.name: (feature, raw)
    for feature, raw in (
        (_feature("part_pt_log", "1", "ln(pT/GeV)", _PT, (1.7, 0.7)), lambda c: c.pt.log()),
        (_feature("part_e_log", "1", "ln(E/GeV)", ("part_energy",), (2.0, 0.7)), lambda c: c["part_energy"].log()),
        (
            _feature("part_logptrel", "1", "ln(pT/pT_jet)", (*_PT, "jet_pt"), (-4.7, 0.7)),
            lambda c: (c.pt / c["jet_pt"]).log(),
        ),
        (
            _feature("part_logerel", "1", "ln(E/E_jet)", ("part_energy", "jet_energy"), (-4.7, 0.7)),
            lambda c: (c["part_energy"] / c["jet_energy"]).log(),
        ),
        (
            _feature("part_deltaR", "1", "hypot(deta, dphi)", (*_ETA, "jet_phi"), (0.2, 4.0)),
            lambda c: _norm(c.eta_relative, c.phi_relative),
        ),
        (_feature("part_charge", "e", "electric charge", ("part_charge",)), lambda c: c["part_charge"]),
        *(
            (_feature(name, "1", COLUMNS[name].description, (name,)), lambda c, name=name: c[name])
            for name in (
                "part_isChargedHadron",
                "part_isNeutralHadron",
                "part_isPhoton",
                "part_isElectron",
                "part_isMuon",
            )
        ),
        (_feature("part_d0", "1", "tanh(d0/mm)", ("part_d0val",)), lambda c: c["part_d0val"].tanh()),
        (_feature("part_d0err", "mm", "sigma(d0)", ("part_d0err",), (0.0, 1.0), (0.0, 1.0)), lambda c: c["part_d0err"]),
        (_feature("part_dz", "1", "tanh(dz/mm)", ("part_dzval",)), lambda c: c["part_dzval"].tanh()),
        (_feature("part_dzerr", "mm", "sigma(dz)", ("part_dzerr",), (0.0, 1.0), (0.0, 1.0)), lambda c: c["part_dzerr"]),
        (
            _feature("part_deta", "1", "(eta - eta_jet) sign(eta_jet), sign(0) = +1", _ETA),
            lambda c: c.eta_relative,
        ),
        (_feature("part_dphi", "rad", "phi - phi_jet, wrapped", _PHI), lambda c: c.phi_relative),
        (_feature("part_pt", "GeV", "pT", _PT, (0.0, 0.01), (0.0, 5.0)), lambda c: c.pt),
    )
}
