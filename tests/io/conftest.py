"""Writers of files in the exact public layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pytest
import uproot

JETCLASS = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")


@pytest.fixture(scope="session")
def write_root() -> Callable[..., Path]:
    """Writer of a tree: lists become branches with a counter, arrays become branches with one number per entry."""

    def write(path: Path, tree: str, **branches: Any) -> Path:
        content = {
            name: ak.unflatten(np.concatenate(value), [len(item) for item in value])
            if isinstance(value, list)
            else value
            for name, value in branches.items()
        }
        with uproot.recreate(path) as file:
            file.mktree(tree, {k: v.type.content if isinstance(v, ak.Array) else v.dtype for k, v in content.items()})
            file[tree].extend(content)
        return path

    return write


@pytest.fixture(scope="session")
def jetclass_branches() -> Callable[..., dict[str, Any]]:
    """Branches of a JetClass file with random jets, one class."""

    def make(num_jets: int, label: str = "Tbqq", seed: int = 0) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 30, num_jets)
        split = np.cumsum(counts)[:-1]

        def ragged(values: np.ndarray) -> list[np.ndarray]:
            return np.split(values, split)

        T = int(counts.sum())
        px, py, pz = (rng.normal(0, 5, T).astype(np.float32) for _ in range(3))
        branches: dict[str, Any] = {
            "part_px": ragged(px),
            "part_py": ragged(py),
            "part_pz": ragged(pz),
            "part_energy": ragged(np.sqrt(px**2 + py**2 + pz**2 + 0.02).astype(np.float32)),
            "part_charge": ragged(rng.integers(-1, 2, T).astype(np.float32)),
            "part_d0val": ragged(rng.normal(0, 0.1, T).astype(np.float32)),
            "part_isPhoton": ragged(rng.integers(0, 2, T).astype(np.bool_)),
            "jet_pt": rng.uniform(500, 1000, num_jets).astype(np.float32),
            "jet_eta": rng.uniform(-2, 2, num_jets).astype(np.float32),
            "jet_phi": rng.uniform(-3, 3, num_jets).astype(np.float32),
            "jet_energy": rng.uniform(1000, 2000, num_jets).astype(np.float32),
            "jet_nparticles": counts.astype(np.float32),
        }
        return branches | {f"label_{name}": np.full(num_jets, name == label) for name in JETCLASS}

    return make


@pytest.fixture
def top_frame() -> Callable[..., pd.DataFrame]:
    """Frame of the top-tagging reference layout, zero-padded."""

    def make(num_jets: int, num_particles: int = 200, seed: int = 0) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        p3 = rng.normal(0, 20, (num_jets, num_particles, 3)).astype(np.float32)
        p4 = np.concatenate([np.linalg.norm(p3, axis=2, keepdims=True), p3], axis=2)
        counts = rng.integers(1, num_particles + 1, num_jets)
        p4[np.arange(num_particles) >= counts[:, None]] = 0
        names = [f"{axis}_{i}" for i in range(num_particles) for axis in ("E", "PX", "PY", "PZ")]
        truth = pd.DataFrame(
            rng.normal(0, 1, (num_jets, 4)).astype(np.float32), columns=["truthE", "truthPX", "truthPY", "truthPZ"]
        )
        frame = pd.concat([pd.DataFrame(p4.reshape(num_jets, -1), columns=names), truth], axis=1)
        labels = pd.DataFrame({"ttv": np.zeros(num_jets, np.int64), "is_signal_new": rng.integers(0, 2, num_jets)})
        return pd.concat([frame, labels], axis=1)

    return make


@pytest.fixture
def write_hls4ml() -> Callable[..., Path]:
    """Writer of the hls4ml layout."""

    def write(path: Path, num_jets: int, *, has_names: bool = True, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        particles = np.zeros((num_jets, 150, 16))
        counts = rng.integers(5, 150, num_jets)
        p3 = rng.normal(0, 10, (num_jets, 150, 3))
        particles[:, :, :3] = p3
        particles[:, :, 3] = np.linalg.norm(p3, axis=2)
        particles[:, :, 5] = np.hypot(p3[:, :, 0], p3[:, :, 1])
        particles[np.arange(150) >= counts[:, None]] = 0
        jets = np.zeros((num_jets, 59))
        jets[:, 1] = 1000.0
        jets[np.arange(num_jets), 59 - 6 + rng.integers(0, 5, num_jets)] = 1
        names = "px py pz e erel pt ptrel eta etarel etarot phi phirel phirot deltaR costheta costhetarel pdgid"
        with h5py.File(path, "w") as file:
            file["jetConstituentList"] = particles
            file["jets"] = jets
            if has_names:
                file["particleFeatureNames"] = np.array([f"j1_{name}" for name in names.split()], dtype="S")
                others = [f"j_x{i}" for i in range(53)]
                file["jetFeatureNames"] = np.array([*others, "j_g", "j_q", "j_w", "j_z", "j_t", "j_undef"], dtype="S")
        return path

    return write


@pytest.fixture
def write_energyflow() -> Callable[..., Path]:
    """Writer of the EnergyFlow quark-gluon layout."""

    def write(path: Path, num_jets: int, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        X = np.zeros((num_jets, 40, 4))
        X[:, :, 0] = rng.exponential(5, (num_jets, 40)) + 0.1
        X[:, :, 1] = rng.normal(0.5, 0.2, (num_jets, 40))
        X[:, :, 2] = rng.uniform(2.9, 3.4, (num_jets, 40))
        X[:, :, 3] = rng.choice([22, 211, -211, 321, -321, 130, 2112, -2212, 11, -13], (num_jets, 40))
        X[np.arange(40) >= rng.integers(1, 41, num_jets)[:, None]] = 0
        np.savez_compressed(path, X=X, y=rng.integers(0, 2, num_jets).astype(float))
        return path

    return write
