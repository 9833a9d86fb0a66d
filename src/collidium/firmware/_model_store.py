"""Nodes as JSON and arrays: what is saved, loaded and hashed."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from collidium.artifact import InputError, atomic_write, json_dumps, unknown
from collidium.firmware._arithmetic import (
    Add,
    Contract,
    LookupTable,
    Mask,
    Maximum,
    Multiply,
    Negate,
    Relu,
    Sum,
    Table,
)
from collidium.firmware._fixed import Codes, Formats, Overflow, Rounding
from collidium.firmware._linear import Linear
from collidium.firmware._node import Constant, Input, Node, Quantize, Select, Shift

_JSON, _ARRAYS = "model.json", "model.npz"
_SCHEMA = 1

NODES: dict[str, type[Node]] = {
    kind.__name__: kind
    for kind in (
        Input,
        Constant,
        Quantize,
        Select,
        Shift,
        Negate,
        Relu,
        Add,
        Multiply,
        Sum,
        Maximum,
        Mask,
        Contract,
        Table,
        Linear,
    )
}
"""Every kind of node by its name."""


def save_nodes(folder: Path, nodes: Iterable[Node], outputs: Sequence[str]) -> None:
    """Write both files of a model."""
    document, arrays = _to_document(nodes, outputs)
    with atomic_write(folder / _JSON, "w") as stream:
        stream.write(json_dumps(document))
    with atomic_write(folder / _ARRAYS) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)


def load_nodes(folder: Path) -> tuple[list[Node], list[str]]:
    """Read both files of a model."""
    for name in (_JSON, _ARRAYS):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file, an integer model has it")
    try:
        document = json.loads((folder / _JSON).read_text(encoding="utf-8"))
        with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
            arrays = dict(stored.items())
        if document["schema"] != _SCHEMA:
            raise InputError(f"{folder / _JSON}: schema {document['schema']} is not known, {_SCHEMA} is needed")
        nodes = [_to_node(record, arrays) for record in document["nodes"]]
        return nodes, list(document["outputs"])
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{folder}: damaged integer model ({type(error).__name__}: {error})") from error


def content_hash(nodes: Iterable[Node], outputs: Sequence[str]) -> str:
    """SHA-256 over the document and all arrays."""
    document, arrays = _to_document(nodes, outputs)
    digest = hashlib.sha256(json_dumps(document).encode())
    for name, array in arrays.items():
        digest.update(f"{name}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return digest.hexdigest()


def _to_document(nodes: Iterable[Node], outputs: Sequence[str]) -> tuple[dict[str, Any], dict[str, Codes]]:
    arrays: dict[str, Codes] = {}
    records = []
    for node in nodes:
        record: dict[str, Any] = {"kind": type(node).__name__}
        for field in dataclasses.fields(node):
            record[field.name] = _encode(getattr(node, field.name), f"{node.name}.{field.name}", arrays)
        records.append(record)
    return {"schema": _SCHEMA, "nodes": records, "outputs": list(outputs)}, arrays


def _encode(value: object, key: str, arrays: dict[str, Codes]) -> object:
    match value:
        case np.ndarray():
            arrays[key] = value
            return {"array": key}
        case Formats():
            arrays[key] = np.stack([value.k, value.i, value.f])
            return {"formats": key}
        case tuple() if value and isinstance(value[0], LookupTable):
            arrays[f"{key}.low"] = np.array([table.low for table in value])
            arrays[f"{key}.f"] = np.array([table.f for table in value])
            arrays[f"{key}.length"] = np.array([len(table.values) for table in value])
            arrays[f"{key}.values"] = np.concatenate([table.values for table in value])
            return {"tables": key}
        case Rounding() | Overflow():
            return {type(value).__name__.lower(): str(value)}
        case tuple():
            return list(value)
        case _:
            return value


def _to_node(record: Mapping[str, Any], arrays: Mapping[str, Codes]) -> Node:
    kind = record["kind"]
    if kind not in NODES:
        raise unknown("kind of node", kind, NODES)
    fields: dict[str, Any] = {name: _decode(value, arrays) for name, value in record.items() if name != "kind"}
    return NODES[kind](**fields)


def _decode(value: object, arrays: Mapping[str, Codes]) -> object:
    match value:
        case {"array": str(key)}:
            return arrays[key]
        case {"formats": str(key)}:
            return Formats(*arrays[key])
        case {"tables": str(key)}:
            starts = np.cumsum(arrays[f"{key}.length"])[:-1]
            parts = np.split(arrays[f"{key}.values"], starts)
            return tuple(
                LookupTable(int(low), part, int(f))
                for low, part, f in zip(arrays[f"{key}.low"], parts, arrays[f"{key}.f"], strict=True)
            )
        case {"rounding": str(name)}:
            return Rounding(name)
        case {"overflow": str(name)}:
            return Overflow(name)
        case list():
            return tuple(value)
        case _:
            return value
