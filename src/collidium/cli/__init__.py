"""The command line: one file per verb."""

from collidium.cli._main import main

__all__ = ["main"]
