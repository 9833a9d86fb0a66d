"""What is sent through the firmware: data, corners, random codes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError, atomic_write, unknown
from collidium.firmware._fixed import Codes
from collidium.firmware._model import IntegerModel


def verification_samples(
    model: IntegerModel, num_samples: int, *, seed: int, data: Mapping[str, ArrayLike] | None = None
) -> dict[str, Codes]:
    """Codes for a verification: at most half from data, all corners, and random codes for the rest.

    Parameters
    ----------
    model : IntegerModel
        Whose inputs are filled.
    num_samples : int
        N, raised to the number of corners if it is smaller.
    seed : int
        Of the random codes.
    data : dict of str to array of int, (M, *shape), optional
        Codes of real samples.

    Returns
    -------
    dict of str to ndarray of int64, (N, *shape)
        Codes of each input.

    Raises
    ------
    InputError
        If data are given for an unknown input, or for some inputs only.
    """
    corners = _corners(model)
    blocks = [corners]
    if data is not None:
        blocks.append(_checked(model, data, num_samples // 2))
    rest = num_samples - sum(_length(block) for block in blocks)
    if rest > 0:
        generator = np.random.default_rng(seed)
        blocks.append(
            {
                node.name: generator.integers(
                    node.formats.code_min, node.formats.code_max, (rest, *node.formats.shape), endpoint=True
                )
                for node in model.inputs
            }
        )
    return {node.name: np.concatenate([block[node.name] for block in blocks]) for node in model.inputs}


def save_codes(path: Path, data: Mapping[str, ArrayLike], limit: int) -> None:
    """Write the first codes of each input as an ``.npz`` file, in the narrowest type that holds them."""
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, codes in data.items():
            kept = np.asarray(codes, dtype=np.int64)[:limit]
            width = np.promote_types(np.min_scalar_type(kept.min(initial=0)), np.min_scalar_type(kept.max(initial=0)))
            buffer = io.BytesIO()
            np.save(buffer, kept.astype(width), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue(), zipfile.ZIP_DEFLATED)


def load_codes(path: Path) -> dict[str, Codes]:
    """Read a file of :func:`save_codes`.

    Raises
    ------
    InputError
        If it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: codes.astype(np.int64) for name, codes in stored.items()}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: damaged codes ({error})") from error


def _length(block: Mapping[str, Codes]) -> int:
    return len(next(iter(block.values()))) if block else 0


def _corners(model: IntegerModel) -> dict[str, Codes]:
    """All zero, all minimal, all maximal, and each element alone at its ends."""
    low = np.concatenate([node.formats.code_min.reshape(-1) for node in model.inputs])
    high = np.concatenate([node.formats.code_max.reshape(-1) for node in model.inputs])
    alone = np.eye(len(low), dtype=np.int64)
    rows = np.concatenate([[np.zeros_like(low), low, high], alone * low, alone * high, low + alone * (high - low)])
    sizes = np.cumsum([node.formats.width.size for node in model.inputs])[:-1]
    return {
        node.name: part.reshape(-1, *node.formats.shape)
        for node, part in zip(model.inputs, np.split(rows, sizes, axis=1), strict=True)
    }


def _checked(model: IntegerModel, data: Mapping[str, ArrayLike], limit: int) -> dict[str, Codes]:
    names = [node.name for node in model.inputs]
    for name in data:
        if name not in names:
            raise unknown("input", name, names)
    missing = [name for name in names if name not in data]
    if missing:
        raise InputError(f"data: input {missing[0]!r} is missing")
    return {name: np.asarray(data[name], dtype=np.int64)[:limit] for name in names}
