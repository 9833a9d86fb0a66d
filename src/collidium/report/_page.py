"""The page: one HTML document that needs nothing else."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

from collidium.report._section import Section
from collidium.report._style import DPI, Plot

_CSS = """
:root { --ink: #1b1f24; --soft: #52514e; --line: #d9dce1; --wash: #f5f7fa; --accent: #1f5fa8; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.55 "Helvetica Neue", Helvetica, Arial, sans-serif; }
main, header > div { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header { border-bottom: 3px solid var(--ink); padding: 28px 0 16px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; }
h1 span { font-weight: 400; font-style: italic; }
header p { margin: 6px 0 0; color: var(--soft); }
nav { margin-top: 14px; display: flex; flex-wrap: wrap; gap: 4px 18px; }
a { color: var(--accent); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
section { padding: 26px 0 10px; border-bottom: 1px solid var(--line); }
section:last-child { border-bottom: 0; }
h2 { font-size: 1.35rem; margin: 0 0 8px; }
.text p { max-width: 78ch; margin: 0 0 14px; }
.tables { display: flex; flex-wrap: wrap; gap: 0 48px; align-items: flex-start; }
.cards { display: grid; gap: 12px; margin: 6px 0 16px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 210px), 1fr)); }
.card { background: var(--wash); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.card b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card i { display: block; font-style: normal; font-size: 1rem; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: .92rem; }
.figures { display: grid; gap: 18px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); }
.small .figures { grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); }
.beside .figures { display: block; }
@media (min-width: 1000px) {
  section.beside { display: grid; grid-template-columns: minmax(380px, 1fr) minmax(0, auto); column-gap: 40px; }
  section.beside h2 { grid-column: 1 / -1; }
}
figure { margin: 0 0 8px; }
figure img { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: .9rem; line-height: 1.4; margin-top: 4px; }
.scroll { overflow-x: auto; margin: 0 0 16px; }
table { border-collapse: collapse; font-size: .93rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: 4px; }
th, td { padding: 5px 16px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--ink); white-space: nowrap; }
tbody th { font-weight: 600; }
td { overflow-wrap: anywhere; min-width: 5.5em; }
pre { background: var(--wash); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; overflow-x: auto;
  font: .86rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; margin: 0 0 16px; }
details { margin: 0 0 14px; }
summary { cursor: pointer; font-weight: 600; margin-bottom: 8px; }
footer { color: var(--soft); font-size: .9rem; padding: 18px 0 40px; }
@media (max-width: 480px) {
  body { font-size: 15px; } h1 { font-size: 1.5rem; } main, header > div { padding: 0 14px; }
}
@media print { nav { display: none; } section { break-inside: avoid-page; } }
"""


def render_page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Write sections as one HTML page without scripts, with every plot inside it.

    Parameters
    ----------
    title : str
        Heading of the page.
    subtitle : str
        Line below it.
    sections : sequence of Section
        In order; titles are unique.

    Returns
    -------
    str
        The document; the same bytes for the same content.

    Examples
    --------
    >>> page = render_page("A & B", "two names", [Section("Limits", "<p>None yet.</p>")])
    >>> "A &amp; B" in page, "<section id='limits'" in page
    (True, True)
    """
    links = "\n".join(f"<a href='#{section.anchor}'>{html.escape(section.title)}</a>" for section in sections)
    body = "\n".join(_section(section) for section in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)} – Collidium</title>
<link rel="icon" href="data:,">
<style>{_CSS}</style>
</head>
<body>
<header><div>
<h1>Collidium <span>{html.escape(title)}</span></h1>
<p>{html.escape(subtitle)}</p>
<nav aria-label="Sections">
{links}
</nav>
</div></header>
<main>
{body}
<footer>Each plot lies beside this page in <code>plots/</code> as PNG and PDF.</footer>
</main>
</body>
</html>
"""


def cards(figures: Sequence[tuple[str, str]]) -> str:
    """Headline figures as cards: what it is, and its value with the uncertainty on a line of its own.

    Parameters
    ----------
    figures : sequence of (str, str)
        Name and value; the part of the value after its first blank is the uncertainty, but for "above ..." and
        "not defined".

    Returns
    -------
    str
        HTML.
    """
    return f"<div class='cards'>{''.join(_card(name, value) for name, value in figures)}</div>\n"


def _card(name: str, value: str) -> str:
    number, _, error = value.partition(" ")
    if number in ("above", "not"):
        number, error = value, ""
    detail = f"<i>{html.escape(error)}</i>" if error else ""
    return f"<div class='card'><span>{html.escape(name)}</span><b>{html.escape(number)}</b>{detail}</div>"


def _section(section: Section) -> str:
    images = "\n".join(_figure(plot) for plot in section.figures)
    figures = f"<div class='figures'>\n{images}\n</div>\n" if section.figures else ""
    title = html.escape(section.title)
    opening = f"<section id='{section.anchor}' class='{section.layout}'>"
    return f"{opening}\n<h2>{title}</h2>\n<div class='text'>{section.html}</div>\n{figures}</section>"


def _figure(plot: Plot) -> str:
    data = base64.b64encode(plot.png).decode("ascii")
    pixels = (int.from_bytes(plot.png[start : start + 4], "big") for start in (16, 20))
    width, height = (round(number * 96 / DPI) for number in pixels)
    caption = f"<figcaption>{html.escape(plot.caption)}</figcaption>" if plot.caption else ""
    return (
        f"<figure><img style='max-width:{width}px' width='{width}' height='{height}' "
        f"alt='{html.escape(plot.alt, quote=True)}' src='data:image/png;base64,{data}'>{caption}</figure>"
    )
