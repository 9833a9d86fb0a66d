"""Densities of an HS3 document, and the Combine tutorial of H to two photons fitted with them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from collidium.artifact import InputError
from collidium.measure import FIT_NAME, HistFactory, fit, fit_workspace
from collidium.measure._parametric import ParametricDocument

uproot = pytest.importorskip("uproot")

FOLDER = "combine-hgg-parametric"
MASS = {"name": "CMS_hgg_mass", "min": 100.0, "max": 180.0}


def parameter(name: str, value: float, *, is_fixed: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "const": is_fixed}


def signal_document(mean_shift: float, sigma: float, efficiency: float) -> dict[str, Any]:
    """The tutorial's signal: a Gaussian with formulas for scale and resolution, and its normalisation."""
    return {
        "distributions": [
            {
                "name": "model_ggH_Tag0",
                "type": "gaussian_dist",
                "x": "CMS_hgg_mass",
                "mean": "mean_ggH_Tag0",
                "sigma": "sigma_ggH_Tag0",
            }
        ],
        "functions": [
            {
                "name": "mean_ggH_Tag0",
                "type": "generic_function",
                "expression": "(MH + dMH_ggH_Tag0) * (1 + 0.003 * nuisance_scale)",
            },
            {
                "name": "sigma_ggH_Tag0",
                "type": "generic_function",
                "expression": "sigma_ggH_Tag0_nominal * (1 + 0.045 * nuisance_smear)",
            },
            {"name": "model_ggH_Tag0_norm", "type": "product", "factors": ["xs_ggH", "BR_gamgam", "eff_ggH_Tag0"]},
        ],
        "domains": [{"name": "domain", "type": "product_domain", "axes": [MASS]}],
        "parameter_points": [
            {
                "name": "default_values",
                "parameters": [
                    parameter("MH", 125.0, is_fixed=True),
                    parameter("dMH_ggH_Tag0", mean_shift, is_fixed=True),
                    parameter("sigma_ggH_Tag0_nominal", sigma, is_fixed=True),
                    parameter("nuisance_scale", 0.0, is_fixed=True),
                    parameter("nuisance_smear", 0.0, is_fixed=True),
                    parameter("xs_ggH", 48.58, is_fixed=True),
                    parameter("BR_gamgam", 0.0027, is_fixed=True),
                    parameter("eff_ggH_Tag0", efficiency, is_fixed=True),
                ],
            }
        ],
    }


def background_document(masses: list[float]) -> dict[str, Any]:
    count = float(len(masses))
    return {
        "distributions": [
            {
                "name": "model_bkg_Tag0",
                "type": "generic_dist",
                "x": "CMS_hgg_mass",
                "expression": "exp(alpha*CMS_hgg_mass)",
            }
        ],
        "domains": [
            {
                "name": "domain",
                "type": "product_domain",
                "axes": [
                    MASS,
                    {"name": "alpha", "min": -0.2, "max": 0.0},
                    {"name": "model_bkg_Tag0_norm", "min": 0.0, "max": 3.0 * count},
                ],
            }
        ],
        "parameter_points": [
            {
                "name": "default_values",
                "parameters": [parameter("alpha", -0.05), parameter("model_bkg_Tag0_norm", count)],
            }
        ],
        "data": [{"name": "data_Tag0", "type": "unbinned", "axes": [MASS], "entries": [[x] for x in masses]}],
    }


@pytest.fixture
def tutorial(shared_data: Callable[[str], Path], tmp_path: Path) -> Path:
    """The tutorial's cards beside the documents that its script would have made of its trees."""
    with uproot.open(shared_data(f"{FOLDER}/mc_part1.root")) as file:
        tree = file["ggH_Tag0"].arrays(["CMS_hgg_mass", "weight"], library="np")
    mass, weight = (np.asarray(tree[name], dtype=np.float64) for name in ("CMS_hgg_mass", "weight"))
    mean = float(np.average(mass, weights=weight))
    sigma = float(np.sqrt(np.average((mass - mean) ** 2, weights=weight)))
    efficiency = float(weight.sum()) / (48.58 * 0.0027)
    # what the tutorial prints: 1.00 % of the events, 181.01 of them in 138 / fb
    assert efficiency * 48.58 * 0.0027 * 138_000 == pytest.approx(181.01, abs=0.01)
    with uproot.open(shared_data(f"{FOLDER}/data_part1.root")) as file:
        masses = np.asarray(file["data_Tag0"]["CMS_hgg_mass"].array(library="np"), dtype=np.float64).tolist()
    signal, background = signal_document(mean - 125.0, sigma, efficiency), background_document(masses)
    for name, document in (("sig_with_norm", signal), ("sig_with_syst", signal), ("bkg", background)):
        (tmp_path / f"workspace_{name}.json").write_text(json.dumps(document))
    # the first card gives the yield in its rate
    signal["functions"].pop()
    (tmp_path / "workspace_sig.json").write_text(json.dumps(signal))
    for card in ("part1", "part1_with_norm", "part3"):
        text = shared_data(f"{FOLDER}/datacard_{card}.txt").read_text()
        (tmp_path / f"datacard_{card}.txt").write_text(text)
    return tmp_path


@pytest.mark.parametrize("card", ["part1", "part1_with_norm"])
def test_the_tutorial_s_signal_strength(tutorial: Path, card: str) -> None:
    # the tutorial finds r = 1.548 with errors of about 0.2
    result = fit(HistFactory.read(tutorial / f"datacard_{card}.txt"))
    assert result["r"] == pytest.approx(1.548, abs=0.002)
    assert result.errors[result.parameters.index("r")] == pytest.approx(0.2, abs=0.05)
    assert result["MH"] == 125.0


