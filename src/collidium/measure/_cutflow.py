"""Cutflow tables: how many events survive each cut, with binomial errors, as text, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collidium.artifact import InputError
from collidium.measure._parameters import Vector

_COLUMNS = ("cut", "sample", "events", "error", "raw", "relative", "relative_error", "cumulative", "cumulative_error")


@dataclass(frozen=True, kw_only=True)
class CutflowRow:
    """One sample after one cut.

    Attributes
    ----------
    cut, sample : str
        Names.
    events, error : float, events
        Sum of weights and its standard deviation.
    raw : int
        Events without weights.
    relative, relative_error : float, 1
        Efficiency against the cut before, and its binomial error for the effective number of events.
    cumulative, cumulative_error : float, 1
        The same against the first line.
    """

    cut: str
    sample: str
    events: float
    error: float
    raw: int
    relative: float
    relative_error: float
    cumulative: float
    cumulative_error: float


@dataclass(frozen=True)
class Cutflow:
    """Samples after cuts that are applied one after the other.

    Attributes
    ----------
    rows : tuple of CutflowRow
        By cut, and for each cut by sample.

    Examples
    --------
    >>> weights = {"signal": np.ones(4), "background": np.full(10, 2.0)}
    >>> cut = {"signal": np.array([1, 1, 1, 0], bool), "background": np.arange(10) < 2}
    >>> flow = Cutflow.of(weights, [("pt > 500 GeV", cut)])
    >>> [(row.sample, row.events, round(row.relative, 2)) for row in flow.rows[2:]]
    [('signal', 3.0, 0.75), ('background', 4.0, 0.2)]
    """

    rows: tuple[CutflowRow, ...]

    @classmethod
    def of(
        cls,
        weights: Mapping[str, Vector],
        cuts: Sequence[tuple[str, Mapping[str, NDArray[np.bool_]]]],
        *,
        start: str = "all",
    ) -> Cutflow:
        """Apply cuts.

        Parameters
        ----------
        weights : mapping of str to ndarray, (N,), 1
            Weight of each event, by sample.
        cuts : sequence of (str, mapping of str to ndarray of bool, (N,))
            Name of each cut, and which events of each sample pass it; events must pass all cuts before, too.
        start : str
            Name of the first line, before any cut.

        Returns
        -------
        Cutflow
            The table.

        Raises
        ------
        InputError
            If a cut lacks a sample, or has another number of events.
        """
        passed = {sample: np.ones(len(weight), dtype=bool) for sample, weight in weights.items()}
        before, rows = dict(passed), []
        for name, cut in ((start, dict(passed)), *cuts):
            for sample, weight in weights.items():
                if sample not in cut or cut[sample].shape != weight.shape:
                    raise InputError(f"cut {name!r} does not say which of the {len(weight)} events of {sample} pass")
                now = passed[sample] & cut[sample]
                rows.append(_row(name, sample, weight, now, before[sample]))
                before[sample] = passed[sample] = now
        return cls(tuple(rows))

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the samples."""
        return tuple(dict.fromkeys(row.sample for row in self.rows))

    @property
    def cuts(self) -> tuple[str, ...]:
        """Names of the cuts."""
        return tuple(dict.fromkeys(row.cut for row in self.rows))

    def text(self) -> str:
        """The table in columns of one width, for a terminal."""
        lines = [["cut", *self.samples], *self._cells("{} +- {}", "{:.1%}")]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
        return "".join(
            "  ".join(
                [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
            ).rstrip()
            + "\n"
            for line in ruled
        )

    def csv(self) -> str:
        """One line for each cut and sample, with all figures."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows([getattr(row, name) for name in _COLUMNS] for row in self.rows)
        return stream.getvalue()

    def latex(self) -> str:
        """A ``tabular`` for papers; needs the package booktabs."""
        body = "".join(
            " & ".join([_escaped(line[0]), *(cell.replace("%", r"\%") for cell in line[1:])]) + " \\\\\n"
            for line in self._cells("${} \\pm {}$", "{:.1%}")
        )
        head = " & ".join(["Cut", *map(_escaped, self.samples)])
        columns = "l" + "r" * len(self.samples)
        top = f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n"
        return f"{top}{body}\\bottomrule\n\\end{{tabular}}\n"

    def _cells(self, form: str, share: str) -> list[list[str]]:
        """Events with errors and cumulative efficiencies, a line for each cut."""
        of = {(row.cut, row.sample): row for row in self.rows}
        lines = []
        for cut in self.cuts:
            line = [cut]
            for sample in self.samples:
                row = of[cut, sample]
                line.append(f"{form.format(*_with_error(row.events, row.error))} ({share.format(row.cumulative)})")
            lines.append(line)
        return lines


def _row(cut: str, sample: str, weight: Vector, now: NDArray[np.bool_], before: NDArray[np.bool_]) -> CutflowRow:
    relative, relative_error = _efficiency(weight, now, before)
    cumulative, cumulative_error = _efficiency(weight, now, np.ones(len(weight), dtype=bool))
    return CutflowRow(
        cut=cut,
        sample=sample,
        events=float(weight[now].sum()),
        error=math.sqrt(float(np.sum(weight[now] ** 2))),
        raw=int(now.sum()),
        relative=relative,
        relative_error=relative_error,
        cumulative=cumulative,
        cumulative_error=cumulative_error,
    )


def _efficiency(weight: Vector, passing: NDArray[np.bool_], among: NDArray[np.bool_]) -> tuple[float, float]:
    """Efficiency and its binomial error, sqrt(e (1 - e) / n) with n = (sum w)^2 / sum w^2."""
    total, squares = float(weight[among].sum()), float(np.sum(weight[among] ** 2))
    if total <= 0.0:
        return math.nan, math.nan
    efficiency = float(weight[passing].sum()) / total
    return efficiency, math.sqrt(max(efficiency * (1.0 - efficiency), 0.0) * squares) / total


def _with_error(value: float, error: float) -> tuple[str, str]:
    """Both to two digits of the error."""
    if not error > 0.0:
        return f"{value:g}", "0"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f}", f"{error:.{digits}f}"


def _escaped(text: str) -> str:
    """Text as LaTeX reads it."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {char: f"\\{char}" for char in "&%$#_{}"} | {"<": "$<$", ">": "$>$"}
    return "".join(special.get(char, char) for char in text)
