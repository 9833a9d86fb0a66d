"""Chains of stages."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from collidium.analysis import TemplatesConfig
from collidium.collide import GenerateConfig
from collidium.recipes import _generate, _train
from collidium.train import RunConfig


@dataclass(frozen=True, kw_only=True)
class ChainConfig:
    """From collisions to a report: the configuration of each stage.

    Attributes
    ----------
    generate : GenerateConfig
        The dataset.
    run : RunConfig
        The training on it.
    templates : TemplatesConfig or None
        The measurement of a signal strength with the trained scores; None for none.
    """

    generate: GenerateConfig
    run: RunConfig
    templates: TemplatesConfig | None = None


def quickstart() -> ChainConfig:
    """Top against QCD on two cores in a few minutes."""
    run = _train.jetformer_small()
    return ChainConfig(
        generate=dataclasses.replace(_generate.top_vs_qcd(), num_jets=24_000),
        run=dataclasses.replace(run, train=dataclasses.replace(run.train, epochs=6)),
        templates=TemplatesConfig(),
    )
