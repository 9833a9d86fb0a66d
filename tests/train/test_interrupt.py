"""Ctrl-C is noted, the second one is not patient, and the old handler comes back."""

from __future__ import annotations

import signal
import threading

import pytest

from collidium.train._interrupt import deferred_interrupt


def test_first_is_noted_and_second_raises():
    earlier = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as interrupt:
        assert not interrupt.is_requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.is_requested
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is earlier


def test_another_thread_touches_no_handler():
    seen = []

    def work():
        with deferred_interrupt() as interrupt:
            seen.append((interrupt.is_requested, signal.getsignal(signal.SIGINT)))

    earlier = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, earlier)]
