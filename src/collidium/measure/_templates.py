"""Workspaces from histograms: samples with their variations, smoothed, symmetrised and pruned on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collidium.artifact import InputError
from collidium.measure._parameters import Vector
from collidium.measure._smoothing import smooth_353qh
from collidium.measure._workspace import Workspace

Smoothing: TypeAlias = Literal["none", "353qh"]
Symmetrisation: TypeAlias = Literal["none", "average", "larger"]


@dataclass(frozen=True)
class Template:
    """Contents of a histogram.

    Attributes
    ----------
    values : ndarray, (M,), events
        Sum of weights of each bin.
    variances : ndarray, (M,), events^2
        Sum of squared weights.
    edges : ndarray, (M + 1,), or None
        Edges of the bins, where they are known.
    """

    values: Vector
    variances: Vector
    edges: Vector | None = field(default=None, repr=False)

    @classmethod
    def of(cls, histogram: object, what: str = "histogram") -> Template:
        """Take the contents of a histogram.

        Parameters
        ----------
        histogram : object
            A ``hist`` or ``boost_histogram`` histogram, an uproot ``TH1``, or whatever else has their ``values()`` and
            ``variances()``; or an array of counts.
        what : str
            Named in messages.

        Returns
        -------
        Template
            Without underflow and overflow. The variances of counts are the counts.

        Raises
        ------
        InputError
            If it is no histogram of one axis, or a bin is NaN or infinite.

        Examples
        --------
        >>> Template.of([4.0, 9.0]).variances
        array([4., 9.])
        """
        if isinstance(histogram, Template):
            return histogram
        values = _contents(histogram, "values", what)
        variances = _contents(histogram, "variances", what) if hasattr(histogram, "variances") else None
        if values is None or values.ndim != 1 or not len(values):
            shape = "nothing" if values is None else f"{values.ndim} axes"
            raise InputError(f"{what} has {shape}; a histogram with one axis is needed")
        found = cls(values, np.abs(values) if variances is None else variances, _edges(histogram))
        for kind, contents in (("content", found.values), ("variance", found.variances)):
            bad = np.flatnonzero(~np.isfinite(contents))
            if len(bad):
                raise InputError(f"{what} has a {kind} that is {contents[bad[0]]} in bin {bad[0]}; it must be finite")
        return found


@dataclass(frozen=True, kw_only=True)
class Variation:
    """Templates of a sample for a systematic uncertainty at +1 and -1; without ``down`` the mirror image of ``up``."""

    name: str
    up: object
    down: object = None


@dataclass(frozen=True, kw_only=True)
class TemplateSample:
    """A sample of a region.

    Attributes
    ----------
    name : str
        Unique in its region.
    nominal : object
        Histogram, or what else :meth:`Template.of` takes.
    variations : sequence of Variation
        Systematic variations of the template.
    rates : mapping of str to tuple of float
        Systematic variations of the rate alone: factors at -1 and +1.
    factors : sequence of str
        Free factors, the signal strength among them.
    modifiers : sequence of mapping
        Further modifiers as they stand in the JSON of workspaces, e.g. ``jet_scaling``.
    has_statistics : bool
        Whether the statistical error of the template counts.
    """

    name: str
    nominal: object
    variations: Sequence[Variation] = ()
    rates: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    factors: Sequence[str] = ()
    modifiers: Sequence[Mapping[str, object]] = ()
    has_statistics: bool = True


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region: stacked samples, and the observed histogram; without one the nominal expectation is taken."""

    name: str
    samples: Sequence[TemplateSample]
    observed: object = None


@dataclass(frozen=True, kw_only=True)
class TemplateConfig:
    """What is done to the variations; nothing by default.

    Attributes
    ----------
    smoothing : {"none", "353qh"}
        Smoothing of the ratios of variations to the nominal template; the rate stays.
    symmetrisation : {"none", "average", "larger"}
        Mean of both sides, or the side with the larger sum of changes, mirrored.
    prune_rate : float, 1
        Changes of the rate that are less on both sides are left out.
    prune_shape : float, 1
        Changes of the shape whose largest relative change in a bin is less on both sides are left out.
    """

    smoothing: Smoothing = "none"
    symmetrisation: Symmetrisation = "none"
    prune_rate: float = 0.0
    prune_shape: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TemplateWorkspace:
    """A workspace made of histograms, and what was done to them, line by line."""

    workspace: Workspace
    record: tuple[str, ...]


