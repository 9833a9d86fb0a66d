"""A report is a list of sections."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from collidium.report._style import Plot

Layout: TypeAlias = Literal["columns", "small", "beside"]


@dataclass(frozen=True, eq=False)
class Section:
    """One part of a report; later stages append theirs.

    Attributes
    ----------
    title : str
        Heading; also the anchor. Unique in a report.
    html : str
        Text and tables, as HTML.
    figures : tuple of Plot
        Shown below the text, side by side where there is room.
    layout : {"columns", "small", "beside"}
        Where there is room, show two figures side by side, three, or the figures at the right of the text.

    Examples
    --------
    >>> Section("Score distributions", "<p>Text.</p>").anchor
    'score-distributions'
    """

    title: str
    html: str
    figures: tuple[Plot, ...] = ()
    layout: Layout = "columns"

    @property
    def anchor(self) -> str:
        """Identifier of the section in the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def paragraph(text: str) -> str:
    """Escaped text as a paragraph."""
    return f"<p>{html.escape(text)}</p>\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "") -> str:
    """Escaped cells as a table that scrolls sideways on narrow screens.

    Parameters
    ----------
    header : sequence of str
        Column headings.
    rows : iterable of sequence of str
        Cells; the first of a row is its heading.
    caption : str
        Line above the table.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> "&lt;b&gt;" in table(["name"], [["<b>"]])
    True
    """
    lines = [
        f"<tr><th scope='row'>{_cell(row[0])}</th>{''.join(f'<td>{_cell(c)}</td>' for c in row[1:])}</tr>"
        for row in rows
    ]
    head = "".join(f"<th scope='col'>{_cell(name)}</th>" for name in header)
    title = f"<caption>{_cell(caption)}</caption>" if caption else ""
    body = "\n".join(lines)
    return (
        f"<div class='scroll'><table>{title}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n"
    )


def code(text: str) -> str:
    """Escaped text as a block of code."""
    return f"<pre>{html.escape(text)}</pre>\n"


def _cell(text: str) -> str:
    return html.escape(text)
