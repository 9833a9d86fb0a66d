"""Words of datacards: numbers, ranges, and the parameters they describe."""

from __future__ import annotations

from collections.abc import Sequence

from collidium.measure._parameters import Parameter
from collidium.measure._pointer import Place
from collidium.measure._workspace import ParameterSettings

# ranges of constrained parameters that state none, in standard deviations
_PARAM_RANGE = 7.0


def value_range(line: Place, word: str) -> tuple[float, float]:
    """Ends of a range ``[low,high]``."""
    low, _, high = word.strip("[]").partition(",")
    return number(line, low), number(line, high)


def constrained(line: Place, name: str, words: Sequence[str]) -> Parameter:
    """A parameter with a Gaussian constraint."""
    if len(words) < 2:
        raise line.error("has a param; mean and standard deviation are needed")
    mean, width = number(line, words[0]), number(line, words[1], least=0.0)
    if width == 0.0:
        raise line.error("has a standard deviation of 0; a positive one is needed")
    low, high = mean - _PARAM_RANGE * width, mean + _PARAM_RANGE * width
    if len(words) > 2:
        low, high = value_range(line, words[2])
    return Parameter(name=name, init=mean, lower=low, upper=high, center=mean, width=width)


def freed(parameter: Parameter) -> Parameter:
    """The same parameter, not held."""
    return Parameter(name=parameter.name, init=parameter.init, lower=parameter.lower, upper=parameter.upper)


def settings(line: Place, *, init: float, bounds: tuple[float, float]) -> ParameterSettings:
    """Start and bounds of one parameter."""
    return ParameterSettings(
        inits=(init,), bounds=(bounds,), auxdata=None, factors=None, sigmas=None, fixed=None, place=line
    )


def factors(line: Place, word: str) -> tuple[float, float]:
    """Factors down and up of an lnN."""
    down, slash, up = word.partition("/")
    first = number(line, down, least=0.0)
    pair = (first, number(line, up, least=0.0)) if slash else (1.0 / first if first else 0.0, first)
    if min(pair) <= 0.0:
        raise line.error(f"has the factor {word!r}; positive ones are needed")
    return pair


def number(line: Place, word: str, *, least: float | None = None) -> float:
    """A finite number, not less than ``least``."""
    try:
        value = Place(line.source, line.pointer, float(word)).number()
    except ValueError as error:
        raise line.error(f"has {word!r} where a finite number is needed") from error
    if least is not None and value < least:
        raise line.error(f"has {word} where a number of at least {least:g} is needed")
    return value
