"""The proof that other weights can be loaded into running firmware."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import ArrayLike

from collidium.artifact import InputError, Progress, SilentProgress, read_manifest
from collidium.firmware._compile import Firmware
from collidium.firmware._fault import faulty_model
from collidium.firmware._model import IntegerModel
from collidium.firmware._program_store import load_firmware
from collidium.firmware._samples import verification_samples
from collidium.firmware._simulate import Simulation, SimulationCounts
from collidium.firmware._tools import find_tool
from collidium.firmware._write import FIRMWARE_KIND, kept_codes

POWER_UP, RESTORED = "power-up", "restored"


@dataclass(frozen=True, kw_only=True)
class ReloadProof:
    """Result of loading other weights into running firmware.

    Attributes
    ----------
    phases : dict of str to SimulationCounts
        In the order of one simulation, without reset or power-down: ``POWER_UP``, the weights after power-up; those of
        each other model by name; ``RESTORED``, the first ones loaded again.
    fault : str
        The weight in which the model of a last phase was wrong.
    fault_mismatches : int
        Samples at which the simulation found it.
    """

    phases: Mapping[str, SimulationCounts]
    fault: str
    fault_mismatches: int

    @property
    def mismatches(self) -> int:
        """All mismatches that must not be."""
        return sum(counts.mismatches for counts in self.phases.values())

    @property
    def is_proved(self) -> bool:
        """No mismatch in any phase, and the planted fault caught."""
        return self.mismatches == 0 and self.fault_mismatches > 0


def verify_reload(
    folder: Path,
    others: Mapping[str, IntegerModel],
    *,
    num_samples: int,
    data: Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> ReloadProof:
    """Load weights of other models into the running Verilog of a folder, and compare it with these models.

    Parameters
    ----------
    folder : Path
        A firmware artifact with reloadable weights.
    others : mapping of str to IntegerModel
        Models of the same design by name; only the codes in their reloadable nodes may differ.
    num_samples : int
        N samples for each set of weights: at most half from data, corners, random codes.
    data : dict of str to array of int, (M, *shape), optional
        Codes of real samples; by default those that are kept in the artifact.
    seed : int
        Of random codes.
    progress : Progress, optional
        Told of each step.

    Returns
    -------
    ReloadProof
        Outputs and inner wires of each phase, compared with the integer model of its weights.

    Raises
    ------
    InputError
        If the folder is no firmware or keeps its weights, a model is of another design, or a tool is missing.
    """
    for tool in ("verilator", "make", "g++"):
        find_tool(tool)
    read_manifest(folder, FIRMWARE_KIND)
    firmware = load_firmware(folder / "golden")
    for name, other in others.items():
        check_design(firmware, other, name)
    report = progress or SilentProgress()
    data = kept_codes(folder) if data is None else data
    samples = verification_samples(firmware.model, num_samples, seed=seed, data=data)
    phases = {POWER_UP: firmware.model, **others, RESTORED: firmware.model}
    part = {name: codes[: max(num_samples // 10, 1000)] for name, codes in samples.items()}
    last = [firmware.model, *others.values()][-1]
    report.start("reload", 3 + len(phases), "step")
    try:
        with tempfile.TemporaryDirectory(prefix="collidium-") as workspace:
            simulation = Simulation(firmware, folder / "rtl", Path(workspace))
            simulation.build()
            report.advance()
            for number, (name, model) in enumerate(phases.items()):
                simulation.write_vectors(f"{number}_", samples, model, is_loaded=name != POWER_UP)
                report.advance()
            wrong, fault = faulty_model(last, part, seed=seed)
            simulation.write_vectors("fault_", part, wrong, weights=last)
            report.advance()
            *counts, caught = simulation.run(*(f"{number}_" for number in range(len(phases))), "fault_")
            report.advance()
    finally:
        report.finish()
    found = dict(zip(phases, counts, strict=True))
    return ReloadProof(phases=found, fault=fault, fault_mismatches=caught.outputs + caught.wires)


def check_design(firmware: Firmware, other: IntegerModel, name: str) -> None:
    """Refuse weights that do not fit into the registers of firmware.

    Raises
    ------
    InputError
        If the firmware has no registers for weights, or the model differs in more than their content.
    """
    model = firmware.model
    if not model.reloadable:
        raise InputError(f"{name}: the weights of {firmware.config.name!r} are fixed, none can be loaded")
    nodes = {node.name: node for node in other.reloadable}
    if nodes.keys() != {node.name for node in model.reloadable} or any(
        nodes[node.name].weight.shape != node.weight.shape for node in model.reloadable
    ):
        raise InputError(f"{name}: its reloadable layers are not those of {firmware.config.name!r}")
    images = {key: (node.weight, node.bias) for key, node in nodes.items()}
    if model.with_weights(images).hash != other.hash:
        raise InputError(f"{name}: it differs from {firmware.config.name!r} in more than its weights (formats, layers)")
