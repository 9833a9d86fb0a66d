"""Input section: the features the model sees, in the train split against the evaluated split."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from collidium.cloud import Cloud, Dataset, Feature, FeatureSchema, Jets, SplitName, make_cloud
from collidium.report._agreement import MOST_VALUES, Agreement, Shape, agreement, common_edges, shape
from collidium.report._section import Section, paragraph, table
from collidium.report._style import INK, MUTED, Axes, Figure, Plot, colour, labelled_axes, make_plot, plain

if TYPE_CHECKING:
    from torch import Tensor

NUM_JETS = 10_000
_STEPS = (0.02, 0.05, 0.1, 0.2, 0.5)


_KINEMATICS = tuple(
    Feature(name=name, unit=unit, formula=formula, columns=())
    for name, unit, formula in (
        ("jet_pt", "GeV", "pT of the jet"),
        ("jet_eta", "1", "pseudorapidity of the jet"),
        ("num_particles", "1", "particles that the model sees"),
    )
)


def inputs_section(
    dataset: Dataset, schema: FeatureSchema, split: SplitName, max_particles: int, *, is_training_data: bool
) -> Section:
    """Distribution of every feature and of the jets' kinematics in the train split and another, with their agreement.

    Two samples are compared by chi2 only where they are independent: not the train split with itself or with all.
    """
    train, other = (_sample(dataset, schema, part, max_particles) for part in ("train", split))
    names = "train" if is_training_data else "train split, not trained on", split
    is_independent = split in ("val", "test")
    plots, rows = [], []
    for index, feature in enumerate((*schema.particle, *schema.jet, *_KINEMATICS)):
        (train_values, train_owner), (values, owner) = (_values(s, schema, index) for s in (train, other))
        edges = common_edges(train_values, values)
        shapes = shape(train_values, train_owner, train.weight, edges), shape(values, owner, other.weight, edges)
        found = agreement(*shapes)
        plots.append(_plot(feature, edges, shapes, found if is_independent else None, names))
        chi2 = [f"{found.chi2:.1f} / {found.ndf}", f"{found.p_value:.3f}"] if is_independent else []
        rows.append([feature.name, feature.formula, *chi2, f"{found.ks_distance:.4f}"])
    text = (
        f"What the model sees, in raw units, clipped as for it: {len(train.weight):,} jets of the train split "
        f"and {len(other.weight):,} of the {split} split."
    )
    if not is_training_data:
        text += " The model was trained on another dataset: both splits are of the evaluated one."
    if is_independent:
        text += (
            " χ² uses the covariance over jets: particles of one jet are correlated; p is the probability of a larger "
            f"χ² if both splits have one distribution. Among {len(rows)} features the smallest p is expected near "
            f"{1 / len(rows):.2f}."
        )
    header = ["feature", "meaning", *(["χ² / ndf", "p"] if is_independent else []), "KS distance"]
    details = f"<details><summary>Agreement of all features</summary>{table(header, rows)}</details>\n"
    return Section("Input features", paragraph(text) + details, tuple(plots), layout="small")


class _Sample:
    """Features and kinematics of a split's first jets."""

    def __init__(self, jets: Jets, cloud: Cloud) -> None:
        self.cloud = cloud
        self.weight = cloud.w.double().numpy()
        self.owner = np.repeat(np.arange(len(cloud)), cloud.lengths.numpy())
        self.kinematics = (jets.scalars["jet_pt"], jets.scalars["jet_eta"], jets.lengths)


def _sample(dataset: Dataset, schema: FeatureSchema, split: SplitName, max_particles: int) -> _Sample:
    jets = dataset.read_split(split, limit=NUM_JETS)
    jets = jets.take(np.arange(len(jets)), max_particles=max_particles)
    return _Sample(jets, make_cloud(jets, schema))


