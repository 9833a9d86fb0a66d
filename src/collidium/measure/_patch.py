"""JSON Patch and pyhf's patch sets."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collidium.artifact import InputError, unknown
from collidium.measure._pointer import Place, read_json, unescaped

_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


def apply_patch(document: object, operations: Sequence[object], *, source: str = "patch") -> object:
    """Apply a JSON Patch.

    Parameters
    ----------
    document : object
        What is patched; left as it is.
    operations : sequence of mapping
        ``add``, ``remove``, ``replace``, ``move``, ``copy`` and ``test``, in order.
    source : str
        Named in messages.

    Returns
    -------
    object
        The patched document.

    Raises
    ------
    InputError
        If an operation is malformed or does not apply, with its place in the patch.

    References
    ----------
    RFC 6902, JavaScript Object Notation (JSON) Patch.

    Examples
    --------
    >>> apply_patch({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}])
    {'a': [1, 2, 3]}
    """
    patched = copy.deepcopy(document)
    for operation in Place(source, "", list(operations)).items():
        patched = _apply(patched, operation)
    return patched


def read_patch(path: Path, name: str | None = None, *, document: object = None) -> list[object]:
    """Read a patch, or one patch of a patch set.

    Parameters
    ----------
    path : Path
        A JSON Patch, or a patch set of pyhf's schema 1.0.0.
    name : str, optional
        Which patch of a set; not needed where it has one.
    document : object, optional
        What will be patched: a patch set states its digest, which must agree.

    Returns
    -------
    list
        The operations.

    Raises
    ------
    InputError
        If the file breaks the schema, the name is not in the set, or the set is for another document.
    """
    whole = Place(str(path), "", read_json(path))
    if isinstance(whole.value, list):
        if name is not None:
            raise InputError(f"{path}: is a single patch, it has none named {name!r}")
        return whole.value
    patches = _patches(whole)
    _check_digests(whole.get("metadata").get("digests"), document)
    if name is None:
        if len(patches) > 1:
            raise InputError(f"{path}: is a set of {len(patches)} patches; name one, e.g. {next(iter(patches))!r}")
        name = next(iter(patches))
    if name not in patches:
        raise unknown(f"patch of {path}", name, patches)
    return patches[name]


def _patches(whole: Place) -> dict[str, list[object]]:
    """The patches of a set by name."""
    whole.object(["patches", "metadata", "version"])
    if whole.get("version").value != "1.0.0":
        raise whole.get("version").needs("'1.0.0'")
    whole.get("metadata").object(["references", "digests", "labels", "description"], is_open=True)
    whole.get("metadata").get("digests").object([], ["md5", "sha256"])
    patches: dict[str, list[object]] = {}
    for item in whole.get("patches").items(at_least=1):
        item.object(["metadata", "patch"])
        item.get("metadata").object(["name", "values"], is_open=True)
        name = item.get("metadata").get("name")
        if name.text() in patches:
            raise name.error(f"is {name.text()!r}, which an earlier patch is named too")
        patches[name.text()] = [operation.value for operation in item.get("patch").items()]
    return patches


def _check_digests(digests: Place, document: object) -> None:
    """Compare the digests of a set with the document's, which is made of its JSON with sorted keys."""
    if document is None:
        return
    text = json.dumps(document, sort_keys=True, ensure_ascii=False).encode()
    assert isinstance(digests.value, dict)
    for algorithm in digests.value:
        found = hashlib.new(algorithm, text, usedforsecurity=False).hexdigest()
        stated = digests.get(algorithm)
        if found != stated.text().lower():
            raise stated.error(
                f"is {stated.text()}, the workspace's is {found}: the patch set is for another workspace"
            )


def _apply(document: Any, operation: Place) -> Any:
    """One operation."""
    operation.object(["op", "path"], is_open=True)
    kind = operation.get("op").text()
    if kind not in _OPERATIONS:
        raise operation.get("op").needs(f"one of {', '.join(_OPERATIONS)}")
    needed = {"add": "value", "replace": "value", "test": "value", "move": "from", "copy": "from"}.get(kind)
    if needed is not None:
        operation.object(["op", "path", needed], is_open=True)
    path = operation.get("path")
    if kind == "add":
        return _add(document, path, copy.deepcopy(operation.get("value").value))
    if kind == "remove":
        return _remove(document, path)
    if kind == "replace":
        return _replace(document, path, copy.deepcopy(operation.get("value").value))
    if kind == "test":
        if _find(document, path) != operation.get("value").value:
            raise path.error(f"is {path.text()!r}, where another value stands than the patch expects")
        return document
    origin = operation.get("from")
    value = copy.deepcopy(_find(document, origin))
    if kind == "move":
        if path.text().startswith(origin.text() + "/"):
            raise path.error(f"is {path.text()!r}, inside of what is moved")
        document = _remove(document, origin)
    return _add(document, path, value)


def _tokens(path: Place) -> list[str]:
    text = path.text()
    if text and not text.startswith("/"):
        raise path.error(f"is {text!r}; a JSON pointer is empty or begins with '/'")
    return [unescaped(token) for token in text.split("/")[1:]]


def _step(value: Any, token: str, path: Place) -> Any:
    """Child of a value."""
    if isinstance(value, dict):
        if token not in value:
            raise path.error(f"is {path.text()!r}: there is no {token!r} in the document")
        return value[token]
    if isinstance(value, list):
        return value[_position(value, token, path, len(value) - 1)]
    raise path.error(f"is {path.text()!r}: what {token!r} should be in is neither object nor list")


def _position(value: list[Any], token: str, path: Place, last: int) -> int:
    """Position in a list, at most ``last``."""
    if not token.isdecimal() or (len(token) > 1 and token[0] == "0") or int(token) > last:
        raise path.error(f"is {path.text()!r}: {token!r} is no position in a list of {len(value)}")
    return int(token)


def _find(document: Any, path: Place) -> Any:
    value = document
    for token in _tokens(path):
        value = _step(value, token, path)
    return value


def _parent(document: Any, path: Place) -> tuple[Any, str]:
    *front, last = _tokens(path)
    value = document
    for token in front:
        value = _step(value, token, path)
    return value, last


def _add(document: Any, path: Place, value: Any) -> Any:
    if not _tokens(path):
        return value
    parent, token = _parent(document, path)
    if isinstance(parent, list):
        parent.insert(len(parent) if token == "-" else _position(parent, token, path, len(parent)), value)
    elif isinstance(parent, dict):
        parent[token] = value
    else:
        raise path.error(f"is {path.text()!r}: what {token!r} should be added to is neither object nor list")
    return document


def _remove(document: Any, path: Place) -> Any:
    _find(document, path)
    if not _tokens(path):
        raise path.error("is empty: the whole document cannot be removed")
    parent, token = _parent(document, path)
    del parent[int(token) if isinstance(parent, list) else token]
    return document


def _replace(document: Any, path: Place, value: Any) -> Any:
    _find(document, path)
    if not _tokens(path):
        return value
    parent, token = _parent(document, path)
    parent[int(token) if isinstance(parent, list) else token] = value
    return document
