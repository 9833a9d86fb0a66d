from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from collidium.artifact import InputError, file_hash, read_manifest
from collidium.firmware import quantize_real
from collidium.trigger import (
    ArrayData,
    BetaSchedule,
    CostTarget,
    FitConfig,
    MLPConfig,
    Objective,
    Samples,
    TriggerRun,
    fit,
    measure,
)
from collidium.trigger._fit import _Fit

NETWORK = MLPConfig(num_inputs=4, widths=(8,), num_outputs=3, kinds=("dense", "lut"))
CONFIG = FitConfig(
    epochs=6, batch_size=50, lr=1e-2, width_lr=1e-1, pressure=BetaSchedule(points=((0.2, 1e-6), (1.0, 1e-2))), seed=3
)


def make_data(num: int = 600, *, seed: int = 0) -> ArrayData:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, num)
    centre = np.array([[1.0, 0, 0, 1], [0, 1, -1, 0], [-1, -1, 1, 0]])
    x = (centre[y] + generator.normal(0, 0.7, (num, 4))).astype(np.float32)
    return ArrayData({"x": x}, y, (np.arange(num) % 5 // 3).astype(np.uint8))


def digests(path: Path) -> dict[str, str]:
    left_out = {"manifest.json", "timings.jsonl"}
    return {
        str(file.relative_to(path)): file_hash(file)
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in left_out
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> TriggerRun:
    return fit(NETWORK, make_data(), CONFIG, tmp_path_factory.mktemp("fit") / "run")


def test_a_run_learns_and_gets_cheaper(finished: TriggerRun) -> None:
    rows = finished.metrics()
    assert [row["epoch"] for row in rows] == list(range(1, 7))
    assert finished.best.merit > 0.8
    assert rows[-1]["ebops"] < rows[0]["ebops"]
    assert rows[0]["beta"] == pytest.approx(1e-6)
    assert rows[-1]["beta"] < 1e-2
    assert not (finished.path / "checkpoint.safetensors").exists()
    assert read_manifest(finished.path, "trigger-run").seed == 3


def test_members_are_a_front_of_what_was_measured(finished: TriggerRun) -> None:
    measured = [(row["merit"], row["ebops"]) for row in finished.metrics()]
    front = {(member.merit, member.ebops) for member in finished.members}
    for merit, ebops in measured:
        beaten = any(m >= merit and e <= ebops and (m, e) != (merit, ebops) for m, e in measured)
        assert ((merit, ebops) in front) == (not beaten)
    files = {path.name for path in (finished.path / "members").iterdir()}
    assert files == {member.file for member in finished.members}


def test_a_member_has_the_merit_that_was_measured(finished: TriggerRun) -> None:
    val = make_data().part("val")
    for member in finished.members:
        network = finished.network(member)
        logits = network(*val.x)
        assert (logits.argmax(1) == val.y).double().mean().item() == member.merit
        assert network.ebops().item() == member.ebops


def test_a_member_is_calibrated_and_freezes_to_its_codes(finished: TriggerRun) -> None:
    network = finished.network()
    x = torch.from_numpy(make_data(seed=1).x["x"])
    model = network.freeze()
    config = network.entry.quantizer.config
    codes = quantize_real(x.numpy(), model.inputs[0].formats, config.rounding, config.overflow)
    codes = model.run({"x": codes})[model.outputs[0]]
    np.testing.assert_array_equal(network(x).detach().numpy(), model.values(model.outputs[0], codes))


@pytest.mark.parametrize("killed_in", [1, 4])
def test_a_killed_run_goes_on_to_the_same_bytes(
    killed_in: int, finished: TriggerRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorder: Any
) -> None:
    steps = 0
    whole = _Fit._step

    def dies(self: _Fit, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == killed_in * 7 + 3:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    with monkeypatch.context() as context:
        context.setattr(_Fit, "_step", dies)
        with pytest.raises(KeyboardInterrupt):
            fit(NETWORK, make_data(), CONFIG, tmp_path / "run")
    run = fit(NETWORK, make_data(), CONFIG, tmp_path / "run", progress=recorder)
    assert digests(run.path) == digests(finished.path)
    assert recorder.skipped == killed_in * 350
    assert recorder.begun == [("train", recorder.skipped + recorder.advanced, "samples")]


def test_other_data_does_not_go_on_with_a_killed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(self: _Fit, *arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(_Fit, "_step", dies)
        with pytest.raises(KeyboardInterrupt):
            fit(NETWORK, make_data(), CONFIG, tmp_path / "run")
    with pytest.raises(InputError, match="another configuration"):
        fit(NETWORK, make_data(seed=1), CONFIG, tmp_path / "run")


def test_collapse_stops_the_training_and_keeps_the_front(tmp_path: Path) -> None:
    config = dataclasses.replace(
        CONFIG, epochs=60, width_lr=0.3, pressure=BetaSchedule(points=((0.05, 1e-6), (0.2, 100.0)))
    )
    run = fit(NETWORK, make_data(), config, tmp_path / "run")
    assert run.metrics()[-1]["ended"] == "collapsed"
    assert len(run.metrics()) < 60
    assert run.best.merit > 0.6
    assert run.metrics()[-1]["epoch"] not in {member.epoch for member in run.members}


def test_patience_stops_a_training_without_news(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, epochs=50, lr=1e-12, width_lr=0.0, patience=2)
    run = fit(MLPConfig(num_inputs=4, widths=(4,), num_outputs=3), make_data(), config, tmp_path / "run")
    assert len(run.metrics()) < 50


def test_a_target_is_approached(tmp_path: Path) -> None:
    target = CostTarget(ebops=150.0, start=1e-3, high=1.0)
    config = dataclasses.replace(CONFIG, epochs=14, width_lr=1e-1, schedule="constant", collapse=0.0, pressure=target)
    run = fit(NETWORK, make_data(), config, tmp_path / "run")
    rows = run.metrics()
    assert rows[0]["ebops"] > 300
    assert 75 < rows[-1]["ebops"] < 300


def test_numbers_are_learned_too(tmp_path: Path) -> None:
    data = make_data()
    numbers = ArrayData(data.x, data.x["x"].sum(1, keepdims=True), data.split)
    network = MLPConfig(num_inputs=4, widths=(8,), num_outputs=1)
    run = fit(network, numbers, dataclasses.replace(CONFIG, objective="mse", epochs=10), tmp_path / "run")
    assert not run.is_higher_better
    assert run.best.merit < 0.5 * float(numbers.y.var())


def test_a_given_objective_takes_the_place_of_a_name(tmp_path: Path) -> None:
    def loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(output, target, label_smoothing=0.1)

    def merit(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return output.argmax(1) == target

    own = Objective(name="smooth", loss=loss, merit=merit, is_higher_better=True)
    config = dataclasses.replace(CONFIG, objective="smooth", epochs=1)
    assert fit(NETWORK, make_data(), config, tmp_path / "run", objective=own).config.objective == "smooth"
    with pytest.raises(InputError, match="unknown objective"):
        fit(NETWORK, make_data(), config, tmp_path / "other")
    with pytest.raises(InputError, match="in the configuration"):
        fit(NETWORK, make_data(), CONFIG, tmp_path / "other", objective=own)


def test_a_loss_that_is_not_finite_is_said(tmp_path: Path) -> None:
    def loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return output.sum() * float("nan")

    own = Objective(name="broken", loss=loss, merit=lambda output, target: output[:, 0], is_higher_better=True)
    with pytest.raises(InputError, match="training stopped in epoch 1"):
        fit(NETWORK, make_data(), dataclasses.replace(CONFIG, objective="broken"), tmp_path / "run", objective=own)


def test_an_existing_output_is_refused(finished: TriggerRun) -> None:
    with pytest.raises(InputError, match="exists already"):
        fit(NETWORK, make_data(), CONFIG, finished.path)


def test_inputs_must_be_the_networks(tmp_path: Path) -> None:
    data = make_data()
    with pytest.raises(InputError, match="network needs x"):
        fit(NETWORK, ArrayData({"z": data.x["x"]}, data.y, data.split), CONFIG, tmp_path / "run")


def test_progress_is_told(tmp_path: Path, recorder: Any) -> None:
    fit(NETWORK, make_data(), dataclasses.replace(CONFIG, epochs=2), tmp_path / "run", progress=recorder)
    assert recorder.begun == [("train", 2 * 350, "samples")]  # whole batches
    assert (recorder.advanced, recorder.skipped, recorder.num_ends) == (2 * 350, 0, 1)
    assert {"loss", "merit", "members"} <= recorder.figures.keys()


def test_measure_is_a_mean_over_all_samples() -> None:
    network = NETWORK.build(seed=0).eval()
    samples = make_data().part("val")
    objective: Callable[..., Any] = torch.nn.functional.cross_entropy
    own = Objective(name="", loss=objective, merit=lambda o, t: o.argmax(1) == t, is_higher_better=True)
    loss, merit = measure(network, Samples(samples.x, samples.y), own)
    logits = network(*samples.x)
    assert loss == pytest.approx(float(objective(logits, samples.y)), rel=1e-6)
    assert merit == (logits.argmax(1) == samples.y).double().mean().item()
