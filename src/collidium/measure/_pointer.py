"""Places in JSON documents: pointers, and readers that name the place where a document is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collidium.artifact import InputError


def read_json(path: Path) -> object:
    """Read a JSON file.

    Parameters
    ----------
    path : Path
        An existing file in UTF-8.

    Returns
    -------
    object
        Dictionaries, lists and plain values; ``NaN`` and ``Infinity`` come as floats.

    Raises
    ------
    InputError
        If the file is absent or is no JSON, with line and column.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no JSON: byte {error.start} is not UTF-8") from error
    except RecursionError as error:
        raise InputError(f"{path}: is nested too deeply") from error


def escaped(token: str) -> str:
    """A key as it is written in a JSON pointer (RFC 6901, section 3).

    Examples
    --------
    >>> escaped("a/b~c")
    'a~1b~0c'
    """
    return token.replace("~", "~0").replace("/", "~1")


def unescaped(token: str) -> str:
    """The key that a token of a JSON pointer stands for (RFC 6901, section 4)."""
    return token.replace("~1", "/").replace("~0", "~")


@dataclass(frozen=True)
class Place:
    """A value in a document, with where it stands.

    Attributes
    ----------
    source : str
        The document, for messages.
    pointer : str
        JSON pointer of the value (RFC 6901); empty for the whole document.
    value : object
        The value.

    Examples
    --------
    >>> Place("w.json", "", {"data": [1, "x"]}).get("data").numbers()
    Traceback (most recent call last):
        ...
    collidium.artifact._errors.InputError: w.json: /data/1 is 'x'; a finite number is needed
    """

    source: str
    pointer: str
    value: object

    def error(self, message: str) -> InputError:
        """The error that names this place."""
        return InputError(f"{self.source}: {self.pointer or 'the document'} {message}")

    def needs(self, what: str) -> InputError:
        """The error of a value of the wrong type."""
        text = repr(self.value)
        return self.error(f"is {text if len(text) <= 60 else text[:57] + '...'}; {what} is needed")

    def object(self, required: Sequence[str], optional: Sequence[str] = (), *, is_open: bool = False) -> None:
        """Check that this is an object with the required keys and no unknown ones (``is_open``: others too)."""
        if not isinstance(self.value, Mapping):
            raise self.needs("an object")
        for key in required:
            if key not in self.value:
                raise self.error(f"has no {key!r}")
        for key in self.value:
            if not is_open and key not in required and key not in optional:
                raise self.error(f"has the unknown key {key!r} (allowed: {', '.join([*required, *optional])})")

    def get(self, key: str) -> Place:
        """Value of a key that is there."""
        assert isinstance(self.value, Mapping)
        return Place(self.source, f"{self.pointer}/{escaped(key)}", self.value[key])

    def items(self, *, at_least: int = 0) -> Iterator[Place]:
        """Items of a list."""
        if not isinstance(self.value, list):
            raise self.needs("a list")
        if len(self.value) < at_least:
            raise self.error(f"has {len(self.value)} items; at least {at_least} is needed")
        return (Place(self.source, f"{self.pointer}/{i}", item) for i, item in enumerate(self.value))

    def text(self) -> str:
        """The string."""
        if not isinstance(self.value, str):
            raise self.needs("a string")
        return self.value

    def flag(self) -> bool:
        """The boolean."""
        if not isinstance(self.value, bool):
            raise self.needs("true or false")
        return self.value

    def number(self) -> float:
        """The finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not math.isfinite(self.value):
            raise self.needs("a finite number")
        return float(self.value)

    def numbers(self, length: int | None = None) -> tuple[float, ...]:
        """The list of finite numbers, at least one, or of the length given."""
        self.items(at_least=1)
        assert isinstance(self.value, list)
        is_plain = all(type(value) in (int, float) and math.isfinite(value) for value in self.value)
        found = tuple(map(float, self.value)) if is_plain else tuple(item.number() for item in self.items())
        if length is not None and len(found) != length:
            raise self.error(f"has {len(found)} numbers; {length} are needed")
        return found
