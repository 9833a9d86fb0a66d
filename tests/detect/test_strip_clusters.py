from __future__ import annotations

import numpy as np
import pytest

from collidium.artifact import InputError
from collidium.detect import ChamberConfig, find_clusters

CONFIG = ChamberConfig()


def test_clusters_are_those_of_a_loop() -> None:
    hits = np.random.default_rng(1).random((200, 7, 50)) < 0.15
    clusters = find_clusters(CONFIG, hits)
    row = 0
    for event in range(len(hits)):
        for gap in range(7):
            assert clusters.first[event, gap] == row
            channel = 0
            while channel < 50:
                if not hits[event, gap, channel]:
                    channel += 1
                    continue
                end = channel
                while end < 50 and hits[event, gap, end]:
                    end += 1
                centre = CONFIG.channel_centre(gap, np.array((channel + end - 1) / 2))
                assert clusters.centre[row] == pytest.approx(float(centre))
                assert clusters.size[row] == end - channel
                row, channel = row + 1, end
            assert clusters.first[event, gap] + clusters.count[event, gap] == row
    assert row == len(clusters.centre)


def test_one_and_two_channels_are_equally_good() -> None:
    hits = np.zeros((1, 7, 50), dtype=bool)
    hits[0, 0, 3] = hits[0, 0, 10:12] = hits[0, 0, 20:23] = True
    np.testing.assert_allclose(find_clusters(CONFIG, hits).sigma, 18 / np.sqrt(12) * np.array([1, 1, 2]))


def test_no_hits_no_clusters() -> None:
    clusters = find_clusters(CONFIG, np.zeros((3, 7, 50), dtype=bool))
    assert len(clusters.centre) == 0
    assert not clusters.count.any()


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(events, 7, 50\)"):
        find_clusters(CONFIG, np.zeros((3, 50, 7), dtype=bool))
