"""Roles of parameters: what they mean for the optimizer, and what a model without declared roles lets us guess."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn

EMBEDDING_ASPECT = 16
EMBEDDING_NAMES = frozenset({"embed", "embedding", "embeddings", "embedder", "wte", "wpe", "codebook"})
HEAD_NAMES = frozenset({"head", "lm_head", "heads", "classifier", "fc_out", "logits"})
MODULATION_NAMES = frozenset(
    {
        "adaln",
        "adaln_modulation",
        "film",
        "modulation",
        "scale_shift_table",
        "t_embedder",
        "temb_proj",
        "time_embed",
        "time_embedder",
        "time_embedding",
        "time_mlp",
        "time_proj",
        "time_text_embed",
        "timestep_embedder",
    }
)
MATRIX_ROLES = ("matrix", "stack", "conv")
LAYER_ROLES: Mapping[type[nn.Module], str] = MappingProxyType(
    {
        nn.Embedding: "embedding",
        nn.EmbeddingBag: "embedding",
        nn.Conv1d: "conv",
        nn.Conv2d: "conv",
        nn.Conv3d: "conv",
    }
)


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a role means for the optimizer.

    Parameters
    ----------
    reason : str
        Printed in the report.
    view : str
        How the matrix optimizer sees the parameter; empty for roles that always go to AdamW.
    is_decayed : bool
        Whether weight decay applies.
    """

    reason: str
    view: str = ""
    is_decayed: bool = True


ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "matrix": Role(reason="hidden weight, rows are outputs", view="matrix"),
        "stack": Role(reason="stack of hidden weights, each slice by itself", view="stack"),
        "conv": Role(reason="convolution, flattened to out x (in ...)", view="flatten"),
        "embedding": Role(reason="first layer: inputs are not hidden features"),
        "head": Role(reason="last layer: outputs are not hidden features"),
        "modulation": Role(reason="modulation by time or condition"),
        "token": Role(reason="learned token or positions", is_decayed=False),
        "norm": Role(reason="gain or shift of a normalisation", is_decayed=False),
        "bias": Role(reason="bias", is_decayed=False),
        "scalar": Role(reason="scalar gate or scale", is_decayed=False),
    }
)


def guessed_role(name: str, parameter: Tensor) -> str:
    """Role of a parameter from its shape and name alone.

    Parameters
    ----------
    name : str
        Name within the model.
    parameter : Tensor
        Only its shape matters.

    Returns
    -------
    str
        A key of ``ROLES``.

    Raises
    ------
    ValueError
        For three and more dimensions, which shape and name do not settle.

    Examples
    --------
    >>> import torch
    >>> guessed_role("blocks.0.norm.weight", torch.ones(8)), guessed_role("blocks.0.mlp.weight", torch.ones(8, 8))
    ('norm', 'matrix')
    """
    shape, words = tuple(parameter.shape), set(name.lower().split("."))
    if len(shape) <= 1:
        return "bias" if name.rsplit(".", 1)[-1].endswith("bias") else "norm" if len(shape) == 1 else "scalar"
    if len(shape) > 2:
        raise ValueError(
            f"parameter {name} is unrouted: shape {shape} may be a stack or a convolution; give its role "
            f"({', '.join(ROLES)})"
        )
    for article, role, hints in (("an", "embedding", EMBEDDING_NAMES), ("a", "head", HEAD_NAMES)):
        if words & hints:
            warnings.warn(f"parameter {name} is taken for {article} {role} by its name; give its role", stacklevel=5)
            return role
    if max(shape) > EMBEDDING_ASPECT * min(shape):
        warnings.warn(
            f"parameter {name} of shape {shape} looks like an embedding or a head; give its role", stacklevel=5
        )
    return "matrix"


def module_roles(model: nn.Module, *, modulation_names: Collection[str] = ()) -> dict[str, str]:
    """Role of every parameter of a model that declares none, by type of layer, else by shape and name.

    The first and the last layer of a ``Sequential``, where linear, are its embedding and its head.

    Parameters
    ----------
    model : nn.Module
    modulation_names : collection of str
        Names of modules or parameters, in lower case, whose weights modulate others.

    Returns
    -------
    dict of str to str
        Keys of ``ROLES`` by parameter name.

    Examples
    --------
    >>> module_roles(nn.Sequential(nn.Embedding(100, 8), nn.Conv1d(8, 8, 3, bias=False)))
    {'0.weight': 'embedding', '1.weight': 'conv'}
    """
    known = {
        f"{prefix}.{name}" if prefix else name: role
        for prefix, module in model.named_modules()
        for layer, role in LAYER_ROLES.items()
        if isinstance(module, layer)
        for name, _ in module.named_parameters(recurse=False)
        if name != "bias"
    }
    known.update(_sequential_ends(model))
    parameters = list(model.named_parameters(remove_duplicate=False))
    for name, parameter in parameters:
        if parameter.dim() > 1 and not set(modulation_names).isdisjoint(name.lower().split(".")):
            known[name] = "modulation"
    return {name: known[name] if name in known else guessed_role(name, parameter) for name, parameter in parameters}


def _sequential_ends(model: nn.Module) -> dict[str, str]:
    """Roles of the linear layers with which a sequential model begins and ends; only there the order is known."""
    ends = {}
    for place, role in ((0, "embedding"), (-1, "head")):
        path, layer = [], model
        while isinstance(layer, nn.Sequential):
            children = [item for item in layer.named_children() if any(True for _ in item[1].parameters())]
            if not children:
                break
            name, layer = children[place]
            path.append(name)
        if isinstance(layer, nn.Linear) and path:
            ends[".".join([*path, "weight"])] = role
    return ends


def time_modulated_roles(model: nn.Module, names: Collection[str] = MODULATION_NAMES) -> dict[str, str]:
    """Roles for networks that are modulated by a time or a condition, such as diffusion and flow transformers.

    Parameters
    ----------
    model : nn.Module
        Without declared roles of its own.
    names : collection of str
        Names of the modules that embed the time or turn it into scales, shifts and gates.

    Returns
    -------
    dict of str to str
        As without modulation, but the weights of those modules are ``"modulation"``, which goes to AdamW: their
        outputs multiply features instead of being features, and their inputs are the same for all positions.

    Notes
    -----
    Nucleus-Image reports that its grouping is tailored to the modulation by time steps; its list of parameters was not
    available to us, so which modules count is our reading.

    References
    ----------
    Nucleus-Image: Sparse MoE for Image Generation, arXiv:2604.12163.

    Examples
    --------
    >>> model = nn.ModuleDict({"modulation": nn.Linear(8, 48), "mlp": nn.Linear(8, 8)})
    >>> roles = time_modulated_roles(model)
    >>> roles["modulation.weight"], roles["modulation.bias"], roles["mlp.weight"]
    ('modulation', 'bias', 'matrix')
    """
    return module_roles(model, modulation_names=names)


def module_split_sizes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Rows of query, key and value in torch's fused attention weights.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    dict of str to tuple of int
        By parameter name.

    Examples
    --------
    >>> module_split_sizes(nn.Sequential(nn.MultiheadAttention(8, 2)))
    {'0.in_proj_weight': (8, 8, 8)}
    """
    return {
        f"{prefix}.in_proj_weight" if prefix else "in_proj_weight": (module.embed_dim,) * 3
        for prefix, module in model.named_modules()
        if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None
    }