def template_workspace(
    regions: Sequence[Region],
    *,
    poi: str,
    config: TemplateConfig | None = None,
    parameters: Sequence[Mapping[str, object]] = (),
    name: str = "measurement",
) -> TemplateWorkspace:
    """Make a workspace of histograms.

    Parameters
    ----------
    regions : sequence of Region
        Samples with their variations.
    poi : str
        Parameter of interest.
    config : TemplateConfig, optional
        Smoothing, symmetrisation, pruning.
    parameters : sequence of mapping
        Settings of parameters, as in pyhf's JSON.
    name : str
        Name of the measurement.

    Returns
    -------
    TemplateWorkspace
        The workspace, whose document pyhf reads, and the record.

    Raises
    ------
    InputError
        If a histogram is wrong, or those of a region differ in their bins.

    Notes
    -----
    A variation becomes a normsys of the ratio of the integrals and a histosys with that ratio divided out, of one
    parameter, so that both ends are kept as they are. Statistical errors become one staterror for each region.

    Examples
    --------
    >>> signal = TemplateSample(name="signal", nominal=[1.0, 4.0], factors=["mu"], has_statistics=False)
    >>> tilt = Variation(name="scale", up=[33.0, 18.0], down=[27.0, 22.0])
    >>> background = TemplateSample(name="background", nominal=[30.0, 20.0], variations=[tilt])
    >>> made = template_workspace([Region(name="sr", samples=[signal, background])], poi="mu")
    >>> [(m.type, m.name) for m in made.workspace.channels[0].samples[1].modifiers]
    [('normsys', 'scale'), ('histosys', 'scale'), ('staterror', 'staterror_sr')]
    """
    maker = _Maker(TemplateConfig() if config is None else config)
    channels, observations = [], []
    for region in regions:
        nominals = [Template.of(s.nominal, f"sample {s.name!r} of region {region.name!r}") for s in region.samples]
        channels.append({"name": region.name, "samples": maker.samples(region, nominals)})
        total = np.sum([nominal.values for nominal in nominals], axis=0)
        observed = total
        if region.observed is not None:
            found = Template.of(region.observed, f"observation of region {region.name!r}")
            observed = _same_bins(found, nominals[0], f"observation of region {region.name!r}").values
        observations.append({"name": region.name, "data": observed.tolist()})
    document = {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": name, "config": {"poi": poi, "parameters": [dict(item) for item in parameters]}}],
        "version": "1.0.0",
    }
    return TemplateWorkspace(workspace=Workspace.parse(document, source="templates"), record=tuple(maker.record))


