"""Ready networks: shapes, symmetry, parameters, and equality of codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from collidium.artifact import InputError
from collidium.firmware import IntegerModel
from collidium.optim import for_model
from collidium.trigger import (
    DeepSetsConfig,
    EconEncoderConfig,
    InteractionConfig,
    JetFormerConfig,
    MLPConfig,
    MuonTrackerConfig,
    NetworkConfig,
    ParticleMLPConfig,
    QuantDense,
    QuantizerConfig,
)

FIXED = QuantizerConfig(f=4.0, i=1.0, overflow="SAT", integer_bits="fixed", is_trained=False)
SMALL: dict[str, NetworkConfig] = {
    "mlp": MLPConfig(num_inputs=6, widths=(8, 5), num_outputs=3),
    "normalised mlp": MLPConfig(num_inputs=6, widths=(8, 5), num_outputs=3, norm="output"),
    "tables": MLPConfig(num_inputs=6, widths=(4,), num_outputs=3, kinds=("lut",)),
    "hybrid": MLPConfig(num_inputs=6, widths=(4, 5), num_outputs=3, kinds=("lut", "dense", "lut")),
    "hybrid, dense first": MLPConfig(num_inputs=6, widths=(4,), num_outputs=3, kinds=("dense", "lut")),
    "deep sets": DeepSetsConfig(num_particles=5, widths=(6, 4), head=(5,), norm="input"),
    "deep sets of tables": DeepSetsConfig(num_particles=5, widths=(4,), head=(5,), kind="lut"),
    "perceptron on particles": ParticleMLPConfig(num_particles=3, head=(6, 4)),
    "normalised perceptron on particles": ParticleMLPConfig(num_particles=3, head=(6,), norm="input"),
    "interaction network": InteractionConfig(num_particles=4, pair_features=3, widths=(5, 4), head=(5,), norm="input"),
    "jetformer": JetFormerConfig(num_particles=4, width=4, feed_forward=6, head=(5,), num_blocks=2),
    "muon tracker": MuonTrackerConfig(num_channels=6, patterns=2, widths=(6, 4), mean=229.0, scale=64.0),
    "muon tracker of one layer": MuonTrackerConfig(num_channels=5, stations=(1, 2), patterns=1, widths=()),
    "published muon tracker": MuonTrackerConfig(
        num_channels=12, patterns=0, widths=(6, 4), mean=229.0, scale=64.0, reach=2
    ),
    "encoder": EconEncoderConfig(),
    "reloadable encoder": EconEncoderConfig(weight=FIXED, is_reloadable=True),
}


def samples(config: NetworkConfig, num: int) -> list[Tensor]:
    shapes = config.build(seed=0).inputs
    if isinstance(config, MuonTrackerConfig):
        return [(torch.rand(num, *shapes["x"]) > 0.8).float()]
    if isinstance(config, EconEncoderConfig):
        return [torch.rand(num, *shapes["x"])]
    found = [torch.randn(num, *shapes["x"])]
    if "valid" in shapes:
        found.append((torch.rand(num, *shapes["valid"]) > 0.3).float())
        found[1][:2] = 0
    return found


@pytest.mark.parametrize("name", SMALL)
def test_codes_are_the_integer_models(name: str, assert_equal_codes: Callable[..., IntegerModel]) -> None:
    network = SMALL[name].build(seed=1)
    assert_equal_codes(network, samples(SMALL[name], 40))


@pytest.mark.parametrize("name", SMALL)
def test_the_seed_decides_the_weights(name: str) -> None:
    before = torch.random.get_rng_state()
    first, second, other = (SMALL[name].build(seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_is_routed_and_widths_never_to_a_matrix_optimizer(name: str) -> None:
    network = SMALL[name].build(seed=0)
    optimizer = for_model(network, "muon", lr=1e-3)
    widths = {id(parameter) for parameter in network.width_parameters()}
    for route in optimizer.routing.routes:
        if id(route.parameter) in widths or route.parameter.dim() != 2:
            assert route.optimizer in ("adamw", "none")
            assert not route.is_decayed or route.role in ("embedding", "head")


@pytest.mark.parametrize("name", ["deep sets", "deep sets of tables", "interaction network", "jetformer"])
def test_order_and_content_of_absent_particles_do_not_matter(name: str) -> None:
    network = SMALL[name].build(seed=0)
    x, valid = samples(SMALL[name], 30)
    network(x, valid)
    x, valid = x.double(), valid.double()
    network.double().calibrate([(x, valid)])
    wanted = network(x, valid)
    order = torch.randperm(x.shape[1])
    assert torch.equal(network(x[:, order], valid[:, order]), wanted)
    rubbish = torch.where(valid[..., None] > 0, x, torch.randn_like(x))
    assert torch.equal(network(rubbish, valid), wanted)


def test_muon_tracker_sees_only_channels_of_its_maps() -> None:
    maps = (((0,), (), (2, 3), ()), ((), (), (), ()), ((1,), (), (), ()))
    network = MuonTrackerConfig(num_channels=4, patterns=0, maps=maps).build(seed=0)
    mask = network.front.maps["from_0_to_1"].weight_mask.T
    assert mask.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert network.front.maps["from_0_to_2"].weight_mask.sum() == 0


@pytest.mark.parametrize("patterns", [0, 3])
def test_muon_tracker_starts_at_the_mean(patterns: int) -> None:
    network = MuonTrackerConfig(patterns=patterns, mean=229.0, scale=64.0).build(seed=0)
    hits = (torch.rand(200, 50, 7) > 0.95).float()
    assert network(hits).mean().item() == pytest.approx(229, abs=64)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (MLPConfig(kinds=("lut", "dense")), "kinds has 2 entries"),
        (MuonTrackerConfig(scale=3.0), "power of two"),
        (MuonTrackerConfig(patterns=0, maps=((),)), "3 maps"),
    ],
)
def test_what_does_not_fit_is_refused(config: NetworkConfig, message: str) -> None:
    with pytest.raises(InputError, match=message):
        config.build(seed=0)


def test_costs_by_layer_add_up() -> None:
    network = SMALL["hybrid"].build(seed=0)
    network(*samples(SMALL["hybrid"], 30))
    costs = network.layer_costs()
    assert [cost.kind for cost in costs] == ["LutDense", "QuantDense", "LutDense"]
    assert sum(cost.ebops for cost in costs) == pytest.approx(network.ebops().item())
    assert costs[1].weight_bits is not None
    assert 0 <= (costs[1].pruned or 0) < 1


def test_costs_press_on_every_kind_of_width() -> None:
    network = SMALL["hybrid"].build(seed=0)
    network(*samples(SMALL["hybrid"], 30))
    network.ebops().backward()
    pressed = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert {name for name in pressed if not name.endswith(".f")} == {f"body.layers.{n}.entry.i" for n in (0, 2)}
    assert {"body.layers.0.address.f", "body.layers.0.entry.f", "body.layers.1.weight_quantizer.f"} <= pressed
    assert all((parameter.grad >= 0).all() for parameter in network.parameters() if parameter.grad is not None)


def test_cost_does_not_change_by_freezing() -> None:
    network = SMALL["jetformer"].build(seed=0)
    x = samples(SMALL["jetformer"], 30)
    network(*x)
    network.calibrate([x])
    cost = network.ebops().item()
    network.freeze()
    network(*x)
    assert network.ebops().item() == cost


def test_a_network_in_training_is_not_frozen() -> None:
    with pytest.raises(InputError, match="training mode"):
        SMALL["mlp"].build(seed=0).freeze()


def test_an_input_without_quantizer_is_refused(around: type) -> None:
    network = around(torch.nn.Identity(), [(3,)])
    network.entries[0] = torch.nn.Identity()
    network.layers_ = QuantDense((3,), 2)
    network.calibrate([[torch.randn(5, 3)]])
    with pytest.raises(InputError, match="input 'x0' is not quantized"):
        network.freeze()


def test_integer_model_outlives_a_file(tmp_path: object) -> None:
    network = SMALL["tables"].build(seed=0)
    x = samples(SMALL["tables"], 30)
    network(*x)
    network.calibrate([x])
    model = network.freeze()
    model.save(tmp_path)
    again = IntegerModel.load(tmp_path)
    assert again.hash == model.hash
    codes = {node.name: np.zeros((1, *node.formats.shape), np.int64) for node in model.inputs}
    assert np.array_equal(again.run(codes)[again.outputs[0]], model.run(codes)[model.outputs[0]])
