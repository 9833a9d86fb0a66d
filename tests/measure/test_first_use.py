from __future__ import annotations

import subprocess
import sys

import pytest

import collidium.measure as measure


def test_every_name_is_there() -> None:
    assert len(set(measure.__all__)) == len(measure.__all__)
    for name in measure.__all__:
        assert getattr(measure, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'spam'"):
        _ = measure.spam


def test_the_import_alone_brings_no_scipy() -> None:
    code = "import sys, collidium.measure; print([name for name in sys.modules if name.startswith('scipy')])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[]"


def test_a_fit_does_not_load_what_signals_and_tests_need() -> None:
    code = (
        "import sys; from collidium.measure import HistFactory, fit\n"
        "print([name for name in ('scipy.signal', 'scipy.stats', 'scipy.optimize') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[]"
