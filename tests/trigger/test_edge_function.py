from __future__ import annotations

import torch

from collidium.trigger._edge_function import (
    EdgeWeights,
    affine_norm,
    edge_outputs,
    edge_slopes,
    hidden_units,
    unit_slopes,
)


def test_slopes_are_the_derivative() -> None:
    shape = {"w1": (5, 2, 3, 4), "b1": (5, 3, 4), "w2": (5, 3, 4), "b2": (3, 4)}
    weights = EdgeWeights(**{name: torch.randn(size, dtype=torch.float64) for name, size in shape.items()})
    v = torch.randn(2, 3, 6, 4, dtype=torch.float64, requires_grad=True)
    outputs = edge_outputs(hidden_units(v, weights), weights)
    wanted = torch.autograd.grad(outputs.sum(), v)[0]
    slopes = edge_slopes(unit_slopes(hidden_units(v.detach(), weights), weights), weights)
    torch.testing.assert_close(slopes, wanted)


def test_normalisation_divides_by_the_number_of_groups() -> None:
    scale, shift = affine_norm(torch.ones(1), torch.zeros(1), torch.full((1,), 2.0), torch.full((1,), 0.999), 4)
    torch.testing.assert_close(scale, torch.full((1,), 0.5))
    torch.testing.assert_close(shift, torch.full((1,), -1.0))
    assert affine_norm(None, None, scale, scale, 4) == (0.5, 0.0)
