"""Plots of a firmware folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collidium.report._style import INK, MUTED, PALETTE, Figure, MaxNLocator, Plot, labelled_axes, make_plot

Layers = Sequence[Mapping[str, Any]]
_STATUS = "firmware"
_MOST_BARS = 24


def architecture_plot(layers: Layers) -> Plot:
    """Wires of each node, one above the other, with the mean of their bits as colour."""
    shown = [layer for layer in layers if _elements(layer)]
    means = [_mean_bits(layer) for layer in shown]

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"{len(shown)} nodes", status=_STATUS)
        places = range(len(shown))
        axes.barh(places, [_bits(layer) for layer in shown], color=PALETTE[0], height=0.7)
        top = max((_bits(layer) for layer in shown), default=1)
        for place, layer, mean in zip(places, shown, means, strict=True):
            text = f"{_elements(layer)} × {mean:.1f} bits"
            axes.text(_bits(layer) + 0.012 * top, place, text, va="center", fontsize=10.5, color=INK)
        axes.set_yticks(list(places), [_short(layer) for layer in shown], fontsize=10.5)
        axes.set(xlabel="bits of the node's output", xlim=(0, 1.28 * top), ylim=(len(shown) - 0.4, -0.6))
        axes.tick_params(axis="y", which="both", length=0)

    ends = ", ".join(f"{_short(layer)}: {_elements(layer)} elements" for layer in shown[:12])
    return make_plot(
        "architecture",
        draw,
        alt=f"Nodes of the network from input to output with their bits; {ends}",
        caption="Nodes of the integer model from input (top) to output: number of elements and their mean width.",
        size=(7.4, max(3.2, 0.30 * len(shown) + 1.4)),
    )


def widths_plot(name: str, counts: Mapping[str, Mapping[int, int]], what: str) -> Plot:
    """Histogram of the widths of quantized numbers by their group; ``what`` is on the axis."""
    last = max((width for found in counts.values() for width in found), default=1)
    places = list(range(last + 1))

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, status=_STATUS)
        floor = [0] * len(places)
        for paint, (group, found) in zip(PALETTE, counts.items(), strict=False):
            heights = [found.get(place, 0) for place in places]
            axes.bar(places, heights, bottom=floor, width=0.86, color=paint, label=group)
            floor = [low + height for low, height in zip(floor, heights, strict=True)]
        axes.set(xlabel="width [bits]", ylabel=what, xlim=(-0.7, last + 0.7), ylim=(0, 1.22 * max([*floor, 1])))
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.tick_params(which="minor", length=0)
        axes.legend(loc="upper right", ncols=len(counts))

    told = "; ".join(f"{group}: {sum(found.values())}" for group, found in counts.items())
    return make_plot(name, draw, alt=f"Histogram of bit-widths; {told}", caption="Zero bits: pruned.", size=(6.4, 4.2))


def resources_plot(layers: Layers) -> Plot:
    """Predicted cells of each node that takes any."""
    taking = [layer for layer in layers if layer["lut"] or layer["ff"]]
    shown = sorted(taking, key=lambda layer: -layer["lut"])[:_MOST_BARS]
    shown = [layer for layer in taking if layer in shown]

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right="predicted", status=_STATUS)
        places = range(len(shown))
        for shift, (name, paint) in ((-0.2, ("lut", PALETTE[0])), (0.2, ("ff", PALETTE[2]))):
            heights = [layer[name] for layer in shown]
            axes.barh([place + shift for place in places], heights, color=paint, height=0.38, label=name.upper())
        axes.set_yticks(list(places), [_short(layer) for layer in shown], fontsize=10.5)
        axes.set(xlabel="cells", ylim=(len(shown) - 0.4, -0.6))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.tick_params(axis="y", which="both", length=0)
        axes.legend(loc="best")

    told = ", ".join(f"{_short(layer)} {layer['lut']} LUT {layer['ff']} FF" for layer in shown[:12])
    return make_plot(
        "resources",
        draw,
        alt=f"Predicted cells of each node: {told}",
        caption="A product or register that several nodes share is counted for the first.",
        size=(7.0, max(3.2, 0.32 * len(shown) + 1.5)),
    )


def front_plot(
    points: Sequence[tuple[float, float]], chosen: tuple[float, float] | None, objective: str, label: str
) -> Plot:
    """Merit against cost, with the one that was chosen under its label."""

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, status=_STATUS)
        axes.step(
            [x for x, _ in points], [y for _, y in points], "o-", where="post", color=PALETTE[0], ms=4.5, label="front"
        )
        if chosen is not None:
            axes.plot(*chosen, "*", color=PALETTE[1], ms=16, label=label, markeredgecolor="white", ls="")
        axes.set(xlabel="effective bit operations", ylabel=merit_name(objective))
        if points and max(x for x, _ in points) > 10 * max(min(x for x, _ in points), 1e-9):
            axes.set_xscale("log")
        axes.legend(loc="best")
        axes.grid(visible=True, which="major", color=MUTED, alpha=0.25, lw=0.6)

    told = ", ".join(f"{y:.4g} at {x:.4g}" for x, y in points[:8])
    return make_plot(
        "front", draw, alt=f"Front of merit against cost: {told}", caption="Validation split.", size=(6.4, 4.4)
    )


def merit_name(objective: str) -> str:
    """What the figure of merit of an objective is called."""
    return {"cross_entropy": "accuracy", "mse": "mean squared error"}.get(objective, objective)


def _elements(layer: Mapping[str, Any]) -> int:
    return sum(layer["widths"].values())


def _bits(layer: Mapping[str, Any]) -> int:
    return sum(int(width) * count for width, count in layer["widths"].items())


def _mean_bits(layer: Mapping[str, Any]) -> float:
    return _bits(layer) / max(_elements(layer), 1)


def _short(layer: Mapping[str, Any]) -> str:
    name = str(layer["node"])
    return name if len(name) <= 26 else f"…{name[-25:]}"
