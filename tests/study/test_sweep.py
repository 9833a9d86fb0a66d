from __future__ import annotations

import math

import pytest

from collidium.optim import OPTIMIZERS
from collidium.study import best_index, centre_rate, companion_rate, grid_rate, next_indices


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({}, (-1, 0, 1)),
        ({0: 1.0}, (-1, 1)),
        ({-1: 2.0, 0: 1.0, 1: 2.0}, ()),
        ({-1: 3.0, 0: 2.0, 1: 1.0}, (2,)),
        ({-1: 3.0, 0: 2.0, 1: 1.0, 2: 0.5}, (3,)),
        ({-1: 3.0, 0: 2.0, 1: 1.0, 2: 0.5, 3: 0.1}, ()),
        ({-1: 3.0, 0: 2.0, 1: 1.0, 2: 1.5}, ()),
        ({-1: 1.0, 0: 2.0, 1: 3.0}, (-2,)),
        ({-1: 1.0, 0: math.inf, 1: math.inf}, (-2,)),
        ({-1: math.inf, 0: math.inf, 1: math.inf}, (-2,)),
        ({-3: math.inf, -2: math.inf, -1: math.inf, 0: math.inf, 1: math.inf}, ()),
    ],
)
def test_what_comes_next(losses: dict[int, float], expected: tuple[int, ...]) -> None:
    assert next_indices(losses, 1) == expected


def test_a_grid_of_one_point_still_grows() -> None:
    assert next_indices({}, 0) == (0,)
    assert next_indices({0: 1.0}, 0) == (-1,)
    assert next_indices({0: 1.0, -1: 2.0}, 0) == (1,)


def test_best_rate() -> None:
    assert best_index({0: 1.0, 1: 1.0, 2: math.inf}) == 0
    assert best_index({0: math.inf}) is None


@pytest.mark.parametrize("member", OPTIMIZERS)
def test_adamw_moves_with_the_member(member: str) -> None:
    centre = centre_rate(member)
    assert companion_rate(member, centre) == pytest.approx(1e-3)
    assert companion_rate(member, grid_rate(centre, 1, 3.0)) == pytest.approx(3e-3, rel=0.01)
