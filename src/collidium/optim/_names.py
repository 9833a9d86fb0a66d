"""One-line errors for names and option values outside what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> ValueError:
    """Error for a name outside a registry, with the nearest allowed names."""
    names = list(allowed)
    nearest = get_close_matches(str(name), names, n=2)
    hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
    return ValueError(f"unknown {kind} {name!r}{hint} (allowed: {', '.join(names)})")
