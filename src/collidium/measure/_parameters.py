"""Named parameters: where a fit starts, what it may reach, and what was measured beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError, unknown

Vector: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a likelihood.

    Attributes
    ----------
    name : str
        Unique in its likelihood.
    init : float
        Where fits start, and the value of a fixed parameter.
    lower, upper : float
        Closed range of values.
    is_fixed : bool
        Held at ``init`` unless a fit says otherwise.
    center, width : float
        Value and standard deviation of the auxiliary measurement that constrains it; NaN where there is none.
    """

    name: str
    init: float
    lower: float = -math.inf
    upper: float = math.inf
    is_fixed: bool = False
    center: float = math.nan
    width: float = math.nan

    @property
    def is_constrained(self) -> bool:
        """Whether an auxiliary measurement constrains it."""
        return math.isfinite(self.width)


class Parameters:
    """The parameters of a likelihood, in the order of its vectors.

    Parameters
    ----------
    items : sequence of Parameter
        K parameters.

    Raises
    ------
    InputError
        If a name occurs twice, a start is no number, or a range excludes its start.

    Examples
    --------
    >>> parameters = Parameters([Parameter(name="mu", init=1.0, lower=0.0, upper=10.0)])
    >>> parameters.names, parameters.index("mu")
    (('mu',), 0)
    """

    def __init__(self, items: Sequence[Parameter]) -> None:
        self._items = tuple(items)
        self.names = tuple(item.name for item in self._items)
        self._index = {name: i for i, name in enumerate(self.names)}
        self.init: Vector = np.array([item.init for item in self._items], dtype=np.float64)
        self.lower: Vector = np.array([item.lower for item in self._items], dtype=np.float64)
        self.upper: Vector = np.array([item.upper for item in self._items], dtype=np.float64)
        self.is_fixed = np.array([item.is_fixed for item in self._items], dtype=bool)
        self.center: Vector = np.array([item.center for item in self._items], dtype=np.float64)
        self.width: Vector = np.array([item.width for item in self._items], dtype=np.float64)
        if len(self._index) < len(self._items):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise InputError(f"parameter {twice!r} occurs more than once; names must differ")
        for item in self._items:
            if not item.lower <= item.init <= item.upper:
                raise InputError(
                    f"parameter {item.name!r} starts at {item.init:g}, outside of its bounds"
                    f" [{item.lower:g}, {item.upper:g}]"
                )

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._items)

    def __getitem__(self, name: str) -> Parameter:
        return self._items[self.index(name)]

    def index(self, name: str) -> int:
        """Position of a parameter.

        Raises
        ------
        InputError
            For a name that is not there, with the nearest ones.
        """
        if name not in self._index:
            raise unknown("parameter", name, self.names)
        return self._index[name]

    def held(self, fixed: Mapping[str, float] | None = None) -> tuple[Vector, NDArray[np.bool_]]:
        """Start of a fit and which parameters it holds.

        Parameters
        ----------
        fixed : mapping of str to float, optional
            Parameters held in this fit, at these values; beside those that are fixed anyway.

        Returns
        -------
        tuple of ndarray
            Start (K,), and (K,) true where held.

        Raises
        ------
        InputError
            For an unknown name or a value that is no finite number.
        """
        start, is_held = self.init.copy(), self.is_fixed.copy()
        for name, value in (fixed or {}).items():
            if not math.isfinite(value):
                raise InputError(f"parameter {name!r} is fixed at {value}; a finite number is needed")
            start[self.index(name)] = value
            is_held[self.index(name)] = True
        return start, is_held
