"""Draw the figures of formats.md: `python docs/make_format_plots.py DATA`, where DATA holds format-samples/.

The NanoAOD samples are converted as `collidium convert` does and drawn in the units of the dataset.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from collidium.cloud import Dataset, Jets, feature_set, make_cloud
from collidium.io import convert

IMAGES = Path(__file__).parent / "images"
PFNANO = "format-samples/pfnano_mc_10evts.root"
PLAIN = "format-samples/nanoaodv5_ttlike_mc_1000evts.root"
SPECIES = {
    "part_isChargedHadron": "charged hadron",
    "part_isPhoton": "photon",
    "part_isNeutralHadron": "neutral hadron",
    "part_isElectron": "electron",
    "part_isMuon": "muon",
}
Floats = NDArray[np.floating]


def main() -> None:
    """Convert the samples and write the four figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that holds format-samples/")
    data = parser.parse_args().data
    mpl.use("Agg")
    plt.rcParams.update({"font.size": 9, "axes.titlesize": 9, "figure.dpi": 110, "hist.bins": 40})
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        candidates = converted(data / PFNANO, Path(folder) / "candidates", "AK4")
        fat = converted(data / PFNANO, Path(folder) / "fat", "AK8")
        parts = converted(data / PLAIN, Path(folder) / "parts", "AK4")
        events = converted(data / PLAIN, Path(folder) / "events", "event")
    draw_candidates(candidates, fat)
    draw_features(candidates, "full", "formats_pfnano_features.png", "pfnano sample, candidates of AK4 jets")
    draw_plain(parts, events)
    draw_features(events, "full", "formats_nanoaod_features.png", "NanoAOD v5 sample, objects of events")


def converted(path: Path, out: Path, collection: str) -> Jets:
    """All clouds of a file, copied into memory."""
    return Dataset.open(convert([path], out, collection=collection)).read_split("all")


def particle_pt(jets: Jets) -> Floats:
    """Transverse momentum of each particle, GeV."""
    pt: Floats = np.hypot(jets.particles["part_px"], jets.particles["part_py"])
    return pt


def summed_pt(jets: Jets) -> Floats:
    """Transverse momentum of the vector sum of each cloud, GeV."""
    px, py = (np.add.reduceat(jets.particles[name], jets.offsets[:-1]) for name in ("part_px", "part_py"))
    pt: Floats = np.hypot(px, py)
    return pt


def draw_candidates(jets: Jets, fat: Jets) -> None:
    """Candidates of AK4 jets: kinematics, tracks, species, and whether they add up."""
    figure, axes = plt.subplots(2, 4, figsize=(15, 6.6), layout="constrained")
    figure.suptitle("pfnano sample: 10 simulated dijet events, 64 AK4 and 24 AK8 jets")
    columns, pt = jets.particles, particle_pt(jets)
    draw_species(axes[0, 0], jets, np.geomspace(0.05, 1500, 40))
    eta = np.arcsinh(columns["part_pz"] / pt)
    axes[0, 1].hist(eta, np.linspace(-5.2, 5.2, 53), histtype="step")
    label(axes[0, 1], r"candidate $\eta$", "candidates")
    is_hard = jets.scalars["jet_pt"] > 200
    for chosen, name in ((is_hard, "raw pT > 200 GeV"), (~is_hard, "softer")):
        axes[0, 2].hist(jets.lengths[chosen], np.arange(0, 90, 5), histtype="step", label=name)
    label(axes[0, 2], "candidates in the jet", "AK4 jets")
    for ratio, name in ((jets, "AK4 (CHS)"), (fat, "AK8 (PUPPI)")):
        axes[0, 3].hist(
            summed_pt(ratio) / ratio.scalars["jet_pt"], np.linspace(0.99, 1.01, 41), histtype="step", label=name
        )
    label(axes[0, 3], r"$|\sum \vec p_T|$ of candidates / raw jet $p_T$", "jets")
    has_track = columns["part_d0err"] > 0
    draw_impact(axes[1, 0], {"$d_0$": columns["part_d0val"][has_track], "$d_z$": columns["part_dzval"][has_track]})
    axes[1, 1].hist(
        columns["part_d0err"][has_track], np.geomspace(5e-3, 50, 40), histtype="step", label=r"$\sigma(d_0)$"
    )
    axes[1, 1].hist(
        columns["part_dzerr"][has_track], np.geomspace(5e-3, 50, 40), histtype="step", label=r"$\sigma(d_z)$"
    )
    axes[1, 1].set_xscale("log")
    label(axes[1, 1], "standard error [mm]", "candidates with a track")
    axes[1, 2].scatter(pt[has_track], columns["part_d0err"][has_track], s=3, alpha=0.5)
    axes[1, 2].set(xscale="log", yscale="log")
    label(axes[1, 2], "candidate $p_T$ [GeV]", r"$\sigma(d_0)$ [mm]")
    draw_composition(axes[1, 3], {"AK4": jets, "AK8": fat})
    save(figure, "formats_pfnano.png")


