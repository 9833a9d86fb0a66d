"""Likelihoods with gradients: fits, intervals, limits."""

from collidium.measure._asymptotics import (
    BANDS,
    asymptotic_cls,
    counting_significance,
    discovery_p_value,
    expected_cls,
    significance,
)
from collidium.measure._counting import counting_experiment
from collidium.measure._datacard import parse_datacard
from collidium.measure._fit import FitResult, fit
from collidium.measure._goodness import GoodnessOfFit, saturated_goodness
from collidium.measure._histfactory import ChannelBins, HistFactory
from collidium.measure._likelihood import Curvature, Expansion, Generative, Likelihood
from collidium.measure._limits import AsymptoticTest, CLs, UpperLimit
from collidium.measure._look_elsewhere import count_upcrossings, global_p_value
from collidium.measure._minimise import FitError
from collidium.measure._parameters import Parameter, Parameters
from collidium.measure._patch import apply_patch, read_patch
from collidium.measure._ranking import Impact, ranking
from collidium.measure._ratio import profile, q0, qmu, qmu_tilde, tmu
from collidium.measure._reading import read_workspace
from collidium.measure._scan import ProfileInterval, Scan, contour, minos, profile_scan
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
from collidium.measure._stages import (
    FIT_NAME,
    LIMIT_NAME,
    LimitConfig,
    WorkspaceConfig,
    fit_workspace,
    limit_workspace,
)
from collidium.measure._toys import ToyTest, toy_cls, toy_p_value, toy_values
from collidium.measure._unbinned import Category, Component, Unbinned
from collidium.measure._workspace import Channel, Measurement, Modifier, Sample, Workspace

__all__ = [
    "BANDS",
    "FIT_NAME",
    "LIMIT_NAME",
    "AsymptoticTest",
    "Bernstein",
    "BreitWigner",
    "CLs",
    "Category",
    "Channel",
    "ChannelBins",
    "Component",
    "Curvature",
    "DoubleSidedCrystalBall",
    "Expansion",
    "Exponential",
    "ExponentialPolynomial",
    "FitError",
    "FitResult",
    "Gaussian",
    "Generative",
    "GoodnessOfFit",
    "HistFactory",
    "Impact",
    "Likelihood",
    "LimitConfig",
    "Measurement",
    "Modifier",
    "Parameter",
    "Parameters",
    "PowerLaw",
    "ProfileInterval",
    "Sample",
    "Scan",
    "Shape",
    "ToyTest",
    "Unbinned",
    "UpperLimit",
    "Voigtian",
    "Window",
    "Workspace",
    "WorkspaceConfig",
    "apply_patch",
    "asymptotic_cls",
    "contour",
    "count_upcrossings",
    "counting_experiment",
    "counting_significance",
    "density",
    "discovery_p_value",
    "expected_cls",
    "fit",
    "fit_workspace",
    "global_p_value",
    "limit_workspace",
    "minos",
    "parse_datacard",
    "profile",
    "profile_scan",
    "q0",
    "qmu",
    "qmu_tilde",
    "ranking",
    "read_patch",
    "read_workspace",
    "saturated_goodness",
    "significance",
    "tmu",
    "toy_cls",
    "toy_p_value",
    "toy_values",
]
