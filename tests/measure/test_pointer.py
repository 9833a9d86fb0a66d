from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collidium.measure._pointer import Place, escaped, unescaped


@given(st.text())
def test_keys_survive_a_pointer(key: str) -> None:
    assert unescaped(escaped(key)) == key
    assert "/" not in escaped(key)


def test_places_count_keys_and_positions() -> None:
    place = Place("w", "", {"a/b": [[1], [2]]})
    second = list(place.get("a/b").items())[1]
    inner = next(iter(second.items()))
    assert inner.pointer == "/a~1b/1/0"
    assert inner.number() == 2.0


def test_long_values_are_cut_in_messages() -> None:
    message = str(Place("w", "/x", "y" * 500).needs("a number"))
    assert len(message) < 120
    assert message.endswith("...; a number is needed")
