from __future__ import annotations

from typing import Any

import pytest

from collidium.study import Claim, StudyConfig, judge, markdown_table, mean_curve, steps_to_reach
from collidium.study._summary import summarise, with_seconds


def run(member: str, seed: int, losses: list[float | None], **changes: Any) -> dict[str, Any]:
    return {
        "task": "memory",
        "member": member,
        "purpose": "final",
        "index": 0,
        "rate": 0.1,
        "seed": seed,
        "steps": 20,
        "diverged_at": None if losses[-1] is not None else 20,
        "final_loss": losses[-1],
        "train": [],
        "val": [[10 * place, loss] for place, loss in enumerate(losses)],
        "figures": {"head_recall": 1.0, "tail_recall": 0.1 * seed},
        "initial_entropy": 0.9,
        "entropy": 0.5,
        "state_bytes": 8.0,
        "state_bytes_model": 8.0,
        **changes,
    }


def sweep(member: str, losses: dict[int, float | None]) -> list[dict[str, Any]]:
    return [
        run(member, 0, [5.0, loss], purpose="sweep", index=index, rate=3.0**index) for index, loss in losses.items()
    ]


CONFIG = StudyConfig(members=("adamw", "muon", "lion"), tasks=("memory",))
RUNS = [
    *sweep("adamw", {-1: 3.0, 0: 2.0, 1: None}),
    run("adamw", 1, [4.0, 3.0, 2.0]),
    run("adamw", 2, [4.0, 3.0, 1.0]),
    *sweep("muon", {-1: 3.0, 0: 2.0, 1: 1.0}),
    run("muon", 1, [4.0, 1.0, 0.5], figures={"head_recall": 1.0, "tail_recall": 0.4}, state_bytes=4.0),
    run("muon", 2, [4.0, 2.0, None], figures={}, state_bytes=4.0),
    *sweep("lion", {-1: None, 0: None, 1: None}),
]
ROWS = summarise(RUNS, CONFIG)


def test_first_crossing() -> None:
    assert steps_to_reach([(0, 4.0), (10, 2.0), (20, 3.0), (30, 1.0)], 2.5) == 7.5
    assert steps_to_reach([(0, 4.0), (10, 2.0)], 1.0) is None
    assert steps_to_reach([(5, 1.0), (10, 2.0)], 1.0) == 5.0


def test_a_mean_is_over_the_seeds_that_did_not_diverge() -> None:
    adamw, muon, lion = ROWS
    assert mean_curve([item for item in RUNS if item["member"] == "adamw"]) == [(0.0, 4.0), (10.0, 3.0), (20.0, 1.5)]
    assert adamw["loss"] == 1.5
    assert adamw["loss_spread"] == pytest.approx(2**-0.5)
    assert adamw["num_sweep_diverged"] == 1
    assert not adamw["is_edge"]
    assert adamw["steps_fraction"] == 1.0
    assert (muon["loss"], muon["losses"], muon["num_diverged"]) == (0.5, [0.5, None], 1)
    assert muon["is_edge"]
    assert muon["steps_fraction"] == pytest.approx(10 * 2.5 / 3.0 / 20)
    assert (lion["rate"], lion["loss"], lion["num_seeds"]) == (None, None, 0)


def test_time_to_the_same_loss() -> None:
    cost = {"adamw": (1.0, 1.0), "muon": (1.0, 3.0)}
    timings = {
        f"runs/memory/{name}/final_{seed}": [[0, 0.0, 0.0], [20, *cost[name]]] for name in cost for seed in (1, 2)
    }
    adamw, muon, lion = with_seconds(ROWS, RUNS, timings)
    assert (adamw["model_milliseconds"], muon["optimizer_milliseconds"]) == (50.0, 150.0)
    assert adamw["seconds_fraction"] == 1.0
    assert muon["seconds_fraction"] == pytest.approx(2.0 * muon["steps_fraction"])
    assert lion["seconds_fraction"] is None
    table = markdown_table(with_seconds(ROWS, RUNS, timings), "memory").splitlines()
    assert [line.split("`")[1] for line in table[2:]] == ["muon", "adamw", "lion"]
    assert table[-1].endswith("diverged at every rate |")
    assert "1 of 2 seeds diverged; best rate at the edge of the sweep" in table[2]


@pytest.mark.parametrize(
    ("claim", "verdict", "numbers"),
    [
        (Claim(member="muon", against="adamw", task="memory", relation="fewer_steps", limit=0.5), "reproduced", "42%"),
        (
            Claim(member="muon", against="adamw", task="memory", relation="fewer_steps", limit=0.4),
            "not reproduced",
            "42%",
        ),
        (Claim(member="muon", against="adamw", task="memory", relation="less_state", limit=0.5), "reproduced", "50.0%"),
        (
            Claim(member="muon", against="adamw", task="memory", relation="comparable_loss"),
            "reproduced",
            "0.5000 against",
        ),
        (Claim(member="adamw", against="muon", task="memory", relation="comparable_loss"), "not reproduced", "+200.0%"),
        (Claim(member="muon", against="adamw", task="memory"), "not tested", "fewer than two seeds"),
        (Claim(member="lion", against="adamw", task="memory"), "not tested", "diverged at every rate"),
        (Claim(member="namo", against="adamw", task="memory"), "not tested", "not in this study"),
    ],
)
def test_verdicts(claim: Claim, verdict: str, numbers: str) -> None:
    found, said = judge(claim, ROWS)
    assert found == verdict
    assert numbers in said


@pytest.mark.parametrize(
    ("recalls", "verdict"),
    [([0.2, 0.3], "reproduced"), ([0.0, 0.3], "undecided"), ([0.1, 0.1], "not reproduced")],
)
def test_seeds_must_agree(recalls: list[float], verdict: str) -> None:
    runs = [run("adamw", seed, [4.0, 1.0]) for seed in (1, 2)]
    for item in runs:
        item["figures"] = {"head_recall": 1.0, "tail_recall": 0.1}
    runs += [
        run("muon", seed, [4.0, 1.0], figures={"head_recall": 1.0, "tail_recall": value})
        for seed, value in enumerate(recalls, 1)
    ]
    runs += [*sweep("adamw", {0: 1.0}), *sweep("muon", {0: 1.0})]
    rows = summarise(runs, StudyConfig(members=("adamw", "muon"), tasks=("memory",)))
    assert (
        judge(Claim(member="muon", against="adamw", task="memory", relation="higher_tail_recall"), rows)[0] == verdict
    )
