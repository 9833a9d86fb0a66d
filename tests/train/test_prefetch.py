"""Reading ahead changes nothing but the time."""

from __future__ import annotations

import threading

import pytest

from collidium.train._prefetch import prefetch


def test_the_same_items_in_order_and_the_thread_ends():
    before = threading.active_count()
    assert list(prefetch(iter(range(100)))) == list(range(100))
    assert threading.active_count() == before


def test_an_exception_comes_at_its_place():
    def broken():
        yield 1
        yield 2
        raise ValueError("third")

    items = prefetch(broken())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(items)


def test_closing_ends_the_thread_of_an_endless_source():
    before = threading.active_count()

    def endless():
        number = 0
        while True:
            yield number
            number += 1

    items = prefetch(endless())
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert threading.active_count() == before
