"""One optimizer object for a whole model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from torch import nn

from collidium.optim._matrix_optimizer import MatrixOptimizer, Rule
from collidium.optim._names import unknown_name
from collidium.optim._registry import OPTIMIZERS
from collidium.optim._roles import MATRIX_ROLES, module_roles, module_split_sizes
from collidium.optim._routing import Routing, route


class RoutedOptimizer(MatrixOptimizer):
    """Steps all parameters of a model, each group by its own rule.

    A ``torch.optim.Optimizer`` like any other: learning rate schedulers see all groups, and one ``state_dict`` holds
    everything.

    Parameters
    ----------
    routing : Routing
        Where every parameter goes.
    options : Mapping of optimizer name to options
        Options of the groups, ``lr`` included.
    """

    rules: ClassVar[Mapping[str, Rule]] = {name: info.rule for name, info in OPTIMIZERS.items()}

    def __init__(self, routing: Routing, options: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(routing.param_groups(options), {})
        self.routing = routing

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "routing": self.routing}


def for_model(
    model: nn.Module,
    name: str,
    *,
    lr: float,
    weight_decay: float | None = None,
    roles: Mapping[str, str] | None = None,
    split_sizes: Mapping[str, tuple[int, ...]] | None = None,
    matrix_roles: Collection[str] = MATRIX_ROLES,
    adamw: Mapping[str, object] | None = None,
    **options: object,
) -> RoutedOptimizer:
    """One optimizer for all parameters of a model: matrices by the named member, everything else by AdamW.

    Parameters
    ----------
    model : nn.Module
        If it has ``parameter_roles()`` and ``split_sizes()``, they are the defaults of ``roles`` and ``split_sizes``.
    name : str
        A key of ``OPTIMIZERS``.
    lr : float
        Learning rate of all groups.
    weight_decay : float, optional
        Decay of all decayed groups; the member's recipe (0.1) if not given. Vectors and tokens are not decayed.
    roles, split_sizes, matrix_roles
        As in `route`. Without roles, embeddings, convolutions, normalisations and attention are recognised by the
        type of their layer, the rest by shape and name.
    adamw : Mapping, optional
        Options of the AdamW groups instead of ``betas=(0.9, 0.95)`` and the shared learning rate and decay.
    **options
        Options of the named member; for the particle model the recipe is Nesterov momentum 0.95,
        ``polar_express_5`` and ``match_rms``, so that the learning rate of AdamW carries over.

    Returns
    -------
    RoutedOptimizer
        ``print(optimizer.routing)`` shows the table of all parameters.

    Raises
    ------
    ValueError
        If the name or an option is unknown, or the routing fails.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> roles = {"0.weight": "matrix", "0.bias": "bias", "2.weight": "head", "2.bias": "bias"}
    >>> optimizer = for_model(model, "muon", lr=1e-3, roles=roles)
    >>> [(group["rule"], group["param_names"], group["weight_decay"]) for group in optimizer.param_groups]
    [('muon', ['0.weight'], 0.1), ('adamw', ['0.bias', '2.bias'], 0.0), ('adamw', ['2.weight'], 0.1)]
    """
    if name not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    routing = route(
        model.named_parameters(remove_duplicate=False),
        _declared(model, "parameter_roles", module_roles) if roles is None else roles,
        _declared(model, "split_sizes", module_split_sizes) if split_sizes is None else split_sizes,
        optimizer=name,
        matrix_roles=matrix_roles,
    )
    given = {"adamw": dict(adamw or {})}
    given[name] = {**given.get(name, {}), **options}
    group_options = {rule: _options(rule, lr, weight_decay, chosen) for rule, chosen in given.items()}
    return RoutedOptimizer(routing, group_options)


def _declared(model: nn.Module, method: str, otherwise: Callable[[nn.Module], Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the model says of itself, else what its layers say."""
    declare: Callable[[], Mapping[str, Any]] | None = getattr(model, method, None)
    return otherwise(model) if declare is None else declare()


def _options(name: str, lr: float, weight_decay: float | None, given: Mapping[str, object]) -> dict[str, object]:
    """Published options, then the recipe, then what the caller gave."""
    info = OPTIMIZERS[name]
    if outside := set(given) - set(info.defaults):
        raise unknown_name(f"option of {name}", min(outside), info.defaults)
    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    return {**info.defaults, **info.recipe, "lr": lr, **decay, **given}
