from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.measure import HUNTS, PublishedSpectrum, read_published

COUNTS = PublishedSpectrum(is_density=False)


def write(path: Path, lines: list[str], header: str = "x,y,y_up,y_down,bin_widths_1d") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_counts_densities_and_luminosities(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["1.0,8,0,0,2.0", "4.0,4,0,0,4.0"])
    counts = read_published(path, COUNTS)
    np.testing.assert_array_equal(counts.edges, [0.0, 2.0, 6.0])
    np.testing.assert_array_equal(counts.counts, [8.0, 4.0])
    density = read_published(path, PublishedSpectrum(is_density=True, exposure=0.5))
    np.testing.assert_array_equal(density.counts, [8.0, 8.0])


def test_edges_from_the_middles(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["3.0,8,0,0,13.0", "9.0,4,0,0,13.0", "15.5,1,0,0,13.0"])
    spectrum = read_published(path, PublishedSpectrum(is_density=False, first_edge=0.0))
    np.testing.assert_array_equal(spectrum.edges, [0.0, 6.0, 12.0, 19.0])
    with pytest.raises(InputError, match="the bins at 3 and 9 GeV do not join"):
        read_published(path, COUNTS)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["1.0,8.4,0,0,2.0"], "has 8.400 events; whole numbers are needed"),
        (["1.0,much,0,0,2.0"], "column 'y' holds something that is no number"),
        (["1.0,nan,0,0,2.0"], "column 'y' has a value that is NaN or infinite"),
        ([], "has no rows below its header"),
    ],
)
def test_tables_that_are_no_counts(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_published(write(tmp_path / "a.csv", lines), COUNTS)


def test_a_table_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'bin_widths_1d'"):
        read_published(write(tmp_path / "a.csv", ["1,2"], header="x,y"), COUNTS)
    with pytest.raises(InputError, match="cannot be read as a table"):
        read_published(tmp_path / "absent.csv", COUNTS)


@pytest.mark.parametrize(
    ("name", "num_bins", "total", "last"),
    [("dijet", 42, 6557852, 1), ("trijet", 45, 1147981, 1), ("diphoton", 169, 5036, 0)],
)
def test_published_spectra_are_whole_numbers(
    shared_data: Callable[[str], Path], name: str, num_bins: int, total: int, last: int
) -> None:
    hunt = HUNTS[name]
    assert isinstance(hunt.source, PublishedSpectrum)
    spectrum = read_published(shared_data(hunt.file), hunt.source)
    assert (len(spectrum.counts), spectrum.counts.sum(), spectrum.counts[-1]) == (num_bins, total, last)
    # published borders are whole numbers of GeV
    np.testing.assert_allclose(spectrum.edges, np.round(spectrum.edges), atol=1e-9)
