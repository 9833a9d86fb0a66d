from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import torch
before = set(sys.modules)
import collidium.optim
new = {name.split(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
rooms = {name for name in sys.modules if name.startswith("collidium.") and not name.startswith("collidium.optim")}
print(sorted(new), sorted(rooms), [name for name in ("pyarrow", "awkward", "scipy", "rich") if name in sys.modules])
"""


def test_import_loads_torch_the_standard_library_and_nothing_else() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['collidium'] [] []"
