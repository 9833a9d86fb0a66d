"""From modifiers to parameters: which ones a workspace needs, their constraints and settings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from collidium.measure._parameters import Parameter
from collidium.measure._workspace import Channel, Measurement, Modifier, ParameterSettings, Sample, Workspace

Constraint: TypeAlias = Literal["none", "gaussian", "poisson"]

StatConstraint: TypeAlias = Literal["gaussian", "poisson"]

# order of parameters in a model
_ORDER = ("normfactor", "lumi", "normsys", "histosys", "gamma", "custom", "shapefactor", "shapesys", "staterror")


@dataclass(frozen=True, kw_only=True)
class ParameterGroup:
    """The parameters of one name: one, or one per bin.

    Attributes
    ----------
    name : str
        Name of the modifiers.
    constraint : {"none", "gaussian", "poisson"}
        How the auxiliary data constrain them.
    is_scalar : bool
        One parameter with the plain name; else ``name[0]``, ``name[1]``, ...
    inits, lower, upper : tuple of float
        Starts and bounds.
    is_fixed : tuple of bool
        Held unless a fit says otherwise.
    auxdata : tuple of float
        Auxiliary data: means of Gaussians or counts of Poissons; empty without constraint.
    scale : tuple of float
        Standard deviations of Gaussians, or expected counts per unit of Poissons; empty without constraint.
    is_custom : bool
        Belongs to modifiers of one's own, which share no parameters with others.
    """

    name: str
    constraint: Constraint
    is_scalar: bool
    inits: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    is_fixed: tuple[bool, ...]
    auxdata: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    is_custom: bool = False

    def __len__(self) -> int:
        return len(self.inits)

    def parameters(self) -> list[Parameter]:
        """The parameters, one by one."""
        return [self._parameter(i) for i in range(len(self))]

    def _parameter(self, i: int) -> Parameter:
        center, width = math.nan, math.nan
        if self.constraint == "gaussian":
            center, width = self.auxdata[i], self.scale[i]
        elif self.constraint == "poisson":
            center, width = self.auxdata[i] / self.scale[i], 1.0 / math.sqrt(self.scale[i])
        return Parameter(
            name=self.name if self.is_scalar else f"{self.name}[{i}]",
            init=self.inits[i],
            lower=self.lower[i],
            upper=self.upper[i],
            is_fixed=self.is_fixed[i],
            center=center,
            width=width,
        )


def _scalar(name: str, init: float, bounds: tuple[float, float], *, is_constrained: bool) -> ParameterGroup:
    return ParameterGroup(
        name=name,
        constraint="gaussian" if is_constrained else "none",
        is_scalar=True,
        inits=(init,),
        lower=bounds[:1],
        upper=bounds[1:],
        is_fixed=(False,),
        auxdata=(init,) if is_constrained else (),
        scale=(1.0,) if is_constrained else (),
    )


def _gamma(name: str, count: float) -> ParameterGroup:
    """Expectation of a sideband in units of its count, or in events where none were seen."""
    unit = max(count, 1.0)
    return ParameterGroup(
        name=name,
        constraint="poisson",
        is_scalar=True,
        inits=(max(count, 0.5) / unit,),
        lower=(1e-10,),
        upper=(max(10.0, 20.0 / unit),),
        is_fixed=(False,),
        auxdata=(count,),
        scale=(unit,),
    )


def _custom(parameter: Parameter) -> ParameterGroup:
    """A parameter of a modifier of one's own."""
    return ParameterGroup(
        name=parameter.name,
        constraint="gaussian" if parameter.is_constrained else "none",
        is_scalar=True,
        inits=(parameter.init,),
        lower=(parameter.lower,),
        upper=(parameter.upper,),
        is_fixed=(parameter.is_fixed,),
        auxdata=(parameter.center,) if parameter.is_constrained else (),
        scale=(parameter.width,) if parameter.is_constrained else (),
        is_custom=True,
    )


def _staterror(name: str, errors: list[float], constraint: StatConstraint) -> ParameterGroup:
    """Factors of relative errors; one without an error is held at 1, its constraint of unit width as in pyhf."""
    is_used = [error > 0.0 for error in errors]
    widths = tuple(error if used else 1.0 for error, used in zip(errors, is_used, strict=True))
    if constraint == "gaussian":
        return _per_bin(name, "gaussian", (1.0,) * len(errors), widths, is_used)
    counts = tuple(width**-2 for width in widths)
    return _per_bin(name, "poisson", counts, counts, is_used)


