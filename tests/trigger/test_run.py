from __future__ import annotations

from pathlib import Path

import pytest

from collidium.artifact import InputError
from collidium.trigger import TriggerRun


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        TriggerRun.open(tmp_path)
