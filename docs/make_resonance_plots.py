"""Draw the figures of resonances.md and print its tables: `python docs/make_resonance_plots.py DATA`.

DATA is the folder of open data that holds cms-dilepton-2011a/ and the other folders named in the recipes.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import mplhep
import numpy as np
from matplotlib.axes import Axes
from scipy.stats import chi2, norm

from collidium.measure import (
    HUNTS,
    RESONANCES,
    BumpHunt,
    Category,
    FourLeptonConfig,
    FourLeptonFit,
    HuntResult,
    PeakCurves,
    PeakModel,
    ResonanceFit,
    Unbinned,
    build_peak,
    envelope,
    envelope_scan,
    fit_four_leptons,
    fit_resonance,
    hunt_in_file,
)
from collidium.measure._dileptons import MUON_MASS, apply_cuts, quality_cuts, read_dileptons

IMAGES = Path(__file__).parent / "images"
NUM_TOYS = 100
COLOURS = {"signal": "tab:red", "higgs": "tab:red", "z": "tab:green", "rho": "tab:green"}
PAIRS = {"dijet": "jj", "trijet": "jjj", "diphoton": r"\gamma\gamma", "jpsi": r"\mu^+\mu^-"}
ENERGY = {
    "masses": "7 TeV, 2010 and 2011",
    "cms-dilepton-2011a": "7 TeV, 2011",
    "cms-dimuon-2010b": "7 TeV, 2010",
    "cms-h4l-run1": "7 and 8 TeV",
}


def main() -> None:
    """Fit everything, write the figures, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of open data")
    data = parser.parse_args().data
    mpl.use("Agg")
    plt.style.use(mplhep.style.CMS)
    plt.rcParams.update({"font.size": 15, "figure.dpi": 80, "legend.fontsize": 13})
    IMAGES.mkdir(exist_ok=True)
    fits = {name: fit_resonance(name, data) for name, recipe in RESONANCES.items() if recipe.file is not None}
    for name, found in fits.items():
        draw_resonance(found, f"resonances_{name}.png")
    draw_masses(fits)
    print_resonances(fits)
    print_common_scale(fits)
    draw_envelope(data)
    higgs = fit_four_leptons(data, config=FourLeptonConfig(num_toys=NUM_TOYS))
    draw_four_leptons(higgs)
    print_four_leptons(higgs)
    hunts = {
        name: hunt_in_file(name, data, config=dataclasses.replace(HUNTS[name].config, num_toys=NUM_TOYS))
        for name in ("dijet", "trijet", "diphoton", "jpsi")
    }
    for name, hunt in hunts.items():
        draw_hunt(hunt, f"bump_hunt_{name}.png")
    print_hunts(hunts)


def two_panels() -> tuple[plt.Figure, Axes, Axes]:
    """Spectrum above pulls."""
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(9, 8.5), sharex=True, gridspec_kw={"height_ratios": [3.2, 1], "hspace": 0.06}
    )
    return figure, upper, lower


def draw_counts(axis: Axes, edges: np.ndarray, counts: np.ndarray) -> None:
    """Counts with the central 68 % intervals of Poisson means; empty bins have none to show."""
    seen = counts > 0
    low = counts - poisson_interval(counts)[0]
    high = poisson_interval(counts)[1] - counts
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    axis.errorbar(
        middle[seen],
        counts[seen],
        yerr=np.stack([low[seen], high[seen]]),
        xerr=half[seen] if len(counts) < 60 else None,
        fmt="ko",
        markersize=4,
        elinewidth=1,
        label="data",
        zorder=5,
    )


