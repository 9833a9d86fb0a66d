from __future__ import annotations

import subprocess
import sys

import pytest

_BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from collidium.artifact import InputError
try:
    import collidium.report
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("package", ["matplotlib", "mplhep"])
def test_an_absent_library_is_one_line_that_names_the_extra(package: str) -> None:
    done = subprocess.run([sys.executable, "-c", _BLOCKED, package], capture_output=True, text=True, check=True)
    assert done.stdout == 'matplotlib or mplhep is not installed: pip install "collidium[report]"\n'
