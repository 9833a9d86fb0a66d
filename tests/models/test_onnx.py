from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from collidium.models import onnx_translations


class Functions(nn.Module):
    """All functions that are translated."""

    def forward(self, y: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        return torch.asinh(y), torch.sinh(y), torch.hypot(y, x), torch.atan2(y, x)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_translations_are_exact_in_float64(tmp_path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    angle = torch.linspace(-math.pi, math.pi, 721, dtype=torch.float64)
    radius = torch.logspace(-3, 1, 721, dtype=torch.float64)
    y, x = radius * angle.sin(), radius * angle.cos()
    program = torch.onnx.export(
        Functions(), (y, x), dynamo=True, verbose=False, custom_translation_table=onnx_translations()
    )
    program.save(str(tmp_path / "functions.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "functions.onnx", providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"y": y.numpy(), "x": x.numpy()})
    for actual, expected in zip(outputs, Functions()(y, x), strict=True):
        assert actual.dtype == np.float64
        np.testing.assert_allclose(actual, expected.numpy(), rtol=1e-12, atol=1e-15)
