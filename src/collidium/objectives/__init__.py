"""Objectives: what training makes small, as pure functions of the model's output and the batch."""

from collidium.objectives._classification import cross_entropy, inverse_class_weights

__all__ = ["cross_entropy", "inverse_class_weights"]
