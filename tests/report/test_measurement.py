from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from collidium.artifact import InputError
from collidium.measure import (
    ScanConfig,
    WorkspaceConfig,
    fit_workspace,
    limit_workspace,
    rank_workspace,
    scan_workspace,
)
from collidium.report import build_measurement_report, measurement_sections, write_hepdata, yaml_dumps
from collidium.report._data_model import poisson_interval
from collidium.report._likelihood_curves import limits_plot, p_value_plot
from collidium.report._parameters import correlation_plot, pulls_plot

DOCUMENT: dict[str, Any] = {
    "channels": [
        {
            "name": "signal & region <1>",
            "samples": [
                {"name": "s$", "data": [4.0, 9.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
                *(
                    {
                        "name": f"background {i}",
                        "data": [40.0 / i, 20.0],
                        "modifiers": [{"name": f"rate_{i}", "type": "normsys", "data": {"lo": 0.9, "hi": 1.1}}],
                    }
                    for i in range(1, 12)
                ),
            ],
        }
    ],
    "observations": [{"name": "signal & region <1>", "data": [150.0, 230.0]}],
    "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "w.json"
    written.write_text(json.dumps(DOCUMENT))
    return written


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A fit, a limit and a ranking."""
    folder = tmp_path_factory.mktemp("artifacts")
    path = folder / "w.json"
    path.write_text(json.dumps(DOCUMENT))
    made = (
        fit_workspace(path, folder / "fit"),
        limit_workspace(path, folder / "limit"),
        rank_workspace(path, folder / "r"),
    )
    return [file.parent for file in made]


@pytest.fixture(scope="module")
def page(artifacts: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their report."""
    return build_measurement_report(artifacts, tmp_path_factory.mktemp("page") / "page", command=["again"]).parent


def test_the_page_is_whole_and_self_contained(page: Path) -> None:
    text = (page / "index.html").read_text(encoding="utf-8")
    HTMLParser().feed(text)
    assert "signal &amp; region &lt;1&gt;" in text
    assert not re.search(r"https?://|url\(|@import|<script", text)
    names = sorted(file.stem for file in (page / "plots").glob("*.png"))
    assert names == ["cls", "correlation", "pulls", "ranking", "region-signal---region--1-"]
    assert all((page / "plots" / f"{name}.pdf").read_bytes()[:4] == b"%PDF" for name in names)


def test_plots_are_the_same_twice(artifacts: list[Path], page: Path) -> None:
    for section in measurement_sections(artifacts[1:]):
        for plot in section.figures:
            assert plot.png == (page / "plots" / f"{plot.name}.png").read_bytes()


def test_the_same_artifact_twice_has_two_names(path: Path, tmp_path: Path) -> None:
    config = ScanConfig(num_points=5)
    scans = [scan_workspace(path, tmp_path / name, scan=config).parent for name in ("a", "b")]
    sections = measurement_sections(scans)
    assert [section.title for section in sections] == ["Scan of mu", "Scan of mu 2"]
    assert [plot.name for section in sections for plot in section.figures] == ["scan", "scan-2"]


def test_hepdata_is_yaml_with_every_table(artifacts: list[Path], page: Path) -> None:
    folder = page / "hepdata"
    head, *tables = yaml.safe_load_all((folder / "submission.yaml").read_text(encoding="utf-8"))
    assert head["additional_resources"] == [
        {"location": "workspace.json", "description": "Likelihood in pyhf's JSON format", "type": "HistFactory"}
    ]
    assert [table["name"].split(": ")[1] for table in tables] == [
        "region signal & region <1>",
        "parameters",
        "correlations",
        "upper limits",
        "ranking",
    ]
    region, parameters, _, limits, _ = (yaml.safe_load((folder / t["data_file"]).read_text("utf-8")) for t in tables)
    observed, fit = region["dependent_variables"][0], region["dependent_variables"][-1]
    assert [cell["value"] for cell in observed["values"]] == [150.0, 230.0]
    yields = json.loads((artifacts[0] / "yields.json").read_text())[0]["after"]
    assert [cell["errors"][0]["symerror"] for cell in fit["values"]] == yields["error"]
    assert len(parameters["independent_variables"][0]["values"]) == 12
    assert len(limits["dependent_variables"][0]["values"]) == 6
    for table in (region, parameters, limits):
        lengths = {len(v["values"]) for side in table.values() for v in side}
        assert len(lengths) == 1


def test_blind_counts_are_in_no_table_and_no_picture_names_them(path: Path, tmp_path: Path) -> None:
    document = json.loads(path.read_text())
    document["channels"].append(
        {
            "name": "control",
            "samples": [
                {"name": "b", "data": [9.0], "modifiers": [document["channels"][0]["samples"][1]["modifiers"][0]]}
            ],
        }
    )
    document["observations"].append({"name": "control", "data": [11.0]})
    path.write_text(json.dumps(document))
    config = WorkspaceConfig(blind=("signal & region <1>:1",))
    blind = fit_workspace(path, tmp_path / "blind", config=config).parent
    write_hepdata([blind], tmp_path / "hepdata")
    tables = "".join(file.read_text() for file in (tmp_path / "hepdata").glob("table_*.yaml"))
    assert "150.0" in tables
    assert "230.0" not in tables
    for section in measurement_sections([blind]):
        assert "230" not in section.html + "".join(plot.alt + plot.caption for plot in section.figures)


@pytest.mark.parametrize(
    "value",
    [
        {
            "a": [1, 2.5, 1e-07, 1e22, -3.0],
            "b": {"c": "x: [y]", "d": []},
            "e f": [[1, 2], {"g": [{"h": "é"}]}],
            "n": "-",
        },
        [],
        ["yes", "1.0", "null", "a\nb", "#"],
    ],
)
def test_yaml_reads_what_was_written(value: object) -> None:
    assert yaml.safe_load(yaml_dumps(value)) == value


def test_poisson_intervals_are_garwood_s() -> None:
    low, high = poisson_interval(np.array([0.0, 1.0, 4.0, 25.0]))
    # Garwood's, from chi-squared quantiles
    np.testing.assert_allclose(low, [0.0, 0.1728, 2.0857, 20.0338], atol=0.02)
    np.testing.assert_allclose(high, [1.8410, 3.2995, 7.1628, 31.0672], atol=0.02)


def test_plots_without_content_are_left_out() -> None:
    free = {"mu": {"value": 1.0, "error": 0.1, "pull": None, "constraint": None}}
    assert pulls_plot(free, status="") is None
    assert correlation_plot(["a", "b"], [[1.0, 0.0], [0.0, 1.0]], poi="a", status="") is None
    assert correlation_plot([], [], poi=None, status="") is None


def test_limits_along_a_mass_are_in_its_order() -> None:
    limit = {"poi": "mu", "level": 0.05, "upper_limit_expected": [0.5, 0.7, 1.0, 1.4, 2.0]}
    limits = [{**limit, "upper_limit_observed": value} for value in (1.2, 0.8)]
    for names in (["400", "200"], ["a", "b"]):
        assert limits_plot(names, limits, status="").png[1:4] == b"PNG"


def test_the_smallest_p_value_is_told() -> None:
    plot = p_value_plot([100.0, 110.0, 120.0], [0.5, 3e-7, 0.2], variable="m [GeV]", status="")
    assert "smallest 3.00e-07 at 110" in plot.alt


def test_other_artifacts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        measurement_sections([tmp_path / "nowhere"])
