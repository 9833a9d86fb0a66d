"""A Pythia instance set up for one class, and the events it gives."""

from __future__ import annotations

import threading
from functools import lru_cache

from collidium.artifact import missing_extra
from collidium.collide._catalogue import PROCESSES
from collidium.collide._config import GenerateConfig
from collidium.collide._record import EventRecord, event_record
from collidium.collide._selection import HardProcessSelection

try:
    import pythia8mc
except ImportError as error:
    raise missing_extra("pythia8mc", "collide") from error

_INIT_SEED = 1
# Pythia's binding imports modules inside its first batch; a second thread that enters it meanwhile would wait for ever.
# It holds the interpreter in any case, so that one thread at a time costs nothing.
_ONE_AT_A_TIME = threading.Lock()


class Session:
    """Pythia, initialised for one class and ready to be seeded.

    Parameters
    ----------
    process : str
        Name in ``PROCESSES``.
    config : GenerateConfig
        Energy, window, margin and radius.

    Notes
    -----
    Initialisation integrates cross sections with random numbers, so it always runs from the same seed; ``seed`` then
    sets the state from which events follow. Nothing else carries over from event to event:
    ``PhaseSpace:increaseMaximum`` is off, so a cross section above its estimated maximum does not raise the maximum.
    """

    def __init__(self, process: str, config: GenerateConfig) -> None:
        entry = PROCESSES[process]
        self._selection: HardProcessSelection | None = None
        self._pythia = pythia8mc.Pythia("", False)
        for setting in (*pythia_settings(process, config), "Random:setSeed=on", f"Random:seed={_INIT_SEED}"):
            if not self._pythia.readString(setting):
                raise RuntimeError(f"Pythia does not know the setting {setting!r} of {process}")
        if entry.truth.resonance is not None:
            window = (config.pt_min * (1 - config.margin), config.pt_max * (1 + config.margin))
            self._selection = HardProcessSelection(entry.truth, pt_window=window, radius=config.radius)
            self._pythia.setUserHooksPtr(self._selection)
        with _ONE_AT_A_TIME:
            if not self._pythia.init():
                raise RuntimeError(f"Pythia could not be initialised for {process}")

    def seed(self, seed: int) -> None:
        """Set the state of the random numbers.

        Parameters
        ----------
        seed : int
            1 to 900 000 000.
        """
        self._pythia.rndm.init(seed)
        if self._selection is not None:
            self._selection.restart()

    @property
    def is_hopeless(self) -> bool:
        """Whether so many hard processes in a row were of no use that there is nothing to wait for."""
        return self._selection is not None and self._selection.is_hopeless

    def events(self, count: int) -> EventRecord:
        """Make events.

        Parameters
        ----------
        count : int
            How many; the few that Pythia gives up are missing from the result. Once ``is_hopeless``, those that
            come are of no use.

        Returns
        -------
        EventRecord
            The next events.
        """
        with _ONE_AT_A_TIME:
            return event_record(self._pythia.nextBatch(count))


def pythia_settings(process: str, config: GenerateConfig) -> tuple[str, ...]:
    """Settings of Pythia for a class.

    Parameters
    ----------
    process : str
        Name in ``PROCESSES``.
    config : GenerateConfig
        Energy, window and margin.

    Returns
    -------
    tuple of str
        Lines for ``Pythia.readString``, random seed left out.

    Examples
    --------
    >>> pythia_settings("QCD", GenerateConfig(classes=("QCD",), num_jets=1))[-1]
    'HardQCD:all=on'
    """
    entry = PROCESSES[process]
    return (
        "Print:quiet=on",
        "PhaseSpace:increaseMaximum=off",
        f"Beams:eCM={config.energy}",
        f"PhaseSpace:pTHatMin={config.pt_min * (1 - config.margin)}",
        f"PhaseSpace:pTHatMax={config.pt_max * (1 + config.margin) / entry.visible**2}",
        "PhaseSpace:bias2Selection=on",
        f"PhaseSpace:bias2SelectionPow={entry.oversampling(config.pt_min, config.pt_max)}",
        f"PhaseSpace:bias2SelectionRef={config.pt_min}",
        *entry.settings,
    )


class _Sessions(threading.local):
    """The sessions of one thread: two threads that drew from one Pythia would mix their streams."""

    def __init__(self) -> None:
        self.of = lru_cache(maxsize=16)(Session)


_SESSIONS = _Sessions()


def session(process: str, config: GenerateConfig) -> Session:
    """Initialise Pythia for a class once in a thread (half a second).

    Parameters
    ----------
    process : str
        Name in ``PROCESSES``.
    config : GenerateConfig
        As :class:`Session` takes.

    Returns
    -------
    Session
        The same object for equal arguments in the same thread.
    """
    return _SESSIONS.of(process, config)
