"""Slot 0: which parameter goes to which optimizer, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from collidium.optim._matrix_view import MatrixView
from collidium.optim._names import unknown_name
from collidium.optim._roles import MATRIX_ROLES, ROLES, guessed_role


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where one parameter goes.

    Parameters
    ----------
    names : tuple of str
        Its name, and further names if it is tied.
    parameter : Tensor
        The parameter.
    role : str
        A key of ``ROLES``, or ``"frozen"``.
    optimizer : str
        Name of the optimizer, or ``"none"`` for a frozen parameter.
    view : MatrixView or None
        The matrices inside it, if it goes to a matrix optimizer.
    is_decayed : bool
        Whether weight decay applies.
    reason : str
        Why.
    """

    names: tuple[str, ...]
    parameter: Tensor
    role: str
    optimizer: str
    view: MatrixView | None
    is_decayed: bool
    reason: str


@dataclass(frozen=True)
class Routing:
    """Every parameter of a model with its optimizer; ``str()`` is the printed report."""

    routes: tuple[Route, ...]

    def param_groups(self, options: Mapping[str, Mapping[str, object]]) -> list[dict[str, Any]]:
        """Parameter groups for one optimizer that steps all of them.

        Parameters
        ----------
        options : Mapping of optimizer name to options
            Options of the groups; undecayed parameters get weight decay 0.

        Returns
        -------
        list of dict
            Named parameters, grouped by optimizer, view and decay, in order of first appearance.
        """
        groups: dict[tuple[object, ...], dict[str, Any]] = {}
        for route in self.routes:
            if route.optimizer == "none":
                continue
            key = (route.optimizer, route.view, route.is_decayed)
            if key not in groups:
                groups[key] = {"params": [], "rule": route.optimizer, **options[route.optimizer]}
                if route.view is not None:
                    groups[key].update(view=route.view.kind, split_sizes=route.view.split_sizes)
                if not route.is_decayed:
                    groups[key]["weight_decay"] = 0.0
            groups[key]["params"].append((route.names[0], route.parameter))
        return list(groups.values())

    def __str__(self) -> str:
        header = ("parameter", "shape", "role", "optimizer", "decay", "reason")
        rows = [header, *(_row(route) for route in self.routes)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], *self._totals()])

    def _totals(self) -> list[str]:
        totals: dict[str, tuple[int, int]] = {}
        for route in self.routes:
            count, size = totals.get(route.optimizer, (0, 0))
            totals[route.optimizer] = (count + 1, size + route.parameter.numel())
        return [f"{name}: {count} parameters, {size:,} numbers" for name, (count, size) in totals.items()]


def route(
    named_parameters: Iterable[tuple[str, Tensor]],
    roles: Mapping[str, str] | None = None,
    split_sizes: Mapping[str, tuple[int, ...]] | None = None,
    *,
    optimizer: str = "muon",
    matrix_roles: Collection[str] = MATRIX_ROLES,
) -> Routing:
    """Decide for every parameter which optimizer steps it.

    Parameters
    ----------
    named_parameters : iterable of (str, Tensor)
        What ``model.named_parameters()`` yields. Frozen parameters are listed and get no optimizer.
    roles : Mapping of name to role, optional
        Role of every parameter, a key of ``ROLES``. If not given, vectors count as ``bias``, ``norm`` or ``scalar``,
        two-dimensional parameters as ``matrix`` unless their name says embedding or head, and every guess that a
        shape cannot settle is a warning.
    split_sizes : Mapping of name to tuple of int, optional
        Rows of the blocks of fused weights; each block is a matrix of its own.
    optimizer : str
        Optimizer of the matrices; everything else goes to ``"adamw"``.
    matrix_roles : collection of str
        Roles that use it, a subset of ``("matrix", "stack", "conv")``.

    Returns
    -------
    Routing

    Raises
    ------
    ValueError
        If a parameter is unrouted or routed twice, a role is unknown, a role or split names no parameter, or a
        shape does not fit its role.

    Warns
    -----
    UserWarning
        If, without roles, a parameter looks like an embedding or a head.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Linear(3, 2)
    >>> print(route(model.named_parameters(), {"weight": "matrix", "bias": "bias"}))
    parameter  shape  role    optimizer  decay  reason
    ---------------------------------------------------------------------------
    weight     2 x 3  matrix  muon       yes    hidden weight, rows are outputs
    bias       2      bias    adamw      no     bias
    muon: 1 parameters, 6 numbers
    adamw: 1 parameters, 2 numbers
    """
    if outside := set(matrix_roles) - set(MATRIX_ROLES):
        raise unknown_name("matrix role", min(outside), MATRIX_ROLES)
    tied = _tied_names(named_parameters)
    all_names = {name for names, _ in tied for name in names}
    splits = dict(split_sizes or {})
    for label, mapping in (("roles", roles or {}), ("split_sizes", splits)):
        if excess := sorted(set(mapping) - all_names):
            raise ValueError(f"{label} names {', '.join(excess)}, which the model does not have")
    return Routing(tuple(_route_one(names, tensor, roles, splits, optimizer, matrix_roles) for names, tensor in tied))


