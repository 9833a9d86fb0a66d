"""Reports: self-contained pages from runs, predictions and measurements, as lists of sections."""

from collidium.report._agreement import Agreement, Shape, agreement, common_edges, shape
from collidium.report._build import HEPDATA_NAME, PAGE_NAME, build_measurement_report, build_report, read_metrics
from collidium.report._firmware import build_firmware_report, firmware_sections, read_firmware_report, verification_rows
from collidium.report._hepdata import write_hepdata, yaml_dumps
from collidium.report._measurement import MEASUREMENT_KINDS, measurement_sections
from collidium.report._numbers import rounded, with_interval
from collidium.report._page import cards, render_page
from collidium.report._search import build_search_report, search_sections
from collidium.report._section import Section, code, paragraph, table
from collidium.report._style import PALETTE, STYLE, Plot, labelled_axes, make_plot

__all__ = [
    "HEPDATA_NAME",
    "MEASUREMENT_KINDS",
    "PAGE_NAME",
    "PALETTE",
    "STYLE",
    "Agreement",
    "Plot",
    "Section",
    "Shape",
    "agreement",
    "build_firmware_report",
    "build_measurement_report",
    "build_report",
    "build_search_report",
    "cards",
    "code",
    "common_edges",
    "firmware_sections",
    "labelled_axes",
    "make_plot",
    "measurement_sections",
    "paragraph",
    "read_firmware_report",
    "read_metrics",
    "render_page",
    "rounded",
    "search_sections",
    "shape",
    "table",
    "verification_rows",
    "with_interval",
    "write_hepdata",
    "yaml_dumps",
]