def test_the_tutorial_s_systematics(tutorial: Path) -> None:
    likelihood = HistFactory.read(tutorial / "datacard_part3.txt")
    for name in ("nuisance_scale", "nuisance_smear"):
        assert likelihood.parameters[name].width == 1.0
        assert not likelihood.parameters[name].is_fixed
    result = fit(likelihood)
    plain = fit(HistFactory.read(tutorial / "datacard_part1_with_norm.txt"))
    assert result["r"] == pytest.approx(plain["r"], abs=0.15)
    assert result.errors[result.parameters.index("r")] > plain.errors[plain.parameters.index("r")]


def test_the_tutorial_through_the_command(tutorial: Path, tmp_path: Path) -> None:
    report = json.loads(fit_workspace(tutorial / "datacard_part1_with_norm.txt", tmp_path / "fit").read_text())
    assert report["converged"]
    assert report["parameters"]["r"]["value"] == pytest.approx(1.548, abs=0.01)
    assert (tmp_path / "fit" / FIT_NAME).is_file()


def test_data_may_be_the_branch_of_a_tree(tutorial: Path, shared_data: Callable[[str], Path]) -> None:
    card = tutorial / "datacard_part1.txt"
    tree = f"{shared_data(f'{FOLDER}/data_part1.root')}      data_Tag0:CMS_hgg_mass"
    card.write_text(card.read_text().replace("workspace_bkg.root      workspace_bkg:data_Tag0", tree))
    assert fit(HistFactory.read(card))["r"] == pytest.approx(1.548, abs=0.01)


def read(tmp_path: Path, document: dict[str, Any]) -> ParametricDocument:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(document))
    return ParametricDocument.read(path)


def test_bins_are_integrals(tmp_path: Path) -> None:
    document = signal_document(0.3, 1.7, 0.01)
    document["domains"][0]["axes"] = [{**MASS, "min": 120.0, "max": 130.0, "nbins": 5}]
    shape = read(tmp_path, document).shape("model_ggH_Tag0", settings={})
    values = np.array([item.init for item in shape.parameters])
    ends = (np.linspace(120.0, 130.0, 6) - 125.3) / 1.7
    integrals = np.diff(erf(ends / math.sqrt(2.0)))
    found, slopes = shape.factors(values)
    np.testing.assert_allclose(found, integrals / integrals.sum() * 48.58 * 0.0027 * 0.01, rtol=1e-9)
    for j, value in enumerate(values):
        step = 1e-6 * max(1.0, abs(value))
        up, down = values.copy(), values.copy()
        up[j] += step
        down[j] -= step
        np.testing.assert_allclose(
            slopes[:, j], (shape.factors(up)[0] - shape.factors(down)[0]) / (2 * step), rtol=1e-6, atol=1e-9
        )


def test_an_exponential_of_the_standard_falls(tmp_path: Path) -> None:
    document = background_document([120.0])
    document["distributions"] = [{"name": "e", "type": "exponential_dist", "x": "CMS_hgg_mass", "c": 0.1}]
    document["domains"][0]["axes"] = [{**MASS, "nbins": 4}]
    document["data"] = []
    found, _ = read(tmp_path, document).shape("e", settings={}).factors(np.empty(0))
    np.testing.assert_allclose(found[1:] / found[:-1], math.exp(-2.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: d["distributions"][0].update(type="spline"),
            "/distributions/0/type is 'spline'; one of gaussian_dist",
        ),
        (lambda d: d["functions"][2].update(type="spline"), "/functions/2/type is 'spline'; one of product, sum"),
        (lambda d: d["functions"][0].update(expression="MH +"), "formula 'MH +' is malformed"),
        (lambda d: d["domains"][0]["axes"].append({"name": "MH", "min": 130, "max": 120}), "/axes/1 is "),
        (
            lambda d: d["domains"][0]["axes"].append({"name": "MH", "min": 130, "max": 140}),
            "starts 'MH' at 125, outside",
        ),
    ],
)
def test_documents_that_are_wrong(tmp_path: Path, change: Callable[[dict[str, Any]], Any], words: str) -> None:
    document = signal_document(0.0, 2.0, 0.01)
    change(document)
    with pytest.raises(InputError) as error:
        read(tmp_path, document)
    assert words in str(error.value)


def test_formulas_in_a_circle_and_variables_without_range(tmp_path: Path) -> None:
    document = signal_document(0.0, 2.0, 0.01)
    document["functions"][0]["expression"] = "2 * sigma_ggH_Tag0"
    document["functions"][1]["expression"] = "mean_ggH_Tag0 + 1"
    with pytest.raises(InputError, match="the formula 'mean_ggH_Tag0' depends on itself"):
        read(tmp_path, document).shape("model_ggH_Tag0", settings={})
    document = signal_document(0.0, 2.0, 0.01)
    document["domains"] = []
    with pytest.raises(InputError, match=r"w\.json: the variable 'CMS_hgg_mass' of 'model_ggH_Tag0' has no range"):
        read(tmp_path, document).shape("model_ggH_Tag0", settings={})
    with pytest.raises(InputError, match=r"unknown distribution of .*: did you mean model_ggH_Tag0"):
        read(tmp_path, document).shape("model_ggH_Tag", settings={})


def test_workspaces_of_roofit_are_asked_for_as_json(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    text = shared_data(f"{FOLDER}/datacard_part1.txt").read_text()
    (tmp_path / "card.txt").write_text(text)
    with pytest.raises(InputError, match=r"workspace_sig\.root: no such file; a RooFit workspace is read from its HS3"):
        HistFactory.read(tmp_path / "card.txt")
