"""Formulas of parameters as text, evaluated with their derivatives."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Dual:
    """A value (any shape) with its derivatives by named parameters (of shapes that broadcast to it)."""

    value: Array
    slopes: Mapping[str, Array]

    @classmethod
    def constant(cls, value: float | Array) -> Dual:
        """A value that depends on no parameter."""
        return cls(np.asarray(value, dtype=np.float64), {})

    @classmethod
    def parameter(cls, name: str, value: float) -> Dual:
        """The parameter itself."""
        return cls(np.asarray(value, dtype=np.float64), {name: np.asarray(1.0)})

    def chain(self, value: Array, slope: Array) -> Dual:
        """A function of this value, with the function's derivative."""
        return Dual(value, {name: slope * own for name, own in self.slopes.items()})


def add(a: Dual, b: Dual) -> Dual:
    """Sum."""
    return _joined(a.value + b.value, a, np.asarray(1.0), b, np.asarray(1.0))


def multiply(a: Dual, b: Dual) -> Dual:
    """Product."""
    return _joined(a.value * b.value, a, b.value, b, a.value)


def divide(a: Dual, b: Dual) -> Dual:
    """Quotient."""
    return _joined(a.value / b.value, a, 1.0 / b.value, b, -a.value / b.value**2)


def power(a: Dual, b: Dual) -> Dual:
    """The first to the power of the second."""
    value = np.asarray(a.value**b.value)
    by_a = np.asarray(b.value * a.value ** (b.value - 1.0))
    if not b.slopes:
        return a.chain(value, by_a)
    return _joined(value, a, by_a, b, value * np.log(a.value))


def exp(a: Dual) -> Dual:
    """Exponential."""
    value = np.exp(a.value)
    return a.chain(value, value)


def log(a: Dual) -> Dual:
    """Natural logarithm."""
    return a.chain(np.log(a.value), 1.0 / a.value)


def sqrt(a: Dual) -> Dual:
    """Square root."""
    value = np.sqrt(a.value)
    return a.chain(value, 0.5 / value)


def _joined(value: Array, a: Dual, by_a: Array, b: Dual, by_b: Array) -> Dual:
    slopes: dict[str, Array] = {name: by_a * slope for name, slope in a.slopes.items()}
    for name, slope in b.slopes.items():
        slopes[name] = slopes[name] + by_b * slope if name in slopes else by_b * slope
    return Dual(np.asarray(value), slopes)


_OPERATORS: Mapping[type[ast.operator], Callable[[Dual, Dual], Dual]] = {
    ast.Add: add,
    ast.Mult: multiply,
    ast.Div: divide,
    ast.Pow: power,
    ast.Sub: lambda a, b: add(a, multiply(Dual.constant(-1.0), b)),
}
# stands for @ in the names of arguments while a formula is parsed
_ARGUMENT = "argument_of_formula_"
_FUNCTIONS: Mapping[str, Callable[[Dual], Dual]] = {"exp": exp, "log": log, "sqrt": sqrt}


@dataclass(frozen=True)
class Expression:
    """A formula: numbers, names, ``+ - * / ^ ( )``, ``exp log sqrt pow``, and ``@0 @1 ...`` for arguments.

    Attributes
    ----------
    text : str
        As it was written.
    names : tuple of str
        Names in it, in the order of their first occurrence.

    Examples
    --------
    >>> formula = Expression.of("(@0 + @1) * (1 + 0.003 * scale)", ["MH", "dMH"])
    >>> formula.names
    ('MH', 'dMH', 'scale')
    >>> found = formula.evaluate({name: Dual.parameter(name, 1.0) for name in formula.names})
    >>> float(found.value), float(found.slopes["scale"])
    (2.006, 0.006)
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr
    _arguments: Mapping[str, str]

    @classmethod
    def of(cls, text: str, arguments: Sequence[str] = ()) -> Expression:
        """Read a formula.

        Parameters
        ----------
        text : str
            The formula.
        arguments : sequence of str
            What ``@0``, ``@1``, ... stand for: names, or numbers as text.

        Returns
        -------
        Expression
            The formula.

        Raises
        ------
        InputError
            If it is malformed, with the part that is not understood.
        """
        given = {f"{_ARGUMENT}{i}": name for i, name in enumerate(arguments) if not _is_number(name)}
        numbers = {f"@{i}": f"({name})" for i, name in enumerate(arguments) if _is_number(name)}
        plain = re.sub(r"@\d+", lambda found: numbers.get(found[0], _ARGUMENT + found[0][1:]), text)
        plain = plain.replace("^", "**").strip()
        try:
            tree = ast.parse(plain, mode="eval").body
        except (SyntaxError, ValueError, RecursionError) as error:
            raise InputError(f"formula {text!r} is malformed") from error
        names = [given.get(name, name) for name in _names(tree, text)]
        for name in names:
            if name.startswith(_ARGUMENT):
                raise InputError(
                    f"formula {text!r} has @{name.removeprefix(_ARGUMENT)}; it is given {len(arguments)} arguments"
                )
        return cls(text, tuple(dict.fromkeys(names)), tree, given)

    def evaluate(self, values: Mapping[str, Dual]) -> Dual:
        """Value and derivatives, for values of all ``names``."""
        arguments = {name: values[of] for name, of in self._arguments.items() if of in values}
        return _evaluate(self._tree, {**values, **arguments})


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _names(node: ast.expr, text: str) -> list[str]:
    """Names in the order of their occurrence; refuses what has no meaning here."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return []
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _names(node.left, text) + _names(node.right, text)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return _names(node.operand, text)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        num_arguments = {"pow": 2, **dict.fromkeys(_FUNCTIONS, 1)}.get(node.func.id.lower())
        if num_arguments == len(node.args):
            return [name for part in node.args for name in _names(part, text)]
    part = ast.unparse(node).replace(_ARGUMENT, "@")
    raise InputError(f"formula {text!r} has {part!r}; numbers, names, + - * / ^ and exp, log, sqrt, pow are understood")


def _evaluate(node: ast.expr, values: Mapping[str, Dual]) -> Dual:
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float)
        return Dual.constant(node.value)
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_evaluate(node.left, values), _evaluate(node.right, values))
    if isinstance(node, ast.UnaryOp):
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        return multiply(Dual.constant(sign), _evaluate(node.operand, values))
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    arguments = [_evaluate(part, values) for part in node.args]
    name = node.func.id.lower()
    return power(*arguments) if name == "pow" else _FUNCTIONS[name](arguments[0])
