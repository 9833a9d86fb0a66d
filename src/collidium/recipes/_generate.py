"""Recipes for generated datasets."""

from __future__ import annotations

from collidium.collide import GenerateConfig

JETCLASS = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")


def top_vs_qcd() -> GenerateConfig:
    """Hadronic top against QCD jets, pT 500-650 GeV, flat in pT."""
    return GenerateConfig(classes=("QCD", "Tbqq"), pt_min=500.0, pt_max=650.0, num_jets=40_000)


def jetclass() -> GenerateConfig:
    """The ten classes of JetClass, pT 500-1000 GeV, flat in pT."""
    return GenerateConfig(classes=JETCLASS, pt_min=500.0, pt_max=1000.0, num_jets=100_000)


def quark_gluon() -> GenerateConfig:
    """Light-quark against gluon jets, pT 500-550 GeV, flat in pT."""
    return GenerateConfig(classes=("gluon", "light"), pt_min=500.0, pt_max=550.0, num_jets=100_000)
