"""A flat pT spectrum by quotas."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_BIN_WIDTH = 0.06
_MIN_JETS_PER_BIN = 60
_BATCH_RANGE = (10, 100)


class PtQuotas:
    """Accepts jets until every interval of the pT window holds its share.

    Parameters
    ----------
    pt_min, pt_max : float
        The window, GeV.
    num_jets : int
        Jets wanted in all.
    generator : numpy.random.Generator
        Decides which intervals take the jets left by the division.

    Notes
    -----
    The proposal is made nearly flat by oversampling, and the quotas remove the rest: each of the equal intervals takes
    the first jets that fall into it. What a jet looks like at given pT is not touched, and the spectra of two classes
    agree better than independent draws from a flat density would. An interval spans 6 % of pT, or more where it would
    get fewer than 60 jets: narrow intervals are flatter inside, and the last one takes longer to fill.

    Examples
    --------
    >>> quotas = PtQuotas(500, 600, 300, generator=np.random.default_rng(1))
    >>> int(quotas.accept(np.full(200, 510.0)).sum()), quotas.is_full
    (75, False)
    """

    def __init__(self, pt_min: float, pt_max: float, num_jets: int, *, generator: np.random.Generator) -> None:
        num_bins = max(1, min(math.ceil(math.log(pt_max / pt_min) / _BIN_WIDTH), num_jets // _MIN_JETS_PER_BIN))
        self.edges = np.linspace(pt_min, pt_max, num_bins + 1)
        self.left = np.full(num_bins, num_jets // num_bins)
        self.left[generator.permutation(num_bins)[: num_jets % num_bins]] += 1
        self._found = np.zeros(num_bins, dtype=np.int64)
        self._num_events = 0

    @property
    def is_full(self) -> bool:
        """Whether no jet is wanted any more."""
        return not self.left.any()

    def accept(self, pt: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Take jets in order.

        Parameters
        ----------
        pt : ndarray, (J,), GeV
            Transverse momenta.

        Returns
        -------
        ndarray of bool, (J,)
            True for the jets that are taken.
        """
        num_bins = len(self.left)
        slot = np.searchsorted(self.edges, pt, side="right") - 1
        slot = np.where((slot >= 0) & (slot < num_bins), slot, num_bins)
        order = np.argsort(slot, kind="stable")
        place = np.empty(len(pt), dtype=np.int64)
        place[order] = np.arange(len(pt)) - np.searchsorted(slot[order], slot[order])
        is_taken = place < np.append(self.left, 0)[slot]
        self.left = self.left - np.bincount(slot[is_taken], minlength=num_bins)
        self._found += np.bincount(slot, minlength=num_bins + 1)[:num_bins]
        return is_taken

    def next_batch(self, last: int) -> int:
        """Number of events to ask for next.

        Parameters
        ----------
        last : int
            Events seen since the last call.

        Returns
        -------
        int
            Enough, by the rates seen so far, to fill the slowest interval, between 10 and 100.
        """
        self._num_events += last
        num_bins = len(self.left)
        rate = (self._found + 1) / (self._num_events + num_bins)
        return int(np.clip(math.ceil(float((self.left / rate).max())), *_BATCH_RANGE))
