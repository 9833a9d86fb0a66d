from __future__ import annotations

import numpy as np
import pytest

from collidium.analysis import TemplatesConfig, pulls
from collidium.evaluate import Predictions


def check_unit(found: np.ndarray) -> None:
    """Mean 0 and standard deviation 1 within three errors."""
    n = len(found)
    assert abs(found.mean()) < 3.0 / np.sqrt(n)
    assert abs(found.std(ddof=1) - 1.0) < 3.0 / np.sqrt(2.0 * n)


@pytest.mark.slow
def test_pulls_are_unit(predictions: Predictions) -> None:
    found = np.array([pull.pull for pull in pulls(predictions, TemplatesConfig(), range(200))])
    check_unit(found[:20])
    check_unit(found)


def test_pulls_are_against_the_truth(predictions: Predictions) -> None:
    found = pulls(predictions, TemplatesConfig(signal_strength=1.5), range(2))
    assert [pull.seed for pull in found] == [0, 1]
    for pull in found:
        assert pull.pull == pytest.approx((pull.value - 1.5) / pull.error)
