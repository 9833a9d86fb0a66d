"""The encoder of trigger cells: its size, its formats, its training with a decoder, and other weights in its RTL."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from collidium.artifact import InputError, file_hash
from collidium.detect import NUM_CELLS, module_image
from collidium.firmware import (
    POWER_UP,
    RESTORED,
    FirmwareOptions,
    has_tool,
    load_firmware,
    verify_reload,
    weight_image,
)
from collidium.trigger import (
    ArrayData,
    Decoded,
    EconEncoderConfig,
    FitConfig,
    ModuleTask,
    QuantizerConfig,
    TriggerConfig,
    TriggerRun,
    build_decoded,
    compile_run,
    fit,
    samples_path,
    train_trigger,
    verify_reloaded_runs,
)
from collidium.trigger._fit import _Fit

TOOLS = pytest.mark.skipif(
    not all(map(has_tool, ("verilator", "g++", "make"))), reason="apt-get install verilator g++ make"
)
TASK = ModuleTask(num_modules=800, num_measured=20)
NETWORK = EconEncoderConfig(num_outputs=10, output_bits=8, filters=1, decoder_widths=(32,))
FIT = FitConfig(epochs=3, batch_size=32, lr=1e-2, objective="telescope", calibration_samples=1, seed=2)


def digests(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): file_hash(file)
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in {"manifest.json", "timings.jsonl"}
    }


@pytest.fixture(scope="module")
def data() -> ArrayData:
    return TASK.samples(None).data


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> TriggerRun:
    config = TriggerConfig(task=TASK, network=NETWORK, fit=FIT)
    return train_trigger(config, None, tmp_path_factory.mktemp("econ") / "run")


def test_encoder_has_the_published_number_of_parameters() -> None:
    network = EconEncoderConfig().build(seed=0)
    trained = {name: parameter.numel() for name, parameter in network.named_parameters()}
    assert trained == {"conv.weight": 72, "conv.bias": 8, "dense.weight": 2048, "dense.bias": 16}
    assert sum(trained.values()) == 2144


def test_every_weight_is_a_register() -> None:
    network = EconEncoderConfig().build(seed=0).eval()
    first, second = network.freeze().reloadable
    assert first.weight.size + first.bias.size + second.weight.size + second.bias.size == 2144


@pytest.mark.parametrize("bits", range(3, 10))
def test_sixteen_numbers_of_the_bits_asked_for_go_out(bits: int) -> None:
    network = EconEncoderConfig(output_bits=bits).build(seed=0)
    with torch.no_grad():
        network.dense.bias.fill_(10.0)
    sent = network.eval()(torch.rand(50, NUM_CELLS))
    assert sent.shape == (50, 16)
    steps = sent * 2 ** (bits - 1)
    assert torch.equal(steps, steps.round())
    assert 0 <= steps.min() <= steps.max() <= 2**bits - 1
    model = network.freeze()
    assert model.intervals[model.outputs[0]].formats().width.tolist() == [bits] * 16


def test_cells_are_convolved_as_the_image_of_the_module() -> None:
    network = EconEncoderConfig().build(seed=3).eval()
    shares = torch.randint(0, 400, (6, NUM_CELLS)) / 1024
    image = torch.as_tensor(module_image(shares.numpy()))[:, None]
    quantized = network.conv.weight_quantizer(network.conv.weight)
    padded = torch.nn.functional.pad(image, (0, 1, 0, 1))
    expected = torch.nn.functional.conv2d(padded, quantized.view(8, 1, 3, 3), stride=2)
    torch.testing.assert_close(network.conv(shares), expected.permute(0, 2, 3, 1))


def test_formats_do_not_depend_on_the_training(data: ArrayData, tmp_path: Path) -> None:
    other = fit(NETWORK, data, dataclasses.replace(FIT, seed=5, epochs=1), tmp_path / "other").network().freeze()
    fresh = NETWORK.build(seed=1).eval().freeze()
    assert fresh.hash != other.hash
    images = {node.name: (node.weight, node.bias) for node in other.reloadable}
    assert fresh.with_weights(images).hash == other.hash


def test_the_decoder_makes_shares_and_depends_on_the_seed() -> None:
    whole = build_decoded(NETWORK, seed=1)
    assert isinstance(whole, Decoded)
    answer = whole(torch.rand(4, NUM_CELLS))
    torch.testing.assert_close(answer.sum(1), torch.ones(4))
    again, other = build_decoded(NETWORK, seed=1), build_decoded(NETWORK, seed=2)
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    assert not torch.equal(other.state_dict()["decoder.0.weight"], whole.state_dict()["decoder.0.weight"])


def test_encoder_and_decoder_learn_together(finished: TriggerRun, data: ArrayData) -> None:
    rows = finished.metrics()
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    before, after = build_decoded(NETWORK, seed=FIT.seed).state_dict(), finished._whole(None).state_dict()
    for name in ("network.conv.weight", "network.dense.weight", "decoder.0.weight", "decoder.2.bias"):
        assert not torch.equal(before[name], after[name])


def test_a_member_comes_back_with_its_decoder(finished: TriggerRun, data: ArrayData) -> None:
    part = data.part("val")
    with torch.no_grad():
        sent = finished.network()(*part.x).double().numpy()
    answers = finished.decode(sent)
    np.testing.assert_allclose(answers.sum(1), 1)
    from collidium.trigger import OBJECTIVES

    merit = OBJECTIVES["telescope"].merit(torch.from_numpy(answers), part.y).mean()
    assert float(merit) == pytest.approx(finished.best.merit, rel=1e-4)


def test_a_killed_training_goes_on_to_the_same_bytes(
    finished: TriggerRun, data: ArrayData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, whole = 0, _Fit._step
    per_epoch = len(data.part("train")) // FIT.batch_size

    def dies(self: _Fit, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 2 * per_epoch + 3:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    with monkeypatch.context() as context:
        context.setattr(_Fit, "_step", dies)
        with pytest.raises(KeyboardInterrupt):
            fit(NETWORK, data, FIT, tmp_path / "run")
    assert digests(fit(NETWORK, data, FIT, tmp_path / "run").path) == digests(finished.path)


@pytest.fixture(scope="module")
def written(finished: TriggerRun) -> Path:
    """Firmware without a verification."""
    out = finished.path.with_name("plain")
    compile_run(finished.path, out, options=FirmwareOptions(num_samples=0))
    return out


def test_figures_compare_at_equal_bits(written: Path) -> None:
    figures = json.loads((written / "report.json").read_text())["model"]["figures"]
    assert figures["output_bits"] == 80
    assert figures["threshold_mean_bits"] <= 80
    assert figures["emd_modules"] == 20
    assert 0 < figures["emd_mm"] < 100
    assert figures["network_mismatches"] == 0


def test_firmware_has_registers_and_names_its_cells(written: Path) -> None:
    design = json.loads((written / "report.json").read_text())["design"]
    assert (design["weight_registers"], design["input_bits"], design["output_bits"]) == (10 + 170, 480, 80)
    ports = json.loads((written / "interface.json").read_text())
    assert ports["in_data"]["elements"][7]["name"] == "cell[7]"
    assert "name" not in ports["out_data"]["elements"][0]
    firmware = load_firmware(written / "golden")
    initial = [register["initial"] & 63 for register in ports["weights"]["registers"][:9]]
    assert weight_image(firmware.layout, firmware.model)[:9].tolist() == [[n, code] for n, code in enumerate(initial)]


@TOOLS
@pytest.mark.slow
def test_weights_of_another_training_are_loaded_into_the_running_rtl(
    finished: TriggerRun, written: Path, data: ArrayData, tmp_path: Path
) -> None:
    other = fit(NETWORK, data, dataclasses.replace(FIT, seed=7, epochs=2), tmp_path / "other")
    found = verify_reloaded_runs(written, [other.path], num_samples=2000)
    assert list(found.phases) == [POWER_UP, str(other.path), RESTORED]
    assert found.is_proved
    for counts in found.phases.values():
        assert counts.mismatches == 0
        assert counts.samples == 2000
        assert counts.gaps > 100
    assert finished.network().freeze().hash != other.network().freeze().hash


def test_weights_of_another_design_are_refused(written: Path) -> None:
    wider = dataclasses.replace(NETWORK, output_bits=9).build(seed=0).eval().freeze()
    fewer = dataclasses.replace(NETWORK, num_outputs=12).build(seed=0).eval().freeze()
    for model, message in ((wider, "in more than its weights"), (fewer, "reloadable layers are not those")):
        with pytest.raises(InputError, match=message):
            verify_reload(written, {"other": model}, num_samples=10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_bits": 2}, "output_bits is 2: 3 to 9"),
        ({"output_bits": 10}, "output_bits is 10: 3 to 9"),
        ({"num_outputs": 0}, "num_outputs is 0"),
        ({"decoder_widths": (0,)}, "decoder_widths"),
        ({"weight": QuantizerConfig()}, "weight: formats of a reloadable encoder"),
        ({"data": QuantizerConfig(is_trained=False)}, "data: formats of a reloadable encoder"),
    ],
)
def test_configurations_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EconEncoderConfig(**change)


def test_trained_widths_are_for_fixed_weights(assert_equal_codes: Callable[..., Any]) -> None:
    config = EconEncoderConfig(
        weight=QuantizerConfig(), bias=QuantizerConfig(), data=QuantizerConfig(), is_reloadable=False
    )
    model = assert_equal_codes(config.build(seed=0), [torch.rand(40, NUM_CELLS)])
    assert not model.reloadable


def test_an_objective_of_another_task_is_refused(tmp_path: Path) -> None:
    config = TriggerConfig(task=TASK, network=NETWORK, fit=dataclasses.replace(FIT, objective="mse"))
    with pytest.raises(InputError, match="unknown objective of ModuleTask 'mse'"):
        train_trigger(config, None, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_samples_lie_beside_the_run(finished: TriggerRun) -> None:
    assert samples_path(finished.path).is_dir()
