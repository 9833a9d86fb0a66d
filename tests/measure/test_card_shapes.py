"""Cards with templates in ROOT files, made here, against what Combine's formulas give by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import HistFactory, Workspace, fit, read_workspace

uproot = pytest.importorskip("uproot")

CARD = """\
imax 1
jmax 1
kmax *
shapes * * templates.root $PROCESS $PROCESS_$SYSTEMATIC
bin a
observation {observed}
bin a a
process signal background
process 0 1
rate {signal} -1
lumi lnN 1.1 1.2
alpha shape - 1
sigma shape 0.5 -
"""
SIGNAL = [1.0, 4.0, 2.0]
SIGNAL_UP, SIGNAL_DOWN = [1.5, 3.6, 2.6], [0.8, 4.6, 1.7]
BACKGROUND, ERRORS = [40.0, 20.0, 4.0], [4.0, 2.5, 2.0]
ALPHA_UP, ALPHA_DOWN = [46.0, 21.0, 3.0], [35.0, 19.0, 5.0]
OBSERVED = [43.0, 27.0, 5.0]


def histogram(values: list[float], errors: list[float] | None = None) -> Any:
    """A TH1D with errors; square roots without."""
    squares = np.square(errors) if errors is not None else np.array(values)
    padded, padded_squares = (np.concatenate([[0.0], row, [0.0]]) for row in (values, squares))
    identify = uproot.writing.identify
    axis = identify.to_TAxis("x", "", len(values), 0.0, float(len(values)))
    return identify.to_TH1x(
        "h", "", padded, float(sum(values)), float(sum(values)), float(squares.sum()), 0.0, 0.0, padded_squares, axis
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with uproot.recreate(tmp_path / "templates.root") as file:
        file["signal"] = histogram(SIGNAL, [0.1, 0.4, 0.2])
        file["signal_sigmaUp"], file["signal_sigmaDown"] = histogram(SIGNAL_UP), histogram(SIGNAL_DOWN)
        file["background"] = histogram(BACKGROUND, ERRORS)
        file["background_alphaUp"], file["background_alphaDown"] = histogram(ALPHA_UP), histogram(ALPHA_DOWN)
        file["data_obs"] = histogram(OBSERVED)
    return tmp_path


def read(folder: Path, *lines: str, observed: str = "-1", signal: str = "7.0", **replaced: str) -> Workspace:
    text = CARD.format(observed=observed, signal=signal) + "".join(f"{line}\n" for line in lines)
    for old, new in replaced.items():
        text = text.replace(old, new)
    (folder / "card.txt").write_text(text)
    return read_workspace(folder / "card.txt")


def at(likelihood: HistFactory, **values: float) -> np.ndarray:
    theta = likelihood.parameters.init.copy()
    for name, value in values.items():
        theta[likelihood.parameters.index(name)] = value
    return theta


def smooth(theta: float) -> float:
    """Combine's even function of a template's variation."""
    return abs(theta) if abs(theta) > 1 else (3 * theta**6 - 10 * theta**4 + 15 * theta**2) / 8


def varied(nominal: list[float], up: list[float], down: list[float], theta: float) -> np.ndarray:
    """Parts of the bins and the asymmetric log-normal rate, as Combine's manual states them."""
    n, u, d = (np.array(row) / sum(row) for row in (nominal, up, down))
    parts = n + 0.5 * ((u - d) * theta + (u + d - 2 * n) * smooth(theta))
    k_up, k_down = np.log(sum(up) / sum(nominal)), -np.log(sum(down) / sum(nominal))
    mean, half = (k_up + k_down) / 2, (k_up - k_down) / 2
    step = np.sign(theta) if abs(theta) > 0.5 else smooth(2 * theta) / (2 * theta)
    return np.asarray(sum(nominal) * parts * np.exp(theta * (mean + half * step)))


def test_templates_are_those_of_the_file(folder: Path) -> None:
    workspace = read(folder)
    assert workspace.channels[0].observed == tuple(OBSERVED)
    likelihood = HistFactory.of(workspace)
    expected = 1.1**0.5 * 1.7 * np.array(SIGNAL) + 1.2**0.5 * np.array(BACKGROUND)
    np.testing.assert_allclose(likelihood.expected(at(likelihood, r=1.7, lumi=0.5)), expected, rtol=1e-12)


@pytest.mark.parametrize("theta", [-2.0, -0.7, 0.3, 0.6, 1.4])
def test_variations_follow_combine_s_manual(folder: Path, theta: float) -> None:
    likelihood = HistFactory.of(read(folder))
    found = likelihood.expected(at(likelihood, r=0.0, alpha=theta))
    np.testing.assert_allclose(found, varied(BACKGROUND, ALPHA_UP, ALPHA_DOWN, theta), rtol=1e-12)
    # sigma varies the signal at half of its parameter
    change = likelihood.expected(at(likelihood, sigma=theta)) - likelihood.expected(at(likelihood, r=0.0))
    np.testing.assert_allclose(change, varied(SIGNAL, SIGNAL_UP, SIGNAL_DOWN, 0.5 * theta), rtol=1e-10)


