"""Trigger firmware: a frozen integer model, and Verilog that is proved equal to it."""

from collidium.firmware._arithmetic import (
    Add,
    Contract,
    LookupTable,
    Mask,
    Maximum,
    Multiply,
    Negate,
    Relu,
    Sum,
    Table,
)
from collidium.firmware._compile import CompileConfig, Firmware, compile_model
from collidium.firmware._fixed import EXACT_BITS, Format, Formats, Overflow, Rounding
from collidium.firmware._interface import Signal
from collidium.firmware._interval import Interval
from collidium.firmware._layout import Layout, weight_image
from collidium.firmware._linear import Linear
from collidium.firmware._model import IntegerModel
from collidium.firmware._model_store import NODES
from collidium.firmware._node import Constant, Input, Node, Quantize, Select, Shift
from collidium.firmware._program_store import load_firmware
from collidium.firmware._quantize import quantize, quantize_real
from collidium.firmware._reload import POWER_UP, RESTORED, ReloadProof, verify_reload
from collidium.firmware._resources import predicted_resources, timing_model
from collidium.firmware._simulate import SimulationCounts
from collidium.firmware._synthesis import Resources, Timing, place, synthesise
from collidium.firmware._tools import TOOLS, find_tool, has_tool
from collidium.firmware._verify import MIN_SAMPLES, Verification
from collidium.firmware._write import (
    FIRMWARE_KIND,
    FirmwareContext,
    FirmwareOptions,
    verification_record,
    verify_firmware,
    write_firmware,
)

__all__ = [
    "EXACT_BITS",
    "FIRMWARE_KIND",
    "MIN_SAMPLES",
    "NODES",
    "POWER_UP",
    "RESTORED",
    "TOOLS",
    "Add",
    "CompileConfig",
    "Constant",
    "Contract",
    "Firmware",
    "FirmwareContext",
    "FirmwareOptions",
    "Format",
    "Formats",
    "Input",
    "IntegerModel",
    "Interval",
    "Layout",
    "Linear",
    "LookupTable",
    "Mask",
    "Maximum",
    "Multiply",
    "Negate",
    "Node",
    "Overflow",
    "Quantize",
    "ReloadProof",
    "Relu",
    "Resources",
    "Rounding",
    "Select",
    "Shift",
    "Signal",
    "SimulationCounts",
    "Sum",
    "Table",
    "Timing",
    "Verification",
    "compile_model",
    "find_tool",
    "has_tool",
    "load_firmware",
    "place",
    "predicted_resources",
    "quantize",
    "quantize_real",
    "synthesise",
    "timing_model",
    "verification_record",
    "verify_firmware",
    "verify_reload",
    "weight_image",
    "write_firmware",
]
