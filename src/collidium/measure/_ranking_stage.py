"""Rankings of nuisance parameters as artifacts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from collidium.artifact import Progress, building
from collidium.measure._fit import fit
from collidium.measure._opening import WorkspaceConfig, failing_in_one_line, keep_model, open_model, write_json
from collidium.measure._ranking import ranking

RANKING_NAME = "ranking.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankConfig:
    """What to rank.

    Attributes
    ----------
    parameters : tuple of str
        Nuisance parameters; all free ones by default.
    """

    parameters: tuple[str, ...] = ()


def rank_workspace(
    path: Path,
    out: Path,
    *,
    patch: Path | None = None,
    config: WorkspaceConfig | None = None,
    rank: RankConfig | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Path:
    """Rank the nuisance parameters of a workspace by their impact on the signal strength.

    Parameters
    ----------
    path : Path
        Workspace, datacard, or an artifact that holds one.
    out : Path
        Folder to make, with ``ranking.json`` and the model.
    patch : Path, optional
        JSON Patch or patch set.
    config : WorkspaceConfig, optional
        Patch and measurement by name, blind windows.
    rank : RankConfig, optional
        Which parameters.
    progress : Progress, optional
        Told of every parameter.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    Path
        ``ranking.json``: the parameter of interest with its error, and the impacts, largest first.

    Raises
    ------
    InputError
        If the workspace is wrong, a parameter is unknown or held, or a fit fails.
    """
    config, rank = config or WorkspaceConfig(), rank or RankConfig()
    inputs = [path] if patch is None else [path, patch]
    settings = {"workspace": config, "rank": rank}
    with building(out, kind="ranking", config=settings, inputs=inputs, command=command) as folder:
        model = open_model(path, patch, config)
        poi = model.required_poi(config.measurement)
        with failing_in_one_line(model.source):
            best = fit(model.likelihood)
            names = rank.parameters or None
            impacts = ranking(model.likelihood, poi, names=names, best=best, progress=progress)
            report = {
                "poi": poi,
                "value": best[poi],
                "error": float(best.errors[model.likelihood.parameters.index(poi)]),
                "impacts": [{**dataclasses.asdict(impact), "size": impact.size} for impact in impacts],
                "is_blind": bool(model.is_blind.any()),
            }
        write_json(folder / RANKING_NAME, report)
        keep_model(folder, model)
    return out / RANKING_NAME
