"""The protocol that every likelihood of this package follows, and that every procedure is written against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeAlias

import numpy as np

from collidium.measure._parameters import Matrix, Parameters, Vector

Curvature: TypeAlias = Literal["fisher", "hessian"]


@dataclass(frozen=True)
class Expansion:
    """A likelihood to second order at a point.

    Attributes
    ----------
    value : float
        Negative log likelihood; infinite or NaN where the likelihood is not defined.
    gradient : ndarray, (K,)
        Its first derivatives.
    curvature : ndarray, (K, K)
        Fisher matrix or Hessian, as was asked for.
    """

    value: float
    gradient: Vector
    curvature: Matrix


class Likelihood(Protocol):
    """Negative log likelihood of K named parameters, with derivatives.

    The minimiser, scans, intervals, limits and rankings ask for nothing else. Vectors are of shape (K,) in the order
    of ``parameters``; matrices (K, K). All parameters take part in the derivatives, fixed ones too.
    """

    @property
    def parameters(self) -> Parameters:
        """Names, starts, bounds, constraints."""

    def nll(self, theta: Vector) -> float:
        """Negative log likelihood with all constants."""

    def grad(self, theta: Vector) -> Vector:
        """Gradient of ``nll``."""

    def fisher(self, theta: Vector) -> Matrix:
        """Expected curvature: positive semi-definite everywhere."""

    def hessian(self, theta: Vector) -> Matrix:
        """Exact second derivatives of ``nll``."""

    def expand(self, theta: Vector, curvature: Curvature) -> Expansion:
        """Value, gradient and curvature at once, for less than one by one."""


class Generative(Likelihood, Protocol):
    """A likelihood that can also make data: what Asimov sets, expected limits and toys need."""

    def asimov(self, theta: Vector) -> Self:
        """The same model with observed and auxiliary data replaced by their expectations at ``theta``."""

    def toy(self, theta: Vector, generator: np.random.Generator) -> Self:
        """The same model with observed and auxiliary data drawn at ``theta``."""
