"""cabinetry's fit and ranking of a HistFactory workspace, with their times.

Arguments: mode (``fit`` or ``ranking``) and a JSON file with a list of one item, whose ``workspace`` is the document.
Prints
one JSON object with the list of ``answers``.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

import cabinetry


def main() -> None:
    mode, item = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())[0]
    logging.disable(logging.CRITICAL)
    model, data = cabinetry.model_utils.model_and_data(item["workspace"])
    started = time.perf_counter()
    best = cabinetry.fit.fit(model, data)
    if mode == "ranking":
        found = cabinetry.fit.ranking(model, data, fit_results=best)
        answer = {"impact": dict(zip(found.labels, [float(x) for x in found.postfit_up], strict=True))}
    else:
        answer = {"twice_nll": float(best.best_twice_nll)}
    print(json.dumps({"answers": [{**answer, "seconds": time.perf_counter() - started}]}))


if __name__ == "__main__":
    main()