def _shapefactor(name: str, num_bins: int) -> ParameterGroup:
    return ParameterGroup(
        name=name,
        constraint="none",
        is_scalar=False,
        inits=(1.0,) * num_bins,
        lower=(0.0,) * num_bins,
        upper=(10.0,) * num_bins,
        is_fixed=(False,) * num_bins,
    )


def _shapesys(name: str, nominal: tuple[float, ...], uncertainty: tuple[float, ...]) -> ParameterGroup:
    """Poisson constraint whose relative width is that of the uncertainty; bins without one are held at 1."""
    is_used = [n > 0.0 and u > 0.0 for n, u in zip(nominal, uncertainty, strict=True)]
    counts = tuple((n / u) ** 2 if used else 1.0 for n, u, used in zip(nominal, uncertainty, is_used, strict=True))
    return _per_bin(name, "poisson", counts, counts, is_used)


def _per_bin(
    name: str, constraint: Constraint, auxdata: tuple[float, ...], scale: tuple[float, ...], is_used: list[bool]
) -> ParameterGroup:
    num_bins = len(is_used)
    return ParameterGroup(
        name=name,
        constraint=constraint,
        is_scalar=False,
        inits=(1.0,) * num_bins,
        lower=(1e-10,) * num_bins,
        upper=(10.0,) * num_bins,
        is_fixed=tuple(not used for used in is_used),
        auxdata=auxdata,
        scale=scale,
    )


def statistical_errors(workspace: Workspace) -> dict[str, dict[str, tuple[float, ...]]]:
    """Relative statistical error of the stacked samples that share a staterror, by name and channel.

    Notes
    -----
    sqrt(sum_s e_sb^2) / sum_s n_sb over the samples s that carry it: the light form of R. Barlow, C. Beeston, Comput.
    Phys. Commun. 77 (1993) 219.
    """
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for channel in workspace.channels:
        carried: dict[str, list[tuple[Sample, Modifier]]] = {}
        for sample in channel.samples:
            for modifier in sample.modifiers:
                if modifier.type == "staterror":
                    carried.setdefault(modifier.name, []).append((sample, modifier))
        for name, pairs in carried.items():
            total = [math.fsum(sample.data[b] for sample, _ in pairs) for b in range(channel.num_bins)]
            square = [math.fsum(m.data[b] ** 2 for _, m in pairs) for b in range(channel.num_bins)]
            relative = [math.sqrt(s) / t if t > 0.0 else 0.0 for s, t in zip(square, total, strict=True)]
            found.setdefault(name, {})[channel.name] = tuple(relative)
    return found


def parameter_groups(
    workspace: Workspace, measurement: Measurement, *, stat_constraint: StatConstraint = "gaussian"
) -> dict[str, ParameterGroup]:
    """Every group of parameters that the modifiers of a workspace need, in the order of the model.

    Parameters
    ----------
    workspace : Workspace
        The modifiers.
    measurement : Measurement
        Settings of parameters: starts, bounds, auxiliary data.
    stat_constraint : {"gaussian", "poisson"}
        Constraint of staterror.

    Returns
    -------
    dict of str to ParameterGroup
        By name.

    Raises
    ------
    InputError
        If modifiers of one name need different parameters, or a setting does not fit.
    """
    statistical = statistical_errors(workspace)
    found: dict[str, tuple[int, ParameterGroup]] = {}
    for channel in workspace.channels:
        for sample in channel.samples:
            for modifier in sample.modifiers:
                for group in _groups_of(modifier, sample, channel, statistical, stat_constraint):
                    rank, known = found.get(group.name, (len(_ORDER), group))
                    joined = _joined(known, group, modifier) if group.name in found else group
                    found[group.name] = (min(rank, _ORDER.index(modifier.type)), joined)
    ordered = sorted(found.items(), key=lambda item: item[1][0])
    groups = {}
    for name, (rank, group) in ordered:
        settings = measurement.settings.get(name)
        if _ORDER[rank] == "lumi" and (settings is None or settings.auxdata is None or settings.sigmas is None):
            raise (
                measurement.place.get("config")
                .get("parameters")
                .error("give no auxdata and sigmas for the modifier 'lumi'")
            )
        groups[name] = group if settings is None else _configured(group, settings)
    return groups


