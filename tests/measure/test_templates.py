"""Histograms to workspaces: what the options do, by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import (
    HistFactory,
    Region,
    Template,
    TemplateConfig,
    TemplateSample,
    Variation,
    fit,
    template_workspace,
)

NOMINAL = [40.0, 30.0, 20.0, 10.0]
UP, DOWN = [44.0, 31.5, 19.0, 8.5], [37.0, 29.0, 20.5, 11.5]
SIGNAL = TemplateSample(name="signal", nominal=[1.0, 2.0, 4.0, 5.0], factors=["mu"], has_statistics=False)


def histogram(values: list[float], variances: list[float] | None = None, edges: list[float] | None = None) -> Any:
    """What hist, boost_histogram and uproot agree on."""
    bins = np.arange(len(values) + 1.0) if edges is None else np.array(edges)
    return SimpleNamespace(
        values=lambda: np.array(values),
        variances=lambda: None if variances is None else np.array(variances),
        axes=[SimpleNamespace(edges=bins)],
    )


def made(variation: Variation, config: TemplateConfig | None = None) -> tuple[HistFactory, tuple[str, ...]]:
    background = TemplateSample(name="background", nominal=histogram(NOMINAL, [4.0] * 4), variations=[variation])
    found = template_workspace([Region(name="sr", samples=[SIGNAL, background])], poi="mu", config=config)
    return HistFactory.of(found.workspace), found.record


def at(likelihood: HistFactory, alpha: float) -> np.ndarray:
    theta = likelihood.parameters.init.copy()
    theta[likelihood.parameters.index("mu")] = 0.0
    theta[likelihood.parameters.index("scale")] = alpha
    return likelihood.expected(theta)


def test_both_ends_of_a_variation_are_kept() -> None:
    likelihood, record = made(Variation(name="scale", up=UP, down=DOWN))
    for alpha, expected in ((1.0, UP), (0.0, NOMINAL), (-1.0, DOWN)):
        np.testing.assert_allclose(at(likelihood, alpha), expected, rtol=1e-12)
    assert record == ()
    np.testing.assert_allclose(likelihood.parameters.width[-4:], 2.0 / np.array(NOMINAL))


def test_a_variation_of_one_side_is_mirrored() -> None:
    likelihood, record = made(Variation(name="scale", up=histogram(UP)))
    np.testing.assert_allclose(at(likelihood, -1.0), 2.0 * np.array(NOMINAL) - UP, rtol=1e-12)
    assert record == ("sr/background/scale: mirrored, it has no down",)


@pytest.mark.parametrize(
    ("kind", "half"),
    [("average", (np.array(UP) - DOWN) / 2.0), ("larger", np.array(UP) - NOMINAL)],
)
def test_symmetrisation(kind: Any, half: np.ndarray) -> None:
    likelihood, record = made(Variation(name="scale", up=UP, down=DOWN), TemplateConfig(symmetrisation=kind))
    np.testing.assert_allclose(at(likelihood, 1.0), NOMINAL + half, rtol=1e-12)
    np.testing.assert_allclose(at(likelihood, -1.0), NOMINAL - half, rtol=1e-12)
    assert record == (f"sr/background/scale: symmetrised, {kind}",)


def test_small_rates_and_shapes_are_pruned_and_recorded() -> None:
    # a rate of 1.03 and 0.98 with a shape of about 10 %
    likelihood, record = made(Variation(name="scale", up=UP, down=DOWN), TemplateConfig(prune_rate=0.05))
    np.testing.assert_allclose(at(likelihood, 1.0), np.array(UP) / 1.03, rtol=1e-12)
    assert record == ("sr/background/scale: rate pruned, 0.03 is less than 0.05",)
    likelihood, record = made(Variation(name="scale", up=UP, down=DOWN), TemplateConfig(prune_shape=0.5))
    np.testing.assert_allclose(at(likelihood, -1.0), np.array(NOMINAL) * 0.98, rtol=1e-12)
    assert "shape pruned" in record[0]


def test_a_variation_that_only_scales_has_no_shape() -> None:
    nominal = np.array(NOMINAL)
    background = TemplateSample(
        name="b", nominal=NOMINAL, variations=[Variation(name="x", up=1.1 * nominal, down=0.9 * nominal)]
    )
    found = template_workspace([Region(name="sr", samples=[SIGNAL, background])], poi="mu")
    assert [modifier.type for modifier in found.workspace.channels[0].samples[1].modifiers] == ["normsys", "staterror"]


def test_smoothing_keeps_the_rate_and_takes_away_the_spike() -> None:
    nominal = np.full(12, 50.0)
    up = nominal * 1.1
    up[5] *= 1.5
    background = TemplateSample(name="b", nominal=nominal, variations=[Variation(name="scale", up=up, down=nominal)])
    region = Region(name="sr", samples=[TemplateSample(name="s", nominal=nominal / 50, factors=["mu"]), background])
    found = template_workspace([region], poi="mu", config=TemplateConfig(smoothing="353qh"))
    smoothed = at(HistFactory.of(found.workspace), 1.0)
    np.testing.assert_allclose(smoothed, up.sum() / 12, rtol=1e-12)
    assert found.record == ("sr/b/scale: smoothed by 353QH",)


def test_a_measured_region_fits() -> None:
    background = TemplateSample(
        name="b", nominal=NOMINAL, variations=[Variation(name="scale", up=UP, down=DOWN)], rates={"xs": (0.9, 1.12)}
    )
    observed = [43.0, 35.0, 25.0, 14.0]
    regions = [Region(name="sr", samples=[SIGNAL, background], observed=histogram(observed))]
    result = fit(HistFactory.of(template_workspace(regions, poi="mu").workspace))
    assert 0.0 < result["mu"] < 3.0


def test_a_template_fit_with_the_scaling_of_ttw() -> None:
    # regions of four, five and six jets measure strength and slope of ttW, the signal region its signal
    scaling = {"jets": [4, 5, 6], "reference": [0.4, 0.2], "strength": "NF_ttW"}
    modifier = {"name": "ttW", "type": "jet_scaling", "data": scaling}
    control = TemplateSample(name="ttW", nominal=[900.0, 500.0, 260.0], modifiers=[modifier])
    here = {"name": "ttW", "type": "jet_scaling", "data": {**scaling, "jets": [6, 6, 7, 7]}}
    samples = [SIGNAL, TemplateSample(name="ttW", nominal=NOMINAL, modifiers=[here])]
    regions = [Region(name="cr", samples=[control]), Region(name="sr", samples=samples)]
    likelihood = HistFactory.of(template_workspace(regions, poi="mu").workspace)
    truth = likelihood.parameters.init.copy()
    for name, value in (("mu", 1.9), ("NF_ttW", 1.3), ("a0", 0.5), ("a1", 0.15)):
        truth[likelihood.parameters.index(name)] = value
    result = fit(likelihood.asimov(truth))
    np.testing.assert_allclose(result.theta, truth, atol=1e-4)


def test_histograms_of_the_root_reader(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    with uproot.recreate(tmp_path / "h.root") as file:
        file["h"] = np.histogram([0.5, 0.5, 2.5], bins=[0.0, 1.0, 2.0, 3.0], weights=[1.0, 2.0, 4.0])
    with uproot.open(tmp_path / "h.root") as file:
        found = Template.of(file["h"])
    assert found.values.tolist() == [3.0, 0.0, 4.0]
    assert found.edges is not None
    assert found.edges.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_histograms_of_hist() -> None:
    hist = pytest.importorskip("hist")
    filled = hist.Hist(hist.axis.Regular(3, 0.0, 3.0), storage=hist.storage.Weight())
    filled.fill([0.5, 0.5, 2.5], weight=[1.0, 2.0, 4.0])
    found = Template.of(filled)
    assert found.values.tolist() == [3.0, 0.0, 4.0]
    assert found.variances.tolist() == [5.0, 0.0, 16.0]


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (TemplateSample(name="b", nominal=[[1.0, 2.0]]), "sample 'b' of region 'sr' has 2 axes"),
        (TemplateSample(name="b", nominal=[1.0, float("nan"), 2.0, 3.0]), "a content that is nan in bin 1"),
        (TemplateSample(name="b", nominal="spam"), "is a str; a histogram or an array"),
        (TemplateSample(name="b", nominal=[1.0, 2.0]), "sample 'b' of region 'sr' has 2 bins; 4 are needed"),
        (
            TemplateSample(name="b", nominal=NOMINAL, variations=[Variation(name="x", up=UP[:3])]),
            "sr/b/x up has 3 bins; 4 are needed",
        ),
        (
            TemplateSample(
                name="b",
                nominal=histogram(NOMINAL),
                variations=[Variation(name="x", up=histogram(UP, edges=[0.0, 1.0, 2.0, 3.0, 5.0]))],
            ),
            "sr/b/x up has other edges of its bins",
        ),
    ],
)
def test_histograms_that_are_wrong(sample: TemplateSample, words: str) -> None:
    with pytest.raises(InputError) as error:
        template_workspace([Region(name="sr", samples=[SIGNAL, sample])], poi="mu")
    assert words in str(error.value)
