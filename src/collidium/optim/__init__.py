"""Matrix optimizers of the Muon family as drop-in torch optimizers; imports torch and nothing else."""

from __future__ import annotations

from collidium.optim._adamw import AdamW
from collidium.optim._coefficients import COEFFICIENTS, CoefficientSet
from collidium.optim._direction import DIRECTIONS, orthogonalize
from collidium.optim._exact_polar import exact_polar
from collidium.optim._for_model import RoutedOptimizer, for_model
from collidium.optim._gradients import NonFiniteGradientError
from collidium.optim._matrix_optimizer import MatrixOptimizer
from collidium.optim._muon import Muon
from collidium.optim._newton_schulz import gram_newton_schulz, newton_schulz
from collidium.optim._registry import OPTIMIZERS, OptimizerInfo
from collidium.optim._roles import ROLES, Role
from collidium.optim._routing import Route, Routing, route
from collidium.optim._shape_factor import SHAPE_FACTORS, shape_factor

__all__ = [
    "COEFFICIENTS",
    "DIRECTIONS",
    "OPTIMIZERS",
    "ROLES",
    "SHAPE_FACTORS",
    "AdamW",
    "CoefficientSet",
    "MatrixOptimizer",
    "Muon",
    "NonFiniteGradientError",
    "OptimizerInfo",
    "Role",
    "Route",
    "RoutedOptimizer",
    "Routing",
    "exact_polar",
    "for_model",
    "gram_newton_schulz",
    "newton_schulz",
    "orthogonalize",
    "route",
    "shape_factor",
]
