"""Parametric models of a mass in fine bins: densities and formulas of an HS3 document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.polynomial.legendre import leggauss

from collidium.artifact import InputError, unknown
from collidium.measure._expression import Dual, Expression
from collidium.measure._parameters import Matrix, Parameter, Vector
from collidium.measure._pointer import Place, read_json

NUM_BINS = 320
_NODES, _WEIGHTS = leggauss(8)
# type of distribution -> formula of its observable x and of what it names
_DENSITIES = {
    "gaussian_dist": ("exp(-0.5 * ((@0 - @1) / @2) ^ 2)", ("x", "mean", "sigma")),
    "exponential_dist": ("exp(-@1 * @0)", ("x", "c")),
}


@dataclass(frozen=True, kw_only=True)
class Observable:
    """A variable that events have, in bins of equal width."""

    name: str
    low: float
    high: float
    num_bins: int = NUM_BINS

    @property
    def edges(self) -> Vector:
        """Edges of the bins, (M + 1,)."""
        return np.linspace(self.low, self.high, self.num_bins + 1)

    def counts(self, x: Vector) -> tuple[float, ...]:
        """Events in the bins; ones outside of the range are left aside."""
        return tuple(np.histogram(x, self.edges)[0].astype(np.float64).tolist())


@dataclass(frozen=True)
class Formulas:
    """Named formulas that build on each other and on parameters.

    Attributes
    ----------
    functions : mapping of str to Expression
        Formulas by name.
    parameters : mapping of str to Parameter
        Parameters by name; what neither is a formula nor a parameter is free, from 0.
    """

    functions: Mapping[str, Expression] = field(repr=False)
    parameters: Mapping[str, Parameter] = field(repr=False)

    def leaves(self, names: Sequence[str], path: tuple[str, ...] = ()) -> list[str]:
        """Parameters that the names depend on, in the order of their first occurrence; ``path`` led to the names."""
        found: dict[str, None] = {}
        for name in names:
            if name in path:
                raise InputError(f"the formula {name!r} depends on itself")
            if name in self.functions:
                found.update(dict.fromkeys(self.leaves(self.functions[name].names, (*path, name))))
            else:
                found[name] = None
        return list(found)

    def values(self, names: Sequence[str], given: Mapping[str, Dual]) -> dict[str, Dual]:
        """Names evaluated at values of their parameters."""
        found: dict[str, Dual] = {}
        for name in names:
            function = self.functions.get(name)
            inner = given if function is None else self.values(function.names, given)
            found[name] = given[name] if function is None else function.evaluate(inner)
        return found


@dataclass(frozen=True, kw_only=True)
class ParametricShape:
    """Parts of a density in bins, times a normalisation: a :class:`BinFactor`.

    Attributes
    ----------
    observable : Observable
        The variable and its M bins.
    density : Expression
        Function of the observable and of names in ``formulas``, in any unit.
    normalisation : str or None
        A name in ``formulas``; one without.
    formulas : Formulas
        What the names mean.
    parameters : tuple of Parameter
        The P parameters that all of it depends on.

    Notes
    -----
    Integrals over the bins by eight Gauss-Legendre points each, divided by their sum: the density is normalised in the
    range of the observable.
    """

    observable: Observable
    density: Expression = field(repr=False)
    normalisation: str | None
    formulas: Formulas = field(repr=False)
    parameters: tuple[Parameter, ...] = field(repr=False)

    def factors(self, values: Vector) -> tuple[Vector, Matrix]:
        """Expected events of the bins (M,) for a rate of one, and their derivatives (M, P)."""
        # where a formula has no value the likelihood has none, and a fit steps back
        with np.errstate(all="ignore"):
            return self._factors(values)

    def _factors(self, values: Vector) -> tuple[Vector, Matrix]:
        names = [parameter.name for parameter in self.parameters]
        given = {name: Dual.parameter(name, value) for name, value in zip(names, values.tolist(), strict=True)}
        edges, x = self.observable.edges, self.observable.name
        points = (edges[:-1, None] + np.diff(edges)[:, None] * (1.0 + _NODES) / 2.0).ravel()
        inner = self.formulas.values([name for name in self.density.names if name != x], given)
        found = self.density.evaluate({**inner, x: Dual.constant(points)})
        norm = Dual.constant(1.0)
        if self.normalisation is not None:
            norm = self.formulas.values([self.normalisation], given)[self.normalisation]
        bins = self._integrals(found.value)
        total = bins.sum()
        parts = bins / total
        slopes = np.zeros((len(parts), len(names)))
        for j, name in enumerate(names):
            if name in found.slopes:
                change = self._integrals(np.broadcast_to(found.slopes[name], points.shape))
                slopes[:, j] = norm.value * (change - parts * change.sum()) / total
            if name in norm.slopes:
                slopes[:, j] += parts * norm.slopes[name]
        return norm.value * parts, slopes

    def _integrals(self, values: Vector) -> Vector:
        return np.asarray(values.reshape(self.observable.num_bins, len(_NODES)) @ _WEIGHTS)


@dataclass(frozen=True, kw_only=True)
class FormulaFactor:
    """One factor for all M bins that is a formula of parameters: a :class:`BinFactor`."""

    expression: Expression
    num_bins: int
    parameters: tuple[Parameter, ...]

    def factors(self, values: Vector) -> tuple[Vector, Matrix]:
        """Factors (M,), all the same, and their derivatives (M, P)."""
        names = [parameter.name for parameter in self.parameters]
        given = {name: Dual.parameter(name, value) for name, value in zip(names, values.tolist(), strict=True)}
        with np.errstate(all="ignore"):
            found = self.expression.evaluate(given)
        slopes = np.array([float(found.slopes.get(name, 0.0)) for name in names])
        return np.full(self.num_bins, float(found.value)), np.tile(slopes, (self.num_bins, 1))


@dataclass(frozen=True, kw_only=True)
class ParametricDocument:
    """Densities, formulas, parameters and events of an HS3 document.

    Attributes
    ----------
    source : str
        Named in messages.
    densities : mapping of str to tuple
        Name of the observable and density, by name.
    formulas : Formulas
        Formulas and parameters.
    observables : mapping of str to Observable
        Variables with a range that events have.
    events : mapping of str to tuple
        Name of the observable and values, by name of the data set.

    References
    ----------
    C. Burgard et al., HS3: HEP Statistics Serialization Standard, version 0.2.9 (2024), sections 2.1 to 2.7; RooFit
    writes it with RooJSONFactoryWSTool.
    """

    source: str
    densities: Mapping[str, tuple[str, Expression]] = field(repr=False)
    formulas: Formulas = field(repr=False)
    observables: Mapping[str, Observable] = field(repr=False)
    events: Mapping[str, tuple[str, Vector]] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> ParametricDocument:
        """Read a document.

        Parameters
        ----------
        path : Path
            JSON with ``distributions`` (``gaussian_dist``, ``exponential_dist``, ``generic_dist``), ``functions``
            (``product``, ``sum``, ``generic_function``), ``parameter_points``, ``domains`` and ``data`` (unbinned).

        Returns
        -------
        ParametricDocument
            Checked.

        Raises
        ------
        InputError
            With the JSON pointer to the place where the document is wrong.
        """
        root = Place(str(path), "", read_json(path))
        root.object([], is_open=True)
        ranges, events = _ranges(root), {}
        for item in _each(root, "data"):
            name, observable, x = _data(item, ranges)
            events[name] = (observable, x)
        functions = {item.get("name").text(): _function(item) for item in _each(root, "functions")}
        densities = {item.get("name").text(): _density(item) for item in _each(root, "distributions")}
        variables = {name for name, _ in densities.values()} | {name for name, _ in events.values()}
        return cls(
            source=str(path),
            densities=densities,
            formulas=Formulas(functions, _parameters(root, ranges, variables)),
            observables={name: found for name, found in ranges.items() if name in variables},
            events=events,
        )

    def shape(self, name: str, *, settings: Mapping[str, Parameter]) -> ParametricShape:
        """A density in bins, normalised by the formula or parameter ``NAME_norm`` where there is one.

        Parameters
        ----------
        name : str
            Name of a distribution.
        settings : mapping of str to Parameter
            Parameters that are other than the document says, e.g. constrained ones.

        Returns
        -------
        ParametricShape
            With all its parameters.

        Raises
        ------
        InputError
            If there is no distribution of this name.
        """
        if name not in self.densities:
            raise unknown(f"distribution of {self.source}", name, self.densities)
        variable, density = self.densities[name]
        if variable not in self.observables:
            raise InputError(f"{self.source}: the variable {variable!r} of {name!r} has no range; a domain is needed")
        normalisation: str | None = f"{name}_norm"
        if normalisation not in self.formulas.functions and normalisation not in self.formulas.parameters:
            normalisation = None
        names = [part for part in density.names if part != variable]
        leaves = self.formulas.leaves([*names, *([] if normalisation is None else [normalisation])])
        known = {**self.formulas.parameters, **settings}
        return ParametricShape(
            observable=self.observables[variable],
            density=density,
            normalisation=normalisation,
            formulas=self.formulas,
            parameters=tuple(known.get(leaf, Parameter(name=leaf, init=0.0)) for leaf in leaves),
        )


def _each(root: Place, key: str) -> list[Place]:
    assert isinstance(root.value, Mapping)
    found = list(root.get(key).items()) if key in root.value else []
    for item in found:
        item.object(["name"], is_open=True)
    return found


def _ranges(root: Place) -> dict[str, Observable]:
    """Ranges of variables, from the domains and from the axes of data."""
    found: dict[str, Observable] = {}
    for item in [*_each(root, "domains"), *_each(root, "data")]:
        item.object(["name", "axes"], is_open=True)
        for axis in item.get("axes").items():
            axis.object(["name", "min", "max"], ["nbins"])
            assert isinstance(axis.value, Mapping)
            low, high = axis.get("min").number(), axis.get("max").number()
            num_bins = axis.get("nbins").number() if "nbins" in axis.value else NUM_BINS
            if not low < high or num_bins < 1:
                raise axis.needs("a range that rises, of at least one bin,")
            name = axis.get("name").text()
            found[name] = Observable(name=name, low=low, high=high, num_bins=int(num_bins))
    return found


def _data(item: Place, ranges: Mapping[str, Observable]) -> tuple[str, str, Vector]:
    """Name, observable and values of a data set."""
    item.object(["name", "type", "axes", "entries"], is_open=True)
    if item.get("type").value != "unbinned":
        raise item.get("type").needs("'unbinned'")
    axes = [axis.get("name").text() for axis in item.get("axes").items(at_least=1)]
    if len(axes) > 1:
        raise item.get("axes").error(f"has {len(axes)} axes; one is needed")
    x = [entry.numbers(1)[0] for entry in item.get("entries").items(at_least=1)]
    return item.get("name").text(), ranges[axes[0]].name, np.array(x)


def _function(item: Place) -> Expression:
    item.object(["name", "type"], is_open=True)
    kind = item.get("type").text()
    if kind == "generic_function":
        item.object(["name", "type", "expression"], is_open=True)
        return Expression.of(item.get("expression").text())
    key = {"product": "factors", "sum": "summands"}.get(kind)
    if key is None:
        raise item.get("type").needs("one of product, sum, generic_function")
    item.object(["name", "type", key])
    names = [_name(part) for part in item.get(key).items(at_least=1)]
    sign = "*" if kind == "product" else "+"
    return Expression.of(sign.join(f"@{i}" for i in range(len(names))), names)


def _density(item: Place) -> tuple[str, Expression]:
    """Observable and formula of a distribution."""
    item.object(["name", "type", "x"], is_open=True)
    kind, x = item.get("type").text(), item.get("x").text()
    if kind == "generic_dist":
        item.object(["name", "type", "x", "expression"])
        return x, Expression.of(item.get("expression").text())
    if kind not in _DENSITIES:
        raise item.get("type").needs(f"one of {', '.join(_DENSITIES)}, generic_dist")
    formula, keys = _DENSITIES[kind]
    item.object(["name", "type", *keys])
    return x, Expression.of(formula, [_name(item.get(key)) for key in keys])


def _name(place: Place) -> str:
    """A name, or a number as text."""
    return place.text() if isinstance(place.value, str) else repr(place.number())


def _parameters(root: Place, ranges: Mapping[str, Observable], variables: set[str]) -> dict[str, Parameter]:
    """Parameters of the points, with the ranges of the domains."""
    found: dict[str, Parameter] = {}
    for point in _each(root, "parameter_points"):
        for item in point.get("parameters").items():
            item.object(["name", "value"], ["const"])
            assert isinstance(item.value, Mapping)
            name, value = item.get("name").text(), item.get("value").number()
            if name in variables:
                continue
            span = ranges.get(name)
            low, high = (-np.inf, np.inf) if span is None else (span.low, span.high)
            if not low <= value <= high:
                raise item.error(f"starts {name!r} at {value:g}, outside its range [{low:g}, {high:g}]")
            is_fixed = item.get("const").flag() if "const" in item.value else False
            found[name] = Parameter(name=name, init=value, lower=low, upper=high, is_fixed=is_fixed)
    return found
