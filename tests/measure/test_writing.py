"""Written workspaces say what the read ones said; and pyhf opens them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import (
    HistFactory,
    Region,
    TemplateSample,
    Variation,
    Workspace,
    parse_datacard,
    read_workspace,
    template_workspace,
    workspace_document,
    write_workspace,
)

CARD = "imax 1|bin a|observation 3|bin a a a|process s b c|process 0 1 2|rate 2 1.5 3.2|lumi lnN 1.1 - 0.9/1.2"


def card(*lines: str) -> Workspace:
    return parse_datacard("\n".join([*CARD.split("|"), *lines]), source="card.txt")


def test_a_written_workspace_is_the_same_likelihood(every_modifier: dict[str, Any], tmp_path: Path) -> None:
    path = write_workspace(Workspace.parse(every_modifier), tmp_path / "w.json")
    written = json.loads(path.read_text())
    # channels come sorted; nothing else changes
    for document in (written, every_modifier):
        document["channels"].sort(key=lambda channel: channel["name"])
        document["observations"].sort(key=lambda observation: observation["name"])
    assert written == every_modifier
    # the value that pyhf 0.7.6 gives for this document at the parameters' starts
    likelihood = HistFactory.read(path)
    assert 2.0 * likelihood.nll(likelihood.parameters.init) == pytest.approx(26.893840559167316, rel=1e-13)


@pytest.mark.parametrize("name", ["ATLAS-SUSY-2018-04_SRcombined", "ATLAS-SUSY-2018-14_Comb_bkgonly"])
def test_published_workspaces_survive(shared_data: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    workspace = Workspace.read(shared_data(f"atlas-likelihoods/{name}.json"))
    again = Workspace.read(write_workspace(workspace, tmp_path / "w.json"))
    first, second = HistFactory.of(workspace), HistFactory.of(again)
    assert first.parameters.names == second.parameters.names
    assert first.nll(first.parameters.init) == second.nll(second.parameters.init)


def test_a_datacard_becomes_a_workspace() -> None:
    workspace = card("side gmN 16 - - 0.2")
    written = HistFactory.of(Workspace.parse(workspace_document(workspace)))
    read = HistFactory.of(workspace)
    assert set(written.parameters.names) == {"r", "lumi", "side[0]"}
    # at whole deviations all interpolations agree
    theta, other = read.parameters.init.copy(), written.parameters.init.copy()
    for name, value in (("r", 1.4), ("lumi", -1.0), ("side", 1.2)):
        theta[read.parameters.index(name)] = value
        other[written.parameters.index("side[0]" if name == "side" else name)] = value
    np.testing.assert_allclose(written.expected(other), read.expected(theta), rtol=1e-12)
    assert written.nll(other) == pytest.approx(read.nll(theta), rel=1e-12)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["side gmN 16 - 0.09375 0.2"], "named 'side' is a sideband of 16 events for 2 processes"),
        (["side gmN 0 - - 0.2"], "named 'side' is a sideband of 0 events for 1 processes"),
    ],
)
def test_what_has_no_word_in_the_schema(lines: list[str], words: str) -> None:
    text = "\n".join([*CARD.split("|"), *lines])
    text = text.replace("3.2", "0") if "gmN 0" in text else text
    with pytest.raises(InputError) as error:
        workspace_document(parse_datacard(text, source="card.txt"))
    assert str(error.value).startswith("card.txt: line 9 ")
    assert words in str(error.value)


def test_functions_of_ones_own_have_no_word(every_modifier: dict[str, Any]) -> None:
    data = {"jets": [4, 5, 6], "reference": [0.4, 0.3]}
    every_modifier["channels"][0]["samples"][0]["modifiers"].append({"name": "f", "type": "jet_scaling", "data": data})
    with pytest.raises(InputError, match="named 'f' is a function"):
        workspace_document(Workspace.parse(every_modifier))


def test_pyhf_reads_templates_and_cards(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    # pyhf 0.7.6 opens both files with its schema, and gives these values of twice_nll at the starts
    tilt = Variation(name="s", up=[44.0, 31.0, 19.0], down=[37.0, 29.0, 20.5])
    samples = [
        TemplateSample(name="s", nominal=[1.0, 2.0, 4.0], factors=["mu"]),
        TemplateSample(name="b", nominal=[40.0, 30.0, 20.0], variations=[tilt]),
    ]
    made = template_workspace([Region(name="sr", samples=samples)], poi="mu").workspace
    card = read_workspace(shared_data("combine-counting-cards/realistic-multi-channel.txt"))
    for workspace, twice_nll in ((made, 12.881356631526327), (card, 39.67213870963695)):
        likelihood = HistFactory.read(write_workspace(workspace, tmp_path / "w.json"))
        assert 2.0 * likelihood.nll(likelihood.parameters.init) == pytest.approx(twice_nll, rel=1e-12)
