from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from collidium.artifact import Manifest
from collidium.report._provenance import reproduction_section

MANIFEST = Manifest(
    kind="dataset",
    schema_version=1,
    config={},
    inputs={},
    packages={},
    seed=None,
    seconds=0.0,
    command=["collidium", "run", "quickstart"],
    files={},
    content_hash="0" * 64,
)


def test_a_command_that_made_several_artifacts_is_shown_once_in_its_place() -> None:
    other = replace(MANIFEST, kind="run", command=["collidium", "train", "a b"])
    artifacts = [(Path("data"), MANIFEST), (Path("run"), other), (Path("predictions"), MANIFEST)]
    html = reproduction_section(artifacts, MANIFEST.command).html
    found = re.search(r"<pre>(.*?)</pre>", html, re.DOTALL)
    assert found is not None
    assert found[1].splitlines() == ["collidium run quickstart", "collidium train &#x27;a b&#x27;"]