def _tied_names(named_parameters: Iterable[tuple[str, Tensor]]) -> list[tuple[tuple[str, ...], Tensor]]:
    """Parameters with all their names, in order."""
    found: dict[int, tuple[list[str], Tensor]] = {}
    seen: set[str] = set()
    for name, parameter in named_parameters:
        if name in seen:
            raise ValueError(f"parameter {name} is routed twice: its name comes twice")
        seen.add(name)
        found.setdefault(id(parameter), ([], parameter))[0].append(name)
    return [(tuple(names), parameter) for names, parameter in found.values()]


def _route_one(
    names: tuple[str, ...],
    parameter: Tensor,
    roles: Mapping[str, str] | None,
    splits: Mapping[str, tuple[int, ...]],
    optimizer: str,
    matrix_roles: Collection[str],
) -> Route:
    role = guessed_role(names[0], parameter) if roles is None else _given_role(names, roles)
    sizes = next((tuple(splits[name]) for name in names if name in splits), ())
    if not parameter.requires_grad:
        return _frozen(names, parameter)
    known = ROLES[role]
    view = MatrixView(kind=known.view, split_sizes=sizes) if role in matrix_roles else None
    if sizes and not known.view:
        raise ValueError(f"split_sizes names {names[0]}, whose role {role!r} is not a matrix")
    if view is not None:
        view.check(parameter.shape, names[0])
    return Route(
        names=names,
        parameter=parameter,
        role=role,
        optimizer="adamw" if view is None or optimizer == "adamw" else optimizer,
        view=None if optimizer == "adamw" else view,
        is_decayed=known.is_decayed,
        reason=known.reason if view is not None or not known.view else f"{known.reason}; role excluded",
    )


def _frozen(names: tuple[str, ...], parameter: Tensor) -> Route:
    return Route(
        names=names,
        parameter=parameter,
        role="frozen",
        optimizer="none",
        view=None,
        is_decayed=False,
        reason="requires no gradient",
    )


def _given_role(names: tuple[str, ...], roles: Mapping[str, str]) -> str:
    given = {roles[name] for name in names if name in roles}
    if not given:
        raise ValueError(f"parameter {names[0]} is unrouted: roles does not name it")
    if len(given) > 1:
        raise ValueError(f"parameter {' = '.join(names)} is routed twice: as {' and as '.join(sorted(given))}")
    role = given.pop()
    if role not in ROLES:
        raise unknown_name(f"role of {names[0]}", role, ROLES)
    return role


def _row(route: Route) -> tuple[str, str, str, str, str, str]:
    shape = " x ".join(map(str, route.parameter.shape)) or "scalar"
    if route.view is not None and route.view.split_sizes:
        shape += f" ({' + '.join(map(str, route.view.split_sizes))} rows)"
    decay = "yes" if route.is_decayed else "no"
    return " = ".join(route.names), shape, route.role, route.optimizer, decay, route.reason
