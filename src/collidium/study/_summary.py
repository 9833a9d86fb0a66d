"""One row for each task and member, from its runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from collidium.study._config import StudyConfig
from collidium.study._sweep import BASELINE, best_index, is_on_edge

Run = Mapping[str, Any]
Row = dict[str, Any]
_RECALLS = ("head_recall", "tail_recall")


def summarise(runs: Sequence[Run], config: StudyConfig) -> list[Row]:
    """Put the runs of each task and member together.

    Parameters
    ----------
    runs : sequence of Mapping
        Results of all runs.
    config : StudyConfig
        The study.

    Returns
    -------
    list of dict
        In order of tasks and members. ``losses``, ``entropies`` and recalls go by seed, None where a run diverged; a
        mean is over the runs that did not. ``rate`` is None where the whole sweep diverged.
    """
    rows = []
    for task in config.tasks:
        groups = {member: _of(runs, task, member) for member in config.members}
        target = _mean([run["final_loss"] for run in _finals(groups.get(BASELINE, []))])
        rows += [_row(task, member, group, target) for member, group in groups.items()]
    return rows


def with_seconds(summary: Sequence[Row], runs: Sequence[Run], timings: Mapping[str, Any]) -> list[Row]:
    """Add what the runs cost in time.

    Parameters
    ----------
    summary : sequence of dict
        Rows of :func:`summarise`.
    runs : sequence of Mapping
        Results of all runs.
    timings : Mapping of str to list
        For each run's folder: step, seconds in the model, seconds in the optimizer.

    Returns
    -------
    list of dict
        The rows with ``model_milliseconds`` and ``optimizer_milliseconds`` of a step (median over the runs at the best
        rate) and ``seconds_fraction``, the time to AdamW's final loss in AdamW's time.
    """
    rows = []
    baselines: dict[str, float | None] = {}
    for row in sorted(summary, key=lambda row: row["member"] != BASELINE):
        cost = [_per_step(timings[folder_of(run)]) for run in _finals(_of(runs, row["task"], row["member"]))]
        model = statistics.median([first for first, _ in cost]) if cost else None
        optimizer = statistics.median([second for _, second in cost]) if cost else None
        total = None if model is None or optimizer is None else model + optimizer
        if row["member"] == BASELINE:
            baselines[row["task"]] = total
        base, fraction = baselines.get(row["task"]), row["steps_fraction"]
        has_all = total is not None and base and fraction is not None
        rows.append(
            {
                **row,
                "model_milliseconds": None if model is None else 1e3 * model,
                "optimizer_milliseconds": None if optimizer is None else 1e3 * optimizer,
                "seconds_fraction": fraction * total / base if has_all and base and total is not None else None,
            }
        )
    place = {(row["task"], row["member"]): index for index, row in enumerate(summary)}
    return sorted(rows, key=lambda row: place[row["task"], row["member"]])


def mean_curve(runs: Sequence[Run], name: str = "val") -> list[tuple[float, float]]:
    """Mean loss against steps of the runs at the best rate that did not diverge.

    Parameters
    ----------
    runs : sequence of Mapping
        Runs of one task and member.
    name : {"val", "train"}
        Which loss.

    Returns
    -------
    list of tuple of float
        Step and loss; empty where every run diverged.
    """
    curves = [run[name] for run in _finals(runs) if run["final_loss"] is not None]
    return [
        (float(points[0][0]), sum(float(point[1]) for point in points) / len(points))
        for points in zip(*curves, strict=True)
    ]


def steps_to_reach(curve: Sequence[tuple[float, float]], target: float) -> float | None:
    """Where a curve first comes down to a loss.

    Parameters
    ----------
    curve : sequence of tuple of float
        Step and loss.
    target : float
        The loss.

    Returns
    -------
    float or None
        Step, linear between the points; None if it never does.

    Examples
    --------
    >>> steps_to_reach([(0, 4.0), (10, 2.0), (20, 1.0)], 3.0)
    5.0
    """
    before: tuple[float, float] | None = None
    for step, loss in curve:
        if loss <= target:
            if before is None or before[1] == loss:
                return float(step)
            return before[0] + (step - before[0]) * (before[1] - target) / (before[1] - loss)
        before = (step, loss)
    return None


def folder_of(run: Run) -> str:
    """Folder of a run inside the study."""
    number = run["index"] if run["purpose"] == "sweep" else run["seed"]
    return f"runs/{run['task']}/{run['member']}/{run['purpose']}_{number}"


def _of(runs: Sequence[Run], task: str, member: str) -> list[Run]:
    return [run for run in runs if run["task"] == task and run["member"] == member]


def _finals(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run["purpose"] == "final"]


def _row(task: str, member: str, runs: Sequence[Run], target: float | None) -> Row:
    finals, sweep = _finals(runs), [run for run in runs if run["purpose"] == "sweep"]
    losses = {run["index"]: math.inf if run["final_loss"] is None else float(run["final_loss"]) for run in sweep}
    by_seed = [run["final_loss"] for run in finals]
    curve = mean_curve(runs)
    reached = steps_to_reach(curve, target) if curve and target is not None else None
    entropies = [run["entropy"] if run["final_loss"] is not None else None for run in finals]
    recalls = {name: [run["figures"].get(name) for run in finals] for name in _RECALLS}
    return {
        "task": task,
        "member": member,
        "rate": finals[0]["rate"] if finals else None,
        "is_edge": best_index(losses) is not None and is_on_edge(losses),
        "sweep": sorted([run["rate"], run["final_loss"]] for run in sweep),
        "num_sweep_diverged": sum(run["final_loss"] is None for run in sweep),
        "num_seeds": len(finals),
        "num_diverged": sum(loss is None for loss in by_seed),
        "losses": by_seed,
        "loss": _mean(by_seed),
        "loss_spread": _spread(by_seed),
        "steps_fraction": None if reached is None else reached / finals[0]["steps"],
        "entropies": entropies,
        "entropy": _mean(entropies),
        "initial_entropy": _mean([run["initial_entropy"] for run in finals]),
        **{f"{name}s": values for name, values in recalls.items()},
        **{name: _mean(values) for name, values in recalls.items()},
        "state_bytes": _mean([run["state_bytes"] for run in finals]),
        "state_bytes_model": _mean([run["state_bytes_model"] for run in finals]),
    }


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = _known(values)
    return sum(known) / len(known) if known else None


def _spread(values: Sequence[float | None]) -> float | None:
    """Standard deviation over the seeds."""
    known = _known(values)
    return statistics.stdev(known) if len(known) > 1 else None


def _per_step(timing: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Seconds of a step in the model and in the optimizer."""
    step, model, optimizer = timing[-1]
    return model / max(step, 1), optimizer / max(step, 1)
