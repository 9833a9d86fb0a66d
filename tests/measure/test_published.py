"""Every published likelihood against pyhf 0.7.6: values at random points, best fits, CLs.

The digits in ``pyhf_digits.json`` were written by ``python benchmarks/pyhf_digits.py`` in an environment with pyhf
0.7.6,
iminuit 2.33.0 and jsonpatch 1.47.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.measure import AsymptoticTest, HistFactory, fit

ARCHIVE = "atlas-likelihoods/ATLAS-SUSY-2018-31_sbottom_ins1748602.tar.gz"
NUM_POINTS = 50

WORKSPACES = (
    "ATLAS-SUSY-2018-04_SRcombined.json",
    "ATLAS-SUSY-2018-05_ewk_signal_bkgonly.json",
    "ATLAS-SUSY-2018-14_Comb_bkgonly.json",
    "ATLAS-SUSY-2018-14_SRee_bkgonly.json",
    "ATLAS-SUSY-2018-14_SRmm_bkgonly.json",
    "ATLAS-SUSY-2018-16_EWKinos_bkgonly_SR2lOnly.json",
    "ATLAS-SUSY-2018-16_Sleptons_bkgonly.json",
    "simplified/ATLAS-SUSY-2018-05_simplified.json",
    "simplified/ATLAS-SUSY-2018-22_MB-C_noCR_bkgonly.json",
    "simplified/ATLAS-SUSY-2018-22_MB-GGd_noCR_bkgonly.json",
    "simplified/ATLAS-SUSY-2018-22_MB-SSd_noCR_bkgonly.json",
    "simplified/ATLAS-SUSY-2018-31_simplifiedA.json",
    "simplified/ATLAS-SUSY-2018-31_simplifiedB.json",
    "simplified/ATLAS-SUSY-2018-31_simplifiedC.json",
    "simplified/ATLAS-SUSY-2018-32_bkgonly_simplified.json",
    "RegionA/BkgOnly.json",
    "RegionB/BkgOnly.json",
    "RegionC/BkgOnly.json",
)
PATCHES = {
    "A": (
        "1300_205_60",
        "1000_850_60",
        "1200_330_200",
        "1300_750_60",
        "1500_230_100",
        "500_131_1",
        "700_380_250",
        "900_230_100",
    ),
    "B": ("1000_850_60", "1200_330_200", "1300_750_60", "1500_230_100", "700_350_60", "900_205_60"),
    "C": ("1000_950_60", "1200_730_600", "1400_330_200", "1600_450_60", "600_500_60", "800_750_60"),
}
CASES = [(name, "") for name in WORKSPACES] + [
    (f"Region{region}/BkgOnly.json", f"Region{region}/patch.sbottom_{point}.json")
    for region, points in PATCHES.items()
    for point in points
]


def random_points(likelihood: HistFactory) -> list[np.ndarray]:
    """Points around the start, from close by to one standard deviation away, inside of the bounds."""
    generator = np.random.default_rng(2018)
    parameters = likelihood.parameters
    width = np.where(np.isfinite(parameters.width), np.minimum(parameters.width, 1.0), 0.5)
    points = []
    for i in range(NUM_POINTS):
        step = 0.5 ** (i % 5) * width * generator.uniform(-1.0, 1.0, len(parameters))
        theta = np.clip(parameters.init + step, parameters.lower, parameters.upper)
        points.append(np.where(parameters.is_fixed, parameters.init, theta))
    return points


def pyhf_digits() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(__file__).parent / "pyhf_digits.json").read_text())
    return found


@pytest.fixture
def published(shared_data: Callable[[str], Path], tmp_path: Path) -> Callable[[str, str], HistFactory]:
    """Reader of the published workspaces, also those in the archive."""

    def read(name: str, patch: str) -> HistFactory:
        if not name.startswith("Region"):
            return HistFactory.read(shared_data(f"atlas-likelihoods/{name}"))
        with tarfile.open(shared_data(ARCHIVE)) as archive:
            for member in filter(None, (name, patch)):
                archive.extract(member, tmp_path, filter="data")
        return HistFactory.read(tmp_path / name, patch=tmp_path / patch if patch else None)

    return read


@pytest.mark.slow
@pytest.mark.parametrize(("name", "patch"), CASES)
def test_values_at_random_points(published: Callable[[str, str], HistFactory], name: str, patch: str) -> None:
    likelihood = published(name, patch)
    theirs = np.array(pyhf_digits()[f"{name} {patch}".strip()]["twice_nll"], dtype=np.float64)
    ours = np.array([2.0 * likelihood.nll(theta) for theta in random_points(likelihood)])
    # pyhf has no value where a rate is negative
    is_there = np.isfinite(theirs)
    assert len(theirs) == NUM_POINTS
    assert is_there.sum() >= NUM_POINTS // 2
    np.testing.assert_allclose(ours[is_there], theirs[is_there], rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKSPACES)
def test_best_fits(published: Callable[[str, str], HistFactory], name: str) -> None:
    result = fit(published(name, ""))
    assert result.edm < 1e-6
    theirs = pyhf_digits()[name]["fit"]
    if "failed" in theirs:
        return
    # never worse than Minuit's; where both are at the same minimum, the same normalisations
    assert result.twice_nll <= theirs["twice_nll"] + 1e-6 * abs(theirs["twice_nll"])
    if theirs["twice_nll"] - result.twice_nll < 1e-4:
        errors = result.errors
        for i, parameter in enumerate(result.parameters):
            if not parameter.is_constrained and errors[i] > 0.0:
                assert result.theta[i] == pytest.approx(theirs["values"][parameter.name], abs=0.02 * errors[i])


# one of SciPy's five fits ends 0.016, 0.86 and 0.055 above ours: two on the Asimov set, the last on the data
NOT_CONVERGED = (
    "RegionA/patch.sbottom_500_131_1.json",
    "RegionC/patch.sbottom_1000_950_60.json",
    "RegionC/patch.sbottom_600_500_60.json",
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "patch"), [case for case in CASES if case[1]])
def test_cls_of_the_signals(published: Callable[[str, str], HistFactory], name: str, patch: str) -> None:
    likelihood = published(name, patch)
    assert likelihood.poi is not None
    found = AsymptoticTest(likelihood, likelihood.poi).cls(1.0)
    theirs = pyhf_digits()[f"{name} {patch}"]["cls"]
    assert "failed" not in theirs
    excess = [theirs["twice_nll"][key] - value for key, value in five_fits(likelihood, theirs["asimov_values"]).items()]
    # never worse than SciPy's minima
    assert min(excess) > -1e-6
    is_converged = max(excess) < 1e-4
    assert is_converged == (patch not in NOT_CONVERGED)
    if is_converged:
        assert found.observed == pytest.approx(theirs["observed"], abs=1e-4)
        assert found.expected == pytest.approx(theirs["expected"], abs=1e-4)


def five_fits(likelihood: HistFactory, asimov_values: dict[str, float]) -> dict[str, float]:
    """twice_nll of the fits of a test of mu = 1, those of the Asimov set on the set that pyhf made."""
    assert likelihood.poi is not None
    mu = likelihood.poi
    theta = np.array([asimov_values[name] for name in likelihood.parameters.names])
    asimov = likelihood.asimov(theta)
    return {
        "asimov_pars": fit(likelihood, fixed={mu: 0.0}).twice_nll,
        "free_fit_to_data": fit(likelihood).twice_nll,
        "fixed_poi_fit_to_data": fit(likelihood, fixed={mu: 1.0}).twice_nll,
        "free_fit_to_asimov": fit(asimov).twice_nll,
        "fixed_poi_fit_to_asimov": fit(asimov, fixed={mu: 1.0}).twice_nll,
    }
