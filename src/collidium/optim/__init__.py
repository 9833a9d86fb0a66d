"""Matrix optimizers of the Muon family as drop-in torch optimizers; imports torch and nothing else."""

from __future__ import annotations

from collidium.optim._adago import AdaGO
from collidium.optim._adamuon import AdaMuon
from collidium.optim._adamw import AdamW, AdamWRule
from collidium.optim._adaptive_memory import AdaptiveMemoryAdamW, AdaptiveMemorySGD, adaptive_coefficient
from collidium.optim._ademamix import AdEMAMix
from collidium.optim._auon import AuON, HybridAuON
from collidium.optim._certificate import LipschitzCertificate, lipschitz_certificate
from collidium.optim._coefficients import COEFFICIENTS, CoefficientSet
from collidium.optim._conda import Conda
from collidium.optim._direction import DIRECTIONS, orthogonalize
from collidium.optim._drop_muon import DropMuon
from collidium.optim._exact_polar import exact_polar
from collidium.optim._fismo import FISMO
from collidium.optim._for_model import RoutedOptimizer, for_model
from collidium.optim._gradients import NonFiniteGradientError
from collidium.optim._hyperp import HyperP
from collidium.optim._hypersphere import transferred_rate
from collidium.optim._info import OptimizerInfo
from collidium.optim._lanton import Lanton
from collidium.optim._layer_sampling import expected_cost, next_active
from collidium.optim._lion import Lion
from collidium.optim._lipschitz import LipschitzAdamW, LipschitzMuon
from collidium.optim._mars import MarsM
from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._moonlight import Moonlight, MuonMuP
from collidium.optim._muon import Muon
from collidium.optim._muon_8bit import Muon8bit
from collidium.optim._muon_clip import MuonClip
from collidium.optim._muon_plus_plus import MuonPlusPlus
from collidium.optim._namo import NAMO, NAMOD
from collidium.optim._newton_schulz import gram_newton_schulz, newton_schulz
from collidium.optim._normuon import NorMuon
from collidium.optim._pipeline import ParameterStep
from collidium.optim._qk_clip import AttentionLogits, HeadRows, clip_factors, largest_logits
from collidium.optim._quantisation import quantisation_error
from collidium.optim._reg import REG
from collidium.optim._registry import OPTIMIZERS
from collidium.optim._roles import ROLES, Role, time_modulated_roles
from collidium.optim._routing import Route, Routing, route
from collidium.optim._shape_factor import SHAPE_FACTORS, shape_factor
from collidium.optim._signum import Signum
from collidium.optim._spectra import SpectraAdamW, SpectraAdEMAMix, SpectraMuon, SpectraSignum
from collidium.optim._spectral_cap import (
    soft_cap,
    soft_cap_strengths,
    spectral_hammer,
    spectral_normalize,
    spectral_weight_decay,
)
from collidium.optim._spectral_clip import hard_spectral_clip, soft_spectral_clip
from collidium.optim._spectral_condition import InputScale
from collidium.optim._telescoping import Sweep, Trial, telescoping_sweep

__all__ = [
    "COEFFICIENTS",
    "DIRECTIONS",
    "FISMO",
    "NAMO",
    "NAMOD",
    "OPTIMIZERS",
    "REG",
    "ROLES",
    "SHAPE_FACTORS",
    "AdEMAMix",
    "AdaGO",
    "AdaMuon",
    "AdamW",
    "AdamWRule",
    "AdaptiveMemoryAdamW",
    "AdaptiveMemorySGD",
    "AttentionLogits",
    "AuON",
    "CoefficientSet",
    "Conda",
    "DropMuon",
    "HeadRows",
    "HybridAuON",
    "HyperP",
    "InputScale",
    "Lanton",
    "Lion",
    "LipschitzAdamW",
    "LipschitzCertificate",
    "LipschitzMuon",
    "MarsM",
    "MatrixOptimizer",
    "Moonlight",
    "Muon",
    "Muon8bit",
    "MuonClip",
    "MuonMuP",
    "MuonPlusPlus",
    "NonFiniteGradientError",
    "NorMuon",
    "OptimizerInfo",
    "ParameterStep",
    "Role",
    "Route",
    "RoutedOptimizer",
    "Routing",
    "Rule",
    "Signum",
    "SpectraAdEMAMix",
    "SpectraAdamW",
    "SpectraMuon",
    "SpectraSignum",
    "Sweep",
    "Trial",
    "adaptive_coefficient",
    "clip_factors",
    "exact_polar",
    "expected_cost",
    "for_model",
    "gram_newton_schulz",
    "hard_spectral_clip",
    "largest_logits",
    "lipschitz_certificate",
    "newton_schulz",
    "next_active",
    "orthogonalize",
    "quantisation_error",
    "route",
    "shape_factor",
    "soft_cap",
    "soft_cap_strengths",
    "soft_spectral_clip",
    "spectral_hammer",
    "spectral_normalize",
    "spectral_weight_decay",
    "telescoping_sweep",
    "time_modulated_roles",
    "transferred_rate",
]
