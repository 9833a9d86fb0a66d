"""Stable JSON and the hashes made of it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def to_plain(value: object) -> Plain:
    """Turn configurations into what JSON can hold.

    Parameters
    ----------
    value : object
        Nested dataclasses, mappings, sequences, paths, NumPy scalars and plain values.

    Returns
    -------
    Plain
        The same content in dictionaries, lists and plain values; NaN and infinities become None, bytes of a path
        that are no text are escaped. A dataclass instance carries its class name under
        ``"type"`` so that a union of configurations can be read back.

    Raises
    ------
    TypeError
        For anything else: a configuration must be writable.

    Examples
    --------
    >>> to_plain({"path": Path("a/b"), "window": (500.0, 650.0)})
    {'path': 'a/b', 'window': [500.0, 650.0]}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, Path):
        return to_plain(str(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(to_plain(str(key))): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [to_plain(item) for item in items]
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def json_dumps(value: object) -> str:
    r"""Write a value as JSON with sorted keys and a final newline, the same bytes for the same content.

    Parameters
    ----------
    value : object
        As :func:`to_plain` takes.

    Returns
    -------
    str
        The document.

    Examples
    --------
    >>> json_dumps({"b": 1, "a": 2})
    '{\n  "a": 2,\n  "b": 1\n}\n'
    """
    return json.dumps(to_plain(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def config_hash(value: object) -> str:
    """Hash a configuration.

    Parameters
    ----------
    value : object
        As :func:`to_plain` takes.

    Returns
    -------
    str
        64 hexadecimal digits of SHA-256 over the stable JSON.

    Examples
    --------
    >>> config_hash({"b": 1, "a": 2}) == config_hash({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json_dumps(value).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Hash a file's bytes.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    str
        64 hexadecimal digits of SHA-256.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "empty"
    >>> path.write_bytes(b"")
    0
    >>> file_hash(path)[:8]
    'e3b0c442'
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
