"""Trigger networks: layers with trained bit-widths, their training, and the way to integer models."""

from collidium.trigger._archive import Member, dominates, with_member
from collidium.trigger._beta import BetaSchedule, CostTarget
from collidium.trigger._conv import LutConv, QuantConv1d, QuantConv2d, patch_index
from collidium.trigger._data import ArrayData, Samples
from collidium.trigger._decoder import Decoded, build_decoded
from collidium.trigger._dense import QuantDense, WeightedLayer
from collidium.trigger._deploy import FrozenRun, compile_run, freeze_run, input_codes, verify_reloaded_runs
from collidium.trigger._econ_encoder import EconEncoderConfig
from collidium.trigger._einsum import QuantContract, QuantEinsum
from collidium.trigger._fit import fit, measure
from collidium.trigger._fit_config import FitConfig
from collidium.trigger._fixed_point import num_bits, quantize_tracked
from collidium.trigger._function import FUNCTIONS, FunctionInfo, QuantFunction
from collidium.trigger._interaction import InteractionConfig
from collidium.trigger._jets import jet_samples
from collidium.trigger._layer import QuantInput, QuantLayer
from collidium.trigger._losses import OBJECTIVES, Objective
from collidium.trigger._lut_dense import FrozenTables, LutDense, lut_cost
from collidium.trigger._lut_function import look_up_trained
from collidium.trigger._mlp import MLPConfig
from collidium.trigger._module_task import ModuleTask
from collidium.trigger._muon_tracker import MuonTrackerConfig
from collidium.trigger._network import LayerCost, QuantNetwork
from collidium.trigger._network_config import NetworkConfig
from collidium.trigger._particles import DeepSetsConfig, JetFormerConfig, ParticleConfig, ParticleMLPConfig
from collidium.trigger._quantizer import Quantizer
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._run import NETWORKS, RUN_KIND, TriggerRun
from collidium.trigger._saturation import quantize_saturated
from collidium.trigger._search import SEARCH_KIND, SearchConfig, SearchResult, search
from collidium.trigger._search_space import (
    SPACES,
    Choice,
    DeepSetsSpace,
    IntegerRange,
    InteractionSpace,
    JetFormerSpace,
    LogRange,
    MLPSpace,
    MuonSpace,
    ParticleMLPSpace,
    SearchSpace,
    space_of,
)
from collidium.trigger._search_trial import SearchPoint, SearchTrial, front_of
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
    "SEARCH_KIND",
    "SPACES",
    "ArrayData",
    "AttentionConfig",
    "BetaSchedule",
    "Choice",
    "CostTarget",
    "Decoded",
    "DeepSetsConfig",
    "DeepSetsSpace",
    "EconEncoderConfig",
    "FitConfig",
    "FrozenRun",
    "FrozenTables",
    "FunctionInfo",
    "IntegerRange",
    "InteractionConfig",
    "InteractionSpace",
    "JetFormerConfig",
    "JetFormerSpace",
    "JetTask",
    "LayerCost",
    "LogRange",
    "LutConv",
    "LutDense",
    "MLPConfig",
    "MLPSpace",
    "Member",
    "ModuleTask",
    "MuonSpace",
    "MuonTask",
    "MuonTrackerConfig",
    "NetworkConfig",
    "Objective",
    "ParticleConfig",
    "ParticleMLPConfig",
    "ParticleMLPSpace",
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
    "SearchConfig",
    "SearchPoint",
    "SearchResult",
    "SearchSpace",
    "SearchTrial",
    "Task",
    "TaskSamples",
    "TriggerConfig",
    "TriggerRun",
    "WeightedLayer",
    "Wire",
    "build_decoded",
    "compile_run",
    "concatenate",
    "contract",
    "dominates",
    "fit",
    "freeze_run",
    "front_of",
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
    "search",
    "shift",
    "space_of",
    "take",
    "total",
    "train_trigger",
    "transpose",
    "verify_reloaded_runs",
    "with_member",
]
