from __future__ import annotations

import pytest
import torch
from torch import nn

from collidium.optim import for_model, lipschitz_certificate


def random(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def trained_network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Linear(12, 16), nn.ReLU(), nn.Sequential(nn.Linear(16, 16), nn.Tanh()), nn.Linear(16, 3)]
    model = nn.Sequential(*layers)
    roles = {name: "matrix" if parameter.dim() == 2 else "bias" for name, parameter in model.named_parameters()}
    optimizer = for_model(model, "lipschitz_muon", lr=0.05, roles=roles, max_norm=1.0)
    for step in range(50):
        optimizer.zero_grad()
        inputs = random((32, 12), step)
        (model(inputs) - inputs[:, :3]).square().mean().backward()
        optimizer.step()
    return model


def test_certificate_bounds_the_trained_network() -> None:
    model = trained_network()
    certificate = lipschitz_certificate(model)
    # Per layer at most sqrt(m / n), so at most sqrt(3 / 12) in all.
    assert certificate.bound <= (3 / 12) ** 0.5 * (1 + 1e-3)
    x, y = random((500, 12), 1), random((500, 12), 2)
    y = torch.cat([y[:250], x[250:] + 1e-2 * y[250:]])
    with torch.no_grad():
        ratios = (model(x) - model(y)).norm(dim=1) / (x - y).norm(dim=1)
    assert float(ratios.max()) <= certificate.bound * (1 + 1e-5)
    assert float(ratios.max()) > 0.05 * certificate.bound
    names = [name for name, _ in certificate.factors]
    assert names == ["0", "1", "2.0", "2.1", "3"]
    assert str(certificate).splitlines()[-1].startswith("product")


@pytest.mark.parametrize(
    ("activation", "slope"),
    [(nn.GELU(), 1.13), (nn.SiLU(), 1.1), (nn.Sigmoid(), 0.25), (nn.LeakyReLU(2.0), 2.0), (nn.Softplus(3.0), 1.0)],
)
def test_slopes_are_the_steepest(activation: nn.Module, slope: float) -> None:
    points = torch.linspace(-9.0, 9.0, 100_001, dtype=torch.float64)
    steepest = float((activation(points).diff() / points.diff()).abs().max())
    assert lipschitz_certificate(nn.Sequential(activation)).bound == slope
    assert steepest <= slope * (1 + 1e-9)
    assert steepest > 0.99 * slope


def test_certificate_refuses_layers_without_a_constant() -> None:
    with pytest.raises(ValueError, match=r"layer 1 is a LayerNorm, whose Lipschitz constant is not known"):
        lipschitz_certificate(nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)))
