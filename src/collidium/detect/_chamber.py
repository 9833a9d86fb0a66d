"""Thin-gap chambers of an endcap muon trigger: geometry, response and what the strips alone allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collidium.artifact import InputError
from collidium.detect._particles import Float


@dataclass(frozen=True, kw_only=True)
class ChamberConfig:
    """Seven gas gaps in three stations behind a toroid, and the muons that cross them.

    Strips are projective: the middle of every gap lies on the line from the interaction point at ``nominal_angle``, and
    positions are measured across the strips from that line. Gaps of a station are staggered in this frame.

    Attributes
    ----------
    z : tuple of float
        Gaps along the beam from the first, rising, mm.
    pitch : tuple of float
        Width of a channel in each gap, mm.
    stagger : tuple of float
        Shift of each gap's channels, in pitches, 1.
    num_channels : int
        Channels in a gap.
    distance : float
        First gap from the interaction point along the beam, mm.
    nominal_angle : float
        Angle to the beam of the line through the middle of all gaps, mrad.
    efficiency : float
        Probability that a crossed gap fires, 1.
    crosstalk : float
        Probability that the neighbour on the nearer side fires too, 1.
    delta_ray, delta_reach : float
        Probability that a knock-on electron fires further channels on one side, 1, and the mean number of them.
    noise : float
        Probability that a channel fires for no reason, 1.
    min_pt : float
        Charge over pT is drawn flat between its inverse and the negative of it, GeV.
    bend : float
        Bending angle of the toroid times pT, mrad GeV.
    bend_distance : float
        Middle of the toroid before the first gap, mm.
    vertex_spread : float
        Standard deviation of the collision point along the beam, mm.
    absorber : float
        Material before the toroid, radiation lengths.
    gap_material : float
        Material of one gap with its frame, radiation lengths.

    Raises
    ------
    InputError
        For a value that makes no chamber.

    Notes
    -----
    Seven gaps over 1.5 m, 50 channels of 18 to 20 mm and a mean angle near 229 mrad are those of the published tracker
    study; at 13.5 m the pitches are those of projective strips. Efficiency, cross-talk, delta rays, noise, material and
    field are ours: 6 T m and 120 radiation lengths, about those in front of an LHC endcap.

    References
    ----------
    Sun, Nakajima, Mitsumori, Horii, Tomoto, arXiv:2202.04976 (gaps, channels and angle).

    Examples
    --------
    >>> ChamberConfig().num_gaps
    7
    """

    z: tuple[float, ...] = (0.0, 50.0, 100.0, 750.0, 800.0, 1450.0, 1500.0)
    pitch: tuple[float, ...] = (18.0, 18.0, 18.0, 19.0, 19.0, 20.0, 20.0)
    stagger: tuple[float, ...] = (0.0, 1 / 3, 2 / 3, 0.0, 1 / 2, 0.0, 1 / 2)
    num_channels: int = 50
    distance: float = 13_500.0
    nominal_angle: float = 229.0
    efficiency: float = 0.95
    crosstalk: float = 0.10
    delta_ray: float = 0.03
    delta_reach: float = 2.0
    noise: float = 1e-3
    min_pt: float = 10.0
    bend: float = 420.0
    bend_distance: float = 3_000.0
    vertex_spread: float = 50.0
    absorber: float = 120.0
    gap_material: float = 0.03

    def __post_init__(self) -> None:
        if not len(self.z) == len(self.pitch) == len(self.stagger) >= 2 or list(self.z) != sorted(set(self.z)):
            raise InputError(
                f"z {self.z}, pitch {self.pitch}, stagger {self.stagger}: as many of each as there are gaps are "
                "needed, at least two, z rising"
            )
        for name in ("efficiency", "crosstalk", "delta_ray", "noise"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"{name} is {getattr(self, name):g}: a probability is needed")
        for name in ("num_channels", "distance", "nominal_angle", "delta_reach", "min_pt"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} is {getattr(self, name):g}: it must be positive")
        if min(self.pitch) <= 0 or self.delta_reach < 1:
            raise InputError(f"pitch {min(self.pitch):g}, delta_reach {self.delta_reach:g}: above 0 and at least 1")

    @property
    def num_gaps(self) -> int:
        """Number of gas gaps."""
        return len(self.z)

    @property
    def nominal_slope(self) -> float:
        """Tangent of the nominal angle, 1."""
        return float(np.tan(self.nominal_angle / 1000))

    def channel_centre(self, gap: int, channel: Float) -> Float:
        """Middle of channels.

        Parameters
        ----------
        gap : int
            Number of the gap.
        channel : ndarray
            Number of the channel, a half-integer between two.

        Returns
        -------
        ndarray, mm
            Position across the strips from the nominal line.

        Examples
        --------
        >>> ChamberConfig().channel_centre(0, np.array([0.0, 24.5])).tolist()
        [-441.0, 0.0]
        """
        return (channel + 0.5 - self.num_channels / 2 + self.stagger[gap]) * self.pitch[gap]


def strip_resolution(config: ChamberConfig, angle: float) -> float:
    """Angle resolution of a straight-line fit when every gap fires exactly the channel that is crossed.

    Parameters
    ----------
    config : ChamberConfig
        Positions, pitches and staggering.
    angle : float
        Angle of the muons, mrad.

    Returns
    -------
    float
        Standard deviation of the fitted angle over muons that cross anywhere, mrad.

    Notes
    -----
    The slope is ``sum_g c_g u_g`` with ``c_g = w_g (z_g - z) / S``, ``w_g = 12 / pitch_g^2``. The error of a gap is a
    sawtooth of the position, so two gaps of equal pitch p whose channels lie a fraction d of a pitch apart on the
    muon's line have the covariance ``p^2 B_2(d) / 2`` with Bernoulli's ``B_2(d) = d^2 - d + 1/6``: ``p^2 / 12`` for
    d = 0, and negative for d near 1/2, which is what staggering is for. Gaps of different pitch are independent. An
    angle other than the nominal shifts d by ``(tan a - tan a_0) (z_g - z_h) / p``.

    Examples
    --------
    >>> staggered = strip_resolution(ChamberConfig(), 229.0)
    >>> aligned = strip_resolution(ChamberConfig(stagger=(0.0,) * 7), 229.0)
    >>> f"{staggered:.2f} {aligned:.2f}"
    '2.18 5.16'
    """
    z, pitch, stagger = (np.array(values) for values in (config.z, config.pitch, config.stagger))
    weight = 12 / pitch**2
    lever = z - weight @ z / weight.sum()
    coefficient = weight * lever / (weight @ lever**2)
    slope = np.tan(angle / 1000)
    phase = (slope - config.nominal_slope) * z / pitch - stagger
    d = np.mod(phase[:, None] - phase, 1.0)
    is_same_pitch = pitch[:, None] == pitch
    covariance = is_same_pitch * pitch[:, None] * pitch * (d * d - d + 1 / 6) / 2
    return 1000 * float(np.sqrt(coefficient @ covariance @ coefficient) / (1 + slope**2))
