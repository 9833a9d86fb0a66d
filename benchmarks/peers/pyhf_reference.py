"""pyhf's answers: values, fits, CLs, limits, rankings and toys of HistFactory workspaces, with their times.

Arguments: mode (``nll``, ``fit``, ``cls``, ``limit``, ``ranking`` or ``toys``) and a JSON file with a list of items:
``workspace`` and ``patch`` (documents or paths), ``poi`` (null for the background-only model), and for the modes
``points`` (parameter values by name), ``optimizer`` (``scipy`` or ``minuit``), ``tolerance`` (of SciPy), ``mu``,
``parameters`` or ``num_toys``. Prints one JSON object with the list of ``answers``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import jsonpatch
import numpy as np
import pyhf


def document(given: object) -> object:
    return json.loads(Path(given).read_text()) if isinstance(given, str) else given


def load(item: dict) -> tuple[pyhf.Model, list[float]]:
    spec = document(item["workspace"])
    if item.get("patch") is not None:
        spec = jsonpatch.apply_patch(spec, document(item["patch"]))
    workspace = pyhf.Workspace(spec, validate=False)
    keyed = {} if item.get("poi") is not None else {"poi_name": None}
    model = workspace.model(validate=False, **keyed)
    return model, workspace.data(model)


def nll(item: dict) -> dict:
    model, data = load(item)
    names = model.config.par_names
    points = [np.array([point[name] for name in names]) for point in item["points"]]
    values = [float(-2.0 * model.logpdf(theta, data)[0]) for theta in points]
    return {"twice_nll": values, "names": list(names)}


def fit(item: dict) -> dict:
    model, data = load(item)
    errors = {"return_uncertainties": True} if item["optimizer"] == "minuit" else {}
    started = time.perf_counter()
    result, value = pyhf.infer.mle.fit(data, model, return_fitted_val=True, **errors)
    seconds = time.perf_counter() - started
    result = np.asarray(result).reshape(len(model.config.par_names), -1)
    return {
        "twice_nll": float(value),
        "seconds": seconds,
        "values": dict(zip(model.config.par_names, result[:, 0].tolist(), strict=True)),
        "errors": dict(zip(model.config.par_names, result[:, 1].tolist(), strict=True)) if errors else None,
    }


def cls(item: dict) -> dict:
    model, data = load(item)
    mu = item["mu"]
    started = time.perf_counter()
    calculator = pyhf.infer.calculators.AsymptoticCalculator(data, model, test_stat="qtilde")
    statistic = calculator.teststatistic(mu)
    distributions = calculator.distributions(mu)
    observed = calculator.pvalues(statistic, *distributions)[2]
    expected = calculator.expected_pvalues(*distributions)[2]
    seconds = time.perf_counter() - started
    fitted = calculator.fitted_pars
    asimov = model.expected_data(fitted.asimov_pars)
    names = model.config.par_names
    return {
        "observed": float(observed),
        "expected": [float(value) for value in expected],
        "seconds": seconds,
        "asimov_values": dict(zip(names, np.asarray(fitted.asimov_pars).tolist(), strict=True)),
        "twice_nll": {
            key: float(-2.0 * model.logpdf(getattr(fitted, key), on)[0])
            for key, on in (
                ("asimov_pars", data),
                ("free_fit_to_data", data),
                ("fixed_poi_fit_to_data", data),
                ("free_fit_to_asimov", asimov),
                ("fixed_poi_fit_to_asimov", asimov),
            )
        },
    }


def limit(item: dict) -> dict:
    model, data = load(item)
    started = time.perf_counter()
    observed, expected = pyhf.infer.intervals.upper_limits.upper_limit(data, model, rtol=1e-8)
    seconds = time.perf_counter() - started
    return {"observed": float(observed), "expected": [float(value) for value in expected], "seconds": seconds}


def ranking(item: dict) -> dict:
    """Impacts as cabinetry makes them: four more fits for each parameter (here of the first few)."""
    model, data = load(item)
    started = time.perf_counter()
    result = pyhf.infer.mle.fit(data, model, return_uncertainties=True)
    values, errors = np.asarray(result).T
    for name in item["parameters"]:
        index = model.config.par_names.index(name)
        for shift in (-errors[index], errors[index]):
            fixed = model.config.suggested_fixed()
            init = values.tolist()
            fixed[index], init[index] = True, values[index] + shift
            pyhf.infer.mle.fit(data, model, init_pars=init, fixed_params=fixed)
    return {"seconds": time.perf_counter() - started, "fits": 1 + 2 * len(item["parameters"])}


def toys(item: dict) -> dict:
    model, data = load(item)
    np.random.seed(0)  # noqa: NPY002  (pyhf draws from the global generator)
    theta = np.asarray(pyhf.infer.mle.fixed_poi_fit(item["mu"], data, model))
    samples = model.make_pdf(pyhf.tensorlib.astensor(theta)).sample((item["num_toys"],))
    bounds, fixed = model.config.suggested_bounds(), model.config.suggested_fixed()
    started = time.perf_counter()
    for sample in samples:
        pyhf.infer.test_statistics.qmu_tilde(item["mu"], sample, model, theta.tolist(), bounds, fixed)
    return {"seconds": time.perf_counter() - started}


MODES = {"nll": nll, "fit": fit, "cls": cls, "limit": limit, "ranking": ranking, "toys": toys}


def main() -> None:
    mode, items = MODES[sys.argv[1]], json.loads(Path(sys.argv[2]).read_text())
    answers = []
    for item in items:
        optimizer = item.get("optimizer", "scipy")
        if "tolerance" in item:
            optimizer = pyhf.optimize.scipy_optimizer(tolerance=item["tolerance"])
        pyhf.set_backend("numpy", optimizer)
        try:
            answers.append(mode(item))
        except pyhf.exceptions.FailedMinimization as error:
            answers.append({"failed": str(error).splitlines()[0]})
    print(json.dumps({"answers": answers}))


if __name__ == "__main__":
    main()
