"""zfit's extended unbinned fit of a peak on an exponential, with Minuit and HESSE.

Arguments: NumPy file with the masses, lower and upper end of the window.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import zfit


def main() -> None:
    x, low, high = np.load(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    space = zfit.Space("x", limits=(low, high))
    signal, background = zfit.Parameter("signal", 500.0, 0.0, 1e6), zfit.Parameter("background", 50_000.0, 0.0, 1e6)
    mean, sigma = zfit.Parameter("mean", 124.0, 110.0, 140.0), zfit.Parameter("sigma", 2.0, 0.1, 20.0)
    slope = zfit.Parameter("slope", -0.02, -1.0, 1.0)
    peak = zfit.pdf.Gauss(mean, sigma, obs=space, extended=signal)
    falling = zfit.pdf.Exponential(slope, obs=space, extended=background)
    loss = zfit.loss.ExtendedUnbinnedNLL(zfit.pdf.SumPDF([peak, falling]), zfit.Data(x, obs=space))
    minimizer = zfit.minimize.Minuit()
    # once before the clock starts: the graph is compiled at its first use
    loss.value()
    loss.gradient()
    started = time.perf_counter()
    result = minimizer.minimize(loss)
    result.hesse(method="minuit_hesse")
    seconds = time.perf_counter() - started
    values = {str(parameter.name): float(found["value"]) for parameter, found in result.params.items()}
    print(json.dumps({"seconds": seconds, "valid": bool(result.valid), "values": values}))


if __name__ == "__main__":
    main()
