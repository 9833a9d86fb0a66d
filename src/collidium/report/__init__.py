"""Reports: one self-contained page from a run and its predictions, as a list of sections."""

from collidium.report._agreement import Agreement, Shape, agreement, common_edges, shape
from collidium.report._build import PAGE_NAME, build_report, read_metrics
from collidium.report._numbers import rounded, with_interval
from collidium.report._page import cards, render_page
from collidium.report._section import Section, code, paragraph, table
from collidium.report._style import PALETTE, STYLE, Plot, labelled_axes, make_plot

__all__ = [
    "PAGE_NAME",
    "PALETTE",
    "STYLE",
    "Agreement",
    "Plot",
    "Section",
    "Shape",
    "agreement",
    "build_report",
    "cards",
    "code",
    "common_edges",
    "labelled_axes",
    "make_plot",
    "paragraph",
    "read_metrics",
    "render_page",
    "rounded",
    "shape",
    "table",
    "with_interval",
]
