"""The rooms know each other only as the design allows, and the light ones stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import collidium

SOURCE = Path(collidium.__file__).parent

# room: rooms it may import. `artifact` is the ground floor; `cli` is imported by nobody.
ALLOWED: dict[str, set[str]] = {
    "artifact": set(),
    "cloud": {"artifact"},
    "io": {"artifact", "cloud"},
    "detect": {"artifact", "cloud"},
    "collide": {"artifact", "cloud", "detect"},
    "optim": set(),
    "models": {"artifact", "cloud"},
    "objectives": {"artifact", "cloud"},
    "train": {"artifact", "cloud", "models", "objectives", "optim"},
    "evaluate": {"artifact", "cloud", "models", "train"},
    "report": {"artifact", "cloud", "evaluate", "firmware", "measure", "train", "trigger"},
    "study": {"artifact", "cloud", "models", "objectives", "optim", "report"},
    "measure": {"artifact"},
    "analysis": {"artifact", "evaluate", "measure"},
    "firmware": {"artifact"},
    "trigger": {"artifact", "cloud", "collide", "detect", "evaluate", "firmware", "objectives", "optim", "train"},
    "recipes": {
        "analysis",
        "artifact",
        "cloud",
        "collide",
        "detect",
        "evaluate",
        "io",
        "models",
        "objectives",
        "optim",
        "train",
        "trigger",
    },
    "cli": {
        "analysis",
        "artifact",
        "cloud",
        "collide",
        "evaluate",
        "firmware",
        "io",
        "measure",
        "models",
        "recipes",
        "report",
        "study",
        "train",
        "trigger",
    },
}

# third-party packages that a room may import when it is imported; others only inside functions
AT_IMPORT: dict[str, set[str]] = {
    "artifact": {"numpy"},
    "cloud": {"numpy", "torch"},
    "io": {"numpy"},
    "detect": {"numpy"},
    # only in the files that `collide` imports at their first use
    "collide": {"awkward", "fastjet", "numpy", "pythia8mc"},
    "optim": {"torch"},
    "models": {"torch"},
    "objectives": {"torch"},
    "train": {"numpy", "safetensors", "torch"},
    "evaluate": {"numpy", "pyarrow", "torch"},
    "report": {"matplotlib", "mplhep", "numpy"},
    "study": {"numpy", "torch"},
    "measure": {"numpy", "scipy"},
    "analysis": {"numpy"},
    "firmware": {"numpy"},
    "trigger": {"numpy", "safetensors", "torch"},
    "recipes": set(),
    "cli": {"numpy", "rich", "tyro"},
}


def _rooms() -> list[str]:
    return sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file())


def _imports(room: str) -> list[tuple[Path, str, bool]]:
    """File, absolute module name and whether the import stands at the top, for each import of a room."""
    found = []
    for path in sorted((SOURCE / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        later = set(map(id, _inside_functions(tree)))
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: imports are absolute here"
                names = [str(node.module)]
                if node.module == "collidium":
                    names = [f"collidium.{alias.name}" for alias in node.names if alias.name != "__version__"]
            found.extend((path, name, id(node) not in later) for name in names)
    return found


def _inside_functions(tree: ast.Module) -> list[ast.AST]:
    """Nodes that run only when a function is called, or only for the type checker."""
    later: list[ast.AST] = []
    for node in ast.walk(tree):
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if is_typing or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            later.extend(ast.walk(node))
    return later


def test_every_room_is_in_the_table() -> None:
    assert set(_rooms()) <= set(ALLOWED)
    assert set(ALLOWED) == set(AT_IMPORT)


@pytest.mark.parametrize("room", _rooms())
def test_rooms_import_as_the_table_says(room: str) -> None:
    for path, name, _ in _imports(room):
        parts = name.split(".")
        if parts[0] != "collidium" or len(parts) < 2:
            continue
        assert parts[1] in ALLOWED[room] | {room}, f"{path} imports {name}"
        if parts[1] != room:
            assert len(parts) == 2, f"{path} imports {name}: other rooms are known by their public names only"


@pytest.mark.parametrize("room", _rooms())
def test_heavy_libraries_wait_for_their_use(room: str) -> None:
    for path, name, is_top in _imports(room):
        package = name.split(".")[0]
        if is_top and package not in sys.stdlib_module_names and package != "collidium":
            assert package in AT_IMPORT[room], f"{path} imports {package} at the top"


def test_training_and_recipes_need_no_generator() -> None:
    code = "import sys, collidium.recipes, collidium.train, collidium.models; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not {"fastjet", "pythia8mc", "awkward", "pyarrow", "uproot", "matplotlib"} & set(output.split())


def test_optimizers_bring_torch_alone() -> None:
    code = "import sys, torch; before = set(sys.modules); import collidium.optim; print(*(set(sys.modules) - before))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    packages = {name.split(".")[0] for name in output.split()} - set(sys.stdlib_module_names) - {"torch"}
    assert packages == {"collidium"}
    rooms = {name.split(".")[1] for name in output.split() if name.startswith("collidium.")}
    assert rooms == {"optim"}
