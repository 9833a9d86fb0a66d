"""The table of backbones."""

from __future__ import annotations

from dataclasses import dataclass

from collidium.artifact import unknown
from collidium.models._deep_sets import DeepSetsConfig
from collidium.models._jetformer import JETFORMER_SIZES, JetFormerConfig
from collidium.models._mlp import MLPConfig
from collidium.models._particle_transformer import ParticleTransformerConfig

BackboneConfig = MLPConfig | DeepSetsConfig | ParticleTransformerConfig | JetFormerConfig


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """One backbone at one size.

    Attributes
    ----------
    name : str
        Its name.
    config : BackboneConfig
        Its configuration.
    description : str
        One line.
    reference : str
        The paper.
    """

    name: str
    config: BackboneConfig
    description: str
    reference: str


_PARTICLE_TRANSFORMER = "Qu, Li, Qian, arXiv:2202.03772"
_JETFORMER = "arXiv:2601.17215"

_BACKBONES = (
    ModelInfo(
        name="mlp",
        config=MLPConfig(),
        description="perceptron 64-32-32 on jet features",
        reference="Duarte et al., arXiv:1804.06913",
    ),
    ModelInfo(
        name="deep-sets",
        config=DeepSetsConfig(),
        description="sum over particles between two perceptrons (particle flow network)",
        reference="Komiske, Metodiev, Thaler, arXiv:1810.05165",
    ),
    ModelInfo(
        name="particle-transformer",
        config=ParticleTransformerConfig(),
        description="transformer with pair features as attention bias, published size",
        reference=_PARTICLE_TRANSFORMER,
    ),
    ModelInfo(
        name="particle-transformer-plain",
        config=ParticleTransformerConfig(pair_widths=None),
        description="the same without pair features",
        reference=_PARTICLE_TRANSFORMER,
    ),
    ModelInfo(
        name="jetformer",
        config=JETFORMER_SIZES["default"],
        description="BatchNorm-ReLU transformer for hardware: 3 blocks, width 64, 2 heads",
        reference=_JETFORMER,
    ),
    ModelInfo(
        name="jetformer-large",
        config=JETFORMER_SIZES["jetclass-large"],
        description="its JetClass size: 10 blocks, width 128, 8 heads",
        reference=_JETFORMER,
    ),
)

BACKBONES: dict[str, ModelInfo] = {info.name: info for info in _BACKBONES}


def backbone(name: str) -> BackboneConfig:
    """Look up the configuration of a backbone.

    Parameters
    ----------
    name : str
        A key of ``BACKBONES``.

    Returns
    -------
    BackboneConfig
        Its frozen configuration.

    Raises
    ------
    InputError
        If there is no such backbone.

    Examples
    --------
    >>> backbone("jetformer").width
    64
    """
    if name not in BACKBONES:
        raise unknown("backbone", name, BACKBONES)
    return BACKBONES[name].config
