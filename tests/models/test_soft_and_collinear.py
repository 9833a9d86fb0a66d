"""Backbones are not infrared and collinear safe; by how much, against a safe observable."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from collidium.cloud import Cloud, Jets, feature_set, jet_observables, make_cloud
from collidium.models import BACKBONES

_LOGGER = logging.getLogger(__name__)
_MOMENTA = ("part_px", "part_py", "part_pz", "part_energy")


def inserted(jets: Jets, at: np.ndarray, values: dict[str, np.ndarray], factor: float = 1.0) -> Jets:
    """Jets with one particle more, before row ``at`` of the packed rows; the first of each jet times ``factor``."""
    particles = {}
    for name in _MOMENTA:
        column = jets.particles[name].astype(np.float64)
        column[jets.offsets[:-1]] *= factor
        particles[name] = np.insert(column, at, values[name]).astype(np.float32)
    return Jets(jets.offsets + np.arange(len(jets) + 1), particles, jets.scalars, jets.classes)


def with_soft_particle(jets: Jets, pt: float) -> Jets:
    """One massless particle more in each jet, a distance of 0.2 from the axis."""
    eta, phi = jets.scalars["jet_eta"].astype(np.float64) + 0.2, jets.scalars["jet_phi"].astype(np.float64)
    values = pt * np.stack([np.cos(phi), np.sin(phi), np.sinh(eta), np.cosh(eta)])
    return inserted(jets, jets.offsets[1:], dict(zip(_MOMENTA, values, strict=True)))


def with_split_particle(jets: Jets, z: float) -> Jets:
    """The hardest particle of each jet in two parallel parts, z and 1 - z of it."""
    first = jets.offsets[:-1]
    return inserted(jets, first + 1, {name: (1 - z) * jets.particles[name][first] for name in _MOMENTA}, factor=z)


def changes(output: Callable[[Cloud], Tensor], jets: Jets) -> tuple[float, float, float]:
    """Median change, in units of the spread over jets, by a soft particle of 1 MeV and 1 eV and by a split."""
    schema = feature_set("kin")

    def values(given: Jets) -> Tensor:
        with torch.no_grad():
            return output(make_cloud(given, schema))

    before = values(jets)
    after = [with_soft_particle(jets, 1e-3), with_soft_particle(jets, 1e-9), with_split_particle(jets, 0.4)]
    milli, nano, split = (float((values(given) - before).abs().median() / before.std()) for given in after)
    return milli, nano, split


def width(cloud: Cloud) -> Tensor:
    """An infrared- and collinear-safe observable, linear in pT."""
    return jet_observables(cloud.p4, cloud.offsets)["jet_width"]


def test_a_safe_observable_passes(make_jets: Callable[..., Jets]) -> None:
    milli, nano, split = changes(width, make_jets(60))
    assert milli < 1e-3
    assert nano < 1e-6
    assert split < 1e-5


@pytest.mark.parametrize("name", ["deep-sets", "particle-transformer"])
def test_sums_of_learned_functions_and_attention_are_not_safe(name: str, make_jets: Callable[..., Jets]) -> None:
    model = BACKBONES[name].config.build(7, 0, 2, seed=1).eval()
    milli, nano, split = changes(lambda cloud: model(cloud)[:, 0] - model(cloud)[:, 1], make_jets(60))
    _LOGGER.info("%s: soft particle of 1 MeV %.2g, of 1 eV %.2g; split %.2g", name, milli, nano, split)
    # a safe output would go to 0 with the particle's pT, and not see the split at all
    assert nano > 0.01
    assert nano > 0.2 * milli
    assert split > 0.01
