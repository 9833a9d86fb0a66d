from __future__ import annotations

import pytest

from collidium.artifact import InputError
from collidium.trigger import BetaSchedule, CostTarget


def test_beta_is_constant_then_logarithmic_then_constant() -> None:
    plan = BetaSchedule(points=((0.2, 1e-7), (0.6, 1e-5)))
    assert plan.value(0.0) == plan.value(0.2) == 1e-7
    assert plan.value(0.4) == pytest.approx(1e-6)
    assert plan.value(0.6) == plan.value(1.0) == 1e-5


@pytest.mark.parametrize("points", [(), ((0.0, 0.0),), ((0.5, 1.0), (0.2, 1.0)), ((0.0, 1.0), (1.5, 1.0))])
def test_a_plan_that_is_none_is_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(InputError, match="ascending fractions"):
        BetaSchedule(points=points)


def test_a_target_presses_more_the_further_away() -> None:
    target = CostTarget(ebops=100.0, start=1e-5, proportional=2.0, integral=0.1)
    assert target.value(100.0, 0.0) == pytest.approx(1e-5)
    assert target.value(1000.0, 0.0) == pytest.approx(1e-3)
    assert target.value(100.0, 10.0) == pytest.approx(1e-4)
    assert target.value(1e30, 0.0) == target.high
    assert target.value(0.0, -1e9) == target.low
    with pytest.raises(InputError, match="> 0"):
        CostTarget(ebops=0.0)
