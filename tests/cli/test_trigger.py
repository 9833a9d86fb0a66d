"""Trigger networks from the command line: train, compile, verify, show, report, and what bad input gets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from collidium.artifact import InputError, read_manifest
from collidium.cli import main
from collidium.cloud import Jets
from collidium.firmware import has_tool
from collidium.trigger import SearchResult, TriggerRun, compile_run, open_samples

SMALL = ["--network.widths", "3", "--network.num-outputs", "2", "--fit.epochs", "3", "--fit.batch-size", "64"]
TOOLS = pytest.mark.skipif(
    not all(map(has_tool, ("verilator", "g++", "make"))), reason="apt-get install verilator g++ make"
)


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory,
    make_jets: Callable[..., Jets],
    make_dataset: Callable[[Path, list[Jets]], Path],
) -> Path:
    """A folder with a dataset and a run on it."""
    folder = tmp_path_factory.mktemp("trigger")
    make_dataset(folder / "jets", [make_jets(400, seed=seed) for seed in range(2)])
    assert main(["train", "trigger-jets", str(folder / "jets"), "-o", str(folder / "run"), *SMALL]) == 0
    return folder


@pytest.fixture(scope="module")
def unverified(trained: Path) -> Path:
    """Firmware that was written without a verification."""
    assert main(["compile", str(trained / "run"), "-o", str(trained / "plain"), "--num-samples", "0"]) == 0
    return trained / "plain"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run with its samples."""
    for name in ("run", "run-samples"):
        shutil.copytree(trained / name, tmp_path / name)
    return tmp_path / "run"


def test_training_leaves_samples_and_a_run_that_was_made_from_them(trained: Path) -> None:
    samples, _ = open_samples(trained / "run-samples")
    assert samples.data.x["x"].shape == (800, 16)
    assert [signal.name for signal in samples.outputs] == ["QCD", "Tbqq"]
    assert read_manifest(trained / "run-samples").content_hash in read_manifest(trained / "run").inputs.values()


def test_signals_tell_how_inputs_follow_from_quantities(trained: Path) -> None:
    samples, _ = open_samples(trained / "run-samples")
    names = [signal.name for signal in samples.signals["x"]]
    place = next(index for index, name in enumerate(names) if "pt" in name)
    signal, x = samples.signals["x"][place], samples.data.x["x"][:, place]
    train = x[samples.data.split == 0]
    assert train.mean() == pytest.approx(0, abs=1e-4)
    assert train.std() == pytest.approx(1, abs=1e-4)
    assert signal.scale > 0


def test_the_same_samples_serve_another_training(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "run-samples", tmp_path / "again-samples")
    jets = str(trained / "jets")
    assert main(["train", "trigger-jets", jets, "-o", str(tmp_path / "again"), *SMALL]) == 0
    before, after = (read_manifest(path).content_hash for path in (trained / "run", tmp_path / "again"))
    assert after == before


def test_firmware_says_what_its_ports_mean(unverified: Path) -> None:
    ports = json.loads((unverified / "interface.json").read_text())
    assert [element["name"] for element in ports["out_data"]["elements"]] == ["QCD", "Tbqq"]
    assert {element["overflow"] for element in ports["in_data"]["elements"]} == {"SAT"}


def test_figures_are_those_of_the_integer_model_on_the_test_split(trained: Path, unverified: Path) -> None:
    figures = json.loads((unverified / "report.json").read_text())["model"]["figures"]
    samples, _ = open_samples(trained / "run-samples")
    part = samples.data.part("test")
    network = TriggerRun.open(trained / "run").network()
    with torch.no_grad():
        right = (network(*part.x).argmax(1) == part.y).double().mean().item()
    assert figures["accuracy"] == pytest.approx(right)
    assert figures["samples"] == len(part)


def test_page_has_the_front_and_says_that_nothing_was_verified(unverified: Path) -> None:
    page = (unverified.with_name("plain-report") / "index.html").read_text()
    for title in ("Architecture", "Bit-widths", "Resources", "Front", "Verification"):
        assert f"{title}</h2>" in page
    assert "Not verified" in page
    assert (unverified.with_name("plain-report") / "plots" / "front.pdf").is_file()


