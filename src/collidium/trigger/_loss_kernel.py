"""Machine code of losses with their gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collidium.trigger._machine_code import Reals, machine_code

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


@machine_code()
def cross_entropy(output: Reals, target: NDArray[np.int64], gradient: Reals) -> float:
    """Mean cross entropy of logits (N, K) with classes (N,); writes its gradient ``(softmax - one_hot) / N``.

    NaN where a class is not one of the K.
    """
    num_samples, num_classes = output.shape
    total, share = 0.0, _ONE / np.float32(num_samples)
    for n in range(num_samples):
        if not 0 <= target[n] < num_classes:
            return np.nan
        row, most = output[n], output[n, 0]
        for k in range(1, num_classes):
            most = max(most, row[k])
        summed = _ZERO
        for k in range(num_classes):
            part = np.exp(row[k] - most)
            gradient[n, k] = part
            summed += part
        for k in range(num_classes):
            gradient[n, k] *= share / summed
        gradient[n, target[n]] -= share
        total += np.log(summed) - (row[target[n]] - most)
    mean: float = total / num_samples
    return mean
