"""The recipes by name, and recipes from a user's own file."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from collidium.artifact import InputError, unknown
from collidium.collide import GenerateConfig
from collidium.recipes import _generate, _train, _trigger
from collidium.recipes._chain import ChainConfig, quickstart
from collidium.train import RunConfig
from collidium.trigger import TriggerConfig

Kind = Literal["generate", "train", "chain"]
CONFIGS_OF_KIND: dict[Kind, tuple[type, ...]] = {
    "generate": (GenerateConfig,),
    "train": (RunConfig, TriggerConfig),
    "chain": (ChainConfig,),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named configuration.

    Attributes
    ----------
    kind : {"generate", "train", "chain"}
        Which verb takes it.
    config : callable
        Returns the full configuration.
    description : str
        One line for lists.
    reference : str
        The published system, or empty.
    """

    kind: Kind
    config: Callable[[], object]
    description: str
    reference: str = ""


RECIPES: dict[str, Recipe] = {
    "top-vs-qcd": Recipe(
        kind="generate",
        config=_generate.top_vs_qcd,
        description="hadronic top against QCD jets, pT 500-650 GeV",
        reference="Kasieczka et al., arXiv:1902.09914 (selection)",
    ),
    "jetclass": Recipe(
        kind="generate",
        config=_generate.jetclass,
        description="JetClass's ten classes, pT 500-1000 GeV",
        reference="Qu, Li, Qian, arXiv:2202.03772",
    ),
    "quark-gluon": Recipe(
        kind="generate",
        config=_generate.quark_gluon,
        description="light-quark against gluon jets, pT 500-550 GeV",
        reference="Komiske, Metodiev, Thaler, arXiv:1810.05165 (selection)",
    ),
    "mlp": Recipe(kind="train", config=_train.mlp, description="MLP on sixteen jet-level observables"),
    "pfn": Recipe(
        kind="train",
        config=_train.pfn,
        description="Deep Sets (particle flow network), full features",
        reference="Komiske, Metodiev, Thaler, arXiv:1810.05165",
    ),
    "part": Recipe(
        kind="train",
        config=_train.part,
        description="Particle Transformer at its published size, full features",
        reference="Qu, Li, Qian, arXiv:2202.03772",
    ),
    "part-kin": Recipe(
        kind="train",
        config=_train.part_kin,
        description="Particle Transformer on momenta alone (7 features)",
        reference="Qu, Li, Qian, arXiv:2202.03772",
    ),
    "part-plain": Recipe(
        kind="train",
        config=_train.part_plain,
        description="Particle Transformer without pair features",
        reference="Qu, Li, Qian, arXiv:2202.03772",
    ),
    "jetformer-small": Recipe(
        kind="train",
        config=_train.jetformer_small,
        description="JetFormer at its default size (3 layers of 64), full features",
        reference="arXiv:2601.17215",
    ),
    "jetformer": Recipe(
        kind="train",
        config=_train.jetformer,
        description="JetFormer at its JetClass size (10 layers of 128), full features",
        reference="arXiv:2601.17215",
    ),
    "trigger-jets": Recipe(
        kind="train",
        config=_trigger.trigger_jets,
        description="trigger network 16-64-32-32-5 on jet-level observables, trained bit-widths",
        reference="network of Duarte et al., arXiv:1804.06913; widths as in Sun et al., arXiv:2405.00645",
    ),
    "trigger-jets-lut": Recipe(
        kind="train",
        config=_trigger.trigger_jets_lut,
        description="the same of trained lookup tables, 16-20-5",
    ),
    "trigger-particles": Recipe(
        kind="train",
        config=_trigger.trigger_particles,
        description="trigger Deep Sets on eight particles of three features",
    ),
    "trigger-particles-mlp": Recipe(
        kind="train",
        config=_trigger.trigger_particles_mlp,
        description="trigger perceptron on eight particles of three features",
    ),
    "trigger-interaction": Recipe(
        kind="train",
        config=_trigger.trigger_interaction,
        description="trigger interaction network on eight particles of three features",
        reference="Moreno et al., arXiv:1908.05318; Que et al., arXiv:2209.14065",
    ),
    "trigger-jetformer": Recipe(
        kind="train",
        config=_trigger.trigger_jetformer,
        description="trigger transformer on eight particles of three features",
        reference="arXiv:2601.17215",
    ),
    "trigger-muon": Recipe(
        kind="train",
        config=_trigger.trigger_muon,
        description="trigger muon tracker on simulated thin-gap chambers; needs no DATA",
        reference="Sun, Nakajima, Mitsumori, Horii, Tomoto, arXiv:2202.04976",
    ),
    "trigger-econt": Recipe(
        kind="train",
        config=_trigger.trigger_econt,
        description="trigger autoencoder of a calorimeter module's 48 cells, reloadable weights; needs no DATA",
        reference="Di Guglielmo et al., arXiv:2105.01683",
    ),
    "quickstart": Recipe(
        kind="chain",
        config=quickstart,
        description="top against QCD: generate, train JetFormer with Muon, evaluate, fit the signal, report",
    ),
}


def find_recipe(name: str, kind: Kind) -> object:
    """Look a recipe up, by name or in a Python file.

    Parameters
    ----------
    name : str
        A name of ``RECIPES``, or ``path/to/file.py`` whose function ``recipe`` (or ``path/to/file.py:function``)
        returns a configuration.
    kind : {"generate", "train", "chain"}
        Which kind is needed.

    Returns
    -------
    GenerateConfig, RunConfig, TriggerConfig or ChainConfig
        The full configuration.

    Raises
    ------
    InputError
        If there is no such recipe or it is of another kind.

    Examples
    --------
    >>> find_recipe("jetformer-small", "train").model.num_blocks
    3
    """
    path, _, function = name.partition(":")
    if path.endswith(".py"):
        return _from_file(Path(path), function or "recipe", CONFIGS_OF_KIND[kind])
    fitting = [known for known, recipe in RECIPES.items() if recipe.kind == kind]
    if name not in RECIPES:
        raise unknown(f"{kind} recipe", name, fitting)
    if RECIPES[name].kind != kind:
        raise InputError(f"recipe {name!r} is of kind {RECIPES[name].kind}; {kind} recipes are {', '.join(fitting)}")
    return RECIPES[name].config()


def _from_file(path: Path, function: str, wanted: tuple[type, ...]) -> object:
    """Run a function of the user's own file."""
    if not path.is_file():
        raise InputError(f"{path}: no such recipe file")
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    assert spec is not None
    loader = spec.loader
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    _call(path, lambda: loader.exec_module(module))
    make = getattr(module, function, None)
    if not inspect.isfunction(make):
        found = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        raise InputError(f"{path}: has no function {function!r}; functions there: {', '.join(found) or 'none'}")
    config = _call(path, make)
    if not isinstance(config, wanted):
        names = " or ".join(kind.__name__ for kind in wanted)
        raise InputError(f"{path}: {function}() returned {type(config).__name__}, {names} is needed")
    return config


def _call(path: Path, function: Callable[[], object]) -> object:
    """Run the user's code; whatever it raises is told in one line with its place in the file."""
    try:
        return function()
    except InputError:
        raise
    except SyntaxError as error:
        raise InputError(f"{path}:{error.lineno}: {error.msg}") from error
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        raise InputError(f"{path}:{lines[-1] if lines else 1}: {type(error).__name__}: {error}") from error
