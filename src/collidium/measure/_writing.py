"""Workspaces as JSON that pyhf reads."""

from __future__ import annotations

import math
from pathlib import Path

from collidium.artifact import InputError, atomic_write, json_dumps
from collidium.measure._workspace import Channel, Modifier, ParameterSettings, Sample, Workspace


def workspace_document(workspace: Workspace) -> dict[str, object]:
    """The JSON document of a workspace, from what it says and not from where it was read.

    Parameters
    ----------
    workspace : Workspace
        Read from JSON, made of templates, or read from a datacard.

    Returns
    -------
    dict
        Schema 1.0.0 of pyhf.

    Raises
    ------
    InputError
        If a modifier has no word in the schema: functions of one's own, and what is Combine's alone.

    Notes
    -----
    A datacard's lnN becomes a normsys: pyhf interpolates its factors by code 4 and not as Combine does. A gmN of one
    process in one channel of one bin becomes a shapesys with the same Poisson constraint.

    Examples
    --------
    >>> from collidium.measure import parse_datacard
    >>> lines = "imax 1|bin a|observation 3|bin a a|process s b|process 0 1|rate 2 1.5|lumi lnN 1.1 -"
    >>> document = workspace_document(parse_datacard(lines.replace("|", chr(10))))
    >>> Workspace.parse(document).channels[0].samples[0].modifiers[1].high
    (1.1,)
    """
    return {
        "channels": [
            {"name": channel.name, "samples": [_sample(workspace, channel, sample) for sample in channel.samples]}
            for channel in workspace.channels
        ],
        "observations": [{"name": channel.name, "data": list(channel.observed)} for channel in workspace.channels],
        "measurements": [
            {
                "name": measurement.name,
                "config": {
                    "poi": measurement.poi,
                    "parameters": [{"name": name, **_settings(item)} for name, item in measurement.settings.items()],
                },
            }
            for measurement in workspace.measurements
        ],
        "version": "1.0.0",
    }


def write_workspace(workspace: Workspace, path: Path) -> Path:
    """Write a workspace as JSON that pyhf opens.

    Parameters
    ----------
    workspace : Workspace
        What to write.
    path : Path
        The file; one that is there is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If a modifier has no word in the schema.

    Examples
    --------
    >>> import tempfile
    >>> from collidium.measure import parse_datacard
    >>> lines = "imax 1|bin a|observation 3|bin a a|process s b|process 0 1|rate 2 1.5|lumi lnN 1.1 -"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_workspace(parse_datacard(lines.replace("|", chr(10))), Path(folder) / "w.json")
    ...     Workspace.read(path).measurements[0].poi
    'r'
    """
    document = workspace_document(workspace)
    with atomic_write(path, "w") as stream:
        stream.write(json_dumps(document))
    return path


def _sample(workspace: Workspace, channel: Channel, sample: Sample) -> dict[str, object]:
    modifiers = [_modifier(workspace, channel, sample, modifier) for modifier in sample.modifiers]
    return {"name": sample.name, "data": list(sample.data), "modifiers": modifiers}


def _modifier(workspace: Workspace, channel: Channel, sample: Sample, modifier: Modifier) -> dict[str, object]:
    kind, data = modifier.type, _data(modifier)
    if modifier.scale != 1.0:
        raise modifier.place.error(f"named {modifier.name!r} has variations of {1.0 / modifier.scale:g} deviations")
    if kind == "custom":
        raise modifier.place.error(f"named {modifier.name!r} is a function, for which pyhf's schema has no word")
    if kind == "gamma":
        kind, data = "shapesys", [_sideband_error(workspace, channel, sample, modifier)]
    return {"name": modifier.name, "type": kind, "data": data}


def _data(modifier: Modifier) -> object:
    if modifier.type == "normsys":
        return {"lo": modifier.low[0], "hi": modifier.high[0]}
    if modifier.type == "histosys":
        return {"lo_data": list(modifier.low), "hi_data": list(modifier.high)}
    return list(modifier.data) or None


def _sideband_error(workspace: Workspace, channel: Channel, sample: Sample, modifier: Modifier) -> float:
    """Absolute uncertainty that stands for the count of a sideband."""
    num_uses = sum(m.name == modifier.name for c in workspace.channels for s in c.samples for m in s.modifiers)
    if num_uses > 1 or channel.num_bins > 1 or modifier.data[0] < 1.0:
        raise modifier.place.error(
            f"named {modifier.name!r} is a sideband of {modifier.data[0]:g} events for {num_uses} processes, for which"
            " pyhf's schema has no word"
        )
    return sample.data[0] / math.sqrt(modifier.data[0])


def _settings(settings: ParameterSettings) -> dict[str, object]:
    found: dict[str, object] = {}
    for key in ("inits", "auxdata", "factors", "sigmas"):
        values = getattr(settings, key)
        if values is not None:
            found[key] = list(values)
    if settings.bounds is not None:
        if not all(math.isfinite(end) for pair in settings.bounds for end in pair):
            raise InputError(f"{settings.place.source}: {settings.place.pointer} has bounds that are not finite")
        found["bounds"] = [list(pair) for pair in settings.bounds]
    if settings.fixed is not None:
        found["fixed"] = settings.fixed
    return found
