"""The search: spaces, NSGA-II that goes on after a kill, the front, and what a trial keeps."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collidium.artifact import InputError, file_hash, read_manifest
from collidium.cloud import Jets
from collidium.firmware import CompileConfig, compile_model, predicted_resources
from collidium.trigger import (
    SPACES,
    BetaSchedule,
    Choice,
    CostTarget,
    DeepSetsConfig,
    EconEncoderConfig,
    FitConfig,
    IntegerRange,
    InteractionConfig,
    JetFormerConfig,
    JetFormerSpace,
    JetTask,
    LogRange,
    MLPConfig,
    MLPSpace,
    MuonSpace,
    MuonTrackerConfig,
    NetworkConfig,
    ParticleMLPConfig,
    SearchConfig,
    SearchPoint,
    SearchResult,
    SearchSpace,
    SearchTrial,
    TriggerConfig,
    front_of,
    search,
    space_of,
)
from collidium.trigger import _search_trial as trial_file
from collidium.trigger._sampler import Sampler

RECIPE = TriggerConfig(
    task=JetTask(),
    network=MLPConfig(num_outputs=2, widths=(4,)),
    fit=FitConfig(epochs=2, batch_size=64, lr=1e-2, pressure=BetaSchedule(points=((0.0, 1e-5), (1.0, 1e-3)))),
)
SPACE = MLPSpace(depth=(1, 2), widths=(2, 3, 4))
CONFIG = SearchConfig(num_trials=5, population=2, num_points=2, seed=1)
SPACES_BY_NAME: dict[str, tuple[SearchSpace, NetworkConfig]] = {
    "perceptrons": (MLPSpace(), MLPConfig()),
    "hybrids": (MLPSpace(kinds=("dense", "lut"), widths=(4, 8)), MLPConfig()),
    "deep sets": (space_of(DeepSetsConfig()), DeepSetsConfig()),
    "interaction networks": (space_of(InteractionConfig()), InteractionConfig()),
    "perceptrons on particles": (space_of(ParticleMLPConfig()), ParticleMLPConfig()),
    "transformers": (JetFormerSpace(), JetFormerConfig()),
    "trackers": (MuonSpace(), MuonTrackerConfig()),
}


def digests(path: Path) -> dict[str, str]:
    left_out = {"manifest.json", "timings.jsonl"}
    files = (file for file in sorted(path.rglob("*")) if file.is_file() and file.name not in left_out)
    return {str(file.relative_to(path)): file_hash(file) for file in files}


@pytest.fixture(scope="module")
def jets(
    tmp_path_factory: pytest.TempPathFactory,
    make_jets: Callable[..., Jets],
    make_dataset: Callable[[Path, list[Jets]], Path],
) -> Path:
    return make_dataset(tmp_path_factory.mktemp("jets") / "jets", [make_jets(400)])


@pytest.fixture(scope="module")
def finished(jets: Path, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return search(RECIPE, jets, tmp_path_factory.mktemp("search") / "out", space=SPACE, config=CONFIG)


def test_every_trial_is_within_the_space_and_trained_so(finished: SearchResult) -> None:
    assert [trial.number for trial in finished.trials] == [0, 1, 2, 3, 4]
    for trial in finished.trials:
        assert_inside(SPACE, trial.values)
        config = json.loads((finished.run(trial.number) / "config.json").read_text())
        depth = trial.values["depth"]
        assert config["network"]["widths"] == [trial.values[f"width_{layer}"] for layer in range(1, depth + 1)]
        assert config["network"]["weight"]["f"] == 6.0 + trial.values["bits"]
        assert config["fit"]["seed"] == trial.number
        assert config["fit"]["pressure"]["points"][1][1] == pytest.approx(1e-3 * trial.values["pressure"])


def test_points_are_compiled_members_of_their_trials(finished: SearchResult) -> None:
    from collidium.trigger import TriggerRun

    for trial in finished.trials:
        run = TriggerRun.open(finished.run(trial.number))
        members = {member.epoch: member for member in run.members}
        assert 1 <= len(trial.points) <= 2
        assert trial.outcome is not None
        assert trial.outcome.epoch == max(members)
        for point in trial.points:
            member = members[point.epoch]
            assert (point.merit, point.ebops) == (member.merit, member.ebops)
    point = finished.front[0]
    run = TriggerRun.open(finished.run(point.trial))
    member = next(member for member in run.members if member.epoch == point.epoch)
    firmware = compile_model(run.network(member).double().freeze())
    assert predicted_resources(firmware)["lut"] == point.lut
    assert (firmware.latency, firmware.latency_ns) == (point.latency_cycles, point.latency_ns)


def test_front_is_what_nothing_beats(finished: SearchResult) -> None:
    points = [point for trial in finished.trials for point in trial.points]
    assert finished.is_higher_better
    for point in points:
        beaten = any(
            other.lut <= point.lut
            and other.merit >= point.merit
            and (other.lut, other.merit) != (point.lut, point.merit)
            for other in points
        )
        assert any((other.lut, other.merit) == (point.lut, point.merit) for other in finished.front) == (not beaten)
    assert [point.lut for point in finished.front] == sorted({point.lut for point in finished.front})


@pytest.mark.parametrize("is_higher_better", [True, False])
def test_front_of_random_points_against_the_definition(is_higher_better: bool) -> None:
    generator = np.random.default_rng(3)
    rest = {"epoch": 1, "ebops": 1.0, "ff": 0, "latency_cycles": 1, "latency_ns": 5.0}
    points = [
        SearchPoint(trial=number, merit=float(generator.integers(0, 9)), lut=int(generator.integers(0, 9)), **rest)
        for number in range(60)
    ]
    trials = [SearchTrial(number=point.trial, values={}, points=(point,)) for point in points]
    sign = 1 if is_higher_better else -1
    wanted = {
        (a.lut, a.merit)
        for a in points
        if not any(
            b.lut <= a.lut and sign * b.merit >= sign * a.merit and (b.lut, b.merit) != (a.lut, a.merit) for b in points
        )
    }
    front = front_of(trials, is_higher_better=is_higher_better)
    assert {(point.lut, point.merit) for point in front} == wanted
    assert len(front) == len(wanted)


def test_artifact_names_its_samples_and_holds_no_leftovers(finished: SearchResult) -> None:
    manifest = read_manifest(finished.path, "trigger-search")
    samples = read_manifest(finished.path.with_name("out-samples"))
    assert list(manifest.inputs.values()) == [samples.content_hash]
    assert manifest.seed == 1
    names = {path.name for path in (finished.path / "trials").iterdir()}
    assert names == {f"{number:04d}" for number in range(5)}
    assert len((finished.path / "trials.jsonl").read_text().splitlines()) == 5
    assert SearchResult.open(finished.path) == finished


@pytest.mark.parametrize("killed_at", [1, 4])
def test_a_killed_search_goes_on_to_the_same_bytes(
    killed_at: int,
    finished: SearchResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    jets: Path,
    recorder: Any,
) -> None:
    from collidium.trigger._fit import _Fit

    epochs, whole = 0, _Fit._epoch

    def dies(self: _Fit) -> Any:
        nonlocal epochs
        epochs += 1
        if epochs == 2 * killed_at:
            raise KeyboardInterrupt
        return whole(self)

    with monkeypatch.context() as context:
        context.setattr(_Fit, "_epoch", dies)
        with pytest.raises(KeyboardInterrupt):
            search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG)
    assert (tmp_path / "out.partial").is_dir()
    again = search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG, progress=recorder)
    assert again.trials == finished.trials
    assert digests(again.path) == digests(finished.path)
    epochs_left = 2 * CONFIG.num_trials - (2 * killed_at - 1)
    assert recorder.advanced == epochs_left * 4 * 64  # whole batches
    assert recorder.begun == [("search", recorder.advanced + recorder.skipped, "samples")]


def test_a_kill_between_training_and_record_trains_nothing_twice(
    finished: SearchResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jets: Path
) -> None:
    def dies(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(trial_file, "compiled", dies)
        with pytest.raises(KeyboardInterrupt):
            search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG)
    before = (tmp_path / "out.partial" / "trials" / "0000" / "config.json").stat().st_mtime_ns
    again = search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG)
    assert (again.run(0) / "config.json").stat().st_mtime_ns == before
    assert digests(again.path) == digests(finished.path)


def test_another_seed_draws_other_trials(finished: SearchResult, tmp_path: Path, jets: Path) -> None:
    config = dataclasses.replace(CONFIG, num_trials=2, seed=2)
    other = search(RECIPE, jets, tmp_path / "out", space=SPACE, config=config)
    assert [trial.values for trial in other.trials] != [trial.values for trial in finished.trials[:2]]


def test_a_trial_that_fails_is_told_and_the_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jets: Path
) -> None:
    whole = trial_file.compiled

    def refuses(run: Any, member: Any, compiler: CompileConfig, *, trial: int) -> SearchPoint:
        if trial == 1:
            raise InputError(f"{tmp_path}/out.partial/trials/0001: too wide")
        return whole(run, member, compiler, trial=trial)

    monkeypatch.setattr(trial_file, "compiled", refuses)
    config = dataclasses.replace(CONFIG, num_trials=3)
    found = search(RECIPE, jets, tmp_path / "out", space=SPACE, config=config)
    assert [trial.failure for trial in found.trials] == ["", "trials/0001: too wide", ""]
    assert {point.trial for point in found.front} <= {0, 2}


def test_a_search_in_which_all_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jets: Path) -> None:
    def refuses(*arguments: Any, **options: Any) -> Any:
        raise InputError("too wide")

    monkeypatch.setattr(trial_file, "compiled", refuses)
    with pytest.raises(InputError, match=r"every trial failed, e\.g\. too wide"):
        search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG)


def test_progress_counts_every_sample_of_every_training(
    tmp_path: Path, finished: SearchResult, jets: Path, recorder: Any
) -> None:
    config = dataclasses.replace(CONFIG, num_trials=2)
    shutil.copytree(finished.path.with_name("out-samples"), tmp_path / "out-samples")
    search(RECIPE, jets, tmp_path / "out", space=SPACE, config=config, progress=recorder)
    assert recorder.begun == [("search", recorder.advanced + recorder.skipped, "samples")]
    assert recorder.figures["trials"] == 2
    assert recorder.num_ends == 1


def assert_inside(space: SearchSpace, values: Any) -> None:
    dimensions = space.dimensions()
    assert list(values) == list(dimensions)
    for name, dimension in dimensions.items():
        if isinstance(dimension, Choice):
            assert values[name] in dimension.values
        else:
            assert dimension.low <= values[name] <= dimension.high
            assert isinstance(values[name], int if isinstance(dimension, IntegerRange) else float)


@pytest.mark.parametrize("name", SPACES_BY_NAME)
def test_every_place_of_a_space_is_a_network(name: str) -> None:
    space, base = SPACES_BY_NAME[name]
    sampler = Sampler(space.dimensions(), ["maximize", "minimize"], population=6, seed=0)
    seen: list[dict[str, Any]] = []
    for generation in range(3):
        places = sampler.ask(6)
        seen += places
        sampler.tell([(float(place["bits"]), float(generation)) for place in places])
    for values in seen:
        assert_inside(space, values)
        network = space.network(base, values)
        assert type(network) is type(base)
        assert network.weight.f == base.weight.f + values["bits"]
        assert network.entry == base.entry
    assert len({json.dumps(values) for values in seen}) > 9
    smallest = min(seen, key=lambda values: sum(value for value in values.values() if isinstance(value, int)))
    assert space.network(base, smallest).build(seed=0).ebops() > 0


def test_hybrids_have_a_kind_for_each_layer() -> None:
    space = MLPSpace(kinds=("dense", "lut"), depth=(1, 2))
    values = {"depth": 1, "width_1": 4, "width_2": 8, "kind_1": "lut", "kind_2": "dense", "kind_last": "dense"}
    assert space.network(MLPConfig(), {**values, "bits": 0}).kinds == ("lut", "dense")


def test_pressure_moves_a_schedule_up_and_a_target_down() -> None:
    values = {"pressure": 4.0}
    fit = MLPSpace().fit(FitConfig(pressure=BetaSchedule(points=((0.5, 1e-6), (1.0, 1e-5)))), values)
    assert fit.pressure == BetaSchedule(points=((0.5, 4e-6), (1.0, 4e-5)))
    fit = MLPSpace().fit(FitConfig(pressure=CostTarget(ebops=1000.0)), values)
    assert fit.pressure == CostTarget(ebops=250.0)


def test_bits_reach_the_attention() -> None:
    network = JetFormerSpace().network(
        JetFormerConfig(),
        {"blocks": 1, "width": 4, "num_heads": 4, "head_size": 2, "feed_forward": 8, "head": 8, "bits": -2},
    )
    assert isinstance(network, JetFormerConfig)
    assert network.attention.data.f == JetFormerConfig().attention.data.f - 2
    assert network.attention.num_heads == 4


def outcome(values: dict[str, Any]) -> tuple[float, float]:
    return float(-((values["x"] - 5) ** 2)), float(values["y"]) + abs(values["x"] - 5)


def told(num: int, *, seed: int, population: int = 4) -> list[dict[str, Any]]:
    space = {"x": IntegerRange(0, 30), "y": LogRange(1.0, 100.0), "kind": Choice(("a", "b"))}
    sampler, places = Sampler(space, ["maximize", "minimize"], population=population, seed=seed), []
    for start in range(0, num, population):
        asked = sampler.ask(min(population, num - start))
        places += asked
        sampler.tell([None if place["x"] > 25 else outcome(place) for place in asked])
    return places


def test_proposals_are_a_function_of_the_seed_and_of_what_was_told() -> None:
    assert told(18, seed=7) == told(18, seed=7)
    assert told(18, seed=7)[:10] == told(10, seed=7)
    assert told(18, seed=7) != told(18, seed=8)


def test_proposals_get_better_than_random_ones() -> None:
    def late(places: Sequence[dict[str, Any]]) -> float:
        return float(np.mean([outcome(place)[1] for place in places[-40:]]))

    random, evolved = told(200, seed=1, population=200), told(200, seed=1, population=10)
    assert late(evolved) < 0.5 * late(random)


def test_every_kind_with_a_space_has_a_default_one() -> None:
    for kind, space in SPACES.items():
        assert type(space_of(kind())) is space
    with pytest.raises(InputError, match="EconEncoderConfig has no search space"):
        space_of(EconEncoderConfig())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MLPSpace(depth=(3, 1)), "space.depth is (3, 1)"),
        (lambda: MLPSpace(depth=(0, 1)), "space.depth"),
        (lambda: MLPSpace(widths=()), "space.widths is ()"),
        (lambda: MLPSpace(widths=(4, 0)), "space.widths"),
        (lambda: MLPSpace(pressure=(0.0, 1.0)), "space.pressure"),
        (lambda: MLPSpace(bits=(-13, 0)), "space.bits"),
        (lambda: SearchConfig(num_trials=0), "num_trials is 0"),
        (lambda: SearchConfig(population=1), "population is 1, at least 2"),
    ],
)
def test_impossible_settings_are_one_line(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InputError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_in_the_way_is_told_before_anything_is_made(finished: SearchResult, tmp_path: Path, jets: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        search(RECIPE, jets, finished.path, space=SPACE, config=CONFIG)
    with pytest.raises(InputError, match="workers is 0"):
        search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG, workers=0)
    assert list(tmp_path.iterdir()) == []


def test_without_optuna_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jets: Path) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r'optuna is not installed: pip install "collidium\[trigger\]"'):
        search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG)


def test_a_changed_record_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jets: Path) -> None:
    def dies(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(Sampler, "tell", dies)
        with pytest.raises(KeyboardInterrupt):
            search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG)
    record = tmp_path / "out.partial" / "trials" / "0001.json"
    document = json.loads(record.read_text())
    document["values"]["bits"] += 1
    record.write_text(json.dumps(document))
    with pytest.raises(InputError, match="drawn otherwise than here"):
        search(RECIPE, jets, tmp_path / "out", space=SPACE, config=CONFIG)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_kill_nine_in_the_middle_changes_nothing_nor_do_workers(
    workers: int, finished: SearchResult, tmp_path: Path, jets: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import test_search as t\n"
        "if __name__ == '__main__':\n"
        "    source, workers = Path(sys.argv[3]), int(sys.argv[2])\n"
        "    t.search(t.RECIPE, source, Path('out'), space=t.SPACE, config=t.CONFIG, workers=workers)\n"
    )
    (tmp_path / "job.py").write_text(code)
    command = [sys.executable, "job.py", str(Path(__file__).parent), str(workers), str(jets)]
    process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True)
    trials = tmp_path / "out.partial" / "trials"
    while not (trials / "0001.json").exists() and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (trials / "0001.json").exists()
    assert not (tmp_path / "out").exists()
    time.sleep(3)  # workers end with the process that is gone
    subprocess.run(command, cwd=tmp_path, check=True)
    assert digests(tmp_path / "out") == digests(finished.path)
