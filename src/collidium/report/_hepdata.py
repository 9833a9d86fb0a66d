"""HEPData submission folders: ``submission.yaml`` and one data table for each figure."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from collidium.artifact import atomic_write, read_manifest
from collidium.measure import (
    COVARIANCE_NAME,
    FIT_NAME,
    LABELS_NAME,
    LIMIT_NAME,
    RANKING_NAME,
    SCAN_NAME,
    WORKSPACE_NAME,
    YIELDS_NAME,
)

Table = dict[str, Any]
SUBMISSION_NAME = "submission.yaml"


def write_hepdata(paths: Sequence[Path], folder: Path) -> None:
    """Write measurement artifacts as a HEPData submission.

    Parameters
    ----------
    paths : sequence of Path
        Fits, limits, scans and rankings; other kinds have no table.
    folder : Path
        Folder to make; zipped, it can be uploaded. Blind counts are not in it.
    """
    folder.mkdir()
    documents: list[Table] = []
    workspaces: list[Table] = []
    for path in paths:
        for title, text, table in _tables(path):
            number = len(documents) + 1
            name = f"table_{number}.yaml"
            with atomic_write(folder / name, "w") as stream:
                stream.write(yaml_dumps(table))
            documents.append(
                {"name": f"Table {number}: {title}"[:64], "description": text, "keywords": [], "data_file": name}
            )
        if (path / WORKSPACE_NAME).is_file():
            name = WORKSPACE_NAME if not workspaces else f"workspace_{len(workspaces) + 1}.json"
            content = (path / WORKSPACE_NAME).read_bytes()
            if any((folder / item["location"]).read_bytes() == content for item in workspaces):
                continue
            with atomic_write(folder / name) as stream:
                stream.write(content)
            workspaces.append(
                {"location": name, "description": "Likelihood in pyhf's JSON format", "type": "HistFactory"}
            )
    head: Table = {"comment": "Results of binned likelihood fits."}
    if workspaces:
        head["additional_resources"] = workspaces
    with atomic_write(folder / SUBMISSION_NAME, "w") as stream:
        stream.write("---\n".join(yaml_dumps(document) for document in [head, *documents]))


def yaml_dumps(value: object, depth: int = 0) -> str:
    """Nested dictionaries and lists of plain values as YAML, strings quoted as in JSON.

    Parameters
    ----------
    value : object
        Dictionaries, lists, strings, numbers.
    depth : int
        How far it is moved in.

    Returns
    -------
    str
        Block style; every line ends with a new line.

    Examples
    --------
    >>> print(yaml_dumps({"name": "a: b", "values": [{"value": 1.5}, {"value": 2}], "none": []}), end="")
    name: "a: b"
    values:
    - value: 1.5
    - value: 2
    none: []
    """
    space = "  " * depth
    if isinstance(value, Mapping) and value:
        return "".join(f"{space}{_key(key)}:{_behind(item, depth)}" for key, item in value.items())
    if isinstance(value, list | tuple) and value:
        return "".join(f"{space}-{_item(item, depth)}" for item in value)
    return f"{space}{_scalar(value)}\n"


def _behind(value: object, depth: int) -> str:
    """What follows a key."""
    if isinstance(value, Mapping) and value:
        return "\n" + yaml_dumps(value, depth + 1)
    if isinstance(value, list | tuple) and value:
        return "\n" + yaml_dumps(value, depth)
    return f" {_scalar(value)}\n"


def _item(value: object, depth: int) -> str:
    """What follows a dash."""
    if isinstance(value, Mapping | list | tuple) and value:
        return " " + yaml_dumps(value, depth + 1).lstrip(" ")
    return f" {_scalar(value)}\n"


def _key(text: str) -> str:
    return text if text.replace("_", "a").isalnum() else json.dumps(text, ensure_ascii=False)


def _scalar(value: object) -> str:
    # exponents of JSON need a point to be numbers in YAML 1.1
    if isinstance(value, float):
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    return json.dumps(value, ensure_ascii=False)


def _tables(path: Path) -> Iterable[tuple[str, str, Table]]:
    """Title, description and content of every table of an artifact."""
    kind = read_manifest(path).kind
    if kind == "fit":
        labels = json.loads((path / LABELS_NAME).read_text(encoding="utf-8")) if (path / LABELS_NAME).is_file() else {}
        for channel in json.loads((path / YIELDS_NAME).read_text(encoding="utf-8")):
            label = labels.get("channels", {}).get(channel["channel"], {})
            text = f"Events of the region {channel['channel']} and of the fit to all regions."
            yield f"region {channel['channel']}", text, _region(channel, label)
        fit = json.loads((path / FIT_NAME).read_text(encoding="utf-8"))
        yield "parameters", "Fitted parameters.", _parameters(fit["parameters"])
        covariance = json.loads((path / COVARIANCE_NAME).read_text(encoding="utf-8"))
        yield "correlations", "Correlations of the free parameters.", _correlations(covariance)
    elif kind == "limit":
        limit = json.loads((path / LIMIT_NAME).read_text(encoding="utf-8"))
        yield "upper limits", f"Upper limits on {limit['poi']} at {1 - limit['level']:.0%} CL.", _limits(limit)
    elif kind == "scan":
        scan = json.loads((path / SCAN_NAME).read_text(encoding="utf-8"))
        text = f"Profile likelihood ratio along {scan['parameter']}."
        values = {"-2 ln(profile likelihood ratio)": [{"value": q} for q in scan["q"]]}
        yield f"scan of {scan['parameter']}", text, _table({scan["parameter"]: _values(scan["values"])}, values)
    elif kind == "ranking":
        ranking = json.loads((path / RANKING_NAME).read_text(encoding="utf-8"))
        names = [impact["name"] for impact in ranking["impacts"]]
        shifts = {
            f"shift of {ranking['poi']}, {key}": _values(impact[key] for impact in ranking["impacts"])
            for key in ("up", "down")
        }
        yield "ranking", f"Impacts on {ranking['poi']}.", _table({"parameter": _values(names)}, shifts)


def _region(channel: Mapping[str, Any], label: Mapping[str, Any]) -> Table:
    edges, count = label.get("edges"), len(channel["observed"])
    bins = (
        _values(range(count))
        if edges is None
        else [{"low": low, "high": high} for low, high in itertools.pairwise(edges)]
    )
    after = channel["after"]
    columns = {"observed": _values(channel["observed"])}
    columns |= {sample["name"]: _values(sample["events"]) for sample in after["samples"]}
    columns["fit"] = [
        {"value": value, "errors": [{"symerror": error, "label": "total"}]}
        for value, error in zip(after["total"], after["error"], strict=True)
    ]
    return _table({label.get("variable", "bin"): bins}, columns, units="events")


def _parameters(parameters: Mapping[str, Mapping[str, Any]]) -> Table:
    values = [
        {"value": p["value"], **({"errors": [{"symerror": p["error"], "label": "total"}]} if p["error"] else {})}
        for p in parameters.values()
    ]
    return _table({"parameter": _values(parameters)}, {"value": values})


def _correlations(covariance: Mapping[str, Any]) -> Table:
    names, matrix = covariance["parameters"], covariance["covariance"]
    pairs = [(i, j) for i in range(len(names)) for j in range(i, len(names))]
    values = [matrix[i][j] / math.sqrt(matrix[i][i] * matrix[j][j]) for i, j in pairs]
    both = {"first": _values(names[i] for i, _ in pairs), "second": _values(names[j] for _, j in pairs)}
    return _table(both, {"correlation": _values(values)})


def _limits(limit: Mapping[str, Any]) -> Table:
    names = [
        "observed",
        "expected - 2 sigma",
        "expected - 1 sigma",
        "expected",
        "expected + 1 sigma",
        "expected + 2 sigma",
    ]
    values = [limit["upper_limit_observed"], *limit["upper_limit_expected"]]
    if limit["is_blind"]:
        names, values = names[1:], values[1:]
    return _table({"limit": _values(names)}, {f"limit on {limit['poi']}": _values(values)})


def _table(independent: Mapping[str, list[Table]], dependent: Mapping[str, list[Table]], *, units: str = "") -> Table:
    return {
        "independent_variables": [{"header": {"name": name}, "values": values} for name, values in independent.items()],
        "dependent_variables": [
            {"header": {"name": name, **({"units": units} if units else {})}, "values": values}
            for name, values in dependent.items()
        ],
    }


def _values(values: Iterable[object]) -> list[Table]:
    """Cells; a dash where there is no value."""
    return [{"value": "-" if value is None else value} for value in values]
