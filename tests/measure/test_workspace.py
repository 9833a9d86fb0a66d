from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collidium.artifact import InputError
from collidium.measure import Workspace

Document = dict[str, Any]


def test_channels_are_sorted_by_name(every_modifier: Document) -> None:
    workspace = Workspace.parse(every_modifier)
    assert [channel.name for channel in workspace.channels] == ["control_region", "signal_region"]
    assert workspace.channels[0].observed == (220.0, 120.0)


def sample(document: Document, channel: int = 0, index: int = 0) -> Document:
    found: Document = document["channels"][channel]["samples"][index]
    return found


def modifier(document: Document, index: int, sample_index: int = 1) -> Document:
    found: Document = sample(document, 0, sample_index)["modifiers"][index]
    return found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("version"), "the document has no 'version'"),
        (lambda d: d.update(version="0.9"), "/version is '0.9'; '1.0.0' is needed"),
        (lambda d: d.update(extra=1), "the document has the unknown key 'extra'"),
        (lambda d: d.update(channels={}), "/channels is {}; a list is needed"),
        (lambda d: d.update(channels=[]), "/channels has 0 items; at least 1"),
        (lambda d: d["channels"].append(3), "/channels/2 is 3; an object is needed"),
        (lambda d: d["channels"].append(d["channels"][0]), "/channels/2 is named 'signal_region'"),
        (lambda d: d["observations"].pop(0), "/channels/0 is the channel 'signal_region', for which there is no"),
        (lambda d: d["observations"].append(d["observations"][0]), "/observations/2 observes the channel"),
        (lambda d: d["observations"][0]["data"].pop(), "/channels/0/samples/0/data has 3 numbers; 2 are needed"),
        (lambda d: d["observations"][1]["data"].__setitem__(1, -1.0), "/observations/1/data/1 is -1.0; a count"),
        (lambda d: sample(d).update(data=[1.0, float("nan"), 2.0]), "/channels/0/samples/0/data/1 is nan; a finite"),
        (lambda d: sample(d).update(data=[1.0, "2", 2.0]), "/channels/0/samples/0/data/1 is '2'; a finite number"),
        (lambda d: sample(d).update(data=[1.0, True, 2.0]), "/channels/0/samples/0/data/1 is True; a finite number"),
        (lambda d: sample(d).update(name=3), "/channels/0/samples/0/name is 3; a string"),
        (lambda d: sample(d).pop("modifiers"), "/channels/0/samples/0 has no 'modifiers'"),
        (lambda d: sample(d, 0, 1).update(name="signal"), "/channels/0/samples/1 is named 'signal'"),
        (lambda d: modifier(d, 0).update(type="scale"), "/channels/0/samples/1/modifiers/0/type is 'scale'; one of"),
        (lambda d: modifier(d, 0).update(name="L"), "/channels/0/samples/1/modifiers/0/name is 'L'; 'lumi'"),
        (lambda d: modifier(d, 0).update(data=1), "/channels/0/samples/1/modifiers/0/data is 1; null"),
        (lambda d: modifier(d, 1)["data"].pop("lo"), "/channels/0/samples/1/modifiers/1/data has no 'lo'"),
        (lambda d: modifier(d, 2)["data"]["lo_data"].pop(), "modifiers/2/data/lo_data has 2 numbers; 3 are needed"),
        (lambda d: modifier(d, 3).update(data=[1.0, -1.0, 0.0]), "modifiers/3 has the uncertainty -1 in bin 1"),
        (lambda d: sample(d)["modifiers"].append(modifier(d, 0, 0)), "modifiers/3 is a second normfactor named 'mu'"),
        (lambda d: d["measurements"][0]["config"].pop("poi"), "/measurements/0/config has no 'poi'"),
        (
            lambda d: d["measurements"][0]["config"]["parameters"][0].update(bounds=[[1.0]]),
            "/measurements/0/config/parameters/0/bounds/0 has 1 numbers; 2 are needed",
        ),
        (
            lambda d: d["measurements"][0]["config"]["parameters"][0].update(fixed=1),
            "/measurements/0/config/parameters/0/fixed is 1; true or false",
        ),
        (
            lambda d: d["measurements"][0]["config"]["parameters"].append({"name": "lumi"}),
            "/measurements/0/config/parameters/2 sets the parameter 'lumi' a second time",
        ),
        (lambda d: d["measurements"].append(d["measurements"][0]), "/measurements/1 is named 'analysis'"),
    ],
)
def test_what_breaks_the_schema_is_named_with_its_place(
    change: Callable[[Document], Any], words: str, every_modifier: Document
) -> None:
    change(every_modifier)
    with pytest.raises(InputError) as error:
        Workspace.parse(every_modifier, source="w.json")
    assert str(error.value).startswith("w.json: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_an_observation_without_channel_is_left_aside(every_modifier: Document) -> None:
    # signal patches remove channels and leave their observations
    every_modifier["channels"].pop(1)
    assert len(Workspace.parse(every_modifier).channels) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"channels": ', "is no JSON: Expecting value at line 1, column 14"),
        ("\xff", "is no JSON: byte 0 is not UTF-8"),
        ("[1, 2]", "the document is [1, 2]; an object is needed"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_files_that_are_no_workspace(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as error:
        Workspace.read(path)
    assert words in str(error.value)


def test_absent_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.json: no such file"):
        Workspace.read(tmp_path / "absent.json")


def test_a_patched_workspace_keeps_the_patched_document(every_modifier: Document, tmp_path: Path) -> None:
    workspace, patch = tmp_path / "w.json", tmp_path / "p.json"
    workspace.write_text(json.dumps(every_modifier))
    patch.write_text(json.dumps([{"op": "replace", "path": "/observations/0/data/0", "value": 41}]))
    read = Workspace.read(workspace, patch=patch)
    assert read.channels[1].observed[0] == 41.0
    every_modifier["observations"][0]["data"][0] = 41
    assert read.document == every_modifier


def test_measurements_are_found_by_name(every_modifier: Document) -> None:
    second = {"name": "other", "config": {"poi": "norm_tt", "parameters": []}}
    every_modifier["measurements"].append(second)
    workspace = Workspace.parse(every_modifier)
    assert workspace.measurement().poi == "mu"
    assert workspace.measurement("other").poi == "norm_tt"
    with pytest.raises(InputError, match="unknown measurement 'othr': did you mean other"):
        workspace.measurement("othr")