def _values(sample: _Sample, schema: FeatureSchema, index: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Raw values of a feature, clipped as for the model, and the jet of each."""
    F, G = len(schema.particle), len(schema.jet)
    jets = np.arange(len(sample.weight))
    if index < F:
        return _raw(schema.particle[index], sample.cloud.x[:, index]), sample.owner
    if index < F + G:
        return _raw(schema.jet[index - F], sample.cloud.g[:, index - F]), jets
    return np.asarray(sample.kinematics[index - F - G], dtype=np.float64), jets


def _raw(feature: Feature, x: Tensor) -> NDArray[np.float64]:
    """Undo the transform of a feature."""
    values: NDArray[np.float64] = feature.inverse(x.double()).numpy()
    return values


def _plot(
    feature: Feature,
    edges: NDArray[np.float64],
    shapes: tuple[Shape, Shape],
    found: Agreement | None,
    names: tuple[str, str],
) -> Plot:
    """Plot of a feature; without an agreement nothing is said of it."""
    statement = ""
    if found is not None:
        statement = (
            f"χ²/ndf {found.chi2:.0f}/{found.ndf}, p {found.p_value:.2f}" if found.ndf else "constant or too few jets"
        )

    def draw(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, 1.0))
        labelled_axes(figure, top, right=statement)
        _fractions(top, edges, shapes, names)
        _ratio(bottom, edges, shapes)
        bottom.set_ylabel(f"{names[1]} / train", loc="center", fontsize=13)
        unit = "" if feature.unit == "1" else f" [{feature.unit}]"
        bottom.set_xlabel(plain(feature.name) + unit)
        bottom.set_xlim(edges[0], edges[-1])
        if len(edges) <= MOST_VALUES + 1:
            bottom.set_xticks(_bins(edges)[0])
            bottom.minorticks_off()
        for axes in (top, bottom):
            axes.yaxis.set_label_coords(-0.135, 1.0 if axes is top else 0.5)

    return make_plot(
        f"input-{feature.name}",
        draw,
        alt=f"{feature.name} in {names[0]} and {names[1]}, and their ratio; {statement or 'not independent'}",
        caption=feature.formula,
        size=(5.6, 4.7),
        margins=(0.155, 0.125, 0.97, 0.935),
    )


def _fractions(axes: Axes, edges: NDArray[np.float64], shapes: tuple[Shape, Shape], names: tuple[str, str]) -> None:
    """The train split as a filled histogram, the other split as points; logarithmic where bins differ much."""
    train, test = shapes
    centre, half = _bins(edges)
    axes.stairs(train.fraction, edges, fill=True, color=colour(0), alpha=0.3, label=names[0])
    axes.stairs(train.fraction, edges, color=colour(0))
    axes.errorbar(centre, test.fraction, _errors(test), half, fmt="o", ms=3.5, lw=1.0, color=INK, label=names[1])
    seen = train.fraction[train.fraction > 0.0]
    highest = float(max(train.fraction.max(), test.fraction.max()))
    if seen.max() > 200.0 * seen.min():
        axes.set_yscale("log")
        axes.set_ylim(0.5 * seen.min(), highest * 12.0)
    else:
        axes.set_ylim(0.0, highest * 1.35)
    axes.legend(loc="upper right", ncols=2)
    axes.set_ylabel("fraction")


def _ratio(axes: Axes, edges: NDArray[np.float64], shapes: tuple[Shape, Shape]) -> None:
    """The other split over the train split; the band is the error of the latter."""
    train, test = shapes
    centre, half = _bins(edges)
    seen = (train.fraction > 0.0) & (test.fraction > 0.0)
    base = np.where(train.fraction > 0.0, train.fraction, 1.0)
    ratio, error, band = test.fraction / base, _errors(test) / base, _errors(train) / base
    axes.axhline(1.0, color=MUTED, ls="--", lw=1.2)
    axes.stairs(1.0 + band, edges, baseline=1.0 - band, fill=True, color=colour(0), alpha=0.3)
    axes.errorbar(centre[seen], ratio[seen], error[seen], half[seen], fmt="o", ms=3.5, lw=1.0, color=INK)
    distance = np.sort((np.abs(ratio - 1.0) + error)[seen])
    reach = 1.3 * float(distance[math.ceil(0.9 * (len(distance) - 1))]) if len(distance) else 1.0
    reach = min(max(reach, 0.025), 1.0)
    axes.set_ylim(1.0 - reach, 1.0 + reach)
    step = max(step for step in _STEPS if step <= 0.8 * reach)
    axes.set_yticks([1.0 - step, 1.0, 1.0 + step], [f"{1.0 + sign * step:g}" for sign in (-1, 0, 1)])


def _bins(edges: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres and half widths."""
    return 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)


def _errors(side: Shape) -> NDArray[np.float64]:
    """Standard errors of the shares."""
    errors: NDArray[np.float64] = np.sqrt(np.diag(side.covariance))
    return errors
