from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("numba", reason="machine code needs Numba")

UNITS, GROUPS, OUTPUTS, SIZES = 8, 4, 3, (9, 21, 3, 17)
CELLS = sum(SIZES)


def contents() -> dict[str, NDArray[np.float32]]:
    """What the gradients are computed from, and room for them, in the order of the arguments."""
    generator = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "grads": (CELLS, OUTPUTS),
        "moments": (CELLS, OUTPUTS),
        "inputs": (CELLS,),
        "counts": (CELLS,),
        "v": (CELLS * OUTPUTS,),
        "h": (CELLS * OUTPUTS * UNITS,),
        "p": (CELLS * OUTPUTS,),
        "side": (CELLS * OUTPUTS,),
        **dict.fromkeys(("factor", "slope", "level"), (OUTPUTS,)),
        **dict.fromkeys(("w1", "w2", "grad_w1", "grad_b1", "grad_w2"), (UNITS, GROUPS, OUTPUTS)),
        **dict.fromkeys(("grad_b2", "grad_f"), (GROUPS, OUTPUTS)),
        "through": (CELLS, OUTPUTS),
        "own": (CELLS,),
    }
    filled = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    filled["side"] = generator.choice([-1.0, 0.0, 0.0, 1.0], filled["side"].shape).astype(np.float32)
    return filled


def laid_out(arrays: dict[str, NDArray[np.float32]], seed: int) -> dict[str, NDArray[np.float32]]:
    """Copies that lie in one piece of memory in random order, some next to each other."""
    generator = np.random.default_rng(seed)
    memory, place, found = np.empty(20_000, np.float32), 0, {}
    for name in generator.permutation(list(arrays)):
        place += int(generator.choice([0, 1, 4, 16, 300]))
        array = arrays[name]
        found[name] = memory[place : place + array.size].reshape(array.shape)
        found[name][...] = array
        place += array.size
    return {name: found[name] for name in arrays}


def test_gradients_do_not_depend_on_where_the_arrays_lie() -> None:
    # A loop that sums and writes may take another order of summation for arrays that lie close to each other.
    from collidium.trigger import _lut_kernel

    starts = np.concatenate([[0], np.cumsum(SIZES)])
    results = []
    generator = np.random.default_rng(1)
    held: list[bytearray] = []
    for seed in range(400):
        held = [*held[:: int(generator.integers(2, 4))], *(bytearray(int(n)) for n in generator.integers(1, 600, 40))]
        arrays = laid_out(contents(), seed)
        names = list(arrays)
        before, after = names[: names.index("counts") + 1], names[names.index("counts") + 1 :]
        _lut_kernel.backward(*(arrays[name] for name in before), starts, *(arrays[name] for name in after))
        results.append({name: arrays[name].tobytes() for name in names[names.index("grad_w1") :]})
    assert all(result == results[0] for result in results)
