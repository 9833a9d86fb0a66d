"""From a run to proved firmware."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from collidium.artifact import InputError, Progress, read_manifest
from collidium.firmware import (
    MIN_SAMPLES,
    CompileConfig,
    FirmwareContext,
    FirmwareOptions,
    IntegerModel,
    ReloadProof,
    Signal,
    compile_model,
    quantize_real,
    verify_reload,
    write_firmware,
)
from collidium.trigger._archive import Member
from collidium.trigger._layer import QuantInput
from collidium.trigger._network import QuantNetwork
from collidium.trigger._run import TriggerRun
from collidium.trigger._tasks import TaskSamples
from collidium.trigger._training import open_samples, samples_path

_AT_ONCE = 2048
_ENTRY_OF = {"x": "entry"}

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class FrozenRun:
    """A network of a run as integers, measured on the run's test split.

    Attributes
    ----------
    member : Member
        Which network of the front.
    network : QuantNetwork
        In evaluation mode and double precision.
    model : IntegerModel
        Equal to it in every output of the split.
    samples : TaskSamples
        What the run was trained on.
    codes : dict of str to ndarray of int64, (N, *shape)
        Inputs of the test split, or of the validation split where there is no test split.
    figures : dict of str to float
        Figures of merit there, of the model and of other methods.
    is_decoded : bool
        Whether the outputs mean nothing by themselves, as a decoder outside makes the answer.
    """

    member: Member
    network: QuantNetwork
    model: IntegerModel
    samples: TaskSamples
    codes: dict[str, Codes]
    figures: dict[str, float]
    is_decoded: bool


def freeze_run(path: Path, *, epoch: int | None = None) -> FrozenRun:
    """Make the integer model of a network of a run, and measure it.

    Parameters
    ----------
    path : Path
        A trigger run, with its samples beside it.
    epoch : int, optional
        Which network of the front, by its epoch; the best by default.

    Returns
    -------
    FrozenRun

    Raises
    ------
    InputError
        If the run or its samples are not what they should be, the network cannot be frozen, or its outputs differ from
        those of the integer model.
    """
    run = TriggerRun.open(path)
    member = run.best if epoch is None else _member(run, epoch)
    samples, task = _samples_of(run, samples_path(path))
    network = run.network(member).double()
    model = network.freeze()
    part = samples.data.split == (2 if (samples.data.split == 2).any() else 1)
    x, y = {name: array[part] for name, array in samples.data.x.items()}, samples.data.y[part]
    codes = input_codes(network, model, x)
    answers = run.decode(_equal_outputs(network, model, x, codes), member)
    num_bits = int(model.intervals[model.outputs[0]].formats().width.sum())
    figures = {
        **task.figures(answers, x, y),
        **task.references(y, num_bits=num_bits),
        "samples": len(y),
        "epoch": member.epoch,
        "network_mismatches": 0,
    }
    return FrozenRun(member, network, model, samples, codes, figures, run.network_config.make_decoder() is not None)


def compile_run(
    path: Path,
    out: Path,
    *,
    epoch: int | None = None,
    compiler: CompileConfig | None = None,
    options: FirmwareOptions | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Freeze a network of a run, compile it, and write firmware that is proved on the run's samples.

    Parameters
    ----------
    path : Path
        A trigger run, with its samples beside it.
    out : Path
        Firmware folder to make.
    epoch : int, optional
        Which network of the front, by its epoch; the best by default.
    compiler : CompileConfig, optional
        Clock, solver, names.
    options : FirmwareOptions, optional
        Verification, synthesis, placement.
    progress : Progress, optional
        Told of each step.
    command : sequence of str, optional
        What makes it again.

    Returns
    -------
    dict
        Content of ``report.json``.

    Raises
    ------
    InputError
        If the run or its samples are not what they should be, the network cannot be frozen, a tool is missing, or any
        level differs from another.
    """
    frozen = freeze_run(path, epoch=epoch)
    context = FirmwareContext(
        signals=_signals(frozen),
        figures=frozen.figures,
        surrogate=frozen.member.ebops,
        data=frozen.codes,
        data_hash=read_manifest(samples_path(path)).content_hash,
    )
    return write_firmware(
        compile_model(frozen.model, compiler),
        out,
        options=options,
        context=context,
        inputs=[path, samples_path(path)],
        command=command,
        progress=progress,
    )


