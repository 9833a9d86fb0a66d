"""Jets a second from JetClass ROOT files to ready batches with weaver-core's own loader."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import torch
from weaver.utils.dataset import SimpleIterDataset

BATCH = 512
# name: (shift, scale, low, high), or None for a column that is taken as it is
FEATURES = {
    "part_pt_log": (1.7, 0.7, -5, 5),
    "part_e_log": (2.0, 0.7, -5, 5),
    "part_logptrel": (-4.7, 0.7, -5, 5),
    "part_logerel": (-4.7, 0.7, -5, 5),
    "part_deltaR": (0.2, 4.0, -5, 5),
    "part_charge": None,
    "part_isChargedHadron": None,
    "part_isNeutralHadron": None,
    "part_isPhoton": None,
    "part_isElectron": None,
    "part_isMuon": None,
    "part_d0": None,
    "part_d0err": (0, 1, 0, 1),
    "part_dz": None,
    "part_dzerr": (0, 1, 0, 1),
    "part_deta": None,
    "part_dphi": None,
}
NEW_VARIABLES = {
    "part_mask": "ak.ones_like(part_energy)",
    "part_pt": "np.hypot(part_px, part_py)",
    "part_pt_log": "np.log(part_pt)",
    "part_e_log": "np.log(part_energy)",
    "part_logptrel": "np.log(part_pt/jet_pt)",
    "part_logerel": "np.log(part_energy/jet_energy)",
    "part_deltaR": "np.hypot(part_deta, part_dphi)",
    "part_d0": "np.tanh(part_d0val)",
    "part_dz": "np.tanh(part_dzval)",
}


def data_config(labels: list[str]) -> dict:
    """The seventeen-feature configuration with particles up to 128, as weaver's users write it."""
    full = [[name] if rule is None else [name, *rule] for name, rule in FEATURES.items()]
    full = [[item[0], None] if len(item) == 1 else item for item in full]
    vectors = [[name, None] for name in ("part_px", "part_py", "part_pz", "part_energy")]
    return {
        "treename": "tree",
        "new_variables": NEW_VARIABLES,
        "preprocess": {"method": "manual", "data_fraction": 0.5},
        "inputs": {
            "pf_points": {"length": 128, "pad_mode": "wrap", "vars": [["part_deta", None], ["part_dphi", None]]},
            "pf_features": {"length": 128, "pad_mode": "wrap", "vars": full},
            "pf_vectors": {"length": 128, "pad_mode": "wrap", "vars": vectors},
            "pf_mask": {"length": 128, "pad_mode": "constant", "vars": [["part_mask", None]]},
        },
        "labels": {"type": "simple", "value": labels},
        "observers": [],
        "weights": None,
    }


def main() -> None:
    files, labels = sorted(map(str, Path(sys.argv[1]).glob("*.root"))), sys.argv[2].split(",")
    config = Path(tempfile.mkdtemp()) / "jetclass.yaml"
    config.write_text(json.dumps(data_config(labels)))
    data = SimpleIterDataset(
        {"_": files}, str(config), for_training=True, load_range_and_fraction=((0, 1), 1, 1), fetch_step=1
    )
    workers = int(sys.argv[3])
    loader = torch.utils.data.DataLoader(
        data, batch_size=BATCH, drop_last=True, num_workers=min(workers, len(files)), persistent_workers=workers > 0
    )
    rates = []
    for _ in range(3):
        started, jets = time.perf_counter(), 0
        for inputs, _, _ in loader:
            jets += len(inputs["pf_features"])
        rates.append(jets / (time.perf_counter() - started))
    print(json.dumps({"jets_per_second": max(rates), "jets": jets}))


if __name__ == "__main__":
    main()
