from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from collidium.artifact import InputError
from collidium.firmware import IntegerModel, Overflow, Rounding
from collidium.trigger import QuantDense, Quantizer, QuantizerConfig, WeightedLayer

WEIGHTS = {
    "tracked": QuantizerConfig(f=3.0),
    "trained": QuantizerConfig(f=3.0, i=0.0, overflow="SAT_SYM", integer_bits="trained"),
    "fixed": QuantizerConfig(f=3.0, i=1.0, overflow="SAT", integer_bits="fixed", rounding="RND_CONV"),
    "one for all": QuantizerConfig(f=3.0, shared=(0,)),
}
DATA = {
    "wrap": QuantizerConfig(f=2.0),
    "sat": QuantizerConfig(f=2.0, overflow="SAT", rounding="TRN"),
    "trained": QuantizerConfig(f=2.0, i=1.0, overflow="SAT", integer_bits="trained"),
    "narrow": QuantizerConfig(f=-1.0, rounding="RND_ZERO"),
}


@pytest.mark.parametrize(("weight", "data"), [*itertools.product(WEIGHTS, DATA)])
def test_codes_are_the_integer_models(
    weight: str, data: str, around: Any, assert_equal_codes: Callable[..., IntegerModel]
) -> None:
    layer = QuantDense((5,), 4, weight=WEIGHTS[weight], data=DATA[data])
    assert_equal_codes(around(layer, [(5,)]), [torch.randn(80, 5) * 2])


@pytest.mark.parametrize("norm", ["none", "input", "output"])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize("has_mask", [False, True])
def test_codes_with_normalisation_places_and_mask(
    norm: Any, shape: tuple[int, ...], has_mask: bool, around: Any, assert_equal_codes: Callable[..., IntegerModel]
) -> None:
    mask = np.arange(20).reshape(5, 4) % 3 > 0 if has_mask else None
    layer = QuantDense(shape, 4, norm=norm, mask=mask)
    model = assert_equal_codes(around(layer, [shape]), [torch.randn(40, *shape)])
    if mask is not None:
        assert (next(node for name, node in model.nodes.items() if name.endswith("linear")).weight[~mask] == 0).all()


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("overflow", list(Overflow))
def test_codes_in_every_mode(
    rounding: Rounding, overflow: Overflow, around: Any, assert_equal_codes: Callable[..., IntegerModel]
) -> None:
    config = QuantizerConfig(f=1.0, rounding=rounding, overflow=overflow)
    layer = QuantDense((3,), 2, data=config, weight=config, bias=None)
    assert_equal_codes(around(layer, [(3,)]), [torch.randn(60, 3) * 3])


def test_reloadable_weights_are_registers(around: Any, assert_equal_codes: Callable[..., IntegerModel]) -> None:
    weight = QuantizerConfig(f=3.0, i=1.0, overflow="SAT", integer_bits="fixed", is_trained=False)
    layer = QuantDense((5,), 4, weight=weight, bias=weight, is_reloadable=True)
    model = assert_equal_codes(around(layer, [(5,)]), [torch.randn(40, 5)])
    (node,) = model.reloadable
    assert (node.weight_formats.width == 5).all()


def test_fused_training_is_the_composed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for is_fused in (True, False):
        torch.manual_seed(3)
        layer = QuantDense((6,), 4).double()
        x = torch.randn(30, 6, dtype=torch.float64, requires_grad=True)
        with monkeypatch.context() as context:
            context.setattr(WeightedLayer, "is_fused", is_fused)
            out = layer(x)
        (out.square().sum() + 0.1 * layer.ebops()).backward()
        results.append([out.detach(), x.grad, *(parameter.grad for parameter in layer.parameters())])
    for first, second in zip(*results, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-12, atol=1e-12)


def test_cost_counts_products_of_bits() -> None:
    fixed = QuantizerConfig(i=2.0, f=3.0, integer_bits="fixed", is_trained=False)
    layer = QuantDense((7, 5), 4, data=fixed, weight=QuantizerConfig(i=1.0, f=2.0, integer_bits="fixed"), bias=None)
    assert layer.ebops().item() == 7 * 5 * 4 * 5 * 3


def test_cost_of_pruned_weights_is_nothing() -> None:
    layer = QuantDense((5,), 4)
    with torch.no_grad():
        layer.weight.mul_(1e-6)
    layer(torch.randn(3, 5))
    assert layer.ebops().item() == 0.0


def test_output_normalisation_is_batch_normalisation() -> None:
    fine = QuantizerConfig(f=20.0)
    layer = QuantDense((5,), 4, norm="output", data=fine, weight=fine, bias=fine)
    x = torch.randn(200, 5)
    out = layer(x)
    torch.testing.assert_close(out.mean(0), torch.zeros(4), rtol=0, atol=1e-3)
    torch.testing.assert_close(out.var(0, correction=0), torch.ones(4), rtol=0.02, atol=0)


def test_input_normalisation_is_batch_normalisation_before_the_matrix() -> None:
    fine = QuantizerConfig(f=20.0)
    layer = QuantDense((5,), 4, norm="input", data=fine, weight=fine, bias=fine)
    x = torch.randn(200, 5) * torch.arange(1, 6) + 3
    normal = (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + 1e-3)
    torch.testing.assert_close(layer(x), normal @ layer.weight.T, rtol=0, atol=1e-3)


def test_a_passed_quantizer_is_counted_and_not_applied() -> None:
    passed = Quantizer(QuantizerConfig(i=2.0, f=3.0, integer_bits="fixed"), (5,))
    layer = QuantDense((5,), 4, data=passed, weight=QuantizerConfig(f=20.0), bias=None)
    x = torch.randn(3, 5)
    torch.testing.assert_close(layer(x), x @ layer.weight.T, rtol=1e-4, atol=1e-4)
    assert layer.data.bits().tolist() == [5.0] * 5


def test_normalisation_needs_a_bias() -> None:
    with pytest.raises(InputError, match="needs a bias"):
        QuantDense((5,), 4, norm="input", bias=None)
