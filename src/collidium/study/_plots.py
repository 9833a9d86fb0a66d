"""The plots of a study; the one file of this room that needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from collidium.report import PALETTE, Plot, labelled_axes, make_plot
from collidium.study._config import TASKS
from collidium.study._summary import folder_of, mean_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Run = Mapping[str, Any]
Row = Mapping[str, Any]
_REFERENCES = ("adamw", "muon")
_PAINTS = {"adamw": "#1b1f24", "muon": PALETTE[1]}
_OTHERS = (PALETTE[0], PALETTE[2], PALETTE[3])
_GREY = "#c9ccd1"
_COLUMNS = 4
_EARLY_POINT = 3


def draw_plots(runs: Sequence[Run], rows: Sequence[Row], timings: Mapping[str, Any]) -> list[Plot]:
    """Draw a study.

    Parameters
    ----------
    runs : sequence of Mapping
        Results of all runs.
    rows : sequence of Mapping
        The summary with seconds.
    timings : Mapping of str to list
        Step, seconds in the model and in the optimizer, by folder of the run.

    Returns
    -------
    list of Plot
        Loss against steps (one of small panels for each task), loss against time, recall, entropy against loss, state.
    """
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    plots = [_steps(task, runs, rows) for task in tasks]
    plots.append(_time(tasks, runs, rows, timings))
    with_recall = [task for task in tasks if any(_is(row, task) and row["tail_recall"] is not None for row in rows)]
    if with_recall:
        plots.append(_recall(with_recall, rows))
    return [*plots, _entropy(tasks, rows), _state(tasks[0], rows)]


def highlighted(rows: Sequence[Row], task: str) -> dict[str, str]:
    """Members that get a colour in a plot, the rest being grey.

    Parameters
    ----------
    rows : sequence of Mapping
        The summary.
    task : str
        Which task.

    Returns
    -------
    dict of str to str
        AdamW, Muon and the three others with the smallest loss, with their colours.
    """
    known = sorted((row["loss"], row["member"]) for row in rows if _is(row, task) and row["loss"] is not None)
    names = [member for _, member in known]
    best = [name for name in names if name not in _REFERENCES][: len(_OTHERS)]
    return {name: _PAINTS[name] for name in _REFERENCES if name in names} | dict(zip(best, _OTHERS, strict=False))


def _is(row: Row, task: str) -> bool:
    return bool(row["task"] == task)


def _curves(task: str, runs: Sequence[Run], rows: Sequence[Row]) -> dict[str, list[tuple[float, float]]]:
    """Validation curves of the members by ascending final loss; without those that diverged."""
    known = sorted((row["loss"], row["member"]) for row in rows if _is(row, task) and row["loss"] is not None)
    return {
        member: mean_curve([run for run in runs if run["task"] == task and run["member"] == member])
        for _, member in known
    }


def _limits(curves: Mapping[str, Sequence[tuple[float, float]]]) -> tuple[float, float]:
    """Window of losses: from the smallest to where the median member was early on."""
    low = min(loss for curve in curves.values() for _, loss in curve)
    early = sorted(curve[min(_EARLY_POINT, len(curve) - 1)][1] for curve in curves.values())
    high = max(early[len(early) // 2], sorted(curve[-1][1] for curve in curves.values())[3 * len(curves) // 4])
    margin = 0.05 * max(high - low, 1e-9)
    return low - margin, high + 3 * margin


def _steps(task: str, runs: Sequence[Run], rows: Sequence[Row]) -> Plot:
    curves = _curves(task, runs, rows)
    failed = [row["member"] for row in rows if _is(row, task) and row["loss"] is None]
    names = [*curves, *failed]
    num_rows = math.ceil(len(names) / _COLUMNS)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(num_rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
        limits = _limits(curves) if curves else (0.0, 1.0)
        for axes, name in zip(grid.flat, names, strict=False):
            for other in curves.values():
                axes.plot(*zip(*other, strict=True), color=_GREY, lw=0.6, zorder=1)
            for reference in _REFERENCES:
                if reference in curves:
                    style = "--" if reference == "adamw" else ":"
                    axes.plot(*zip(*curves[reference], strict=True), style, color=_PAINTS[reference], lw=1.3, zorder=2)
            if name in curves:
                axes.plot(*zip(*curves[name], strict=True), color=PALETTE[0], lw=2.0, zorder=3)
            axes.set_title(name if name in curves else f"{name}: diverged", fontsize=11.5, loc="left", pad=3)
            axes.tick_params(labelsize=10)
            axes.minorticks_off()
            axes.set_ylim(*limits)
        for axes in grid.flat[len(names) :]:
            axes.set_visible(False)
        figure.supxlabel("step", fontsize=14)
        figure.supylabel("validation loss", fontsize=14)
        figure.suptitle(f"{task}: member (blue), AdamW (dashed), Muon (dotted)", fontsize=13)

    ends = ", ".join(f"{name} {curve[-1][1]:.4g}" for name, curve in curves.items())
    return make_plot(
        f"loss-against-steps-{task}",
        draw,
        alt=f"Validation loss of {task} against steps, one panel for each member, ending at: {ends}",
        caption=f"{TASKS[task]}: mean validation loss over the seeds, members by their final loss.",
        size=(11.0, 1.3 + 1.95 * num_rows),
    )


def _panels(figure: Figure, tasks: Sequence[str]) -> list[tuple[str, Axes]]:
    """One panel for each task, two side by side."""
    grid = figure.subplots(math.ceil(len(tasks) / 2), min(len(tasks), 2), squeeze=False)
    for axes in grid.flat[len(tasks) :]:
        axes.set_visible(False)
    for task, axes in zip(tasks, grid.flat, strict=False):
        labelled_axes(figure, axes, right=task)
    return list(zip(tasks, grid.flat, strict=False))


def _size(tasks: Sequence[str]) -> tuple[float, float]:
    """Inches of a figure of panels."""
    return 5.8 * min(len(tasks), 2), 4.6 * math.ceil(len(tasks) / 2)


def _time(tasks: Sequence[str], runs: Sequence[Run], rows: Sequence[Row], timings: Mapping[str, Any]) -> Plot:
    def seconds(task: str, member: str) -> list[float]:
        chosen = [run for run in runs if run["task"] == task and run["member"] == member]
        kept = [run for run in chosen if run["purpose"] == "final" and run["final_loss"] is not None]
        spent = [[model + optimizer for _, model, optimizer in timings[folder_of(run)]] for run in kept]
        return [sum(values) / len(values) for values in zip(*spent, strict=True)]

    def draw(figure: Figure) -> None:
        for task, axes in _panels(figure, tasks):
            curves, paints = _curves(task, runs, rows), highlighted(rows, task)
            for name, curve in curves.items():
                losses = [loss for _, loss in curve]
                paint, width = paints.get(name, _GREY), 1.9 if name in paints else 0.7
                axes.plot(
                    seconds(task, name), losses, color=paint, lw=width, label=name if name in paints else None,
                    ls="--" if name == "adamw" else "-", zorder=3 if name in paints else 1,
                )  # fmt: skip
            if curves:
                axes.set_ylim(*_limits(curves))
                references = [seconds(task, name)[-1] for name in _REFERENCES if name in curves]
                axes.set_xlim(0.0, 2.0 * max(references) if references else None)
                axes.legend(loc="upper right", fontsize=11)
            axes.set(xlabel="seconds in model and optimizer", ylabel="validation loss")

    return make_plot(
        "loss-against-time",
        draw,
        alt="Validation loss against seconds spent in model and optimizer, a panel for each task",
        caption="AdamW, Muon and the three others with the smallest loss; all other members in grey. The window ends "
        "at twice the time of the slower reference.",
        size=_size(tasks),
    )


def _recall(tasks: Sequence[str], rows: Sequence[Row]) -> Plot:
    members = {row["member"] for row in rows}

    def draw(figure: Figure) -> None:
        for task, axes in _panels(figure, tasks):
            chosen = [row for row in rows if _is(row, task) and row["tail_recall"] is not None]
            chosen.sort(key=lambda row: (row["tail_recall"], row["head_recall"]))
            for place, row in enumerate(chosen):
                paint = _PAINTS.get(row["member"], PALETTE[0])
                axes.plot([row["tail_recall"], row["head_recall"]], [place, place], color=_GREY, lw=1.0, zorder=1)
                known = [value for value in row["tail_recalls"] if value is not None]
                axes.plot([min(known), max(known)], [place, place], color=paint, lw=2.6, zorder=2)
                axes.plot(row["tail_recall"], place, "o", color=paint, ms=6.5, zorder=3)
                axes.plot(row["head_recall"], place, "o", mfc="white", mec=paint, ms=5.5, zorder=3)
            axes.set_yticks(range(len(chosen)), [row["member"] for row in chosen], fontsize=11)
            axes.minorticks_off()
            axes.set(xlabel="recall after training: tail (filled), head (open)", xlim=(-0.03, 1.03))
            axes.set_ylim(-0.8, len(chosen) - 0.2)

    return make_plot(
        "tail-recall",
        draw,
        alt="Recall of rare and of frequent facts by member, a panel for each memory",
        caption="Recall of the rarer half of the facts (filled; the bar spans the seeds) and of the most frequent "
        "tenth (open).",
        size=(6.4 * len(tasks), 1.7 + 0.27 * len(members)),
    )


def _entropy(tasks: Sequence[str], rows: Sequence[Row]) -> Plot:
    def draw(figure: Figure) -> None:
        for task, axes in _panels(figure, tasks):
            paints = highlighted(rows, task)
            known = [row for row in rows if _is(row, task) and None not in (row["loss"], row["entropy"])]
            for row in known:
                name = row["member"]
                axes.plot(
                    row["entropy"], row["loss"], "o", color=paints.get(name, _GREY), ms=8 if name in paints else 5,
                    label=name if name in paints else None, zorder=3 if name in paints else 1, ls="none",
                )  # fmt: skip
            if known:
                start = known[0]["initial_entropy"]
                if start is not None:
                    axes.axvline(start, color=_GREY, lw=1.2, ls=":", zorder=0)
                axes.legend(loc="best", fontsize=11)
            axes.set(xlabel="entropy of singular values", ylabel="final validation loss")

    return make_plot(
        "entropy-against-loss",
        draw,
        alt="Final validation loss against the entropy of the singular values of the weights, a panel for each task",
        caption="Mean normalised entropy of the squared singular values of the hidden matrices; 1 is a flat spectrum. "
        "Dotted: before training.",
        size=_size(tasks),
    )


def _state(task: str, rows: Sequence[Row]) -> Plot:
    chosen = sorted(
        (row for row in rows if _is(row, task) and row["state_bytes"] is not None),
        key=lambda row: (-row["state_bytes"], row["member"]),
    )

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=task)
        paints = [_PAINTS.get(row["member"], PALETTE[0]) for row in chosen]
        places = list(range(len(chosen)))
        axes.barh(places, [row["state_bytes"] for row in chosen], color=paints, height=0.65)
        for place, row in zip(places, chosen, strict=True):
            axes.text(row["state_bytes"] + 0.15, place, f"{row['state_bytes']:.2f}", va="center", fontsize=10)
        axes.set_yticks(places, [row["member"] for row in chosen], fontsize=11)
        axes.minorticks_off()
        axes.set(xlabel="bytes of state per number in a hidden matrix")
        axes.set_xlim(0.0, 1.12 * max([row["state_bytes"] for row in chosen], default=1.0) + 0.3)

    return make_plot(
        "state-memory",
        draw,
        alt="Bytes of optimizer state per number in the hidden matrices by member",
        caption=f"Measured on the model of {task}; float32 weights are 4 bytes.",
        size=(7.0, 1.7 + 0.27 * len(chosen)),
    )
