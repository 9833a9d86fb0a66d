"""Networks of one layer, moved away from their start, and the comparison of their codes with the integer model's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from collidium.artifact import config_hash
from collidium.firmware import IntegerModel, quantize_real
from collidium.trigger import QuantInput, QuantizerConfig, QuantNetwork
from collidium.trigger._quantizer_config import BIT

ENTRY = QuantizerConfig(f=3, i=2, overflow="SAT")


class Around(QuantNetwork):
    """Any layers between quantized inputs and the output."""

    def __init__(
        self, layers: nn.Module, shapes: Sequence[tuple[int, ...]], *, bits: Sequence[int] = (), entry: Any = ENTRY
    ) -> None:
        super().__init__({f"x{index}": shape for index, shape in enumerate(shapes)})
        self.layers_ = layers
        self.entries = nn.ModuleList(
            QuantInput(shape, BIT if index in bits else entry) for index, shape in enumerate(shapes)
        )

    def forward(self, *signals: Any) -> Any:
        return self.layers_(*(entry(x) for entry, x in zip(self.entries, signals, strict=True)))


def _entries(network: nn.Module) -> dict[str, QuantInput]:
    """Input layers by the name of their input."""
    if isinstance(network, Around):
        return dict(zip(network.inputs, network.entries, strict=True))
    return {name: network.get_submodule({"x": "entry"}.get(name, name)) for name in network.inputs}


def input_codes(model: IntegerModel, network: nn.Module, values: Sequence[Tensor]) -> dict[str, np.ndarray]:
    """What the front end makes of real inputs."""
    entries = {name: entry.quantizer for name, entry in _entries(network).items()}
    formats = {node.name: node.formats for node in model.inputs}
    return {
        name: quantize_real(
            x.double().numpy(), formats[name], entries[name].config.rounding, entries[name].config.overflow
        )
        for name, x in zip(network.inputs, values, strict=True)
        if name in formats
    }


def move(network: QuantNetwork, inputs: Sequence[Tensor], *, steps: int = 4, lr: float = 0.3) -> None:
    """Take large steps down a random slope, so that widths, weights and statistics are those of no initialisation."""
    generator = torch.Generator().manual_seed(int(config_hash([list(x.shape) for x in inputs])[:6], 16))
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    slopes = None
    for _ in range(steps):
        optimizer.zero_grad()
        output = network(*inputs)
        if slopes is None:
            slopes = torch.randn(output.shape, generator=generator)
        ((output * slopes).mean() + 1e-4 * network.ebops()).backward()
        for parameter in network.parameters():
            if parameter.grad is not None:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.grad.copy_(lr * (parameter.grad.sign() + noise))
        optimizer.step()
        network.clip_widths()


@pytest.fixture
def assert_equal_codes() -> Callable[..., IntegerModel]:
    """Check that the deployed network and its integer model give the same numbers, in float64 and float32."""

    def check(network: QuantNetwork, inputs: Sequence[Tensor], *, is_moved: bool = True) -> IntegerModel:
        if is_moved:
            move(network, inputs)
        half = len(inputs[0]) // 2
        network.calibrate([[x[:half] for x in inputs]])
        model = network.freeze()
        # values beyond the calibrated range wrap or saturate, alike in both
        wild = [x if set(x.unique().tolist()) <= {0.0, 1.0} else x * 3 for x in inputs]
        for values in (inputs, wild):
            codes = model.run(input_codes(model, network, values))[model.outputs[0]]
            wanted = model.values(model.outputs[0], codes)
            with torch.no_grad():
                if model.max_code < 1 << 24:
                    np.testing.assert_array_equal(network(*values).numpy(), wanted)
                network.double()
                np.testing.assert_array_equal(network(*(x.double() for x in values)).numpy(), wanted)
                network.float()
        return model

    return check


@pytest.fixture
def around() -> type[Around]:
    """Maker of a network around layers."""
    return Around


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
