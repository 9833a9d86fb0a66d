"""One look for every plot: the style of the LHC experiments, at the size of a web page.

The one file that imports matplotlib, so that its absence is told in one place.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from collidium.artifact import missing_extra

try:
    import matplotlib as mpl
    import mplhep
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.rcsetup import cycler
    from matplotlib.ticker import LogLocator, MaxNLocator, MultipleLocator, NullFormatter, StrMethodFormatter
except ImportError as error:
    raise missing_extra("matplotlib or mplhep", "report") from error

__all__ = [
    "DPI",
    "INK",
    "MUTED",
    "PALETTE",
    "STYLE",
    "Axes",
    "Figure",
    "Line2D",
    "LogLocator",
    "MaxNLocator",
    "MultipleLocator",
    "NullFormatter",
    "Plot",
    "StrMethodFormatter",
    "colour",
    "labelled_axes",
    "line_style",
    "make_plot",
    "plain",
]

PALETTE = (
    "#3f90da", "#bd1f01", "#ffa90e", "#832db6", "#94a4a2", "#e76300", "#a96b59", "#717581", "#b9ac70", "#5fb3b8",
)  # fmt: skip
INK = "#1b1f24"
MUTED = "#717581"
DPI = 160

STYLE: dict[Any, Any] = {
    **mplhep.style.ROOT,
    "font.size": 14,
    "axes.labelsize": 15,
    "axes.linewidth": 1.2,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=PALETTE),
    "text.color": INK,
    "text.parse_math": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 13,
    "ytick.labelsize": 13,
    "xtick.major.size": 7,
    "ytick.major.size": 7,
    "xtick.minor.size": 3.5,
    "ytick.minor.size": 3.5,
    "legend.fontsize": 12.5,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True, eq=False)
class Plot:
    """One finished plot.

    Attributes
    ----------
    name : str
        File name without ending; unique in a report.
    alt : str
        What the plot shows, for who cannot see it.
    caption : str
        Line below the plot; plain text.
    png, pdf : bytes
        The plot; the same bytes for the same content.
    """

    name: str
    alt: str
    caption: str
    png: bytes
    pdf: bytes


def make_plot(
    name: str,
    draw: Callable[[Figure], None],
    *,
    alt: str,
    caption: str = "",
    size: tuple[float, float] = (6.4, 5.0),
    margins: tuple[float, float, float, float] | None = None,
) -> Plot:
    """Draw a plot in the house style, without any state shared with other plots.

    Parameters
    ----------
    name : str
        File name without ending.
    draw : callable
        Draws into an empty figure.
    alt : str
        What the plot shows.
    caption : str
        Line below the plot.
    size : tuple of float, inch
        Width and height.
    margins : tuple of float, optional
        Left, bottom, right and top edge of the axes as fractions of the figure, for a small plot whose labels are known
        to fit: faster, and without minor ticks. By default the labels decide.

    Returns
    -------
    Plot
        PNG and PDF without dates.

    Examples
    --------
    >>> plot = make_plot("line", lambda figure: labelled_axes(figure).plot([0, 1]), alt="A rising line")
    >>> plot.png[1:4], plot.pdf[:4]
    (b'PNG', b'%PDF')
    """
    has_minor_ticks: dict[Any, bool] = {f"{axis}tick.minor.visible": margins is None for axis in "xy"}
    with mpl.rc_context({**STYLE, **has_minor_ticks}):
        figure = Figure(figsize=size, layout="constrained" if margins is None else None)
        FigureCanvasAgg(figure)
        draw(figure)
        if margins is None:
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        else:
            figure.subplots_adjust(*margins, hspace=0.1)
        png, pdf = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
        figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    return Plot(name, alt, caption, png.getvalue(), pdf.getvalue())


def labelled_axes(figure: Figure, axes: Axes | None = None, *, right: str = "", status: str = "simulation") -> Axes:
    """Axes with the label of origin above, e.g. "Collidium simulation", and a text on the right.

    Parameters
    ----------
    figure : Figure
        Where to make the axes.
    axes : Axes, optional
        Existing axes to label instead.
    right : str
        Text above the right end.
    status : str
        What stands behind the name.

    Returns
    -------
    Axes
        The labelled axes.
    """
    axes = figure.add_subplot() if axes is None else axes
    name = axes.text(0.0, 1.015, "Collidium", transform=axes.transAxes, fontsize=15, fontweight="bold", va="baseline")
    axes.annotate(f" {plain(status)}", (1, 0), xycoords=name, fontsize=13, fontstyle="italic", va="bottom")
    axes.text(1.0, 1.015, plain(right), transform=axes.transAxes, fontsize=12, ha="right", va="baseline")
    return axes


def colour(index: int) -> str:
    """Colour of a class, repeating after ten."""
    return PALETTE[index % len(PALETTE)]


def line_style(index: int) -> str:
    """Line style of a class, so that colour is not the only difference."""
    return ("-", "--", "-.", ":")[index % 4]


def plain(text: str) -> str:
    """Text without mathematics."""
    return text.replace("$", r"\$")
