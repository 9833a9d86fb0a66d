from __future__ import annotations

import numpy as np
import pytest
import torch

from collidium.artifact import InputError
from collidium.study import Memory, MemoryConfig, MemoryTask, recalls, zipf_frequencies

CPU = torch.device("cpu")


def test_frequencies_are_those_of_the_power_law() -> None:
    expected = [1.0 / k**1.5 for k in range(1, 21)]
    np.testing.assert_allclose(zipf_frequencies(20, 1.5), np.array(expected) / sum(expected), rtol=1e-14)
    np.testing.assert_allclose(zipf_frequencies(4, 0.0), 0.25)


def test_facts_are_drawn_with_these_frequencies() -> None:
    task = MemoryTask(MemoryConfig(num_facts=10, batch_size=100_000), is_hidden=False, device=CPU)
    drawn = np.bincount(next(task.batches(0)).numpy(), minlength=10) / 100_000
    np.testing.assert_allclose(drawn, zipf_frequencies(10, 1.0), atol=0.006)  # 4 binomial standard deviations


@pytest.mark.parametrize("is_hidden", [False, True])
def test_recall_by_going_through_the_facts(is_hidden: bool) -> None:
    config = MemoryConfig(num_facts=40, width=24, hidden=32)
    task = MemoryTask(config, is_hidden=is_hidden, device=CPU)
    model = task.build(3)
    assert isinstance(model, Memory)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    batches = task.batches(3)
    for _ in range(30):
        optimizer.zero_grad()
        task.loss(model, next(batches)).backward()
        optimizer.step()
    right = []
    weights = [layer.weight.detach() for layer in model.layers]
    for fact in range(40):
        x = model.keys[fact]
        for number, weight in enumerate(weights):
            x = weight @ (x.clamp(min=0.0) if number else x)
        scores = [float(value @ x) for value in model.values]
        right.append(scores.index(max(scores)) == fact)
    figures = task.figures(model)
    assert figures == {
        "head_recall": pytest.approx(sum(right[:4]) / 4),
        "tail_recall": pytest.approx(sum(right[20:]) / 20),
    }
    assert 0.0 < sum(right) < 40


def test_head_and_tail_of_an_odd_number() -> None:
    logits = torch.eye(11)
    logits[5] = logits[5].roll(1)
    logits[10] = logits[10].roll(1)
    assert recalls(logits) == {"head_recall": 1.0, "tail_recall": pytest.approx(4 / 5)}


def test_too_few_facts() -> None:
    with pytest.raises(InputError, match=r"memory\.num_facts is 5"):
        MemoryConfig(num_facts=5)
