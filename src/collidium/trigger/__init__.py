"""Trigger networks: layers with trained bit-widths, their training, and the way to integer models."""

from collidium.trigger._archive import Member, dominates, with_member
from collidium.trigger._beta import BetaSchedule, CostTarget
from collidium.trigger._conv import LutConv, QuantConv1d, QuantConv2d, patch_index
from collidium.trigger._data import ArrayData, Samples
from collidium.trigger._dense import QuantDense, WeightedLayer
from collidium.trigger._deploy import compile_run, input_codes
from collidium.trigger._econ_encoder import EconEncoderConfig
from collidium.trigger._einsum import QuantContract, QuantEinsum
from collidium.trigger._fit import fit, measure
from collidium.trigger._fit_config import FitConfig
from collidium.trigger._fixed_point import num_bits, quantize_saturated, quantize_tracked
from collidium.trigger._function import FUNCTIONS, FunctionInfo, QuantFunction
from collidium.trigger._jets import jet_samples
from collidium.trigger._layer import QuantInput, QuantLayer
from collidium.trigger._losses import OBJECTIVES, Objective
from collidium.trigger._lut_dense import FrozenTables, LutDense, lut_cost
from collidium.trigger._lut_function import look_up_trained
from collidium.trigger._mlp import MLPConfig
from collidium.trigger._muon_tracker import MuonTrackerConfig
from collidium.trigger._network import LayerCost, QuantNetwork
from collidium.trigger._network_config import NetworkConfig
from collidium.trigger._particles import DeepSetsConfig, JetFormerConfig, ParticleConfig
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._run import NETWORKS, RUN_KIND, TriggerRun
from collidium.trigger._signal import (
    concatenate,
    contract,
    highest,
    masked,
    multiply,
    negate,
    relu,
    reshape,
    shift,
    take,
    total,
    transpose,
)
from collidium.trigger._softmax import AttentionConfig, QuantAttention, QuantSoftmax
from collidium.trigger._tasks import JetTask, MuonTask, Task, TaskSamples
from collidium.trigger._training import SAMPLES_KIND, TriggerConfig, open_samples, samples_path, train_trigger
from collidium.trigger._wire import Wire

__all__ = [
    "FUNCTIONS",
    "NETWORKS",
    "OBJECTIVES",
    "RUN_KIND",
    "SAMPLES_KIND",
    "ArrayData",
    "AttentionConfig",
    "BetaSchedule",
    "CostTarget",
    "DeepSetsConfig",
    "EconEncoderConfig",
    "FitConfig",
    "FrozenTables",
    "FunctionInfo",
    "JetFormerConfig",
    "JetTask",
    "LayerCost",
    "LutConv",
    "LutDense",
    "MLPConfig",
    "Member",
    "MuonTask",
    "MuonTrackerConfig",
    "NetworkConfig",
    "Objective",
    "ParticleConfig",
    "QuantAttention",
    "QuantContract",
    "QuantConv1d",
    "QuantConv2d",
    "QuantDense",
    "QuantEinsum",
    "QuantFunction",
    "QuantInput",
    "QuantLayer",
    "QuantNetwork",
    "QuantSoftmax",
    "Quantizer",
    "QuantizerConfig",
    "Samples",
    "Task",
    "TaskSamples",
    "TriggerConfig",
    "TriggerRun",
    "WeightedLayer",
    "Wire",
    "compile_run",
    "concatenate",
    "contract",
    "dominates",
    "fit",
    "highest",
    "input_codes",
    "jet_samples",
    "look_up_trained",
    "lut_cost",
    "masked",
    "measure",
    "multiply",
    "negate",
    "num_bits",
    "open_samples",
    "patch_index",
    "quantize_saturated",
    "quantize_tracked",
    "relu",
    "reshape",
    "samples_path",
    "shift",
    "take",
    "total",
    "train_trigger",
    "transpose",
    "with_member",
]
