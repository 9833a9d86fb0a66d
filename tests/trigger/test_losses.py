from __future__ import annotations

import pytest
import torch

from collidium.trigger import OBJECTIVES
from collidium.trigger._losses import baseline_merit


def test_baselines_are_the_best_constant_answers() -> None:
    shares = baseline_merit(OBJECTIVES["cross_entropy"], torch.zeros(1, 3), torch.tensor([0, 1, 1, 2, 1]))
    assert shares == pytest.approx(0.6)
    spread = baseline_merit(OBJECTIVES["mse"], torch.zeros(1), torch.tensor([1.0, 3.0]))
    assert spread == pytest.approx(1.0)
