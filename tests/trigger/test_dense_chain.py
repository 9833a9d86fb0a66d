"""The chain of dense layers against the layers one by one."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from collidium.firmware import Overflow, Rounding
from collidium.trigger import FitConfig, MLPConfig, QuantizerConfig
from collidium.trigger._mlp import MLP


def moved(widths: tuple[int, ...] = (6, 4)) -> MLP:
    """A network with widths and weights of no initialisation: some without a bit, some wide."""
    network = MLPConfig(num_inputs=5, num_outputs=3, widths=widths).make()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            spread = 3.0 if name.endswith(".f") else 0.3
            parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
    return network


def stepped(network: MLP, x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Outputs, cost and gradients of a step."""
    out = network(x)
    cost = network.ebops()
    (out.square().mean() + 1e-3 * cost).backward()
    return out.detach(), cost.detach(), {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("widths", [(6, 4), ()])
def test_chain_equals_layers(widths: tuple[int, ...]) -> None:
    chained = moved(widths)
    layered = deepcopy(chained)
    layered.chain = None
    assert chained.chain is not None
    for seed in range(3):
        x = 2 * torch.randn(50, 5, generator=torch.Generator().manual_seed(seed))
        chained.zero_grad()
        layered.zero_grad()
        (out, cost, grads), (out_2, cost_2, grads_2) = stepped(chained, x), stepped(layered, x)
        torch.testing.assert_close(out, out_2)
        torch.testing.assert_close(cost, cost_2)
        assert grads.keys() == grads_2.keys()
        for name, grad in grads.items():
            torch.testing.assert_close(grad, grads_2[name], rtol=1e-4, atol=1e-6, msg=name)
        states = chained.state_dict(), layered.state_dict()
        for name in (name for name in states[0] if name.endswith(".i")):
            torch.testing.assert_close(states[0][name], states[1][name], rtol=0, atol=0, msg=name)


def test_training_equals_that_of_layers() -> None:
    chained = moved()
    layered = deepcopy(chained)
    layered.chain = None
    x = torch.randn(64, 5, generator=torch.Generator().manual_seed(7))
    for network in (chained, layered):
        optimizers = FitConfig(lr=1e-2, width_lr=0.3).optimizers(network)
        for _ in range(5):
            for optimizer in optimizers.values():
                optimizer.zero_grad()
            stepped(network, x)
            for optimizer in optimizers.values():
                optimizer.step()
            network.clip_widths()
    torch.testing.assert_close(chained(x), layered(x), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(chained.ebops(), layered.ebops())


def test_long_tensors_train_as_those_of_the_layers() -> None:
    packed = moved()
    apart = deepcopy(packed)
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(11))
    config = FitConfig(lr=1e-2, width_lr=0.3)
    pairs = [(packed, config.optimizers(packed)), (apart, config._by_layer(apart))]
    (optimizer,) = pairs[0][1].values()
    assert [p.numel() for p in optimizer.param_groups[0]["params"]] == [6 * 5 + 6 + 4 * 6 + 4 + 3 * 4 + 3]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [1e-2, 0.3]
    for network, optimizers in pairs:
        for _ in range(10):
            for optimizer in optimizers.values():
                optimizer.zero_grad()
            out = network(x)
            (out.square().mean() + 1e-3 * network.ebops()).backward()
            for optimizer in optimizers.values():
                optimizer.step()
            network.clip_widths()
    for name, value in packed.state_dict().items():
        torch.testing.assert_close(value, apart.state_dict()[name], rtol=1e-5, atol=1e-5, msg=name)
    copied = deepcopy(packed)
    with torch.no_grad():
        copied.body.layers[0].weight.zero_()
    assert packed.body.layers[0].weight.abs().sum() > 0
    assert not torch.equal(copied(x), packed(x))


def test_gradients_without_a_graph_are_those_with_one() -> None:
    network = moved()
    (optimizer,) = FitConfig().optimizers(network).values()
    tensors = [group["params"][0] for group in optimizer.param_groups]
    for size in (300, 300, 90, 700):
        x = torch.randn(size, 5, generator=torch.Generator().manual_seed(size))
        loss = (network(x) ** 3).mean()
        cost = network.ebops()
        (loss + 0.01 * cost).backward()
        wanted = [tensor.grad for tensor in tensors]
        optimizer.zero_grad()
        for _ in range(2):
            found = network.set_gradients([x], lambda out: ((out**3).mean(), 3 * out**2 / out.numel()), 0.01)
            assert found == (loss.detach(), cost.detach())
            for tensor, gradient in zip(tensors, wanted, strict=True):
                torch.testing.assert_close(tensor.grad, gradient, rtol=1e-6, atol=1e-9)
        optimizer.zero_grad()
    assert network.eval().set_gradients([x], lambda out: (out.mean(), out), 0.0) is None
    assert deepcopy(network).train().set_gradients([x], lambda out: (out.mean(), out), 0.0) is None


def test_deployment_between_steps_has_the_widths_of_now() -> None:
    network = moved()
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(12))
    (optimizer,) = FitConfig(lr=1e-2, width_lr=0.5).optimizers(network).values()
    for _ in range(2):
        network.calibrate([(x,)])
        network.train()
        for _ in range(5):
            optimizer.zero_grad()
            (network(x).square().mean() + 1e-2 * network.ebops()).backward()
            optimizer.step()
            network.clip_widths()
    fresh = moved()
    fresh.load_state_dict(network.state_dict())
    assert torch.equal(network.eval()(x), fresh.eval()(x))


