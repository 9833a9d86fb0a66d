from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from collidium.artifact import InputError
from collidium.measure import apply_patch, read_patch

DOCUMENT = {"foo": {"bar": "baz", "list": [1, 2]}, "a/b": 1, "m~n": 8}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/new", "value": 1}, {**DOCUMENT, "new": 1}),
        ({"op": "add", "path": "/foo/list/1", "value": 9}, {**DOCUMENT, "foo": {"bar": "baz", "list": [1, 9, 2]}}),
        ({"op": "add", "path": "/foo/list/-", "value": 9}, {**DOCUMENT, "foo": {"bar": "baz", "list": [1, 2, 9]}}),
        ({"op": "add", "path": "/foo/list/2", "value": 9}, {**DOCUMENT, "foo": {"bar": "baz", "list": [1, 2, 9]}}),
        ({"op": "add", "path": "", "value": [1]}, [1]),
        ({"op": "remove", "path": "/foo/list/0"}, {**DOCUMENT, "foo": {"bar": "baz", "list": [2]}}),
        ({"op": "remove", "path": "/a~1b"}, {"foo": DOCUMENT["foo"], "m~n": 8}),
        ({"op": "replace", "path": "/m~0n", "value": None}, {**DOCUMENT, "m~n": None}),
        ({"op": "replace", "path": "/foo/list/1", "value": 5}, {**DOCUMENT, "foo": {"bar": "baz", "list": [1, 5]}}),
        ({"op": "move", "from": "/foo/bar", "path": "/bar"}, {**DOCUMENT, "foo": {"list": [1, 2]}, "bar": "baz"}),
        ({"op": "copy", "from": "/foo/list", "path": "/c"}, {**DOCUMENT, "c": [1, 2]}),
        ({"op": "test", "path": "/foo/bar", "value": "baz"}, DOCUMENT),
    ],
)
def test_operations_of_the_standard(operation: dict[str, Any], expected: object) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert apply_patch(before, [operation]) == expected
    assert before == DOCUMENT


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ({"op": "add", "path": "/foo/list/3", "value": 9}, "/0/path is '/foo/list/3': '3' is no position"),
        ({"op": "add", "path": "/foo/list/01", "value": 9}, "'01' is no position in a list of 2"),
        ({"op": "add", "path": "/nowhere/x", "value": 9}, "there is no 'nowhere'"),
        ({"op": "add", "path": "/m~0n/x", "value": 9}, "neither object nor list"),
        ({"op": "remove", "path": "/foo/x"}, "there is no 'x'"),
        ({"op": "remove", "path": ""}, "whole document"),
        ({"op": "replace", "path": "/foo/list/2", "value": 1}, "'2' is no position"),
        ({"op": "move", "from": "/foo", "path": "/foo/bar"}, "inside of what is moved"),
        ({"op": "test", "path": "/foo/bar", "value": "x"}, "another value stands"),
        ({"op": "add", "path": "/x"}, "/0 has no 'value'"),
        ({"op": "copy", "path": "/x"}, "/0 has no 'from'"),
        ({"op": "swap", "path": "/x"}, "/0/op is 'swap'; one of add, remove"),
        ({"op": "add", "path": "x", "value": 1}, "begins with '/'"),
        ("add", "/0 is 'add'; an object is needed"),
    ],
)
def test_operations_that_do_not_apply_name_their_place(operation: object, words: str) -> None:
    with pytest.raises(InputError) as error:
        apply_patch(DOCUMENT, [operation])
    assert words in str(error.value)


def test_values_are_copied_into_the_document() -> None:
    value = [1]
    patched = apply_patch({}, [{"op": "add", "path": "/a", "value": value}])
    value.append(2)
    assert patched == {"a": [1]}


def patch_set(document: object, names: list[str]) -> dict[str, Any]:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False).encode()
    return {
        "version": "1.0.0",
        "metadata": {
            "references": {"hepdata": "ins1234567"},
            "digests": {"sha256": hashlib.sha256(text).hexdigest()},
            "labels": ["mass"],
            "description": "signals",
        },
        "patches": [
            {
                "metadata": {"name": name, "values": [i]},
                "patch": [{"op": "add", "path": "/mass", "value": i}],
            }
            for i, name in enumerate(names)
        ],
    }


def test_a_patch_of_a_set_is_found_by_name(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(patch_set(DOCUMENT, ["m100", "m200"])))
    assert read_patch(path, "m200", document=DOCUMENT) == [{"op": "add", "path": "/mass", "value": 1}]
    with pytest.raises(InputError, match=r"set of 2 patches; name one, e.g. 'm100'"):
        read_patch(path)
    with pytest.raises(InputError, match=r"unknown patch of .* 'm201': did you mean m200"):
        read_patch(path, "m201")


def test_the_only_patch_of_a_set_needs_no_name(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(patch_set(DOCUMENT, ["m100"])))
    assert read_patch(path) == [{"op": "add", "path": "/mass", "value": 0}]


def test_a_set_for_another_workspace_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(patch_set(DOCUMENT, ["m100"])))
    with pytest.raises(InputError, match=r"/metadata/digests/sha256 is .* for another workspace"):
        read_patch(path, document={"other": 1})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("metadata"), "the document has no 'metadata'"),
        (lambda s: s.update(version="2.0.0"), "/version is '2.0.0'; '1.0.0' is needed"),
        (lambda s: s["metadata"].pop("digests"), "/metadata has no 'digests'"),
        (lambda s: s["patches"][0].pop("patch"), "/patches/0 has no 'patch'"),
        (lambda s: s["patches"].append(s["patches"][0]), "/patches/1/metadata/name is 'm100', which an earlier"),
        (lambda s: s.update(patches=[]), "/patches has 0 items"),
    ],
)
def test_a_set_that_breaks_the_schema(change: Any, words: str, tmp_path: Path) -> None:
    content = patch_set(DOCUMENT, ["m100"])
    change(content)
    path = tmp_path / "set.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as error:
        read_patch(path)
    assert words in str(error.value)


def test_a_single_patch_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "patch.json"
    path.write_text("[]")
    with pytest.raises(InputError, match="single patch"):
        read_patch(path, "m100")
