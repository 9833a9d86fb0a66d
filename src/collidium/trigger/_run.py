"""Finished trainings of trigger networks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from collidium.artifact import InputError, read_manifest
from collidium.train import read_tensors
from collidium.trigger._archive import MEMBERS, Member, read_archive
from collidium.trigger._beta import BetaSchedule, CostTarget
from collidium.trigger._decoder import Decoded, build_decoded
from collidium.trigger._econ_encoder import EconEncoderConfig
from collidium.trigger._fit_config import FitConfig
from collidium.trigger._interaction import InteractionConfig
from collidium.trigger._mlp import MLPConfig
from collidium.trigger._muon_tracker import MuonTrackerConfig
from collidium.trigger._network import QuantNetwork
from collidium.trigger._network_config import NetworkConfig
from collidium.trigger._particles import DeepSetsConfig, JetFormerConfig, ParticleMLPConfig
from collidium.trigger._quantizer_config import QuantizerConfig
from collidium.trigger._softmax import AttentionConfig
from collidium.trigger._store import read_json, revive

RUN_KIND = "trigger-run"
CONFIG_NAME = "config.json"
METRICS_NAME = "metrics.jsonl"
TIMINGS_NAME = "timings.jsonl"

NETWORKS: Mapping[str, type[NetworkConfig]] = MappingProxyType(
    {
        "mlp": MLPConfig,
        "deep-sets": DeepSetsConfig,
        "jetformer": JetFormerConfig,
        "particle-mlp": ParticleMLPConfig,
        "interaction": InteractionConfig,
        "muon-tracker": MuonTrackerConfig,
        "econ-encoder": EconEncoderConfig,
    }
)
_PARTS: tuple[type, ...] = (AttentionConfig, BetaSchedule, CostTarget, FitConfig, QuantizerConfig)
TYPES: Mapping[str, type] = MappingProxyType({kind.__name__: kind for kind in (*NETWORKS.values(), *_PARTS)})


@dataclass(frozen=True)
class TriggerRun:
    """A training and the front of networks that it found.

    Attributes
    ----------
    path : Path
        Its folder.
    network_config : NetworkConfig
        What was trained.
    config : FitConfig
        How.
    members : tuple of Member
        The front, ascending in cost.
    is_higher_better : bool
        Whether merit grows as networks get better.
    """

    path: Path
    network_config: NetworkConfig
    config: FitConfig
    members: tuple[Member, ...]
    is_higher_better: bool

    @classmethod
    def open(cls, path: Path) -> TriggerRun:
        """Open a run.

        Raises
        ------
        InputError
            If it is no run or a file of it is damaged.
        """
        read_manifest(path, RUN_KIND)
        document = read_json(path / CONFIG_NAME)
        try:
            network, config = revive(document["network"], TYPES), revive(document["fit"], TYPES)
            is_higher_better = bool(document["is_higher_better"])
        except (KeyError, TypeError) as error:
            raise InputError(f"{path / CONFIG_NAME}: damaged configuration ({error})") from error
        return cls(path, network, config, read_archive(path), is_higher_better)

    @property
    def best(self) -> Member:
        """The member of the best merit, the cheapest of equals.

        Raises
        ------
        InputError
            If the run has no member.
        """
        if not self.members:
            raise InputError(f"{self.path}: no network of this run was better than a constant answer")
        sign = 1.0 if self.is_higher_better else -1.0
        return max(self.members, key=lambda member: (sign * member.merit, -member.ebops))

    def network(self, member: Member | None = None) -> QuantNetwork:
        """A network of the front, calibrated, in evaluation mode; the best if none is named."""
        whole = self._whole(member)
        return whole.network if isinstance(whole, Decoded) else whole

    def decode(self, values: NDArray[np.float64], member: Member | None = None) -> NDArray[np.float64]:
        """Turn outputs (N, ...) of a network of the front into answers (N, ...); the same where it has no decoder."""
        whole = self._whole(member)
        if not isinstance(whole, Decoded):
            return values
        with torch.no_grad():
            answers: NDArray[np.float64] = whole.decoder.double()(torch.from_numpy(values)).numpy()
        return answers

    def _whole(self, member: Member | None) -> QuantNetwork | Decoded:
        """A network of the front with its decoder, in evaluation mode."""
        chosen = self.best if member is None else member
        whole = build_decoded(self.network_config, seed=self.config.seed)
        whole.load_state_dict(read_tensors(self.path / MEMBERS / chosen.file)[0])
        return whole.eval()

    def metrics(self) -> list[dict[str, Any]]:
        """Figures epoch by epoch."""
        text = (self.path / METRICS_NAME).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]
