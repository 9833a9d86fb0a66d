"""Trigger cells of calorimeter modules, sent in few bits: samples, and the distance of what comes back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud import split_of
from collidium.detect import (
    INPUT_BITS,
    NUM_CELLS,
    ModuleConfig,
    cell_distances,
    charge_shares,
    normalise_cells,
    send_above,
    send_largest,
    send_truncated,
    simulate_modules,
    threshold_for,
)
from collidium.firmware import Signal
from collidium.trigger._data import ArrayData
from collidium.trigger._tasks import Task, TaskSamples

_MODULE = ModuleConfig()
_LISTED_BITS = 13


@dataclass(frozen=True, kw_only=True)
class ModuleTask(Task):
    """Charges of simulated modules, to be restored from few bits; ``x`` are the cells' shares (48) in 10 bits.

    Attributes
    ----------
    num_modules : int
        How many are simulated; those without any charge are left out, as their sum says all.
    seed : int
        Fixes every module.
    num_measured : int
        Modules, the first ones of a split, whose earth mover's distance is measured.
    module : ModuleConfig
        What falls on a module.

    Examples
    --------
    >>> made = ModuleTask(num_modules=50).samples(None)
    >>> made.data.x["x"].shape[1], made.outputs[5].name
    (48, 'cell[5]')
    """

    objectives: ClassVar[tuple[str, ...]] = ("telescope", "transport")

    num_modules: int = 100_000
    seed: int = 1
    num_measured: int = 2000
    module: ModuleConfig = _MODULE

    def samples(self, source: Path | None) -> TaskSamples:
        """Simulate.

        Raises
        ------
        InputError
            If a dataset is named, or a number is below 1.
        """
        if source is not None:
            raise InputError(f"{source}: this recipe simulates its own data, no dataset is needed")
        for name in ("num_modules", "num_measured"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: at least 1 is needed")
        modules = simulate_modules(self.module, self.num_modules, seed=self.seed)
        modules = modules.take(modules.charge.sum(1) > 0)
        shares = np.ldexp(normalise_cells(modules.charge).astype(np.float32), -INPUT_BITS)
        data = ArrayData({"x": shares}, modules.charge.astype(np.int32), split_of(modules.event_id))
        cells = tuple(Signal(name=f"cell[{cell}]") for cell in range(NUM_CELLS))
        return TaskSamples(data, {"x": cells}, cells)

    def figures(self, outputs: NDArray[np.float64], x: Mapping[str, NDArray[Any]], y: NDArray[Any]) -> dict[str, float]:
        """Mean earth mover's distance, with its error, of restored shares (M, 48) from those of charges (M, 48)."""
        distance = self._distance(outputs, y)
        return {
            "emd_mm": float(distance.mean()),
            "emd_error_mm": float(distance.std() / math.sqrt(len(distance))),
            "emd_modules": len(distance),
        }

    def references(self, y: NDArray[Any], *, num_bits: int) -> dict[str, float]:
        """Mean distance for charges sent above a threshold, as the largest cells, and truncated, in as many bits.

        The number of cells above a threshold varies, so it is the mean number of bits that is equal there; the
        threshold is the best one for these very modules.
        """
        charge = y[: self.num_measured].astype(np.int64)
        above = send_above(charge, threshold_for(charge, num_bits))
        found = {
            "output_bits": num_bits,
            "threshold_mean_bits": float(above.num_bits.mean()),
            "threshold_emd_mm": float(self._distance(above.shape, y).mean()),
        }
        if num_bits >= _LISTED_BITS:
            found["largest_emd_mm"] = float(self._distance(send_largest(charge, num_bits).shape, y).mean())
        if num_bits >= NUM_CELLS:
            found["truncation_emd_mm"] = float(self._distance(send_truncated(charge, num_bits).shape, y).mean())
        return found

    def _distance(self, shares: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """Earth mover's distance of each measured module, (M,), mm."""
        from collidium.evaluate import earth_mover_distance

        true = charge_shares(y[: self.num_measured].astype(np.int64))
        return earth_mover_distance(shares[: self.num_measured], true, cell_distances())