def test_derivatives_of_scaled_variations(folder: Path) -> None:
    likelihood = HistFactory.of(read(folder, "* autoMCStats 10"))
    theta = at(likelihood, r=1.3, alpha=0.4, sigma=-0.8, lumi=0.2)
    step, gradient, hessian = 1e-5, likelihood.grad(theta), likelihood.hessian(theta)
    for j in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        assert gradient[j] == pytest.approx(
            (likelihood.nll(up) - likelihood.nll(down)) / (2 * step), rel=1e-6, abs=1e-6
        )
        row = (likelihood.grad(up) - likelihood.grad(down)) / (2 * step)
        np.testing.assert_allclose(hessian[j], row, rtol=1e-5, atol=1e-5)


def test_statistical_errors_are_shared_above_the_threshold(folder: Path) -> None:
    # effective numbers of the background: 100, 64 and 4
    likelihood = HistFactory.of(read(folder, "* autoMCStats 10"))
    shared, own = likelihood.parameters["prop_bina[0]"], likelihood.parameters["prop_bina_background[2]"]
    assert shared.width == pytest.approx(np.hypot(4.0, 0.1) / 41.0)
    assert likelihood.parameters["prop_bina[2]"].is_fixed
    assert (own.width, own.is_fixed) == (pytest.approx(0.5), False)
    assert likelihood.parameters["prop_bina_background[0]"].is_fixed
    # the signal of the last bin has an effective number of 100: a Gaussian parameter of its own
    assert likelihood.parameters["prop_bina_signal_gauss[2]"].width == pytest.approx(0.1)
    index = [likelihood.parameters.index(name) for name in ("prop_bina_background[2]", "prop_bina_signal_gauss[2]")]
    assert index[0] in likelihood.poisson
    assert index[1] in likelihood.gaussian
    assert fit(likelihood).edm < 1e-6


def test_a_threshold_of_zero_shares_all_and_a_negative_one_adds_none(folder: Path) -> None:
    names = HistFactory.of(read(folder, "a autoMCStats 0")).parameters.names
    assert [name for name in names if name.startswith("prop")] == [f"prop_bina[{b}]" for b in range(3)]
    names = HistFactory.of(read(folder, "a autoMCStats -1")).parameters.names
    assert not [name for name in names if name.startswith("prop")]


def test_a_free_rate_scales_a_template(folder: Path) -> None:
    likelihood = HistFactory.of(read(folder, "k rateParam a background 1.0 [0,5]"))
    found = likelihood.expected(at(likelihood, r=0.0, k=2.0))
    np.testing.assert_allclose(found, 2.0 * np.array(BACKGROUND), rtol=1e-12)


def test_a_card_that_moved_finds_its_templates(folder: Path, tmp_path: Path) -> None:
    workspace = read(folder)
    moved = tmp_path / "elsewhere" / "card.txt"
    moved.parent.mkdir()
    assert isinstance(workspace.document, str)
    moved.write_text(workspace.document)
    assert read_workspace(moved).channels == workspace.channels or HistFactory.read(moved).nll(
        HistFactory.read(moved).parameters.init
    ) == HistFactory.of(workspace).nll(HistFactory.of(workspace).parameters.init)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: read(f, signal="9.0"), "has the rate 9.0 of 'signal' in 'a', whose template has 7"),
        (lambda f: read(f, observed="70"), "line 6 has 70 for 'a', whose data have 75 events"),
        (lambda f: read(f, "beta shape - 1"), "names 'background_betaDown', which"),
        (lambda f: read(f, **{"templates.root": "card.txt"}), "which is no ROOT file"),
        (lambda f: read(f, **{"$PROCESS $PROCESS_": "$SPAM $PROCESS_"}), "has '$SPAM'; $PROCESS, $CHANNEL"),
        (lambda f: read(f, **{" $PROCESS_$SYSTEMATIC": ""}), "names no object for the variation 'alphaDown'"),
    ],
)
def test_cards_that_do_not_fit_their_templates(folder: Path, call: Callable[[Path], Workspace], words: str) -> None:
    with pytest.raises(InputError) as error:
        call(folder)
    assert words in str(error.value)


def test_templates_with_other_bins(folder: Path) -> None:
    with uproot.update(folder / "templates.root") as file:
        file["data_obs"] = histogram([1.0, 2.0])
    with pytest.raises(InputError, match="is of 2 bins of 'a', where 'signal' has 3"):
        read(folder)


def test_data_with_negative_bins(folder: Path) -> None:
    with uproot.update(folder / "templates.root") as file:
        file["data_obs"] = histogram([43.0, -2.0, 5.0])
    with pytest.raises(InputError, match="whose data have -2 events in bin 1"):
        read(folder)