def verify_reloaded_runs(
    firmware: Path,
    runs: Sequence[Path],
    *,
    num_samples: int = MIN_SAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> ReloadProof:
    """Load the best networks of other runs into firmware while its simulation runs, and prove equality.

    Parameters
    ----------
    firmware : Path
        Firmware of a run with reloadable weights.
    runs : sequence of Path
        Trainings of the same network configuration.
    num_samples : int
        Samples for each set of weights: at most half from the data kept in the firmware, corners, random codes.
    seed : int
        Of random codes.
    progress : Progress, optional
        Told of each step.

    Returns
    -------
    ReloadProof
        For the weights after power-up, those of each run (by its path), and the first ones loaded again.

    Raises
    ------
    InputError
        If weights do not fit into the registers, an artifact is not what it should be, or a tool is missing.
    """
    models = {str(path): TriggerRun.open(path).network().double().freeze() for path in runs}
    return verify_reload(firmware, models, num_samples=num_samples, seed=seed, progress=progress)


def input_codes(network: QuantNetwork, model: IntegerModel, x: Mapping[str, NDArray[Any]]) -> dict[str, Codes]:
    """Codes that the front end makes of real inputs.

    Parameters
    ----------
    network : QuantNetwork
        In evaluation mode.
    model : IntegerModel
        The same, frozen.
    x : mapping of str to ndarray, (N, *shape)
        Inputs by name.

    Returns
    -------
    dict of str to ndarray of int64, (N, *shape)
        For each input that the model has.
    """
    found = {}
    for node in model.inputs:
        config = _entry(network, node.name).quantizer.config
        values = x[node.name].astype(np.float64)
        found[node.name] = quantize_real(values, node.formats, config.rounding, config.overflow)
    return found


def _member(run: TriggerRun, epoch: int) -> Member:
    epochs = [member.epoch for member in run.members]
    if epoch not in epochs:
        raise InputError(
            f"{run.path}: no network of the front is of epoch {epoch}; there are {', '.join(map(str, epochs))}"
        )
    return run.members[epochs.index(epoch)]


def _samples_of(run: TriggerRun, beside: Path) -> tuple[TaskSamples, Any]:
    """The samples that the run was trained on."""
    if not beside.is_dir():
        raise InputError(f"{beside}: the samples of {run.path} are not there; the training made them beside it")
    if read_manifest(beside).content_hash not in read_manifest(run.path).inputs.values():
        raise InputError(f"{beside}: {run.path} was not trained on these samples")
    return open_samples(beside)


def _equal_outputs(
    network: QuantNetwork, model: IntegerModel, x: Mapping[str, NDArray[Any]], codes: Mapping[str, Codes]
) -> NDArray[np.float64]:
    """Outputs of the integer model, after a comparison with the network's on every sample."""
    name, wrong, parts = model.outputs[0], 0, []
    count = len(next(iter(x.values())))
    for start in range(0, count, _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        values = model.values(name, model.run({key: array[rows] for key, array in codes.items()})[name])
        with torch.no_grad():
            given = [torch.from_numpy(x[key][rows].astype(np.float64)) for key in network.inputs]
            wrong += int((network(*given).numpy() != values).sum())
        parts.append(values)
    if wrong:
        raise InputError(f"the network and its integer model differ in {wrong} outputs of {count} samples")
    return np.concatenate(parts)


def _signals(frozen: FrozenRun) -> dict[str, tuple[Signal, ...]]:
    """Meaning of inputs and outputs, with what the front end does to the numbers."""
    model, samples = frozen.model, frozen.samples
    found = {} if frozen.is_decoded else {model.outputs[0]: samples.outputs}
    for node in model.inputs:
        config = _entry(frozen.network, node.name).quantizer.config
        found[node.name] = tuple(
            dataclasses.replace(signal, rounding=config.rounding, overflow=config.overflow)
            for signal in samples.signals[node.name]
        )
    return found


def _entry(network: QuantNetwork, name: str) -> QuantInput:
    """The layer in which an input enters."""
    entry = network.get_submodule(_ENTRY_OF.get(name, name))
    assert isinstance(entry, QuantInput)
    return entry
