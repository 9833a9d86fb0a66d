"""The operators that ONNX lacks, in float64, against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from collidium.train._onnx_operators import operator_table

ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


class Operators(nn.Module):
    def forward(self, y, x):
        return torch.stack([torch.hypot(y, x), torch.asinh(y), torch.sinh(x), torch.atan2(y, x)])


@pytest.mark.filterwarnings("ignore")
def test_float64_digits():
    generator = np.random.default_rng(0)
    y, x = generator.normal(0, 2, (2, 400)) * 10.0 ** generator.integers(-6, 1, (2, 400))
    corners = np.array([0.0, -0.0, 1.0, -1.0, 1e-9, -3.0])
    y = np.concatenate([y, np.repeat(corners, 6)])
    x = np.concatenate([x, np.tile(corners, 6)])
    arguments = torch.from_numpy(y), torch.from_numpy(x)
    program = torch.onnx.export(Operators(), arguments, dynamo=True, input_names=["y", "x"], opset_version=20,
                                custom_translation_table=operator_table(), verbose=False)  # fmt: skip
    session = ort.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"y": y, "x": x})
    wanted = Operators()(*arguments).numpy()
    difference = np.abs(found - wanted)
    # on the branch cut, where y = -0.0 and x < 0, torch says -pi and we pi: the same direction
    difference[3] = np.abs(np.remainder(found[3] - wanted[3] + np.pi, 2 * np.pi) - np.pi)
    # the origin has no direction: any finite angle will do
    assert np.isfinite(found).all()
    difference[3, (x == 0) & (y == 0)] = 0
    # absolute, as angles and rapidities enter by their differences
    assert (difference <= 1e-15 * np.maximum(np.abs(wanted), 1)).all()