def _groups_of(
    modifier: Modifier,
    sample: Sample,
    channel: Channel,
    statistical: Mapping[str, Mapping[str, tuple[float, ...]]],
    stat_constraint: StatConstraint,
) -> list[ParameterGroup]:
    """What one modifier needs."""
    if modifier.factor is not None:
        return [_custom(parameter) for parameter in modifier.factor.parameters]
    if modifier.type == "staterror":
        errors = [error for errors in statistical[modifier.name].values() for error in errors]
        return [_staterror(modifier.name, errors, stat_constraint)]
    return [_group_of(modifier, sample, channel)]


def _group_of(modifier: Modifier, sample: Sample, channel: Channel) -> ParameterGroup:
    """What a modifier needs that has one name of parameters, of its own data."""
    if modifier.type == "normfactor":
        return _scalar(modifier.name, 1.0, (0.0, 10.0), is_constrained=False)
    if modifier.type in ("normsys", "histosys"):
        return _scalar(modifier.name, 0.0, (-5.0, 5.0), is_constrained=True)
    if modifier.type == "lumi":
        return _scalar(modifier.name, 1.0, (0.0, 10.0), is_constrained=True)
    if modifier.type == "gamma":
        return _gamma(modifier.name, modifier.data[0])
    if modifier.type == "shapefactor":
        return _shapefactor(modifier.name, channel.num_bins)
    return _shapesys(modifier.name, sample.data, modifier.data)


def _joined(known: ParameterGroup, group: ParameterGroup, modifier: Modifier) -> ParameterGroup:
    """The group that serves both; modifiers of one name share their parameters."""
    if modifier.type == "shapesys":
        raise modifier.place.error(
            f"is a second modifier named {modifier.name!r}; a shapesys shares its parameters with none"
        )
    if known.constraint == group.constraint == "none" and not known.is_scalar and not group.is_scalar:
        return max(known, group, key=len)
    if known != group:
        raise modifier.place.error(
            f"named {modifier.name!r} needs other parameters than an earlier modifier of this name"
            if modifier.name == group.name
            else f"named {modifier.name!r} needs another parameter {group.name!r} than an earlier modifier"
        )
    return known


def _configured(group: ParameterGroup, settings: ParameterSettings) -> ParameterGroup:
    """A group with the settings of a measurement."""
    place, length = settings.place, len(group)
    for key, values in (
        ("inits", settings.inits),
        ("bounds", settings.bounds),
        ("auxdata", settings.auxdata),
        ("sigmas", settings.sigmas),
        ("factors", settings.factors),
    ):
        if values is not None and len(values) != length:
            raise place.get(key).error(f"has {len(values)} values for {group.name!r}; {length} are needed")
    scale_key = {"none": None, "gaussian": "sigmas", "poisson": "factors"}[group.constraint]
    for key in ("auxdata", "sigmas", "factors"):
        value = getattr(settings, key)
        if value is None:
            continue
        if key != scale_key and (key != "auxdata" or group.constraint == "none"):
            raise place.get(key).error(f"is given for {group.name!r}, which has no {key}")
        if key != "auxdata" and min(value) <= 0.0:
            raise place.get(key).error(f"of {group.name!r} has the value {min(value):g}; positive numbers are needed")
    scale = settings.sigmas if settings.sigmas is not None else settings.factors
    configured = dataclasses.replace(
        group,
        inits=group.inits if settings.inits is None else settings.inits,
        auxdata=group.auxdata if settings.auxdata is None else settings.auxdata,
        scale=group.scale if scale is None else scale,
        lower=group.lower if settings.bounds is None else tuple(low for low, _ in settings.bounds),
        upper=group.upper if settings.bounds is None else tuple(high for _, high in settings.bounds),
        is_fixed=group.is_fixed if settings.fixed is None else (settings.fixed,) * length,
    )
    for init, low, high in zip(configured.inits, configured.lower, configured.upper, strict=True):
        if not low <= init <= high:
            raise place.error(f"starts {group.name!r} at {init:g}, outside its bounds [{low:g}, {high:g}]")
    return configured
