"""The one error that a user is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: one line that names the file, column or argument, what was found and what is allowed.

    The command line prints it without a traceback and ends with exit code 2.
    """


def unknown(kind: str, name: str, allowed: Iterable[str]) -> InputError:
    """Build the error for a name that is in no registry, with the nearest names offered.

    Parameters
    ----------
    kind : str
        What the name should have been, e.g. ``"process"``.
    name : str
        What was given.
    allowed : iterable of str
        The names that exist.

    Returns
    -------
    InputError
        To be raised by the caller.

    Examples
    --------
    >>> str(unknown("process", "Tbq", ["Tbqq", "QCD"]))
    "unknown process 'Tbq': did you mean Tbqq? (allowed: QCD, Tbqq)"
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f": did you mean {' or '.join(near)}?" if near else ":"
    return InputError(f"unknown {kind} {name!r}{hint} (allowed: {', '.join(names)})")


def missing_extra(package: str, extra: str) -> InputError:
    """Build the error for an optional library that is not installed.

    Parameters
    ----------
    package : str
        The library that could not be imported.
    extra : str
        The extra of this package that brings it.

    Returns
    -------
    InputError
        To be raised by the caller.

    Examples
    --------
    >>> str(missing_extra("fastjet", "collide"))
    'fastjet is not installed: pip install "collidium[collide]"'
    """
    return InputError(f'{package} is not installed: pip install "collidium[{extra}]"')
