"""Modifiers of one's own: factors of a sample's bins as functions of parameters, with an analytic Jacobian."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from collidium.measure._parameters import Matrix, Parameter, Vector
from collidium.measure._pointer import Place

_FIRST_MULTIPLICITY = 4
_DIFFERENCE = 1e-5


class BinFactor(Protocol):
    """Factors that multiply the bins of a sample: what a modifier of one's own has to be.

    It has P parameters of its own, which modifiers of this kind may share by naming the same ones. Second derivatives
    are taken as differences of the Jacobian.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters: names, starts, bounds, Gaussian constraints."""

    def factors(self, values: Vector) -> tuple[Vector, Matrix]:
        """Factors of the M bins (M,) at parameter values (P,), and their derivatives (M, P)."""


BinFactorReader: TypeAlias = Callable[[str, Place, int], BinFactor]


def curvature(factor: BinFactor, values: Vector) -> Matrix:
    """Second derivatives of the factors, (M, P, P), from differences of their Jacobian."""
    rows = []
    for j, value in enumerate(values.tolist()):
        step = _DIFFERENCE * max(1.0, abs(value))
        up, down = values.copy(), values.copy()
        up[j] += step
        down[j] -= step
        rows.append((factor.factors(up)[1] - factor.factors(down)[1]) / (2.0 * step))
    bend = np.stack(rows, axis=1)
    return np.asarray((bend + bend.transpose(0, 2, 1)) / 2.0)


@dataclass(frozen=True, kw_only=True)
class JetScaling:
    """Normalisation of a process that falls with the number of jets in a known form, as ttW in four-top searches.

    Attributes
    ----------
    multiplicities : tuple of int
        Numbers of jets J that events of the sample have.
    fractions : ndarray, (M, J), 1
        Part of each bin's events with each number of jets.
    reference : tuple of float
        a0 and a1 that describe the simulation: there the scaling is one.
    parameters : tuple of Parameter
        The strength at four jets, a0 and a1.

    Notes
    -----
    The ratio of yields with j + 1 and j jets is R(j) = a0 + a1 / (1 + (j - 4)) for j >= 4; a bin with n jets is
    multiplied by the strength and by the product of R(4) to R(n - 1), divided by the same product at the reference.
    Bins with up to four jets have the strength alone.

    References
    ----------
    ATLAS Collaboration, Observation of four-top-quark production in the multilepton final state, Eur. Phys. J. C 83
    (2023) 496, arXiv:2303.15061, section 6.

    Examples
    --------
    >>> scaling = JetScaling.of([4, 5], strength="NF_ttW", offset="a0", slope="a1", reference=(0.4, 0.2))
    >>> scaling.factors(np.array([1.2, 0.5, 0.1]))[0].round(12)
    array([1.2, 1.2])
    """

    multiplicities: tuple[int, ...]
    fractions: Matrix = field(repr=False)
    reference: tuple[float, float]
    parameters: tuple[Parameter, ...]

    @classmethod
    def of(
        cls,
        multiplicities: list[int],
        fractions: Matrix | None = None,
        *,
        strength: str,
        offset: str,
        slope: str,
        reference: tuple[float, float],
    ) -> JetScaling:
        """Build the modifier.

        Parameters
        ----------
        multiplicities : list of int
            Number of jets of each bin, or the J numbers that ``fractions`` speaks of.
        fractions : ndarray, (M, J), 1, optional
            Part of each bin's events with each number of jets.
        strength, offset, slope : str
            Names of the parameters: the factor at four jets, a0 and a1.
        reference : tuple of float
            a0 and a1 that describe the simulation, also where fits start.

        Returns
        -------
        JetScaling
            The modifier.
        """
        return cls(
            multiplicities=tuple(multiplicities),
            fractions=np.eye(len(multiplicities)) if fractions is None else fractions,
            reference=reference,
            parameters=(
                Parameter(name=strength, init=1.0, lower=0.0, upper=10.0),
                Parameter(name=offset, init=reference[0], lower=-10.0, upper=10.0),
                Parameter(name=slope, init=reference[1], lower=-10.0, upper=10.0),
            ),
        )

    @classmethod
    def read(cls, name: str, data: Place, num_bins: int) -> JetScaling:
        """Read the modifier ``jet_scaling`` of a workspace.

        Parameters
        ----------
        name : str
            Name of the modifier: that of its strength, if ``data`` names none.
        data : Place
            Object with ``jets`` (number of jets of each bin; with ``fractions``, the J numbers those speak of),
            ``reference`` (a0 and a1 of the simulation), and if wanted ``fractions`` (M lists of J), ``strength``,
            ``offset`` and ``slope`` (names of parameters).
        num_bins : int
            Bins of the channel, M.

        Returns
        -------
        JetScaling
            The modifier.

        Raises
        ------
        InputError
            With the place of what is wrong.
        """
        data.object(["jets", "reference"], ["fractions", "strength", "offset", "slope"])
        assert isinstance(data.value, Mapping)
        fractions = None
        jets = data.get("jets").numbers(None if "fractions" in data.value else num_bins)
        for item, jet in zip(data.get("jets").items(), jets, strict=True):
            if jet != int(jet) or jet < 0.0:
                raise item.needs("a number of jets")
        if "fractions" in data.value:
            rows = [row.numbers(len(jets)) for row in data.get("fractions").items(at_least=1)]
            if len(rows) != num_bins:
                raise data.get("fractions").error(f"has {len(rows)} rows; {num_bins} are needed, one for each bin")
            fractions = np.array(rows)
        a0, a1 = data.get("reference").numbers(2)
        for jet in range(_FIRST_MULTIPLICITY, int(max(jets))):
            if _ratio(jet, a0, a1) == 0.0:
                raise data.get("reference").error(
                    f"has no events with {jet + 1} jets; a ratio that is not zero is needed"
                )
        names = {
            key: data.get(key).text() if key in data.value else other
            for key, other in (("strength", name), ("offset", "a0"), ("slope", "a1"))
        }
        return cls.of([int(jet) for jet in jets], fractions, reference=(a0, a1), **names)

    def factors(self, values: Vector) -> tuple[Vector, Matrix]:
        """Factors of the bins (M,) at strength, a0 and a1, and their derivatives (M, 3)."""
        strength, a0, a1 = values.tolist()
        products = np.array([_product(jets, a0, a1) for jets in self.multiplicities])
        products /= np.array([_product(jets, *self.reference)[0] for jets in self.multiplicities])[:, None]
        of_bin = self.fractions @ products
        return strength * of_bin[:, 0], np.column_stack([of_bin[:, 0], strength * of_bin[:, 1:]])


def _ratio(jets: int, a0: float, a1: float) -> float:
    return a0 + a1 / (1.0 + (jets - _FIRST_MULTIPLICITY))


def _product(num_jets: int, a0: float, a1: float) -> tuple[float, float, float]:
    """Product of the ratios up to a number of jets, with its derivatives by a0 and a1."""
    ratios = [_ratio(jets, a0, a1) for jets in range(_FIRST_MULTIPLICITY, num_jets)]
    by_a0 = by_a1 = 0.0
    for i in range(len(ratios)):
        rest = math.prod(ratios[:i] + ratios[i + 1 :])
        by_a0 += rest
        by_a1 += rest / (1.0 + i)
    return math.prod(ratios), by_a0, by_a1


# type in the JSON of a workspace -> reader of its data
CUSTOM_TYPES: Mapping[str, BinFactorReader] = {"jet_scaling": JetScaling.read}
