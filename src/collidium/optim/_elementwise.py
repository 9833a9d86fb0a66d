"""Compositions for parameters of any shape, and the direction maps that act on every number by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from collidium.optim._matrix_view import MatrixView
from collidium.optim._pipeline import Composition, MatrixStep, Options, Slot, require


@dataclass(frozen=True)
class ElementwiseComposition(Composition):
    """A composition that does not look at matrices: every parameter is one block.

    Examples
    --------
    >>> from collidium.optim import OPTIMIZERS
    >>> for line in OPTIMIZERS["signum"].composition:
    ...     print(line)
    2 momentum: EMA
    4 direction map: sign
    8 decay or constraint: decoupled decay
    9 apply and hooks: W - step
    """

    @property
    def defaults(self) -> dict[str, object]:
        """Options of all slots."""
        return {key: value for key, value in super().defaults.items() if key not in ("view", "split_sizes")}

    def check_parameter(self, name: str, weight: Tensor, options: Options) -> None:
        """Accept any shape."""

    def view(self, options: Options) -> MatrixView:
        """Every parameter as one block of its own shape."""
        return MatrixView(kind="stack")


def check_betas(count: int) -> Callable[[Options], None]:
    """Check that ``betas`` are so many numbers in [0, 1) and that ``eps``, if there is one, is positive."""

    def check(options: Options) -> None:
        in_range = len(options["betas"]) == count and all(0.0 <= beta < 1.0 for beta in options["betas"])
        require(options, "betas", in_range, f"{count} numbers in [0, 1)")
        if "eps" in options:
            require(options, "eps", options["eps"] > 0.0, "a number > 0")

    return check


def blocks_of_update(matrices: list[MatrixStep], options: Options) -> None:
    """Take the update itself as the direction, with shape factor 1."""
    for matrix in matrices:
        matrix.blocks = matrix.view.blocks(matrix.update)
        matrix.factors = [1.0] * len(matrix.blocks)


def _sign(matrices: list[MatrixStep], options: Options) -> None:
    for matrix in matrices:
        matrix.update = matrix.update.sign()
    blocks_of_update(matrices, options)


SIGN = Slot(number=4, variant="sign", advance=_sign)
IDENTITY = Slot(number=4, variant="identity", advance=blocks_of_update)
