"""Write ``tests/measure/pyhf_digits.json``: what pyhf says of the published ATLAS likelihoods.

``python benchmarks/pyhf_digits.py [DATA]`` with the folder that holds ``atlas-likelihoods``. For each workspace and
patch twice_nll at 50 random points; for each workspace the best fit of Minuit, for each patch CLs at a signal strength
of one with a tolerance of 1e-12 of SciPy, and twice_nll at its five fits; left out where pyhf does not converge in the
time allowed. The points are those of ``tests/measure/test_published.py``.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from collidium.measure import HistFactory
from harness import PEERS, ROOT, peer_python, run_json

PYHF = ["pyhf==0.7.6", "iminuit==2.33.0", "jsonpatch==1.47"]
OUT = ROOT / "tests" / "measure" / "pyhf_digits.json"
SECONDS = 150.0


def tests() -> ModuleType:
    """The test that compares with the digits: it knows the cases and the points."""
    spec = importlib.util.spec_from_file_location("test_published", ROOT / "tests" / "measure" / "test_published.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(python: Path, mode: str, item: dict[str, Any]) -> dict[str, Any]:
    """One answer of pyhf, or why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.json"
        request.write_text(json.dumps([item]))
        try:
            answers: Any = run_json(python, PEERS / "pyhf_reference.py", mode, request, threads=1, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return {"failed": f"no result in {SECONDS:.0f} s"}
    return dict(answers["answers"][0])


def digits(python: Path, workspace: Path, patch: Path | None, random_points: Any) -> dict[str, Any]:
    """What pyhf says of one likelihood."""
    likelihood = HistFactory.read(workspace, patch=patch)
    names = likelihood.parameters.names
    item = {"workspace": str(workspace), "patch": None if patch is None else str(patch), "poi": likelihood.poi}
    points = [dict(zip(names, theta.tolist(), strict=True)) for theta in random_points(likelihood)]
    found: dict[str, Any] = {"twice_nll": ask(python, "nll", {**item, "points": points})["twice_nll"]}
    if patch is None:
        best = ask(python, "fit", {**item, "optimizer": "minuit"})
        found["fit"] = best if "failed" in best else {key: best[key] for key in ("twice_nll", "values")}
    else:
        found["cls"] = ask(python, "cls", {**item, "mu": 1.0, "tolerance": 1e-12})
        found["cls"].pop("seconds", None)
    return found


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data"
    python = peer_python("pyhf", PYHF)
    published = tests()
    found = json.loads(OUT.read_text()) if OUT.is_file() else {}
    with tempfile.TemporaryDirectory() as folder, tarfile.open(data / published.ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
        for name, patch in published.CASES:
            key = f"{name} {patch}".strip()
            if key in found:
                continue
            root = Path(folder) if name.startswith("Region") else data / "atlas-likelihoods"
            found[key] = digits(python, root / name, Path(folder) / patch if patch else None, published.random_points)
            # after each, so that an interrupted run goes on where it was
            OUT.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")
            print(key, {k: v.get("failed", "ok") for k, v in found[key].items() if isinstance(v, dict)}, flush=True)


if __name__ == "__main__":
    main()
