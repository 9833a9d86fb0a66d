"""The one engine behind every optimizer of the family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, overload

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT, StateDict

from collidium.optim._checkpoint import HOOKS, in_order_of_names, restore_state
from collidium.optim._gradients import refuse_non_finite, refuse_unsupported
from collidium.optim._names import unknown_name
from collidium.optim._pipeline import Options, ParameterStep
from collidium.optim._scratch import Scratch


class Rule(Protocol):
    """What the engine asks of a member: a `Composition` of slots, or an elementwise rule."""

    @property
    def defaults(self) -> dict[str, object]:
        """Options and their published values."""

    def check(self, options: Options) -> None:
        """Raise ValueError on an option outside its range."""

    def check_parameter(self, name: str, weight: Tensor, options: Options) -> None:
        """Raise ValueError on a parameter that the rule cannot treat."""

    def initial_state(self, weight: Tensor, options: Options) -> dict[str, Tensor]:
        """New state of a parameter."""

    def advance(self, steps: Sequence[ParameterStep], options: Options) -> None:
        """Move the parameters of one group by one step."""

    def describe(self) -> tuple[str, ...]:
        """One line per filled slot."""


class MatrixOptimizer(torch.optim.Optimizer):
    """Steps every parameter group by the rule that the group names.

    A step first looks at all gradients and refuses sparse, complex and non-finite ones before anything is changed.
    Gradients are only read. Parameters without a gradient and empty parameters are left alone. On the processor up to
    64 MiB of working memory stay for the next step.

    Parameters
    ----------
    params : iterable
        Parameters, named parameters or parameter groups; a group's ``rule`` is a key of ``rules``.
    defaults : dict
        Default options of the groups; ``rule`` and ``lr`` included.

    Raises
    ------
    ValueError
        If the rule has no such option.
    """

    rules: ClassVar[Mapping[str, Rule]] = {}

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        name = str(defaults.get("rule", ""))
        if name in self.rules and (outside := set(defaults) - {"rule", "lr", *self.rules[name].defaults}):
            raise unknown_name(f"option of {name}", min(outside), self.rules[name].defaults)
        super().__init__(params, defaults)
        self._scratch = Scratch()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._scratch = Scratch()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; options that it does not name take the optimizer's, then the rule's, defaults.

        Parameters
        ----------
        param_group : dict
            ``params`` and options.

        Raises
        ------
        ValueError
            On an unknown rule, an option outside its range, or a parameter that the rule cannot treat.
        """
        rule = self._rule(str(param_group.get("rule", self.defaults.get("rule"))))
        group = {**rule.defaults, **self.defaults, **param_group}
        super().add_param_group(group)
        try:
            _check_group(rule, self.param_groups[-1])
        except ValueError:
            self.param_groups.pop()
            raise

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Evaluates the model again and returns the loss.

        Returns
        -------
        float or None
            The loss of the closure.

        Raises
        ------
        NonFiniteGradientError
            If any gradient is not finite; then neither weights nor state have changed.
        ValueError
            If a gradient is sparse or complex; likewise nothing has changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        work = [(group, _parameters_with_gradient(group)) for group in self.param_groups]
        gradients = [(name, gradient) for _, entries in work for name, _, gradient in entries]
        for name, gradient in gradients:
            refuse_unsupported(name, gradient)
        norms = iter(refuse_non_finite(gradients))
        moves = [
            (
                self._rule(group["rule"]),
                [
                    ParameterStep(
                        name,
                        weight,
                        gradient,
                        self._state_of(self._rule(group["rule"]), weight, group),
                        next(norms),
                        self._scratch,
                    )
                    for name, weight, gradient in entries
                ],
                group,
            )
            for group, entries in work
        ]
        for rule, steps, group in moves:
            rule.advance(steps, group)
        self._scratch.settle()
        return loss

    def state_dict(self) -> StateDict:
        """State and options, without the objects that the model reports to.

        Returns
        -------
        dict
            ``state`` and ``param_groups``, to be saved with ``torch.save``.
        """
        saved = super().state_dict()
        for group in saved["param_groups"]:
            for hook in HOOKS:
                group.pop(hook, None)
        return saved

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over a saved state.

        Parameters
        ----------
        state_dict : dict
            What `state_dict` returned. If both sides have parameter names, groups and parameters may come in another
            order. State is copied in the precision that the rule keeps it in, so it shares no memory with
            ``state_dict``.

        Raises
        ------
        ValueError
            If rules, names, shapes or state entries do not fit.
        """
        ordered = in_order_of_names(state_dict, self.param_groups)
        hooks = [{hook: group[hook] for hook in HOOKS if hook in group} for group in self.param_groups]
        super().load_state_dict(ordered)
        for group, kept in zip(self.param_groups, hooks, strict=True):
            group.update(kept)
        restore_state(self, ordered, lambda weight, group: self._rule(group["rule"]).initial_state(weight, group))

    def _rule(self, name: str) -> Rule:
        if name not in self.rules:
            raise unknown_name("rule", name, self.rules)
        return self.rules[name]

    def _state_of(self, rule: Rule, weight: Tensor, options: Options) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[weight]
        if not state:
            state.update(rule.initial_state(weight, options))
        return state


def names_of(group: Mapping[str, Any]) -> list[str]:
    """Names of the parameters of a group, or their positions in it."""
    names: list[str] = group.get("param_names") or [str(index) for index in range(len(group["params"]))]
    return names


def _check_group(rule: Rule, group: Options) -> None:
    lr = float(group["lr"])
    if not lr >= 0.0:
        raise ValueError(f"lr is {lr}; a number >= 0 is needed")
    rule.check(group)
    for name, weight in zip(names_of(group), group["params"], strict=True):
        if not weight.is_floating_point():
            raise ValueError(f"parameter {name} is {weight.dtype}; a real floating-point parameter is needed")
        rule.check_parameter(name, weight, group)


def _parameters_with_gradient(group: Mapping[str, Any]) -> list[tuple[str, Tensor, Tensor]]:
    return [
        (name, weight, weight.grad)
        for name, weight in zip(names_of(group), group["params"], strict=True)
        if weight.grad is not None and weight.numel() > 0
    ]
