"""Artifacts: the folders that stages hand to each other, and what every stage says about itself."""

from collidium.artifact._atomic import atomic_write
from collidium.artifact._errors import InputError, missing_extra, unknown
from collidium.artifact._folder import building
from collidium.artifact._hashing import config_hash, file_hash, json_dumps, to_plain
from collidium.artifact._manifest import MANIFEST_NAME, Manifest, read_manifest
from collidium.artifact._progress import Progress, SilentProgress

__all__ = [
    "MANIFEST_NAME",
    "InputError",
    "Manifest",
    "Progress",
    "SilentProgress",
    "atomic_write",
    "building",
    "config_hash",
    "file_hash",
    "json_dumps",
    "missing_extra",
    "read_manifest",
    "to_plain",
    "unknown",
]
