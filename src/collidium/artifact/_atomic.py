"""Files that exist whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal


@contextmanager
def atomic_write(path: Path, mode: Literal["wb", "w"] = "wb") -> Iterator[IO[Any]]:
    """Open a file under a temporary name that becomes ``path`` only when the block ends well.

    Parameters
    ----------
    path : Path
        The final name; an existing file is replaced.
    mode : {"wb", "w"}
        Bytes or UTF-8 text.

    Yields
    ------
    file object
        Open for writing.

    Notes
    -----
    The temporary file lies in the same folder and is flushed to the disk before it is renamed, so a full disk, a kill
    or an exception leaves either the old file or none.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_write(path, "w") as stream:
    ...     _ = stream.write("whole")
    >>> path.read_text()
    'whole'
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open(mode, encoding="utf-8" if mode == "w" else None) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
