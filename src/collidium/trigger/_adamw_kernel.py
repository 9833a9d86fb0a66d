"""Machine code of a step of AdamW."""

from __future__ import annotations

import numpy as np

from collidium.trigger._machine_code import Reals, machine_code

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_SMALLEST = np.finfo(np.float32).tiny


@machine_code()
def adamw(
    weight: Reals,
    gradient: Reals,
    first: Reals,
    second: Reals,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
) -> None:
    """Move weights and both moments by one step, the ``step``-th.

    Moments that fall below the normal numbers become 0: processors take far longer for such numbers, and
    those of a gradient that stays 0 would remain among them.

    References
    ----------
    I. Loshchilov and F. Hutter, arXiv:1711.05101, Algorithm 2.
    """
    kept = np.float32(1.0 - lr * decay)
    rate = np.float32(lr / (1.0 - beta1**step))
    root = np.float32(1.0 / np.sqrt(1.0 - beta2**step))
    floor, b1, b2 = np.float32(eps), np.float32(beta1), np.float32(beta2)
    for j in range(len(weight)):
        mean = b1 * first[j] + (_ONE - b1) * gradient[j]
        square = b2 * second[j] + (_ONE - b2) * gradient[j] * gradient[j]
        first[j] = mean if abs(mean) >= _SMALLEST else _ZERO
        second[j] = square if square >= _SMALLEST else _ZERO
        weight[j] = kept * weight[j] - rate * first[j] / (np.sqrt(second[j]) * root + floor)