def test_show_prints_all_three(trained: Path, unverified: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, words in (
        (trained / "run", "front"),
        (trained / "run-samples", "JetTask"),
        (unverified, "not verified"),
    ):
        assert main(["show", str(path)]) == 0
        assert words in capsys.readouterr().out


@TOOLS
def test_compile_proves_and_verify_catches_a_changed_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "firmware"
    assert main(["compile", str(run), "-o", str(out), "--num-samples", "600"]) == 0
    assert "0 mismatches on 600 samples, planted fault caught" in capsys.readouterr().out
    record = json.loads((out / "report.json").read_text())["verification"]
    assert record["is_proved"]
    assert record["data_samples"] > 0
    source = out / "rtl" / "trigger.v"
    text = source.read_text()
    first, _, rest = text.rpartition(" - ")
    source.write_text(f"{first} + {rest}")
    assert main(["verify", str(out), "--num-samples", "600"]) == 1
    assert "NOT proved" in capsys.readouterr().out
    source.write_text("this is no Verilog")
    assert main(["verify", str(out)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_search_leaves_a_front_whose_networks_compile(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, flags = tmp_path / "search", ["--num-trials", "2", "--population", "2", "--num-points", "1"]
    space = ["--space.depth", "1", "1", "--space.widths", "2", "3", "--network.num-outputs", "2", "--fit.epochs", "1"]
    assert main(["search", "trigger-jets", str(trained / "jets"), "-o", str(out), *flags, *space]) == 0
    assert "front" in capsys.readouterr().out
    assert "Front</h2>" in (tmp_path / "search-report" / "index.html").read_text()
    assert main(["show", str(out)]) == 0
    assert "2 trials, 0 failed, 2 networks compiled" in capsys.readouterr().out
    trial = SearchResult.open(out).front[0].trial
    firmware = str(tmp_path / "firmware")
    assert main(["compile", str(out / "trials" / f"{trial:04d}"), "-o", firmware, "--num-samples", "0"]) == 0
    assert main(["report", str(out), "-o", str(tmp_path / "again")]) == 0


def test_muons_come_from_the_recipe_itself(tmp_path: Path) -> None:
    flags = ["--task.num-muons", "2000", "--fit.epochs", "1", "--fit.validate-every", "1", "--network.widths", "4"]
    assert main(["train", "trigger-muon", "-o", str(tmp_path / "muon"), *flags]) == 0
    samples, task = open_samples(tmp_path / "muon-samples")
    assert samples.data.x["x"].shape == (2000, 50, 7)
    part = samples.data.split == 2
    true = samples.data.y[part].astype(np.float64)
    figures = task.figures(true, {"x": samples.data.x["x"][part]}, true)
    assert figures["core_mrad"] == 0
    assert 1 < figures["line_fit_core_mrad"] < 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "trigger-jets"], "name a dataset"),
        (["train", "trigger-muon", "jets"], "simulates its own data"),
        (["train", "trigger-jets", "jets", "--fit.optimizer", "sgdd"], "unknown optimizer 'sgdd'"),
        (["train", "trigger-jets", "jets", "-o", "other"], "network.num_outputs is 5, the samples have 2"),
        (["compile", "nowhere"], "nowhere: no such folder"),
        (["compile", "jets"], "jets"),
        (["compile", "run", "--epoch", "77"], "no network of the front is of epoch 77"),
        (["compile", "run", "--name", "module"], "module"),
        (["compile", "run", "--name", "1st"], "1st"),
        (["compile", "run", "--clock-ns", "0"], "clock_ns"),
        (["verify", "nowhere"], "nowhere: no such folder"),
        (["verify", "run"], "run"),
        (["verify", "run", "--num-samples", "0"], "num_samples is 0"),
        (["verify", "plain", "--weights", "run"], "the weights of 'trigger' are fixed"),
        (["search"], "name a recipe first"),
        (["search", "mlp", "jets"], "recipe 'mlp' is no trigger network"),
        (["search", "trigger-jets"], "name a dataset"),
        (["search", "trigger-jets", "jets", "--num-trials", "0"], "num_trials is 0"),
        (["search", "trigger-jets", "jets", "--population", "1"], "population is 1"),
        (["search", "trigger-jets", "jets", "--space.depth", "2", "1"], "space.depth is (2, 1)"),
        (["search", "trigger-jets", "jets", "--space.kinds", "dens"], "--space.kinds"),
        (["search", "trigger-jets", "jets", "-o", "other"], "network.num_outputs is 5, the samples have 2"),
        (["search", "trigger-jets", "jets", "-o", "run"], "run: output exists already"),
        (["search", "trigger-jets", "jets", "-o", "plain"], "plain-report: output exists already"),
        (["report", "plain", "run", "run"], "at most the run behind it"),
    ],
)
def test_bad_input_is_one_line_and_code_two(
    arguments: list[str],
    words: str,
    unverified: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(unverified.parent)
    capsys.readouterr()
    assert main(arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert words in error


def test_missing_tools_are_told_with_their_package(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["compile", str(trained / "run"), "-o", str(tmp_path / "out")]) == 2
    assert "verilator is not installed: apt-get install verilator" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_without_its_samples_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "run-samples")
    with pytest.raises(InputError, match=r"samples of .* are not there"):
        compile_run(run, tmp_path / "out")


def test_weights_that_are_no_numbers_are_refused(run: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = run / "members" / TriggerRun.open(run).best.file
    tensors = load_file(path)
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, path)
    with pytest.raises(InputError, match=r"not finite|NaN"):
        compile_run(run, tmp_path / "out")
