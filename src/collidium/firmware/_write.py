"""The firmware artifact: everything a firmware engineer expects, written and proved in one go."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from numpy.typing import ArrayLike

from collidium.artifact import Progress, building, json_dumps, read_manifest
from collidium.firmware._bench import bench, bench_vectors
from collidium.firmware._compile import Firmware
from collidium.firmware._emulator import emulator_header
from collidium.firmware._fixed import Codes
from collidium.firmware._interface import Signal, interface
from collidium.firmware._program_store import load_firmware, save_program
from collidium.firmware._resources import layers, predicted_resources, timing_model
from collidium.firmware._samples import load_codes, save_codes, verification_samples
from collidium.firmware._scripts import scripts
from collidium.firmware._synthesis import OpenPart, place, synthesise
from collidium.firmware._verify import MIN_SAMPLES, Verification, require_proof, verify_rtl

FIRMWARE_KIND = "firmware"
_EXACT_FLOAT32 = 1 << 24
_NUM_VECTORS = 300
_DATA = Path("golden") / "data.npz"


@dataclass(frozen=True, kw_only=True)
class FirmwareOptions:
    """What is done besides writing.

    Attributes
    ----------
    num_samples : int
        Samples of the verification; 0 writes without one, and the report says so.
    synthesis : {"none", "yosys"}
        Count cells.
    places : tuple of {"ecp5", "ice40"}
        Open parts on which the design is placed and routed.
    seed : int
        Of random samples and of the planted fault.
    """

    num_samples: int = MIN_SAMPLES
    synthesis: Literal["none", "yosys"] = "none"
    places: tuple[OpenPart, ...] = ()
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class FirmwareContext:
    """What is known about the model outside of it, for interface and report.

    Attributes
    ----------
    signals : dict of str to sequence of Signal
        Meaning of inputs and outputs; the names of an output are its class order.
    figures : dict of str to float
        Software accuracy and the like.
    surrogate : float or None
        The training's estimate of the cost (EBOPs).
    data : dict of str to array of int, or None
        Codes of real samples for the verification.
    data_hash : str or None
        Content hash of the data set.
    """

    signals: Mapping[str, Sequence[Signal]] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    surrogate: float | None = None
    data: Mapping[str, ArrayLike] | None = None
    data_hash: str | None = None


def write_firmware(
    firmware: Firmware,
    out: Path,
    *,
    options: FirmwareOptions | None = None,
    context: FirmwareContext | None = None,
    inputs: Sequence[Path] = (),
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the artifact; it appears only if the proof succeeds.

    Parameters
    ----------
    firmware : Firmware
        From ``compile_model``.
    out : Path
        Folder to make.
    options : FirmwareOptions, optional
        Verification, synthesis, placement.
    context : FirmwareContext, optional
        Names, units, data, figures.
    inputs : sequence of Path
        Artifacts that the model comes from.
    command : sequence of str, optional
        What makes it again.
    progress : Progress, optional
        Of the verification.

    Returns
    -------
    dict
        Content of ``report.json``.

    Raises
    ------
    InputError
        If a tool is missing, names do not fit, or the verification finds a mismatch.
    """
    options, context = options or FirmwareOptions(), context or FirmwareContext()
    started = time.process_time()
    config = {"compile": firmware.config, "options": options, "model": firmware.model.hash}
    with building(
        out,
        kind=FIRMWARE_KIND,
        config=config,
        inputs=inputs,
        seed=options.seed,
        command=command,
        untracked=("timings.json",),
    ) as folder:
        _write_sources(firmware, folder, context, options.seed)
        if context.data is not None:
            save_codes(folder / _DATA, context.data, MIN_SAMPLES // 2)
        report = _report(firmware, context)
        if options.num_samples:
            verification = verify_rtl(
                firmware,
                folder / "rtl",
                emulator=folder / "emulator" / f"{firmware.config.name}.h",
                num_samples=options.num_samples,
                data=context.data,
                seed=options.seed,
                progress=progress,
            )
            require_proof(verification)
            report["verification"] = verification_record(verification)
        if options.synthesis == "yosys":
            report["resources"]["yosys"] = vars(synthesise(firmware, folder / "rtl"))
        report["timing"]["placed"] = [vars(place(firmware, folder / "rtl", part)) for part in options.places]
        (folder / "report.json").write_text(json_dumps(report), encoding="utf-8")
        seconds = {"python_cpu_seconds": time.process_time() - started}
        (folder / "timings.json").write_text(json_dumps(seconds), encoding="utf-8")
    return report


def verify_firmware(
    folder: Path,
    *,
    num_samples: int = MIN_SAMPLES,
    data: Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Verification:
    """Prove a written artifact again.

    Parameters
    ----------
    folder : Path
        A firmware artifact.
    num_samples : int
        N.
    data : dict of str to array of int, (M, *shape), optional
        Codes of real samples; by default those that are kept in the artifact.
    seed : int
        Of random codes and of the planted fault.
    progress : Progress, optional
        Told of each step.

    Returns
    -------
    Verification
        All counts.

    Raises
    ------
    InputError
        If the folder is no firmware, or a tool is missing.
    """
    read_manifest(folder, FIRMWARE_KIND)
    if data is None:
        data = kept_codes(folder)
    firmware = load_firmware(folder / "golden")
    emulator = folder / "emulator" / f"{firmware.config.name}.h"
    return verify_rtl(
        firmware, folder / "rtl", emulator=emulator, num_samples=num_samples, data=data, seed=seed, progress=progress
    )


def kept_codes(folder: Path) -> dict[str, Codes] | None:
    """Codes of real samples that firmware keeps; None if it keeps none."""
    return load_codes(folder / _DATA) if (folder / _DATA).is_file() else None


def verification_record(verification: Verification) -> dict[str, Any]:
    """A verification as plain values, with the verdict."""
    return {
        **dataclasses.asdict(verification),
        "mismatches": verification.mismatches,
        "is_proved": verification.is_proved,
    }


def _write_sources(firmware: Firmware, folder: Path, context: FirmwareContext, seed: int) -> None:
    name = firmware.config.name
    samples = verification_samples(firmware.model, _NUM_VECTORS, seed=seed, data=context.data)
    count = len(next(iter(samples.values())))
    texts = {f"rtl/{name}.v": firmware.emitter.module()}
    if firmware.program.tables:
        texts[f"rtl/{name}_tables.v"] = firmware.emitter.tables()
    texts |= {
        "tb/tb.v": bench(firmware, count),
        "tb/vectors.hex": bench_vectors(firmware, samples),
        f"emulator/{name}.h": emulator_header(firmware),
        "interface.json": json_dumps(interface(firmware, context.signals)),
        **scripts(firmware, count),
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    (folder / "golden").mkdir()
    firmware.model.save(folder / "golden")
    save_program(folder / "golden", firmware)


def _report(firmware: Firmware, context: FirmwareContext) -> dict[str, Any]:
    model = firmware.model
    return {
        "design": {
            "name": firmware.config.name,
            "part": firmware.config.part,
            "clock_ns": firmware.config.clock_ns,
            "latency_cycles": firmware.latency,
            "latency_ns": firmware.latency_ns,
            "initiation_interval": 1,
            "input_bits": firmware.layout.in_width,
            "output_bits": firmware.layout.out_width,
            "weight_registers": len(firmware.layout.weights),
            "input_encoder": "not included: in_data carries codes",
        },
        "model": {
            "hash": model.hash,
            "max_code": model.max_code,
            "is_exact_in_float32": model.max_code < _EXACT_FLOAT32,
            "data_hash": context.data_hash,
            "figures": dict(context.figures),
        },
        "resources": {"predicted": predicted_resources(firmware), "surrogate": context.surrogate},
        "timing": {"model": timing_model(firmware)},
        "layers": layers(firmware),
        "verification": None,
    }