def test_copy_of_a_network_between_forward_and_backward() -> None:
    network, x = moved(), torch.ones(3, 5)
    out = network(x)
    copied = deepcopy(network)
    torch.testing.assert_close(copied(x), out, rtol=0, atol=0)
    assert copied.ebops().item() == network.ebops().item()


def test_cost_after_widths_moved_is_the_new_one() -> None:
    network = moved()
    network(torch.ones(3, 5))
    before = network.ebops().item()
    network(torch.ones(3, 5))
    with torch.no_grad():
        for quantizer in network.quantizers():
            quantizer.f.add_(1.0)
    assert network.ebops().item() > before


def test_sign_bits_are_those_of_now() -> None:
    data = QuantizerConfig(overflow=Overflow.SAT)
    chained = MLPConfig(num_inputs=5, num_outputs=3, widths=(6,), data=data).build(seed=0)
    layered = deepcopy(chained)
    assert isinstance(chained, MLP)
    assert isinstance(layered, MLP)
    layered.chain = None
    costs = []
    for sign in (1.0, 0.0):
        for network in (chained, layered):
            network.body.layers[1].data.quantizer.k.fill_(sign)
            network(torch.ones(4, 5))
            costs.append(network.ebops().item())
    assert chained.chain is not None
    assert costs[0] == pytest.approx(costs[1])
    assert costs[2] == pytest.approx(costs[3])
    assert costs[2] < costs[0]


def test_input_of_another_width_is_refused() -> None:
    with pytest.raises(RuntimeError):
        moved()(torch.ones(3, 4))


def test_gradient_of_input() -> None:
    chained = moved()
    layered = deepcopy(chained)
    layered.chain = None
    xs = [torch.linspace(-2, 2, 20).reshape(4, 5).requires_grad_() for _ in range(2)]
    for network, x in zip((chained, layered), xs, strict=True):
        network(x).square().sum().backward()
    torch.testing.assert_close(xs[0].grad, xs[1].grad)


def test_a_batch_in_parts_is_one_batch() -> None:
    network, x = moved(), torch.randn(5000, 5, generator=torch.Generator().manual_seed(5))
    layered = deepcopy(network)
    layered.chain = None
    (out, _, grads), (out_2, _, grads_2) = stepped(network, x), stepped(layered, x)
    torch.testing.assert_close(out, out_2)
    for name, grad in grads.items():
        torch.testing.assert_close(grad, grads_2[name], rtol=1e-3, atol=1e-5, msg=name)
    for first, second in zip(network.eval().quantizers(), layered.eval().quantizers(), strict=True):
        assert first.formats(first.f.shape) == second.formats(second.f.shape)


@pytest.mark.parametrize("is_packed", [False, True])
def test_widths_are_clipped(is_packed: bool) -> None:
    network = moved()
    if is_packed:
        network.pack()
    quantizer = network.body.layers[1].weight_quantizer
    with torch.no_grad():
        quantizer.f[0, 0] = 30.0
        quantizer.f[1, 0] = -70.0
    network.clip_widths()
    limits = quantizer.config.f_max, quantizer.config.f_min
    assert quantizer.f.detach()[:2, 0].tolist() == list(limits)


@pytest.mark.parametrize(
    "changes",
    [
        {"kinds": ("lut",)},
        {"norm": "output"},
        {"data": QuantizerConfig(rounding=Rounding.TRN)},
        {"weight": QuantizerConfig(overflow=Overflow.SAT_SYM, integer_bits="trained")},
        {"weight": QuantizerConfig(shared=(0, 1))},
    ],
)
def test_other_layers_have_no_chain(changes: dict[str, object]) -> None:
    assert MLPConfig(widths=(4,), **changes).make().chain is None  # type: ignore[arg-type]


def test_double_precision_goes_layer_by_layer() -> None:
    network = moved().double()
    out = network(torch.ones(2, 5, dtype=torch.float64))
    assert out.dtype == torch.float64
    assert network.ebops() > 0
    network.clip_widths()
