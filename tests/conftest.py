"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collidium.artifact import building
from collidium.cloud import DatasetWriter, Jets, columns_of, event_ids

_FLAGS = ("part_isChargedHadron", "part_isNeutralHadron", "part_isPhoton", "part_isElectron", "part_isMuon")


class Recorder:
    """Progress that remembers what it was told; may do something at each advance."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int | None, str]] = []
        self.advanced = self.skipped = self.num_ends = 0
        self.figures: dict[str, float] = {}
        self.on_advance: Callable[[], None] = lambda: None

    def start(self, label: str, total: int | None, unit: str) -> None:
        self.begun.append((label, total, unit))

    def advance(self, n: int = 1, **figures: float) -> None:
        self.advanced += n
        self.figures.update(figures)
        self.on_advance()

    def skip(self, n: int) -> None:
        self.skipped += n

    def finish(self) -> None:
        self.num_ends += 1


@pytest.fixture
def recorder() -> Recorder:
    """Progress that remembers what it was told."""
    return Recorder()


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Find a file of the open data by its path below the data folder; skip where it is absent."""
    root = Path(os.environ.get("COLLIDIUM_DATA", Path(__file__).parents[2] / "shared" / "data"))

    def find(relative_path: str) -> Path:
        path = root / relative_path
        if not path.exists():
            pytest.skip(f"open data {relative_path} is not here; set COLLIDIUM_DATA to its folder")
        return path

    return find


def random_jets(num_jets: int, *, seed: int = 0, longest: int = 40, classes: tuple[str, ...] = ("QCD", "Tbqq")) -> Jets:
    """Jets of random particles around a random axis, with every column; class 1 is broader and richer."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, len(classes), num_jets)
    lengths = generator.integers(1, longest + 1, num_jets)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    T = int(offsets[-1])
    owner = np.repeat(np.arange(num_jets), lengths)
    eta_axis, phi_axis = generator.uniform(-2, 2, num_jets), generator.uniform(-np.pi, np.pi, num_jets)
    spread = (0.1 + 0.15 * label)[owner]
    pt = generator.exponential(10.0, T) + 0.2
    eta = eta_axis[owner] + generator.normal(0, 1, T) * spread
    phi = phi_axis[owner] + generator.normal(0, 1, T) * spread
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    mass = generator.choice([0.0, 0.13957], T)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    kind = generator.integers(0, 5, T)
    charged = np.isin(kind, [0, 3, 4])
    particles: dict[str, np.ndarray] = {
        "part_px": px.astype(np.float32),
        "part_py": py.astype(np.float32),
        "part_pz": pz.astype(np.float32),
        "part_energy": energy.astype(np.float32),
        "part_charge": np.where(charged, generator.choice([-1, 1], T), 0).astype(np.int8),
        **{name: (kind == i).astype(np.int8) for i, name in enumerate(_FLAGS)},
        "part_d0val": np.where(charged, generator.normal(0, 0.1, T), 0).astype(np.float32),
        "part_d0err": np.where(charged, 0.02, 0).astype(np.float32),
        "part_dzval": np.where(charged, generator.normal(0, 0.2, T), 0).astype(np.float32),
        "part_dzerr": np.where(charged, 0.04, 0).astype(np.float32),
    }
    total = [np.bincount(owner, value, num_jets) for value in (energy, px, py, pz)]
    jet_pt = np.hypot(total[1], total[2])
    scalars = {
        "jet_pt": jet_pt.astype(np.float32),
        "jet_eta": np.arcsinh(total[3] / jet_pt).astype(np.float32),
        "jet_phi": np.arctan2(total[2], total[1]).astype(np.float32),
        "jet_energy": total[0].astype(np.float32),
        "label": label.astype(np.int64),
        "weight": np.ones(num_jets, np.float32),
        "event_id": event_ids(seed, num_jets),
    }
    return Jets(offsets, particles, scalars, classes).sorted_by_pt()


def write_dataset(path: Path, shards: list[Jets]) -> Path:
    """Write jets as a dataset artifact, one shard each."""
    with building(path, kind="dataset", config={"made by": "tests"}) as folder:
        writer = DatasetWriter(folder, columns_of(shards[0]), shards[0].classes)
        for index, jets in enumerate(shards):
            writer.write_shard(index, jets)
    return path


@pytest.fixture(scope="session")
def make_jets() -> Callable[..., Jets]:
    """Maker of random jets with every column."""
    return random_jets


@pytest.fixture
def dataset_path(tmp_path: Path) -> Path:
    """A dataset of 600 random jets of two classes in three shards."""
    return write_dataset(tmp_path / "dataset", [random_jets(200, seed=seed) for seed in range(3)])


@pytest.fixture(scope="session")
def make_dataset() -> Callable[[Path, list[Jets]], Path]:
    """Writer of jets as a dataset artifact."""
    return write_dataset
