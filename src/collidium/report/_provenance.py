"""Configuration and provenance: what was run, and how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from collidium.artifact import Manifest, to_plain
from collidium.report._section import Section, code, paragraph, table


def configuration_section(config: object, routing: str) -> Section:
    """The resolved configuration as a table, and which parameter went to which optimizer."""
    settings = to_plain(config)
    groups = settings if isinstance(settings, dict) else {}
    nested = {name: group for name, group in groups.items() if isinstance(group, dict)}
    single = {name: value for name, value in groups.items() if name not in nested}
    tables = [
        table(["setting", "value"], [[*row] for row in _flattened(group)], caption=name)
        for name, group in {"run": single, **nested}.items()
    ]
    text = f"<div class='tables'>{''.join(tables)}</div>\n"
    text += f"<details><summary>Routing of the parameters to the optimizer</summary>{code(routing)}</details>\n"
    return Section("Configuration", text)


def reproduction_section(artifacts: Sequence[tuple[Path, Manifest]], command: Sequence[str] | None) -> Section:
    """Commands (each once: a chain makes several artifacts), hashes, seeds and versions behind the report."""
    lines = [shlex.join(manifest.command) for _, manifest in artifacts if manifest.command]
    lines += [shlex.join(command)] if command else []
    lines = list(dict.fromkeys(lines))
    rows = [
        [str(path), manifest.kind, manifest.content_hash[:16], "–" if manifest.seed is None else str(manifest.seed)]
        for path, manifest in artifacts
    ]
    packages: dict[str, str] = {}
    for _, manifest in artifacts:
        packages |= manifest.packages
    text = (
        code("\n".join(lines)) if lines else paragraph("The artifacts were made from Python; no command was recorded.")
    )
    made = table(["artifact", "kind", "content hash", "seed"], rows)
    versions = table(["package", "version"], [[*item] for item in sorted(packages.items())])
    return Section("To reproduce", f"{text}<div class='tables'>{made}{versions}</div>\n")


def _flattened(value: object, prefix: str = "") -> Iterable[tuple[str, str]]:
    """Settings by dotted name."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _flattened(value[key], f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list):
        yield prefix, ", ".join(str(item) for item in value)
    else:
        yield prefix, "–" if value is None else str(value)