def draw_plain(parts: Jets, events: Jets) -> None:
    """Jets by flavour and events by object."""
    figure, axes = plt.subplots(2, 4, figsize=(15, 6.6), layout="constrained")
    figure.suptitle("NanoAOD v5 sample: 1000 simulated top-pair events, 9020 AK4 jets")
    flavours = {name: parts.take(np.flatnonzero(parts.scalars["label"] == i)) for i, name in enumerate(parts.classes)}
    for name, jets in flavours.items():
        axes[0, 0].hist(jets.scalars["jet_pt"], np.geomspace(8, 800, 40), histtype="step", label=name, density=True)
        axes[0, 1].hist(jets.scalars["jet_eta"], np.linspace(-5.2, 5.2, 53), histtype="step", label=name, density=True)
        axes[0, 2].hist(jets.lengths, np.arange(0.5, 10), histtype="step", label=name, density=True)
    axes[0, 0].set_xscale("log")
    label(axes[0, 0], "raw jet $p_T$ [GeV]", "AK4 jets, normalised")
    label(axes[0, 1], r"jet $\eta$", "AK4 jets, normalised")
    label(axes[0, 2], "parts of the jet", "AK4 jets, normalised")
    draw_composition(axes[0, 3], flavours)
    axes[1, 0].hist(events.scalars["jet_pt"], np.linspace(0, 2000, 41), histtype="step")
    label(axes[1, 0], "scalar sum of object $p_T$ [GeV]", "events")
    axes[1, 1].hist(events.lengths, np.arange(0.5, 22), histtype="step")
    label(axes[1, 1], "objects in the event", "events")
    draw_species(axes[1, 2], events, np.geomspace(2, 1000, 40))
    tracks = {
        name: events.particles["part_d0val"][events.particles[flag] == 1]
        for flag, name in SPECIES.items()
        if name in ("electron", "muon")
    }
    draw_impact(axes[1, 3], {f"{name} $d_0$": values for name, values in tracks.items()})
    save(figure, "formats_nanoaod.png")


def draw_species(axis: Axes, jets: Jets, bins: Floats) -> None:
    """Transverse momentum by species."""
    pt = particle_pt(jets)
    for flag, name in SPECIES.items():
        if np.any(jets.particles[flag]):
            axis.hist(pt[jets.particles[flag] == 1], bins, histtype="step", label=name)
    is_jet = sum(jets.particles[flag] for flag in SPECIES) == 0
    if np.any(is_jet):
        axis.hist(pt[is_jet], bins, histtype="step", label="jet")
    axis.set(xscale="log", yscale="log", ylim=(0.7, None))
    axis.set_ylim(top=axis.get_ylim()[1] * 20)
    label(axis, "$p_T$ [GeV]", "particles")


def draw_impact(axis: Axes, values: dict[str, Floats]) -> None:
    """Impact parameters on a scale that is linear below 0.1 mm and logarithmic above."""
    tail = np.geomspace(0.1, 2000, 25)
    bins = np.concatenate([-tail[::-1], np.linspace(-0.1, 0.1, 21)[1:-1], tail])
    for name, column in values.items():
        axis.hist(column, bins, histtype="step", label=name)
    axis.set_xscale("symlog", linthresh=0.1)
    axis.set_xticks([-1000, -10, -0.1, 0.1, 10, 1000], ["-1000", "-10", "-0.1", "0.1", "10", "1000"])
    axis.set(yscale="log", ylim=(0.7, None))
    label(axis, "impact parameter [mm]", "particles with a track")


def draw_composition(axis: Axes, groups: dict[str, Jets]) -> None:
    """Share of the summed pT by species."""
    bottom = np.zeros(len(groups))
    for flag, name in SPECIES.items():
        share = np.array([np.sum(particle_pt(j) * j.particles[flag]) / np.sum(particle_pt(j)) for j in groups.values()])
        axis.bar(list(groups), share, bottom=bottom, label=name)
        bottom += share
    axis.set_ylim(0, 1.55)
    label(axis, "", "share of summed $p_T$")


def draw_features(jets: Jets, name: str, file: str, title: str) -> None:
    """Every transformed feature as the model sees it."""
    schema = feature_set(name)
    x = make_cloud(jets, schema).x.numpy()
    figure, axes = plt.subplots(3, 6, figsize=(16, 7.2), layout="constrained")
    figure.suptitle(f"{title}: the {len(schema.names)} transformed features")
    for axis, feature, column in zip(axes.flat, schema.names, x.T, strict=False):
        axis.hist(column, 60, histtype="step")
        axis.set(yscale="log", ylim=(0.7, 2 * len(x)))
        label(axis, feature, "")
    for axis in axes.flat[len(schema.names) :]:
        axis.axis("off")
    save(figure, file)


def label(axis: Axes, x: str, y: str) -> None:
    """Name the axes, and the curves where they have names."""
    axis.set(xlabel=x, ylabel=y)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=7)


def save(figure: plt.Figure, name: str) -> None:
    """Write a figure without a date, the same bytes for the same content."""
    figure.savefig(IMAGES / name, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
