"""``rateParam`` lines of datacards: free factors of rates, and formulas of them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from collidium.artifact import InputError
from collidium.measure._card_columns import Column
from collidium.measure._card_words import number, settings, value_range
from collidium.measure._expression import Expression
from collidium.measure._parameters import Parameter
from collidium.measure._parametric import FormulaFactor
from collidium.measure._pointer import Place
from collidium.measure._workspace import Modifier, ParameterSettings


@dataclass(frozen=True, kw_only=True)
class RateLine:
    """A rateParam.

    Attributes
    ----------
    name : str
        Of the parameter, or of the formula.
    line : Place
        Where it stands.
    parameter : Parameter or None
        Start and bounds; None for a formula.
    expression : Expression
        The formula, or the parameter itself.
    columns : tuple of Column
        What it multiplies.
    """

    name: str
    line: Place
    parameter: Parameter | None
    expression: Expression
    columns: tuple[Column, ...]

    @classmethod
    def read(cls, line: Place, name: str, words: Sequence[str], columns: Sequence[Column]) -> RateLine:
        """Read bin, process, and start with a range, or formula with arguments."""
        if len(words) < 3:
            raise line.error("has a rateParam; bin, process and start are needed")
        channel, process = words[:2]
        chosen = tuple(
            column
            for column in columns
            if fnmatch.fnmatchcase(column.channel, channel) and fnmatch.fnmatchcase(column.process, process)
        )
        if not chosen:
            raise line.error(f"has a rateParam of process {process!r} in bin {channel!r}, which does not exist")
        if "@" in words[2] or (len(words) > 3 and not words[3].startswith("[")):
            arguments = words[3].split(",") if len(words) > 3 else []
            expression = _formula(line, words[2], arguments)
            return cls(name=name, line=line, parameter=None, expression=expression, columns=chosen)
        start = number(line, words[2])
        low, high = value_range(line, words[3]) if len(words) > 3 else (0.0, max(10.0, 10.0 * start))
        if not low <= start <= high:
            raise line.error(f"starts {name!r} at {start:g}, outside its bounds [{low:g}, {high:g}]")
        parameter = Parameter(name=name, init=start, lower=low, upper=high)
        return cls(name=name, line=line, parameter=parameter, expression=Expression.of("@0", [name]), columns=chosen)


def multiply_rates(
    rates: Sequence[RateLine], constraints: Mapping[str, Parameter], num_bins: Callable[[Column], int]
) -> dict[str, ParameterSettings]:
    """Put the rateParam on their processes: as factors, or as functions where constrained or in formulas.

    Parameters
    ----------
    rates : sequence of RateLine
        In the card's order.
    constraints : mapping of str to Parameter
        What the param lines say.
    num_bins : callable
        Bins of a process.

    Returns
    -------
    dict of str to ParameterSettings
        Starts and bounds of the plain factors.

    Raises
    ------
    InputError
        If a formula has a name that is no parameter.
    """
    starts = {rate.name: rate.parameter for rate in rates if rate.parameter is not None}
    known = {**starts, **constraints}
    named = {part for rate in rates if rate.parameter is None for part in rate.expression.names}
    found: dict[str, ParameterSettings] = {}
    for rate in rates:
        if rate.parameter is not None and rate.name not in named and rate.name not in constraints:
            bounds = (rate.parameter.lower, rate.parameter.upper)
            found[rate.name] = settings(rate.line, init=rate.parameter.init, bounds=bounds)
            for column in rate.columns:
                column.modifiers.append(Modifier(name=rate.name, type="normfactor", place=rate.line))
            continue
        for name in rate.expression.names:
            if name not in known:
                raise rate.line.error(f"has a formula of {name!r}, which is neither a rateParam nor a param")
        parameters = tuple(known[name] for name in rate.expression.names)
        for column in rate.columns:
            factor = FormulaFactor(expression=rate.expression, num_bins=num_bins(column), parameters=parameters)
            column.modifiers.append(Modifier(name=rate.name, type="custom", place=rate.line, factor=factor))
    return found


def _formula(line: Place, text: str, arguments: Sequence[str]) -> Expression:
    try:
        return Expression.of(text, arguments)
    except InputError as error:
        raise line.error(f"has the {error}") from error
