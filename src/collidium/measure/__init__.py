"""Likelihoods with gradients: fits, intervals, limits.

Each part is imported at its first use, and SciPy with it: a program pays for what it asks for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collidium.measure._asymptotics import (
        BANDS,
        asymptotic_cls,
        counting_significance,
        discovery_p_value,
        expected_cls,
        significance,
    )
    from collidium.measure._binned import Binned, Spectrum
    from collidium.measure._blinding import blind_bins, blinded
    from collidium.measure._bump_hunt import HUNT_BACKGROUNDS, BumpHunt, BumpHuntConfig, hunt_bumps
    from collidium.measure._bump_scan import BumpScan
    from collidium.measure._counting import counting_experiment
    from collidium.measure._custom import CUSTOM_TYPES, BinFactor, JetScaling
    from collidium.measure._cutflow import Cutflow, CutflowRow
    from collidium.measure._datacard import parse_datacard
    from collidium.measure._dijet import Dijet
    from collidium.measure._dileptons import Dileptons, read_dileptons
    from collidium.measure._envelope import Envelope, SpuriousSignal, envelope, envelope_scan, spurious_signal
    from collidium.measure._family import Rescaled
    from collidium.measure._fit import FitResult, fit
    from collidium.measure._four_leptons import FourLeptonConfig, FourLeptonFit, fit_four_leptons, read_four_leptons
    from collidium.measure._goodness import GoodnessOfFit, saturated_goodness
    from collidium.measure._histfactory import ChannelBins, HistFactory
    from collidium.measure._hunts import HUNTS, Hunt, HuntResult, MuonPairs, hunt_in_file
    from collidium.measure._likelihood import Curvature, Expansion, Generative, Likelihood
    from collidium.measure._limits import AsymptoticTest, CLs, UpperLimit
    from collidium.measure._look_elsewhere import count_upcrossings, global_p_value
    from collidium.measure._minimise import FitError
    from collidium.measure._mixture import Component
    from collidium.measure._opening import BLINDING_NAME, LABELS_NAME, WORKSPACE_NAME, WorkspaceConfig, model_file
    from collidium.measure._parameters import Parameter, Parameters
    from collidium.measure._patch import apply_patch, read_patch
    from collidium.measure._peak_fit import PeakCurves, PeakFit, fit_peak
    from collidium.measure._peak_stage import (
        BUMPHUNT_NAME,
        CURVES_NAME,
        FOUR_LEPTONS,
        measure_bumps,
        measure_four_leptons,
        measure_resonance,
    )
    from collidium.measure._peaks import BACKGROUNDS, SIGNALS, PeakModel, build_peak
    from collidium.measure._ranking import Impact, breakdown, ranking
    from collidium.measure._ranking_stage import RANKING_NAME, RankConfig, rank_workspace
    from collidium.measure._ratio import profile, q0, qmu, qmu_tilde, tmu
    from collidium.measure._reading import read_workspace
    from collidium.measure._resonance_recipes import RESONANCES, Resonance
    from collidium.measure._resonances import PeakConfig, ResonanceFit, fit_resonance
    from collidium.measure._scan import ProfileInterval, Scan, contour, minos, profile_scan
    from collidium.measure._scan_stage import SCAN_NAME, ScanConfig, scan_workspace
    from collidium.measure._shapes import (
        Bernstein,
        BreitWigner,
        DoubleSidedCrystalBall,
        Exponential,
        ExponentialPolynomial,
        Gaussian,
        PowerLaw,
        Shape,
        Voigtian,
        Window,
        density,
    )
    from collidium.measure._smearing import RelativisticBreitWigner, Smeared
    from collidium.measure._smoothing import smooth_353qh
    from collidium.measure._spectra import PublishedSpectrum, read_published
    from collidium.measure._stages import (
        CLS_NAME,
        COVARIANCE_NAME,
        FIT_NAME,
        LIMIT_NAME,
        YIELDS_NAME,
        LimitConfig,
        fit_workspace,
        limit_workspace,
    )
    from collidium.measure._templates import (
        Region,
        Template,
        TemplateConfig,
        TemplateSample,
        TemplateWorkspace,
        Variation,
        template_workspace,
    )
    from collidium.measure._toys import ToyTest, toy_cls, toy_p_value, toy_values
    from collidium.measure._toys_stage import TOYS_NAME, ToysConfig, toys_workspace
    from collidium.measure._unbinned import Category, Unbinned
    from collidium.measure._workspace import Channel, Measurement, Modifier, Sample, Workspace
    from collidium.measure._writing import workspace_document, write_workspace
    from collidium.measure._yields import ChannelYields, Yields, channel_yields

_AT_FIRST_USE = {
    "_asymptotics": (
        "BANDS",
        "asymptotic_cls",
        "counting_significance",
        "discovery_p_value",
        "expected_cls",
        "significance",
    ),
    "_binned": ("Binned", "Spectrum"),
    "_blinding": ("blind_bins", "blinded"),
    "_bump_hunt": ("HUNT_BACKGROUNDS", "BumpHunt", "BumpHuntConfig", "hunt_bumps"),
    "_bump_scan": ("BumpScan",),
    "_counting": ("counting_experiment",),
    "_custom": ("CUSTOM_TYPES", "BinFactor", "JetScaling"),
    "_cutflow": ("Cutflow", "CutflowRow"),
    "_datacard": ("parse_datacard",),
    "_dijet": ("Dijet",),
    "_dileptons": ("Dileptons", "read_dileptons"),
    "_envelope": ("Envelope", "SpuriousSignal", "envelope", "envelope_scan", "spurious_signal"),
    "_family": ("Rescaled",),
    "_fit": ("FitResult", "fit"),
    "_four_leptons": ("FourLeptonConfig", "FourLeptonFit", "fit_four_leptons", "read_four_leptons"),
    "_goodness": ("GoodnessOfFit", "saturated_goodness"),
    "_histfactory": ("ChannelBins", "HistFactory"),
    "_hunts": ("HUNTS", "Hunt", "HuntResult", "MuonPairs", "hunt_in_file"),
    "_likelihood": ("Curvature", "Expansion", "Generative", "Likelihood"),
    "_limits": ("AsymptoticTest", "CLs", "UpperLimit"),
    "_look_elsewhere": ("count_upcrossings", "global_p_value"),
    "_minimise": ("FitError",),
    "_mixture": ("Component",),
    "_opening": ("BLINDING_NAME", "LABELS_NAME", "WORKSPACE_NAME", "WorkspaceConfig", "model_file"),
    "_parameters": ("Parameter", "Parameters"),
    "_patch": ("apply_patch", "read_patch"),
    "_peak_fit": ("PeakCurves", "PeakFit", "fit_peak"),
    "_peak_stage": (
        "BUMPHUNT_NAME",
        "CURVES_NAME",
        "FOUR_LEPTONS",
        "measure_bumps",
        "measure_four_leptons",
        "measure_resonance",
    ),
    "_peaks": ("BACKGROUNDS", "SIGNALS", "PeakModel", "build_peak"),
    "_ranking": ("Impact", "breakdown", "ranking"),
    "_ranking_stage": ("RANKING_NAME", "RankConfig", "rank_workspace"),
    "_ratio": ("profile", "q0", "qmu", "qmu_tilde", "tmu"),
    "_reading": ("read_workspace",),
    "_resonance_recipes": ("RESONANCES", "Resonance"),
    "_resonances": ("PeakConfig", "ResonanceFit", "fit_resonance"),
    "_scan": ("ProfileInterval", "Scan", "contour", "minos", "profile_scan"),
    "_scan_stage": ("SCAN_NAME", "ScanConfig", "scan_workspace"),
    "_shapes": (
        "Bernstein",
        "BreitWigner",
        "DoubleSidedCrystalBall",
        "Exponential",
        "ExponentialPolynomial",
        "Gaussian",
        "PowerLaw",
        "Shape",
        "Voigtian",
        "Window",
        "density",
    ),
    "_smearing": ("RelativisticBreitWigner", "Smeared"),
    "_smoothing": ("smooth_353qh",),
    "_spectra": ("PublishedSpectrum", "read_published"),
    "_stages": (
        "CLS_NAME",
        "COVARIANCE_NAME",
        "FIT_NAME",
        "LIMIT_NAME",
        "YIELDS_NAME",
        "LimitConfig",
        "fit_workspace",
        "limit_workspace",
    ),
    "_templates": (
        "Region",
        "Template",
        "TemplateConfig",
        "TemplateSample",
        "TemplateWorkspace",
        "Variation",
        "template_workspace",
    ),
    "_toys": ("ToyTest", "toy_cls", "toy_p_value", "toy_values"),
    "_toys_stage": ("TOYS_NAME", "ToysConfig", "toys_workspace"),
    "_unbinned": ("Category", "Unbinned"),
    "_workspace": ("Channel", "Measurement", "Modifier", "Sample", "Workspace"),
    "_writing": ("workspace_document", "write_workspace"),
    "_yields": ("ChannelYields", "Yields", "channel_yields"),
}
_MODULE_OF = {name: module for module, names in _AT_FIRST_USE.items() for name in names}

__all__ = [
    "BACKGROUNDS",
    "BANDS",
    "BLINDING_NAME",
    "BUMPHUNT_NAME",
    "CLS_NAME",
    "COVARIANCE_NAME",
    "CURVES_NAME",
    "CUSTOM_TYPES",
    "FIT_NAME",
    "FOUR_LEPTONS",
    "HUNTS",
    "HUNT_BACKGROUNDS",
    "LABELS_NAME",
    "LIMIT_NAME",
    "RANKING_NAME",
    "RESONANCES",
    "SCAN_NAME",
    "SIGNALS",
    "TOYS_NAME",
    "WORKSPACE_NAME",
    "YIELDS_NAME",
    "AsymptoticTest",
    "Bernstein",
    "BinFactor",
    "Binned",
    "BreitWigner",
    "BumpHunt",
    "BumpHuntConfig",
    "BumpScan",
    "CLs",
    "Category",
    "Channel",
    "ChannelBins",
    "ChannelYields",
    "Component",
    "Curvature",
    "Cutflow",
    "CutflowRow",
    "Dijet",
    "Dileptons",
    "DoubleSidedCrystalBall",
    "Envelope",
    "Expansion",
    "Exponential",
    "ExponentialPolynomial",
    "FitError",
    "FitResult",
    "FourLeptonConfig",
    "FourLeptonFit",
    "Gaussian",
    "Generative",
    "GoodnessOfFit",
    "HistFactory",
    "Hunt",
    "HuntResult",
    "Impact",
    "JetScaling",
    "Likelihood",
    "LimitConfig",
    "Measurement",
    "Modifier",
    "MuonPairs",
    "Parameter",
    "Parameters",
    "PeakConfig",
    "PeakCurves",
    "PeakFit",
    "PeakModel",
    "PowerLaw",
    "ProfileInterval",
    "PublishedSpectrum",
    "RankConfig",
    "Region",
    "RelativisticBreitWigner",
    "Rescaled",
    "Resonance",
    "ResonanceFit",
    "Sample",
    "Scan",
    "ScanConfig",
    "Shape",
    "Smeared",
    "Spectrum",
    "SpuriousSignal",
    "Template",
    "TemplateConfig",
    "TemplateSample",
    "TemplateWorkspace",
    "ToyTest",
    "ToysConfig",
    "Unbinned",
    "UpperLimit",
    "Variation",
    "Voigtian",
    "Window",
    "Workspace",
    "WorkspaceConfig",
    "Yields",
    "apply_patch",
    "asymptotic_cls",
    "blind_bins",
    "blinded",
    "breakdown",
    "build_peak",
    "channel_yields",
    "contour",
    "count_upcrossings",
    "counting_experiment",
    "counting_significance",
    "density",
    "discovery_p_value",
    "envelope",
    "envelope_scan",
    "expected_cls",
    "fit",
    "fit_four_leptons",
    "fit_peak",
    "fit_resonance",
    "fit_workspace",
    "global_p_value",
    "hunt_bumps",
    "hunt_in_file",
    "limit_workspace",
    "measure_bumps",
    "measure_four_leptons",
    "measure_resonance",
    "minos",
    "model_file",
    "parse_datacard",
    "profile",
    "profile_scan",
    "q0",
    "qmu",
    "qmu_tilde",
    "rank_workspace",
    "ranking",
    "read_dileptons",
    "read_four_leptons",
    "read_patch",
    "read_published",
    "read_workspace",
    "saturated_goodness",
    "scan_workspace",
    "significance",
    "smooth_353qh",
    "spurious_signal",
    "template_workspace",
    "tmu",
    "toy_cls",
    "toy_p_value",
    "toy_values",
    "toys_workspace",
    "workspace_document",
    "write_workspace",
]


def __getattr__(name: str) -> object:
    """Import a part when it is asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
