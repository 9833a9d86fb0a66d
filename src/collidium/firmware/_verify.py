"""The proof: integer model, program, C++ emulator and Verilog agree on every sample, and a planted fault is caught."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from collidium.artifact import InputError, Progress, SilentProgress
from collidium.firmware._compile import Firmware
from collidium.firmware._emulate import Emulation
from collidium.firmware._fault import faulty_model
from collidium.firmware._fixed import Codes
from collidium.firmware._lower import weight_ports
from collidium.firmware._model import IntegerModel
from collidium.firmware._probes import probes_of
from collidium.firmware._samples import verification_samples
from collidium.firmware._simulate import Simulation, SimulationCounts, chunks
from collidium.firmware._tools import find_tool, run_tool

MIN_SAMPLES = 100_000


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Result of a verification.

    Attributes
    ----------
    samples : int
        Samples compared at each level.
    data_samples : int
        Of these, real data.
    program_mismatches : int
        Elements of any node where the program's interpreter differs from the model.
    emulator_mismatches : int
        Output elements where the C++ emulator differs.
    simulation : SimulationCounts
        Verilog against the model.
    reloaded : SimulationCounts or None
        The same with random weights, loaded while the design runs on, where weights can be loaded.
    fault : str
        The fault that was planted.
    fault_mismatches : int
        Samples at which the simulation found it.
    wires_compared : int
        Wires inside the pipeline that were compared at each sample.
    tables_compared : int
        Tables read at every reachable address.
    latency : int
        Clock cycles, checked at every sample.
    simulator : str
        Name and version.
    """

    samples: int
    data_samples: int
    program_mismatches: int
    emulator_mismatches: int
    simulation: SimulationCounts
    reloaded: SimulationCounts | None
    fault: str
    fault_mismatches: int
    wires_compared: int
    tables_compared: int
    latency: int
    simulator: str

    @property
    def mismatches(self) -> int:
        """All mismatches that must not be."""
        reloaded = self.reloaded.mismatches if self.reloaded else 0
        return self.program_mismatches + self.emulator_mismatches + self.simulation.mismatches + reloaded

    @property
    def is_proved(self) -> bool:
        """No mismatch anywhere, and the planted fault caught."""
        return self.mismatches == 0 and self.fault_mismatches > 0


def verify_rtl(
    firmware: Firmware,
    rtl: Path,
    *,
    emulator: Path,
    num_samples: int = MIN_SAMPLES,
    data: Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Verification:
    """Compare every level on the same samples.

    Parameters
    ----------
    firmware : Firmware
        The compiled model.
    rtl : Path
        Folder with its Verilog, simulated as it is.
    emulator : Path
        Its C++ header.
    num_samples : int
        N: at most half from data, corners, random codes.
    data : dict of str to array of int, (M, *shape), optional
        Codes of real samples for each input.
    seed : int
        Of random codes and of the fault.
    progress : Progress, optional
        Told of each step.

    Returns
    -------
    Verification
        All counts.

    Raises
    ------
    InputError
        If Verilator, g++ or make is missing.
    """
    for tool in ("verilator", "make", "g++"):
        find_tool(tool)
    report = progress or SilentProgress()
    model = firmware.model
    samples = verification_samples(model, num_samples, seed=seed, data=data)
    used = 0 if data is None else min(len(np.asarray(next(iter(data.values())))), num_samples // 2)
    report.start("verify", 5, "step")
    with tempfile.TemporaryDirectory(prefix="collidium-") as folder:
        program = program_mismatches(firmware, samples)
        report.advance()
        emulation = Emulation(firmware, emulator, Path(folder)).mismatches(samples)
        report.advance()
        simulation = Simulation(firmware, rtl, Path(folder))
        simulation.build()
        report.advance()
        simulation.write_vectors("true_", samples, model, is_loaded=False)
        if model.reloadable:
            simulation.write_vectors("reloaded_", samples, _random_weights(model, seed))
        counts, *others = simulation.run("true_", *(["reloaded_"] if model.reloadable else []))
        report.advance()
        part = {name: codes[: max(num_samples // 10, 1000)] for name, codes in samples.items()}
        wrong, fault = faulty_model(model, part, seed=seed)
        simulation.write_vectors("fault_", part, wrong, weights=model)
        (caught,) = simulation.run("fault_")
        report.advance()
    report.finish()
    return Verification(
        samples=len(next(iter(samples.values()))),
        data_samples=used,
        program_mismatches=program,
        emulator_mismatches=emulation,
        simulation=counts,
        reloaded=others[0] if others else None,
        fault=fault,
        fault_mismatches=caught.outputs + caught.wires,
        wires_compared=sum(map(len, probes_of(firmware))),
        tables_compared=len(firmware.program.tables),
        latency=firmware.latency,
        simulator=simulator_version(),
    )


def program_mismatches(firmware: Firmware, samples: Mapping[str, Codes]) -> int:
    """Elements of nodes, over all samples, where the program's interpreter differs from the integer model."""
    wrong = 0
    for part in chunks(samples, max(256, min(8192, (1 << 25) // max(len(firmware.program.ops), 1)))):
        truth = firmware.model.run(part)
        wires = firmware.program.run({**part, **_weight_codes(firmware.model)})
        for name, values in firmware.program.nodes.items():
            f = firmware.model.intervals[name].f.reshape(-1)
            flat = truth[name].reshape(len(truth[name]), -1)
            for element, value in enumerate(values):
                if value is not None:
                    found = firmware.program.codes(value, wires, int(f[element]))
                    wrong += int((found != flat[:, element]).sum())
    return wrong


def _weight_codes(model: IntegerModel) -> dict[str, Codes]:
    codes: dict[str, Codes] = {}
    for node in model.reloadable:
        codes |= dict(zip(weight_ports(node), (node.weight[None], node.bias[None]), strict=True))
    return codes


def _random_weights(model: IntegerModel, seed: int) -> IntegerModel:
    """The model with other weights anywhere in their formats."""
    generator = np.random.default_rng(seed + 1)
    images: dict[str, tuple[Codes, Codes]] = {}
    for node in model.reloadable:
        assert node.weight_formats is not None
        assert node.bias_formats is not None
        weight, bias = (
            generator.integers(formats.code_min, formats.code_max, endpoint=True)
            for formats in (node.weight_formats, node.bias_formats)
        )
        images[node.name] = (weight, bias)
    return model.with_weights(images)


def simulator_version() -> str:
    """Verilator's name and version."""
    return " ".join(run_tool("verilator", ["--version"], Path.cwd()).split()[:2])


def require_proof(verification: Verification) -> None:
    """Refuse firmware that is not proved.

    Raises
    ------
    InputError
        With the counts.
    """
    if not verification.is_proved:
        raise InputError(
            f"verification failed: {verification.mismatches} mismatches on {verification.samples} samples, "
            f"planted fault {'caught' if verification.fault_mismatches else 'NOT caught'}"
        )
