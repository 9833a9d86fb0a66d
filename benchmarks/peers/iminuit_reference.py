"""iminuit's extended unbinned fit of a peak on an exponential, with a density written in NumPy, and HESSE after it.

Arguments: NumPy file with the masses, lower and upper end of the window.
"""

from __future__ import annotations

import json
import math
import sys
import time

import numpy as np
from iminuit import Minuit
from iminuit.cost import ExtendedUnbinnedNLL

STARTS = {"signal": 500.0, "mean": 124.0, "sigma": 2.0, "background": 50_000.0, "slope": -0.02}


def main() -> None:
    x, low, high = np.load(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])

    def density(
        x: np.ndarray, signal: float, mean: float, sigma: float, background: float, slope: float
    ) -> tuple[float, np.ndarray]:
        area = (math.erf((high - mean) / sigma / math.sqrt(2)) - math.erf((low - mean) / sigma / math.sqrt(2))) / 2
        peak = np.exp(-0.5 * ((x - mean) / sigma) ** 2) / (math.sqrt(2 * math.pi) * sigma * area)
        falling = np.exp(slope * (x - low)) * slope / math.expm1(slope * (high - low))
        return signal + background, signal * peak + background * falling

    cost = ExtendedUnbinnedNLL(x, density)
    minuit = Minuit(cost, **STARTS)
    minuit.limits["signal"] = minuit.limits["background"] = (0, None)
    minuit.limits["sigma"] = (0.1, None)
    started = time.perf_counter()
    minuit.migrad()
    minuit.hesse()
    seconds = time.perf_counter() - started
    values, errors = minuit.values.to_dict(), minuit.errors.to_dict()
    print(json.dumps({"seconds": seconds, "valid": minuit.valid, "values": values, "errors": errors}))


if __name__ == "__main__":
    main()