class _Maker:
    """Makes the JSON of samples, and keeps the record."""

    def __init__(self, config: TemplateConfig) -> None:
        self.config = config
        self.record: list[str] = []

    def samples(self, region: Region, nominals: Sequence[Template]) -> list[dict[str, object]]:
        """Samples of a region."""
        found = []
        for sample, nominal in zip(region.samples, nominals, strict=True):
            what = f"sample {sample.name!r} of region {region.name!r}"
            _same_bins(nominal, nominals[0], what)
            modifiers: list[dict[str, object]] = [_normfactor(factor) for factor in sample.factors]
            modifiers += [_normsys(rate, *sizes) for rate, sizes in sample.rates.items()]
            modifiers += [dict(modifier) for modifier in sample.modifiers]
            for variation in sample.variations:
                modifiers += self._variation(variation, nominal, f"{region.name}/{sample.name}/{variation.name}")
            if sample.has_statistics and nominal.variances.any():
                errors = np.sqrt(nominal.variances).tolist()
                modifiers.append({"name": f"staterror_{region.name}", "type": "staterror", "data": errors})
            found.append({"name": sample.name, "data": nominal.values.tolist(), "modifiers": modifiers})
        return found

    def _variation(self, variation: Variation, nominal: Template, path: str) -> list[dict[str, object]]:
        """Modifiers of a variation."""
        up = _same_bins(Template.of(variation.up, f"{path} up"), nominal, f"{path} up").values
        if variation.down is None:
            down = 2.0 * nominal.values - up
            self.record.append(f"{path}: mirrored, it has no down")
        else:
            down = _same_bins(Template.of(variation.down, f"{path} down"), nominal, f"{path} down").values
        up, down = self._symmetrised(up, down, nominal.values, path)
        if self.config.smoothing == "353qh":
            up, down = (_smoothed(side, nominal.values) for side in (up, down))
            self.record.append(f"{path}: smoothed by 353QH")
        total = float(nominal.values.sum())
        rate_up, rate_down = (float(side.sum()) / total if total > 0.0 else 1.0 for side in (up, down))
        if min(rate_up, rate_down) <= 0.0:
            rate_up = rate_down = 1.0
        shape_up, shape_down = up / rate_up, down / rate_down
        modifiers = []
        if self._is_kept(max(abs(rate_up - 1.0), abs(rate_down - 1.0)), self.config.prune_rate, f"{path}: rate"):
            modifiers.append(_normsys(variation.name, rate_down, rate_up))
        change = max(_largest_change(side, nominal.values) for side in (shape_up, shape_down))
        if self._is_kept(change, self.config.prune_shape, f"{path}: shape"):
            data = {"lo_data": shape_down.tolist(), "hi_data": shape_up.tolist()}
            modifiers.append({"name": variation.name, "type": "histosys", "data": data})
        return modifiers

    def _symmetrised(self, up: Vector, down: Vector, nominal: Vector, path: str) -> tuple[Vector, Vector]:
        kind = self.config.symmetrisation
        if kind == "none":
            return up, down
        self.record.append(f"{path}: symmetrised, {kind}")
        half = (up - down) / 2.0
        if kind == "larger":
            half = up - nominal if np.abs(up - nominal).sum() >= np.abs(down - nominal).sum() else nominal - down
        return nominal + half, nominal - half

    def _is_kept(self, size: float, least: float, what: str) -> bool:
        if size == 0.0:
            return False
        if size < least:
            self.record.append(f"{what} pruned, {size:.3g} is less than {least:g}")
            return False
        return True


def _normfactor(name: str) -> dict[str, object]:
    return {"name": name, "type": "normfactor", "data": None}


def _normsys(name: str, low: float, high: float) -> dict[str, object]:
    return {"name": name, "type": "normsys", "data": {"lo": low, "hi": high}}


def _smoothed(side: Vector, nominal: Vector) -> Vector:
    """A variation whose ratio to the nominal is smoothed, with its integral."""
    is_there = nominal > 0.0
    smoothed = side.copy()
    smoothed[is_there] = nominal[is_there] * smooth_353qh(side[is_there] / nominal[is_there])
    total = float(smoothed.sum())
    return smoothed * (float(side.sum()) / total) if total != 0.0 else smoothed


def _largest_change(side: Vector, nominal: Vector) -> float:
    """Largest relative change of a bin; infinite where an empty bin gets contents."""
    change = np.abs(side - nominal)
    relative = np.where(change > 0.0, np.inf, 0.0)
    np.divide(change, nominal, out=relative, where=nominal > 0.0)
    # rounding of the rate that was divided out is no change
    return float(relative.max()) if relative.max() > 1e-12 else 0.0


def _same_bins(found: Template, like: Template, what: str) -> Template:
    """A histogram that has to have the bins of another."""
    if len(found.values) != len(like.values):
        raise InputError(f"{what} has {len(found.values)} bins; {len(like.values)} are needed")
    if found.edges is not None and like.edges is not None and not np.allclose(found.edges, like.edges):
        raise InputError(f"{what} has other edges of its bins than the first sample of the region")
    return found


def _contents(histogram: object, name: str, what: str) -> NDArray[np.float64] | None:
    """What a method of a histogram returns, or the array itself."""
    method = getattr(histogram, name, None)
    contents: ArrayLike | None = method() if callable(method) else histogram  # type: ignore[assignment]  # an array
    try:
        return None if contents is None else np.asarray(contents, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{what} is a {type(histogram).__name__}; a histogram or an array of numbers is needed"
        ) from error


def _edges(histogram: object) -> Vector | None:
    """Edges of the first axis, where there is one."""
    axes = getattr(histogram, "axes", None)
    if not axes:
        return None
    edges = getattr(axes[0], "edges", None)
    edges = edges() if callable(edges) else edges
    return None if edges is None else np.asarray(edges, dtype=np.float64)
