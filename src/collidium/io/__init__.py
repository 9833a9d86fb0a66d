"""Readers and writers of experiment formats, and the conversion to datasets."""

from collidium.io._convert import JETS_PER_SHARD, ConvertConfig, convert
from collidium.io._formats import FORMATS, Format, detect_format
from collidium.io._jetclass import write_jetclass

__all__ = [
    "FORMATS",
    "JETS_PER_SHARD",
    "ConvertConfig",
    "Format",
    "convert",
    "detect_format",
    "write_jetclass",
]
