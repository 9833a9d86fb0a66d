"""Hard processes that cannot give a jet of their class are dropped before the costly part of the event."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from collidium.artifact import missing_extra
from collidium.collide._catalogue import GLUON, TOP, Truth
from collidium.collide._truth import LEPTONS

try:
    import pythia8mc
except ImportError as error:
    raise missing_extra("pythia8mc", "collide") from error

_ANGLE_MARGIN = 0.1
HOPELESS_VETOES = 100_000
"""Useless hard processes in a row after which a configuration is given up, some ten seconds."""


class HardProcessSelection(pythia8mc.UserHooks):  # type: ignore[misc]  # the base class has no types
    """Keeps hard processes in which every heavy particle decays as wanted, into the window and the radius.

    Parameters
    ----------
    truth : Truth
        Definition of the class, with a resonance.
    pt_window : tuple of float
        Allowed pT of the visible decay products together, GeV.
    radius : float
        Jet radius; products may be farther than it from the heavy particle by 0.1, as radiation moves both.

    Notes
    -----
    Pythia asks after the decays of the hard process and before any shower, which takes a thousandth of the time of a
    whole event. The heavy particles of one event decay independently, so asking the same of both does not change
    what a jet of either looks like; it makes both useful.

    Pythia tries again after each veto, without limit and without coming back to the caller. So after
    ``HOPELESS_VETOES`` in a row ``is_hopeless`` is set and everything passes.
    """

    def __init__(self, truth: Truth, *, pt_window: tuple[float, float], radius: float) -> None:
        pythia8mc.UserHooks.__init__(self)
        self._truth = truth
        self._pt_window = pt_window
        self._reach = radius + _ANGLE_MARGIN
        self._num_vetoed = 0

    def restart(self) -> None:
        """Forget the vetoes so far."""
        self._num_vetoed = 0

    @property
    def is_hopeless(self) -> bool:
        """Whether the selection has given up."""
        return self._num_vetoed >= HOPELESS_VETOES

    def canVetoProcessLevel(self) -> bool:
        """Ask to be called."""
        return True

    def doVetoProcessLevel(self, process: Any) -> bool:
        """Drop the hard process if one of its heavy particles is of no use."""
        if self.is_hopeless:
            return False
        is_useful = self._are_useful(process)
        self._num_vetoed = 0 if is_useful else self._num_vetoed + 1
        return not is_useful and not self.is_hopeless

    def _are_useful(self, process: Any) -> bool:
        """Whether there are heavy particles and each of them is of use."""
        products: dict[int, list[Any]] = {}
        root = [0] * process.size()
        for row in range(1, process.size()):
            entry = process[row]
            is_heavy = abs(entry.id()) == self._truth.resonance
            root[row] = row if is_heavy else root[entry.mother1()]
            if root[row] and entry.isFinal():
                products.setdefault(root[row], []).append(entry)
        return bool(products) and all(self._is_useful(process[row], group) for row, group in products.items())

    def _is_useful(self, heavy: Any, products: Iterable[Any]) -> bool:
        """Whether a heavy particle decays as wanted, inside the radius and with visible pT in the window."""
        visible = [entry for entry in products if 0 < abs(entry.id()) < TOP or abs(entry.id()) in (*LEPTONS, GLUON)]
        sizes = [abs(entry.id()) for entry in visible]
        found = (sum(s < TOP for s in sizes), sum(s in LEPTONS for s in sizes), sizes.count(GLUON))
        if found != (self._truth.quarks, self._truth.leptons, self._truth.gluons):
            return False
        low, high = self._pt_window
        pt = math.hypot(sum(entry.px() for entry in visible), sum(entry.py() for entry in visible))
        return low <= pt <= high and all(_distance(heavy, entry) < self._reach for entry in visible)


def _distance(a: Any, b: Any) -> float:
    """Distance in eta and phi, 1."""
    return math.hypot(a.eta() - b.eta(), math.remainder(a.phi() - b.phi(), 2 * math.pi))
