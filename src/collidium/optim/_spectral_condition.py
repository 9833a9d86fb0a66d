"""Slot 7: steps whose operator norm is the learning rate, at every width and for every input."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from collidium.optim._pipeline import MatrixStep, Options, Slot, require
from collidium.optim._shape_factor import SHAPE_FACTOR, shape_factor
from collidium.optim._spectral_cap import ROUNDING, direction_bound


class InputScale:
    """RMS of what a layer is fed, reported to its optimizer.

    Parameters
    ----------
    weight : Tensor
        Weight of the layer.
    target : float
        RMS that the spectral condition assumes, 1 for normalised features.

    Raises
    ------
    ValueError
        If the target is not positive.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> scale = InputScale.watch(layer)
    >>> _ = layer(torch.full((3, 2), 5.0))
    >>> scale.take()
    5.0
    """

    def __init__(self, weight: Tensor, *, target: float = 1.0) -> None:
        if not target > 0.0:
            raise ValueError(f"target is {target}; a number > 0 is needed")
        self.weight = weight
        self.target = target
        self._squares: Tensor | None = None
        self._count = 0
        self._handle: RemovableHandle | None = None

    @classmethod
    def watch(cls, layer: nn.Linear, *, target: float = 1.0) -> InputScale:
        """Report from a forward hook of a linear layer, in training mode only, until `close`."""
        scale = cls(layer.weight, target=target)
        scale._handle = layer.register_forward_pre_hook(scale._observe)
        return scale

    def _observe(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if layer.training:
            self.report(inputs[0])

    def report(self, inputs: Tensor) -> None:
        """Take note of the inputs of one forward pass, (..., n)."""
        values = inputs.detach()
        squares = values.to(torch.promote_types(values.dtype, torch.float32)).square().sum()
        self._squares = squares if self._squares is None else self._squares + squares
        self._count += values.numel()

    def take(self) -> float | None:
        """RMS over target since the last call, or None if nothing was reported."""
        if self._squares is None or self._count == 0:
            return None
        ratio = float((self._squares / self._count).sqrt()) / self.target
        self._squares, self._count = None, 0
        return ratio

    def close(self) -> None:
        """Remove the forward hook."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None


def unit_bound(direction: str, steps: int | None, precision: str) -> float:
    """By what a direction has to be divided so that its largest singular value is at most one.

    Parameters
    ----------
    direction, steps, precision
        As in `Muon`.

    Returns
    -------
    float
        At least 1; with 2 % for rounding unless the precision is float32 or better.

    Examples
    --------
    >>> unit_bound("exact", None, "auto"), round(unit_bound("polar_express", 8, "float32"), 3)
    (1.0, 1.0)
    """
    if direction == "exact":
        return 1.0
    rounding = 1.0 if precision in ("float32", "float64") else ROUNDING
    return max(1.0, direction_bound(direction, steps) * rounding)


def _check(options: Options) -> None:
    SHAPE_FACTOR.check(options)
    require(options, "input_decay", 0.0 <= options["input_decay"] < 1.0, "a number in [0, 1)")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {"input_scale": torch.zeros((), dtype=torch.float64)}


def _scale(matrices: list[MatrixStep], options: Options) -> None:
    scales = {id(scale.weight): scale for scale in options["inputs"]}
    bound = unit_bound(options["direction"], options["steps"], options["precision"])
    for matrix in matrices:
        average = matrix.state["input_scale"]
        ratio = scales[id(matrix.weight)].take() if id(matrix.weight) in scales else None
        if ratio is not None:
            average.fill_(
                ratio if float(average) == 0.0 else average.lerp(average.new_tensor(ratio), 1 - options["input_decay"])
            )
        damping = bound * max(1.0, float(average))
        matrix.factors = [shape_factor(options["shape_factor"], *block.shape[-2:]) / damping for block in matrix.blocks]


SPECTRAL_CONDITION = Slot(
    number=7,
    variant="shape factor over the bound of the direction map and the RMS of watched inputs",
    defaults={"shape_factor": "spectral_mup", "inputs": (), "input_decay": 0.9},
    check=_check,
    initial_state=_initial_state,
    advance=_scale,
)
