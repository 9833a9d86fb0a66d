"""Collidium: particle collisions in, physics out."""

__version__ = "0.1.0"
