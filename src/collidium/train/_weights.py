"""Weights on disk, with the inputs they were trained for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from collidium.artifact import InputError, atomic_write, missing_extra
from collidium.cloud import FeatureSchema

_KEY = "collidium"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, label: str | None = None) -> None:
    """Write tensors as a safetensors file, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    tensors : mapping of str to Tensor
        Any device; copied to the CPU.
    label : str, optional
        Text kept in the header.

    Raises
    ------
    InputError
        If safetensors is not installed.
    """
    try:
        from safetensors.torch import save
    except ImportError as error:
        raise missing_extra("safetensors", "io") from error
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    content = save(copies, metadata=None if label is None else {_KEY: label})
    with atomic_write(path) as stream:
        stream.write(content)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """Read a file of :func:`write_tensors`.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    tensors : dict of str to Tensor
        On the CPU.
    label : str or None
        The text of the header.

    Raises
    ------
    InputError
        If the file is absent, damaged or truncated, or safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise missing_extra("safetensors", "io") from error
    try:
        with safe_open(str(path), framework="pt") as stream:
            label = (stream.metadata() or {}).get(_KEY)
            return {name: stream.get_tensor(name) for name in stream.keys()}, label  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: damaged or truncated weights ({str(error).splitlines()[0]})") from error


def inputs_label(schema: FeatureSchema, classes: tuple[str, ...]) -> str:
    """The text that travels in the header of a weights file: features and classes.

    Examples
    --------
    >>> from collidium.cloud import feature_set
    >>> "part_pt_log" in inputs_label(feature_set("kin"), ("QCD", "Tbqq"))
    True
    """
    return json.dumps({"schema": json.loads(schema.to_json()), "classes": list(classes)}, sort_keys=True)


def check_label(path: Path, label: str | None, schema: FeatureSchema, classes: tuple[str, ...]) -> None:
    """Refuse weights that were trained for other inputs.

    Parameters
    ----------
    path : Path
        The weights file, named in the message.
    label : str or None
        Text of its header.
    schema, classes
        What the data is to be read as.

    Raises
    ------
    InputError
        Naming the features or classes that differ.
    """
    if label is None:
        raise InputError(f"{path}: the weights name no feature schema; they were not written by a training")
    try:
        content = json.loads(label)
        written, names = FeatureSchema.from_json(json.dumps(content["schema"])), tuple(content["classes"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged feature schema in the weights ({error})") from error
    if names != classes:
        raise InputError(f"{path}: trained for the classes {', '.join(names)}; here they are {', '.join(classes)}")
    if written.hash != schema.hash:
        raise InputError(f"{path}: trained for other features: {'; '.join(schema_differences(written, schema))}")


def schema_differences(first: FeatureSchema, second: FeatureSchema) -> list[str]:
    """Name what differs between two feature schemas.

    Parameters
    ----------
    first, second : FeatureSchema
        The schemas.

    Returns
    -------
    list of str
        One entry per feature that is in one only or is defined differently; empty for equal schemas.

    Examples
    --------
    >>> from collidium.cloud import FeatureSchema, feature_set
    >>> schema = feature_set("trigger3")
    >>> schema_differences(schema, FeatureSchema(schema.particle[:2]))
    ['part_dphi only in the first']
    """
    ours = {feature.name: feature for feature in (*first.particle, *first.jet)}
    theirs = {feature.name: feature for feature in (*second.particle, *second.jet)}
    lines = [f"{name} only in the first" for name in ours if name not in theirs]
    lines += [f"{name} only in the second" for name in theirs if name not in ours]
    lines += [f"{name} defined differently" for name in ours if name in theirs and ours[name] != theirs[name]]
    if not lines and first != second:
        lines.append("the order of the features")
    return lines