def poisson_interval(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central 68.27 % interval of Poisson means (Garwood)."""
    tail = norm.sf(1.0)
    return np.nan_to_num(chi2.ppf(tail, 2 * counts) / 2), chi2.ppf(1 - tail, 2 * (counts + 1)) / 2


def draw_curves(upper: Axes, lower: Axes, curves: PeakCurves, names: dict[str, str]) -> None:
    """Data, total, components, pulls."""
    draw_counts(upper, curves.edges, curves.counts)
    upper.plot(curves.x, curves.total, color="tab:blue", linewidth=2, label="fit")
    for name, values in curves.components.items():
        style = "--" if name in ("background", "continuum") else "-"
        upper.plot(curves.x, values, style, linewidth=1.6, color=COLOURS.get(name, "0.45"), label=names.get(name, name))
    upper.set(ylim=(0, 1.45 * curves.counts.max()), xlim=(curves.edges[0], curves.edges[-1]))
    draw_pulls(lower, curves.edges, curves.pulls)


def draw_pulls(axis: Axes, edges: np.ndarray, pulls: np.ndarray) -> None:
    """(Data - fit) over the expected error."""
    axis.axhspan(-1, 1, color="0.92")
    axis.axhline(0, color="0.5", linewidth=1)
    axis.errorbar((edges[1:] + edges[:-1]) / 2, pulls, yerr=1, fmt="ko", markersize=4, elinewidth=1)
    reach = max(3.9, 1.15 * float(np.abs(pulls).max()))
    axis.set(ylim=(-reach, reach))
    axis.set_ylabel("pull", loc="center")


def unit(window: float) -> tuple[float, str]:
    """Scale of a bin's width for its label."""
    return (1.0, "GeV") if window >= 1.0 else (1000.0, "MeV")


def draw_resonance(found: ResonanceFit, file: str) -> None:
    """Spectrum, fit, components and pulls of one resonance."""
    figure, upper, lower = two_panels()
    curves, peak = found.peak.curves, found.peak
    draw_curves(upper, lower, curves, {"signal": found.resonance.title, "background": "background"})
    width = curves.edges[1] - curves.edges[0]
    scale, name = unit(width * 2)
    upper.set_ylabel(f"pairs / {width * scale:.3g} {name}")
    pair = "e^+e^-" if found.name == "zee" else r"\mu^+\mu^-"
    lower.set_xlabel(f"$m({pair})$ [GeV]")
    upper.legend(loc="upper left")
    decimals = 4 if found.mass < 5 else 3 if found.mass < 50 else 2
    if found.name.startswith("z"):
        upper.set(yscale="log", ylim=(0.3, 300 * curves.counts.max()))
    scale, name = unit(peak.values["resolution"])
    resolution = f"{scale * peak.values['resolution']:.3g} ± {scale * peak.errors['resolution']:.2g} {name}"
    text = [
        f"$m$ = {found.mass:.{decimals}f} ± {peak.errors['mass']:.{decimals}f} (stat)",
        f"± {found.model_error:.{decimals}f} (model) ± {found.scale_error:.{decimals}f} (scale) GeV",
        f"known: {found.resonance.known_mass:.{decimals}f} GeV",
        f"resolution: {resolution}",
        f"signal: {peak.values['events']:.0f} ± {peak.errors['events']:.0f} of {peak.num_events}",
        f"goodness of fit: $p$ = {peak.goodness.p_value:.2f}",
    ]
    upper.text(0.97, 0.95, "\n".join(text), transform=upper.transAxes, ha="right", va="top", fontsize=12)
    title(upper, str(found.resonance.file))
    save(figure, file)


def title(axis: Axes, file: str) -> None:
    """Whose data these are."""
    folder = file.split("/", maxsplit=1)[0]
    axis.set_title("CMS open data", loc="left", fontsize=15, fontweight="bold")
    axis.set_title(ENERGY.get(folder, "13 TeV"), loc="right", fontsize=14)


def draw_masses(fits: dict[str, ResonanceFit]) -> None:
    """Relative distance of every mass from the known one."""
    figure, axis = plt.subplots(figsize=(9, 5.5), layout="constrained")
    axis.axvline(0, color="0.4", linewidth=1)
    for row, found in enumerate(fits.values()):
        known = found.resonance.known_mass
        place, total = 100 * (found.mass / known - 1), 100 * found.mass_error / known
        axis.errorbar(
            place, row, xerr=total, fmt="none", color="tab:blue", capsize=5, label="total" if row == 0 else None
        )
        statistical = 100 * found.peak.errors["mass"] / known
        axis.errorbar(
            place, row, xerr=statistical, fmt="ko", capsize=3, linewidth=2.5, label="statistical" if row == 0 else None
        )
    axis.set_yticks(range(len(fits)), [found.resonance.title for found in fits.values()])
    axis.minorticks_off()
    axis.set(xlabel="fitted / known mass - 1 [%]", ylim=(len(fits) - 0.3, -0.7), xlim=(-0.9, 0.9))
    axis.legend(loc="upper right")
    title(axis, "masses")
    save(figure, "resonances_masses.png")


def draw_envelope(data: Path) -> None:
    """Profiles of the yield of the Upsilon with each background, and their envelope."""
    recipe = RESONANCES["upsilon"]
    pairs = read_dileptons(data / str(recipe.file), MUON_MASS)
    passed, _ = apply_cuts(pairs, quality_cuts(pairs))
    likelihoods = {}
    for name in ("exponential", "bernstein1", "bernstein2", "exp-poly2"):
        model = PeakModel(signal=recipe.model.signal, background=name, window=recipe.model.window)
        parameters, parts = build_peak(
            model, mass=recipe.known_mass, width=0.0, resolution=recipe.resolution, num_events=int(passed.sum())
        )
        category = Category.of("pairs", model.window, parts, pairs.mass[passed])
        likelihoods[name] = Unbinned.of(parameters, [category])
    found = envelope(likelihoods, "events", penalty=1.0)
    figure, axis = plt.subplots(figsize=(9, 6), layout="constrained")
    spread = 1.6 * max(found.high - found.value, found.value - found.low)
    values = np.linspace(found.value - spread, found.value + spread, 81)
    for name, result in found.fits.items():
        alone = dataclasses.replace(found, fits={name: result}, chosen=name)
        q, _ = envelope_scan(alone, values)
        best = found.report()["functions"]
        assert isinstance(best, dict)
        offset = best[name]["penalised"] - best[found.chosen]["penalised"]
        axis.plot(values, q + offset, "--", linewidth=1.5, label=f"{name} ({best[name]['num_free']} parameters)")
    q, _ = envelope_scan(found, values)
    axis.plot(values, q, color="black", linewidth=2.5, label="envelope")
    axis.axhline(1.0, color="0.6", linewidth=1)
    axis.set(xlabel=r"$\Upsilon(1S)$ yield [events]", ylabel=r"$-2\,\Delta\ln L$ + parameters", ylim=(0, 6.5))
    axis.set_xlim(values[0], values[-1])
    axis.legend(loc="upper right")
    title(axis, str(recipe.file))
    save(figure, "resonances_envelope.png")
    print(f"envelope of the Upsilon(1S) yield: {found.value:.0f} [{found.low:.0f}, {found.high:.0f}], {found.chosen}\n")


def draw_four_leptons(found: FourLeptonFit) -> None:
    """Spectrum with both peaks, and the local significance along the mass."""
    figure, (upper, middle, lower) = three_panels()
    names = {"higgs": r"$H \to ZZ^* \to 4\ell$", "z": r"$Z \to 4\ell$", "continuum": "continuum"}
    draw_curves(upper, middle, found.curves, names)
    width = found.curves.edges[1] - found.curves.edges[0]
    upper.set_ylabel(f"events / {width:.3g} GeV")
    upper.set_ylim(0, 26)
    upper.legend(loc="upper right")
    text = [
        f"$m_H$ = {found.values['higgs_mass']:.1f} ± {found.errors['higgs_mass']:.1f} (stat) "
        f"± {found.scale_error:.1f} (scale) GeV",
        f"{found.values['higgs']:.1f} ± {found.errors['higgs']:.1f} events",
        f"goodness of fit (toys): $p$ = {found.p_goodness:.2f}",
    ]
    upper.text(0.03, 0.95, "\n".join(text), transform=upper.transAxes, va="top", fontsize=12)
    lower.plot(found.scan_mass, norm.sf(np.sqrt(found.scan_q0)), color="tab:red")
    draw_sigmas(lower, 1e-5, found.curves.edges[-1])
    lower.set(yscale="log", ylim=(1e-5, 2))
    lower.set_ylabel("local $p_0$", loc="center")
    lower.set_xlabel(r"$m(4\ell)$ [GeV]")
    text = f"local {found.z_local:.1f} $\\sigma$, global {norm.isf(found.p_global):.1f} $\\sigma$"
    lower.text(0.03, 0.08, text, transform=lower.transAxes, fontsize=12)
    title(upper, "cms-h4l-run1")
    save(figure, "resonances_higgs4l.png")


def three_panels() -> tuple[plt.Figure, tuple[Axes, Axes, Axes]]:
    """Spectrum, pulls, local p-values."""
    figure, axes = plt.subplots(
        3, 1, figsize=(9, 10.5), sharex=True, gridspec_kw={"height_ratios": [2.6, 1, 1.5], "hspace": 0.07}
    )
    return figure, (axes[0], axes[1], axes[2])


def draw_sigmas(axis: Axes, floor: float, right: float) -> None:
    """Lines at whole numbers of standard deviations."""
    for z in range(1, 9):
        if norm.sf(z) > floor:
            axis.axhline(norm.sf(z), color="tab:red", linestyle=":", linewidth=1)
            axis.text(right, norm.sf(z), f" {z}$\\sigma$", color="tab:red", fontsize=11, va="center")


def draw_hunt(result: HuntResult, file: str) -> None:
    """Spectrum with the background fit, pulls, local p-values."""
    search = result.search
    figure, (upper, middle, lower) = three_panels()
    edges, widths = search.spectrum.edges, np.diff(search.spectrum.edges)
    is_published = len(set(np.round(widths, 9))) > 1
    scale = 1 / widths if is_published else np.ones(len(widths))
    low, high = poisson_interval(search.spectrum.counts)
    counts = search.spectrum.counts
    seen = counts > 0
    upper.errorbar(
        search.spectrum.centers[seen],
        (counts * scale)[seen],
        yerr=np.stack([(counts - low) * scale, (high - counts) * scale])[:, seen],
        fmt="ko",
        markersize=4,
        elinewidth=1,
        label="data",
    )
    label = f"background: {search.config.background}, $p$ = {search.p_goodness:.2f} (toys)"
    upper.stairs(search.background * scale, edges, color="tab:blue", linewidth=1.8, label=label)
    upper.set_ylabel("events / GeV" if is_published else f"pairs / {1000 * widths[0]:.0f} MeV")
    if is_published:
        upper.set(yscale="log", ylim=(0.3 * float((counts * scale)[seen].min()), 5 * float((counts * scale).max())))
    upper.legend(loc="upper right")
    pulls = (counts - search.background) / np.sqrt(search.background)
    # the error of a bin with few expected events is no standard deviation
    pulls = np.where(search.background > 0.5, pulls, np.nan)
    draw_pulls(middle, edges, np.nan_to_num(pulls, nan=-99))
    middle.set_ylim(-4.4, max(4.4, 1.1 * float(np.nanmax(pulls))))
    lower.plot(search.scan.mass, search.scan.p_local, color="tab:blue", label="local")
    if result.control is not None:
        lower.plot(result.control.scan.mass, result.control.scan.p_local, color="0.6", label="same sign")
    floor = min(1e-4, 0.1 * search.p_local)
    draw_sigmas(lower, floor, edges[-1])
    lower.set(yscale="log", ylim=(floor, 2), xlim=(edges[0], edges[-1]))
    lower.set_ylabel("local $p_0$", loc="center")
    lower.set_xlabel(f"$m({PAIRS[result.name]})$ [GeV]")
    lower.legend(loc="lower right")
    lower.text(0.03, 0.06, summary(search), transform=lower.transAxes, fontsize=12)
    upper.set_title(result.hunt.title, loc="left", fontsize=14)
    save(figure, file)


def summary(search: BumpHunt) -> str:
    """Where the largest excess is and what it is worth."""
    z = math.sqrt(float(search.scan.q0.max()))
    global_p = search.p_global if search.p_global > 2 / (len(search.toys) + 1) else search.p_global_upcrossings
    place = search.scan.mass[search.best]
    return f"{place:.4g} GeV: local {z:.1f} $\\sigma$, global $p$ = {global_p:.2g}"


def print_resonances(fits: dict[str, ResonanceFit]) -> None:
    """Tables of resonances.md."""
    print("| recipe | mass | stat | model | scale | known | pull | resolution (MeV) | signal | p-value |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, found in fits.items():
        d = 5 if found.mass < 2 else 4 if found.mass < 50 else 3
        peak = found.peak
        print(
            f"| `{name}` | {found.mass:.{d}f} | {peak.errors['mass']:.{d}f} | {found.model_error:.{d}f} "
            f"| {found.scale_error:.{d}f} | {found.resonance.known_mass:.{d}f} | {found.pull:+.2f} "
            f"| {1000 * peak.values['resolution']:.1f} ± {1000 * peak.errors['resolution']:.1f} "
            f"| {peak.values['events']:.0f} ± {peak.errors['events']:.0f} | {peak.goodness.p_value:.3f} |"
        )
    print("\n| recipe | model | mass | p-value |\n|---|---|---|---|")
    for name, found in fits.items():
        for other in (found.peak, *found.alternatives):
            print(f"| `{name}` | {other.model.label} | {other.values['mass']:.5g} | {other.goodness.p_value:.4f} |")
    print("\n| recipe | cut | opposite sign | same sign |\n|---|---|---|---|")
    for name, found in fits.items():
        for cut in found.cutflow.cuts:
            row = {line.sample: line.raw for line in found.cutflow.rows if line.cut == cut}
            print(f"| `{name}` | {cut} | {row['opposite sign']} | {row.get('same sign', '-')} |")
    for name, found in fits.items():
        if found.same_sign is not None:
            values, errors = found.same_sign.values, found.same_sign.errors
            print(
                f"\nsame sign, {name}: {values['events']:.1f} ± {errors['events']:.1f} of {found.same_sign.num_events}"
            )
    print()


def print_common_scale(fits: dict[str, ResonanceFit]) -> None:
    """One momentum scale for all 2011 muons, from statistical and model errors, and whether one is enough."""
    shifts, errors = [], []
    for name in ("phi", "omega", "psi2s", "upsilon", "zmumu"):
        found = fits[name]
        above_threshold = found.scale_error / found.mass / found.resonance.scale_error
        known = found.resonance.known_mass
        shifts.append((found.mass / known - 1) / above_threshold)
        errors.append(math.hypot(found.peak.errors["mass"], found.model_error) / known / above_threshold)
    weight = 1 / np.square(errors)
    mean = float(np.sum(weight * shifts) / np.sum(weight))
    q = float(np.sum(weight * (np.array(shifts) - mean) ** 2))
    print(
        f"common momentum scale: {100 * mean:.3f} ± {100 / math.sqrt(np.sum(weight)):.3f} %, "
        f"chi-squared {q:.1f} for {len(shifts) - 1}, p = {chi2.sf(q, len(shifts) - 1):.3f}\n"
    )


def print_four_leptons(found: FourLeptonFit) -> None:
    """Figures of the Higgs boson."""
    for name, value in found.values.items():
        print(f"higgs4l {name}: {value:.3f} ± {found.errors[name]:.3f}")
    print(
        f"higgs4l: {found.z_local:.2f} sigma local, p_global {found.p_global:.4f}, "
        f"p of the fit {found.goodness.p_value:.3f} (chi-squared), {found.p_goodness:.3f} (toys)\n"
    )


def print_hunts(hunts: dict[str, HuntResult]) -> None:
    """Table of the bump hunts."""
    print(
        "| recipe | events | background, p-value | largest excess | local | global p (toys) | global p (upcrossings) |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, hunt in hunts.items():
        for label, search in ((f"`{name}`", hunt.search), (f"`{name}`, same sign", hunt.control)):
            if search is not None:
                toys = f"{search.p_global:.2f}" if len(search.toys) > 0 and label == f"`{name}`" else "-"
                place = search.scan.mass[search.best]
                print(
                    f"| {label} | {search.spectrum.counts.sum():.0f} | {search.config.background}, "
                    f"{search.goodness.p_value:.3g} (toys {search.p_goodness:.2f}) | {place:.4g} GeV "
                    f"| {math.sqrt(search.scan.q0.max()):.2f} σ | {toys} | {search.p_global_upcrossings:.2g} |"
                )


def save(figure: plt.Figure, name: str) -> None:
    """Write a figure without a date, the same bytes for the same content."""
    figure.savefig(IMAGES / name, metadata={"Software": None}, bbox_inches="tight")
    plt.close(figure)


if __name__ == "__main__":
    main()
