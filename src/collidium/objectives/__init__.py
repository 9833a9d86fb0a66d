"""Objectives: what training makes small, as pure functions of the model's output and the batch."""

from collidium.objectives._classification import cross_entropy, inverse_class_weights
from collidium.objectives._telescope import TelescopeScale, telescope_loss
from collidium.objectives._transport import TransportKernel, transport_distance

__all__ = [
    "TelescopeScale",
    "TransportKernel",
    "cross_entropy",
    "inverse_class_weights",
    "telescope_loss",
    "transport_distance",
]
