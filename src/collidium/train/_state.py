"""What a training has come to: everything beside tensors that a resumed training must know."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from collidium.artifact import InputError, json_dumps


@dataclass(kw_only=True)
class TrainState:
    """Where a training stands between two steps.

    Attributes
    ----------
    step : int
        Steps done. Epoch and place in the epoch follow from it.
    validated : int
        Step of the last validation; 0 before the first.
    best_loss : float or None, 1
        Smallest validation loss so far.
    best_step : int
        Step at which it was reached.
    stale_epochs : int
        Validations since then.
    losses, gradient_norms : list of float, 1
        Of the steps since the last row of ``metrics.jsonl``.

    Examples
    --------
    >>> state = TrainState(step=8)
    >>> state.is_better(0.5), state.best_step
    (True, 8)
    >>> state.is_better(0.6), state.stale_epochs
    (False, 1)
    """

    step: int = 0
    validated: int = 0
    best_loss: float | None = None
    best_step: int = 0
    stale_epochs: int = 0
    losses: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)

    def is_better(self, loss: float) -> bool:
        """Take note of a validation loss at the current step; tell whether it is the smallest so far."""
        self.validated = self.step
        if self.best_loss is not None and not loss < self.best_loss:
            self.stale_epochs += 1
            return False
        self.best_loss, self.best_step, self.stale_epochs = loss, self.step, 0
        return True

    def close_row(self) -> dict[str, float]:
        """Means since the last row, which end here."""
        count = max(len(self.losses), 1)
        row = {"train_loss": sum(self.losses) / count, "gradient_norm": sum(self.gradient_norms) / count}
        self.losses, self.gradient_norms = [], []
        return row

    def to_json(self) -> str:
        """Write the state as a JSON document; floats keep every digit."""
        return json_dumps(dataclasses.asdict(self))

    @staticmethod
    def read(path: Path) -> TrainState:
        """Read a state.

        Parameters
        ----------
        path : Path
            A ``state.json``.

        Returns
        -------
        TrainState
            Equal to the written one.

        Raises
        ------
        InputError
            If the file is absent or damaged.
        """
        try:
            return TrainState(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: damaged training state ({error})") from error
