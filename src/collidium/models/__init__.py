"""Backbones that map particle clouds to logits."""

from collidium.models._base import JetModel
from collidium.models._deep_sets import DeepSets, DeepSetsConfig
from collidium.models._jetformer import JETFORMER_SIZES, JetFormer, JetFormerConfig
from collidium.models._layout import Dense, Layout, Packed
from collidium.models._mlp import MLP, MLPConfig
from collidium.models._norm import CloudBatchNorm
from collidium.models._particle_transformer import ParticleTransformer, ParticleTransformerConfig
from collidium.models._registry import BACKBONES, BackboneConfig, ModelInfo, backbone

__all__ = [
    "BACKBONES",
    "JETFORMER_SIZES",
    "MLP",
    "BackboneConfig",
    "CloudBatchNorm",
    "DeepSets",
    "DeepSetsConfig",
    "Dense",
    "JetFormer",
    "JetFormerConfig",
    "JetModel",
    "Layout",
    "MLPConfig",
    "ModelInfo",
    "Packed",
    "ParticleTransformer",
    "ParticleTransformerConfig",
    "backbone",
]
