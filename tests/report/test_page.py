from __future__ import annotations

import re

import pytest

from collidium.report import Section, cards, labelled_axes, make_plot, render_page, table


def test_text_is_escaped_everywhere() -> None:
    evil = "<script>alert('x')</script>"
    plot = make_plot("p", lambda figure: labelled_axes(figure).plot([0, 1]), alt=f'"{evil}', caption=evil)
    page = render_page(
        evil, evil, [Section(evil, table([evil], [[evil]], caption=evil) + cards([(evil, evil)]), (plot,))]
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 9


def test_sections_are_linked_from_the_top_in_order() -> None:
    page = render_page("r", "", [Section("First part", ""), Section("Second & last", "")])
    assert (
        re.findall(r"<a href='#(.*?)'>", page)
        == ["first-part", "second-last"]
        == re.findall(r"<section id='(.*?)'", page)
    )


def test_plots_of_the_same_content_are_the_same_bytes_and_leave_no_state() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    first, second = (
        make_plot("p", lambda figure: labelled_axes(figure, right="a $ b").plot([1, 3, 2]), alt="a line")
        for _ in range(2)
    )
    assert first.png == second.png
    assert first.pdf == second.pdf
    assert b"CreationDate" not in first.pdf
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("value", "number", "rest"),
    [("0.9 ± 0.1", "0.9", "± 0.1"), ("above 17", "above 17", None), ("not defined", "not defined", None)],
)
def test_cards_split_number_and_uncertainty(value: str, number: str, rest: str | None) -> None:
    card = cards([("AUC", value)])
    assert f"<b>{number}</b>" in card
    assert (f"<i>{rest}</i>" in card) == (rest is not None)
