"""Gallery section: jets that were tagged rightly and wrongly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.cloud import Dataset, Jets
from collidium.evaluate import Predictions
from collidium.report._section import Section, paragraph
from collidium.report._style import Axes, Figure, Line2D, MultipleLocator, Plot, labelled_axes, make_plot, plain

_NUM_JETS = 6
_KINDS = (
    ("part_isChargedHadron", "charged hadron", "#3f90da"),
    ("part_isNeutralHadron", "neutral hadron", "#832db6"),
    ("part_isPhoton", "photon", "#ffa90e"),
    ("part_isElectron", "electron", "#2f8f4e"),
    ("part_isMuon", "muon", "#bd1f01"),
)
_LARGEST_AREA = 2600.0  # square points of a circle that carries all pT of its jet


def gallery_section(predictions: Predictions, dataset: Dataset) -> Section:
    """Six jets that were tagged rightly and the six most confident errors."""
    jets = predictions.labelled().by_event()
    chosen = np.concatenate([_right(jets), _wrong(jets)])
    shown = jets.take(chosen)
    found = _find(dataset, shown.event_id)
    reach = _reach([_relative(found.take([i])) for i in range(len(found))])
    plots = tuple(_plot(found.take([i]), shown, i, reach) for i in range(len(found)))
    num_right = sum(int(np.argmax(p) == y) for p, y in zip(shown.probabilities, shown.label, strict=True))
    text = (
        "Particles in the plane of pseudorapidity and azimuth around the jet axis; the area of a circle follows "
        f"the particle's share of the jet's pT. First {num_right} jets tagged rightly, then the "
        f"{len(shown) - num_right} errors of which the model was most certain, one true class after the other."
    )
    return Section("Gallery of jets", paragraph(text), plots, layout="small")


def _right(jets: Predictions) -> NDArray[np.int64]:
    """The first jets by event number that were tagged rightly."""
    return _alternating(jets, np.flatnonzero(np.argmax(jets.probabilities, axis=1) == jets.label))


def _wrong(jets: Predictions) -> NDArray[np.int64]:
    """The errors with the largest probability of the wrong class."""
    wrong = np.flatnonzero(np.argmax(jets.probabilities, axis=1) != jets.label)
    certainty = jets.probabilities[wrong].max(axis=1)
    return _alternating(jets, wrong[np.argsort(-certainty, kind="stable")])


def _alternating(jets: Predictions, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first few of these jets, one true class after the other."""
    by_class = [rows[jets.label[rows] == k] for k in range(len(jets.classes))]
    turns = [group[turn] for turn in range(_NUM_JETS) for group in by_class if turn < len(group)]
    return np.array(turns[:_NUM_JETS], dtype=np.int64)


def _find(dataset: Dataset, event_id: NDArray[np.uint64]) -> Jets:
    """Jets by their numbers, in this order."""
    parts, numbers = [], []
    for index in range(dataset.num_shards):
        ids = dataset.read_scalar(index, "event_id").astype(np.uint64)
        rows = np.flatnonzero(np.isin(ids, event_id))
        if len(rows):
            parts.append(dataset.read_shard(index).take(rows))
            numbers.append(ids[rows])
    place = {int(number): row for row, number in enumerate(np.concatenate(numbers))} if numbers else {}
    absent = [int(number) for number in event_id if int(number) not in place]
    if absent:
        raise InputError(f"{dataset.path}: has no event_id {absent[0]}; the dataset that was evaluated is needed")
    return Jets.concat(parts).take([place[int(number)] for number in event_id])


def _relative(jet: Jets) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Pseudorapidity and azimuth from the jet axis, and share of the transverse momentum, of one jet."""
    px, py, pz = (jet.particles[f"part_p{axis}"].astype(np.float64) for axis in "xyz")
    pt = np.hypot(px, py)
    eta = np.arcsinh(pz / np.maximum(pt, 1e-12)) - float(jet.scalars["jet_eta"][0])
    phi = np.arctan2(py, px) - float(jet.scalars["jet_phi"][0])
    return eta, (phi + np.pi) % (2.0 * np.pi) - np.pi, pt / pt.sum()


def _reach(jets: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]) -> float:
    """Half the side of the window, the same for all jets: it holds 99 % of the particles."""
    distance = np.concatenate([np.maximum(np.abs(eta), np.abs(phi)) for eta, phi, _ in jets])
    return max(math.ceil(5.0 * float(np.quantile(distance, 0.99))) / 5.0, 0.4)


def _plot(jet: Jets, shown: Predictions, index: int, reach: float) -> Plot:
    truth = shown.classes[shown.label[index]]
    best = int(np.argmax(shown.probabilities[index]))
    tagged, certainty = shown.classes[best], shown.probabilities[index, best]
    is_right = best == shown.label[index]
    jet_pt = float(jet.scalars["jet_pt"][0])
    verdict = f"{truth} tagged as {tagged}" if not is_right else f"{truth} rightly tagged"

    def draw(figure: Figure) -> None:
        axes = labelled_axes(figure, right=f"pT {jet_pt:.0f} GeV")
        _particles(axes, jet)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.set(xlabel=r"$\Delta\eta$", ylabel=r"$\Delta\phi$ [rad]")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MultipleLocator(0.4 if reach <= 1.2 else 1.0))
        ink = "#1c6b34" if is_right else "#bd1f01"
        axes.text(0.03, 0.97, plain(verdict), transform=axes.transAxes, va="top", color=ink, fontweight="bold")
        axes.text(0.03, 0.90, f"probability {certainty:.3f}", transform=axes.transAxes, va="top", fontsize=12)

    return make_plot(
        f"jet-{index + 1:02d}-{'right' if is_right else 'wrong'}",
        draw,
        alt=f"Jet of {jet.lengths[0]} particles in the eta-phi plane, {verdict} with probability {certainty:.3f}",
        caption=f"Event {shown.event_id[index]}, {jet.lengths[0]} particles.",
        size=(5.0, 5.0),
        margins=(0.135, 0.12, 0.97, 0.94),
    )


def _particles(axes: Axes, jet: Jets) -> None:
    """Circles of one jet, the largest below."""
    eta, phi, share = _relative(jet)
    order = np.argsort(-share, kind="stable")
    paints = np.full(len(share), "#3f90da", dtype=object)
    handles = []
    for column, label, paint in _KINDS:
        if column in jet.particles and (jet.particles[column] != 0).any():
            paints[jet.particles[column] != 0] = paint
            handles.append(Line2D([], [], ls="", marker="o", ms=7, color=paint, alpha=0.75, label=label))
    axes.scatter(
        eta[order], phi[order], _LARGEST_AREA * share[order] + 2.0, c=list(paints[order]), alpha=0.55,
        edgecolors=list(paints[order]), linewidths=0.8,
    )  # fmt: skip
    axes.plot(0.0, 0.0, "+", ms=12, color="#52514e", mew=1.0)
    if handles:
        axes.legend(handles=handles, loc="lower left", ncols=3, fontsize=9.5, columnspacing=0.8, handletextpad=0.1)
