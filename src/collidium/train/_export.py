"""Export to ONNX, checked against torch."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from collidium.artifact import InputError, atomic_write, missing_extra
from collidium.models import JetModel
from collidium.train._onnx_operators import operator_table
from collidium.train._run import Run, WeightsName

OPSET = 20
TOLERANCE = 1e-5
_SHAPES = ((1, 1), (3, 7), (5, 40))


class PaddedModel(nn.Module):
    """The dense path of a model with logits as the only output.

    Parameters
    ----------
    model : JetModel
        A model in evaluation mode.
    """

    def __init__(self, model: JetModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, p4: Tensor, mask: Tensor, g: Tensor | None = None) -> Tensor:
        """Compute logits (N, K); without jet features ``g`` is left out."""
        return self.model.forward_padded(x, p4, mask, x.new_zeros(x.shape[0], 0) if g is None else g)


def export_onnx(run: Run, path: Path, *, weights: WeightsName = "best") -> Path:
    """Write a run's model as an ONNX file.

    Parameters
    ----------
    run : Run
        The run.
    path : Path
        The file; an existing one is replaced.
    weights : {"best", "last", "ema"}
        As :meth:`Run.model` takes it.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    InputError
        If onnx, onnxruntime or onnxscript is missing, or the exported graph differs from torch by more than 1e-5.

    Notes
    -----
    Inputs, with free N and P: ``x`` (N, P, F) transformed features, ``p4`` (N, P, 4) E, px, py, pz in GeV, ``mask``
    (N, P) bool, true for a particle, and, for models with jet features, ``g`` (N, G). Output: ``logits`` (N, K). The
    metadata hold ``feature_schema`` (JSON with formula, unit and transform of every feature), ``classes`` (JSON list),
    ``inputs`` and ``outputs`` (JSON, what each is) and ``run_hash``. Before the file gets its name, its output is
    compared with torch on random jets of several lengths.
    """
    model = run.model(weights)
    inputs = ("x", "p4", "mask", *(("g",) if model.num_jet_features else ()))
    content = _trace(model, inputs)
    content = _with_metadata(content, _metadata(run, inputs))
    _compare(model, content, inputs)
    with atomic_write(path) as stream:
        stream.write(content)
    return path


def random_inputs(model: JetModel, num_jets: int, num_particles: int, *, seed: int) -> dict[str, Tensor]:
    """Draw padded inputs of a model.

    Parameters
    ----------
    model : JetModel
        Tells the numbers of features.
    num_jets, num_particles : int
        N and P.
    seed : int
        Decides the numbers.

    Returns
    -------
    dict of str to Tensor
        ``x`` (N, P, F), ``p4`` (N, P, 4) of massive particles in a cone, ``mask`` (N, P) with 1 to P particles in each
        jet, ``g`` (N, G).
    """
    generator = torch.Generator().manual_seed(seed)
    N, P = num_jets, num_particles
    pt = torch.empty(N, P).exponential_(0.1, generator=generator) + 0.2
    eta, phi = 0.3 * torch.randn(2, N, P, generator=generator)
    px, py, pz = pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()
    energy = (px**2 + py**2 + pz**2 + 0.13957**2).sqrt()
    lengths = torch.randint(1, P + 1, (N,), generator=generator)
    lengths[0] = P
    mask = torch.arange(P) < lengths[:, None]
    return {
        "x": torch.randn(N, P, model.num_features, generator=generator) * mask[..., None],
        "p4": torch.stack([energy, px, py, pz], -1) * mask[..., None],
        "mask": mask,
        "g": torch.randn(N, model.num_jet_features, generator=generator),
    }


def _trace(model: JetModel, inputs: tuple[str, ...]) -> bytes:
    """The graph of a model as ONNX bytes.

    Attention is traced in its written-out form: the shapes that the fused kernels promise are not those of their parts.
    """
    table = operator_table()
    examples = random_inputs(model, 3, 7, seed=0)
    N, P = torch.export.Dim("N"), torch.export.Dim("P")
    axes = {"x": {0: N, 1: P}, "p4": {0: N, 1: P}, "mask": {0: N, 1: P}, "g": {0: N}}
    with _quiet_exporter(), sdpa_kernel(SDPBackend.MATH):
        program = torch.onnx.export(
            PaddedModel(model).eval(),
            tuple(examples[name] for name in inputs),
            dynamo=True,
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_shapes={name: axes[name] for name in inputs},
            opset_version=OPSET,
            custom_translation_table=table,
            verbose=False,
        )
    assert program is not None
    proto: Any = program.model_proto
    return bytes(proto.SerializeToString())


def _metadata(run: Run, inputs: tuple[str, ...]) -> dict[str, str]:
    """What a user of the file must know."""
    F, G, K = len(run.schema.particle), len(run.schema.jet), len(run.classes)
    meaning = {
        "x": f"(N, P, {F}) transformed particle features, in the order of feature_schema",
        "p4": "(N, P, 4) E, px, py, pz in GeV",
        "mask": "(N, P) bool, true for a particle; values of padded rows do not matter",
        "g": f"(N, {G}) transformed jet features, in the order of feature_schema",
    }
    return {
        "feature_schema": run.schema.to_json(),
        "classes": json.dumps(run.classes),
        "inputs": json.dumps({name: meaning[name] for name in inputs}),
        "outputs": json.dumps({"logits": f"(N, {K}) logits, in the order of classes"}),
        "run_hash": run.manifest.content_hash,
    }


def _with_metadata(content: bytes, metadata: dict[str, str]) -> bytes:
    """Write metadata into a graph."""
    try:
        import onnx
    except ImportError as error:
        raise missing_extra("onnx", "export") from error
    graph = onnx.load_model_from_string(content)
    onnx.helper.set_model_props(graph, metadata)
    onnx.checker.check_model(graph)
    return bytes(graph.SerializeToString())


def _compare(model: JetModel, content: bytes, inputs: tuple[str, ...]) -> None:
    """Refuse a graph whose logits differ from torch's."""
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_extra("onnxruntime", "export") from error
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for seed, (N, P) in enumerate(_SHAPES):
        arrays = random_inputs(model, N, P, seed=seed)
        with torch.no_grad():
            wanted = PaddedModel(model)(**{name: arrays[name] for name in inputs})
        used = {item.name for item in session.get_inputs()}
        (found,) = session.run(["logits"], {name: arrays[name].numpy() for name in inputs if name in used})
        difference = float(((wanted - torch.from_numpy(found)).abs() / wanted.abs().clamp(min=1)).max())
        if not difference <= TOLERANCE:
            raise InputError(
                f"the exported graph differs from torch by {difference:.2g} (at most {TOLERANCE:.0e} is allowed) "
                f"for {N} jets of {P} particles"
            )


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's notes about itself away from the user; its errors are exceptions."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
