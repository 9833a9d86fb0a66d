"""From a recipe to a run: samples as an artifact beside it, then the training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch

from collidium.artifact import (
    InputError,
    Progress,
    SilentProgress,
    atomic_write,
    building,
    json_dumps,
    read_manifest,
    unknown,
)
from collidium.detect import ChamberConfig, ModuleConfig
from collidium.firmware import Signal
from collidium.trigger._data import ArrayData
from collidium.trigger._decoder import Decoded, build_decoded
from collidium.trigger._econ_encoder import EconEncoderConfig
from collidium.trigger._fit import fit
from collidium.trigger._fit_config import FitConfig
from collidium.trigger._interaction import InteractionConfig
from collidium.trigger._mlp import MLPConfig
from collidium.trigger._module_task import ModuleTask
from collidium.trigger._muon_tracker import MuonTrackerConfig
from collidium.trigger._particles import DeepSetsConfig, JetFormerConfig, ParticleMLPConfig
from collidium.trigger._run import TriggerRun
from collidium.trigger._store import read_json, revive
from collidium.trigger._tasks import JetTask, MuonTask, Task, TaskSamples

SAMPLES_KIND = "trigger-samples"
_ARRAYS = "samples.npz"
_SIGNALS = "signals.json"
_TYPES = MappingProxyType(
    {kind.__name__: kind for kind in (JetTask, MuonTask, ModuleTask, ChamberConfig, ModuleConfig, Signal)}
)


@dataclass(frozen=True, kw_only=True)
class TriggerConfig:
    """A full training: samples, network, and how it is trained.

    Attributes
    ----------
    task : JetTask, MuonTask or ModuleTask
        The samples.
    network : NetworkConfig
        What is trained.
    fit : FitConfig
        How.
    """

    task: JetTask | MuonTask | ModuleTask
    network: (
        MLPConfig
        | DeepSetsConfig
        | ParticleMLPConfig
        | InteractionConfig
        | JetFormerConfig
        | MuonTrackerConfig
        | EconEncoderConfig
    )
    fit: FitConfig


def samples_path(run: Path) -> Path:
    """Where the samples of a run are: beside it, or beside the search of which it is a trial.

    Examples
    --------
    >>> samples_path(Path("runs/jets")).name, samples_path(Path("runs/wide/trials/0007")).name
    ('jets-samples', 'wide-samples')
    """
    whole = run.resolve()
    if whole.parent.name == "trials":
        return whole.parents[1].with_name(f"{whole.parents[1].name}-samples")
    return run.with_name(f"{whole.name}-samples")


def train_trigger(
    config: TriggerConfig,
    source: Path | None,
    out: Path,
    *,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> TriggerRun:
    """Make the samples, unless they are there, and train.

    Parameters
    ----------
    config : TriggerConfig
        The recipe.
    source : Path or None
        Dataset, where the task reads one.
    out : Path
        Folder of the run to make; the samples go to ``OUT-samples``. The same call after a kill goes on.
    progress : Progress, optional
        Told of every step.
    command : sequence of str, optional
        The command that makes the artifacts again.

    Returns
    -------
    TriggerRun
        The finished run, opened.

    Raises
    ------
    InputError
        If samples and network do not fit, folders are in the way, or the training fails.
    """
    if out.exists():
        raise InputError(f"{out}: output exists already; choose another name or remove it")
    path, reporter = samples_path(out), progress or SilentProgress()
    samples = ready_samples(config, source, path, progress=reporter, command=command)
    return fit(config.network, samples.data, config.fit, out, inputs=[path], progress=reporter, command=command)


def ready_samples(
    config: TriggerConfig,
    source: Path | None,
    path: Path,
    *,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> TaskSamples:
    """Make the samples of a recipe, unless they are there, and check that they suit it.

    Parameters
    ----------
    config : TriggerConfig
        The recipe.
    source : Path or None
        Dataset, where the task reads one.
    path : Path
        Folder of the samples.
    progress : Progress, optional
        Told of the making.
    command : sequence of str, optional
        The command that makes the artifact again.

    Returns
    -------
    TaskSamples

    Raises
    ------
    InputError
        If the folder holds other samples, or samples, network and objective do not fit.
    """
    if path.exists():
        _check_samples(path, config.task, source)
    else:
        _make_samples(path, config.task, source, progress or SilentProgress(), command)
    samples, _ = open_samples(path)
    _check_fit(config, samples)
    return samples


def open_samples(path: Path) -> tuple[TaskSamples, Task]:
    """Read a samples artifact.

    Parameters
    ----------
    path : Path
        Folder of kind ``trigger-samples``.

    Returns
    -------
    TaskSamples
        The samples.
    Task
        What they were made for.

    Raises
    ------
    InputError
        If it is no such artifact or damaged.
    """
    manifest = read_manifest(path, SAMPLES_KIND)
    task: Task = revive(manifest.config, _TYPES)
    document = revive({"type": "signals", **read_json(path / _SIGNALS)}, {**_TYPES, "signals": dict})
    outputs = document.pop("outputs")
    return TaskSamples(ArrayData.load(path / _ARRAYS), document, outputs), task


def _make_samples(
    path: Path, task: Task, source: Path | None, progress: Progress, command: Sequence[str] | None
) -> None:
    with building(path, kind=SAMPLES_KIND, config=task, inputs=task.inputs(source), command=command) as folder:
        progress.start("samples", None, "samples")
        try:
            samples = task.samples(source)
            progress.advance(len(samples.data.split))
        finally:
            progress.finish()
        samples.data.save(folder / _ARRAYS)
        with atomic_write(folder / _SIGNALS, "w") as stream:
            stream.write(json_dumps({**samples.signals, "outputs": samples.outputs}))


def _check_samples(path: Path, task: Task, source: Path | None) -> None:
    """Refuse samples of another task or dataset."""
    manifest = read_manifest(path, SAMPLES_KIND)
    if manifest.config != json.loads(json_dumps(task)):
        raise InputError(f"{path}: made with another configuration; choose another --out or remove it")
    current = [read_manifest(artifact).content_hash for artifact in task.inputs(source)]
    if list(manifest.inputs.values()) != current:
        raise InputError(f"{path}: made from another dataset; choose another --out or remove it")


def _check_fit(config: TriggerConfig, samples: TaskSamples) -> None:
    """Refuse a network of other inputs or outputs than the samples have, and an objective of another task."""
    allowed = config.task.objectives
    if allowed and config.fit.objective not in allowed:
        raise unknown(f"objective of {type(config.task).__name__}", config.fit.objective, allowed)
    whole = build_decoded(config.network, seed=config.fit.seed)
    network = whole.network if isinstance(whole, Decoded) else whole
    found = {name: array.shape[1:] for name, array in samples.data.x.items()}
    if found != network.inputs:
        raise InputError(f"network: its inputs are {_shapes(network.inputs)}, the samples have {_shapes(found)}")
    outputs = getattr(config.network, "num_outputs", 1)
    if isinstance(whole, Decoded):
        outputs = whole.decoder(torch.zeros(1, outputs)).shape[1]
    if outputs != len(samples.outputs):
        raise InputError(f"network.num_outputs is {outputs}, the samples have {len(samples.outputs)}")


def _shapes(inputs: object) -> str:
    assert isinstance(inputs, dict)
    return ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in inputs.items())
