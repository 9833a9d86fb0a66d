"""Learning section: how loss, accuracy, area and learning rate went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collidium.report._numbers import rounded
from collidium.report._section import Section, paragraph
from collidium.report._style import INK, PALETTE, Figure, MaxNLocator, Plot, labelled_axes, make_plot

Rows = Sequence[Mapping[str, float]]
_PANELS = (
    ("loss", "loss", "Mean loss on the training batches since the last point, and on the validation split."),
    ("accuracy", "accuracy", "Share of jets whose most probable class is the true one."),
    ("auc", "AUC", "Area under the ROC curve."),
    ("gradient_norm", "gradient norm", "Mean global norm of the gradient before clipping."),
    ("lr", "learning rate", "Learning rate at the end of each interval."),
)
_PARTS = (("train", PALETTE[0], "o", "-"), ("val", PALETTE[1], "s", "--"))


def curves_section(rows: Rows) -> Section:
    """Learning curves from the figures that the training kept."""
    plots = [_panel(rows, *panel) for panel in _PANELS if _series(rows, panel[0])]
    last = rows[-1] if rows else {}
    text = f"{len(rows)} points up to step {int(last.get('step', 0)):,}."
    best = min((row for row in rows if "val_loss" in row), key=lambda row: row["val_loss"], default=None)
    if best is not None:
        text += f" Smallest validation loss {rounded(best['val_loss'])} at step {int(best['step']):,}."
    return Section("Learning curves", paragraph(text), tuple(plots))


def _series(rows: Rows, quantity: str) -> dict[str, tuple[list[float], list[float]]]:
    """Steps and values of a quantity by part: its name alone counts as training."""
    found = {}
    for part in ("train", "val"):
        names = (f"{part}_{quantity}", quantity) if part == "train" else (f"{part}_{quantity}",)
        for name in names:
            points = [(float(row["step"]), float(row[name])) for row in rows if row.get(name) is not None]
            if points and part not in found:
                found[part] = ([step for step, _ in points], [value for _, value in points])
    return found


def _panel(rows: Rows, quantity: str, label: str, caption: str) -> Plot:
    series = _series(rows, quantity)

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure)
        for part, paint, marker, style in _PARTS:
            if part in series:
                steps, values = series[part]
                is_pair = quantity in ("loss", "accuracy", "auc")
                axes.plot(
                    steps, values, style, color=paint if is_pair else INK, lw=1.6, label=part if is_pair else None,
                    marker=marker if len(steps) <= 40 else None, ms=4.5,
                )  # fmt: skip
        axes.set(xlabel="step", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if axes.get_legend_handles_labels()[1]:
            axes.legend(loc="best")

    ends = ", ".join(f"{part} from {rounded(y[0])} to {rounded(y[-1])}" for part, (_, y) in series.items())
    return make_plot(
        f"learning-{quantity}", draw, alt=f"{label} against training step: {ends}", caption=caption, size=(5.6, 4.0)
    )
