"""Properties that every registered backbone has, packed and padded, in training and evaluation."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from collidium.artifact import InputError
from collidium.models import BACKBONES, CloudBatchNorm, JetModel, ParticleTransformer, _pairs
from collidium.objectives import cross_entropy
from collidium.train._onnx_operators import operator_table

NAMES = sorted(BACKBONES)
LENGTHS = [9, 1, 5, 5, 12, 2, 8]
# float64 at rounding level; float32 at the tolerance of the property table.
PRECISIONS = [(torch.float64, 1e-10), (torch.float32, 1e-5)]

every_model = pytest.mark.parametrize("name", NAMES)
every_precision = pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS, ids=["float64", "float32"])
both_modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


def assert_same(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance * float(expected.detach().abs().max()))


def padded(model: JetModel, batch) -> Tensor:
    return model.forward_padded(batch.x, batch.p4, batch.mask, batch.g)


@every_model
@every_precision
@both_modes
def test_permuting_particles_leaves_logits(name, dtype, tolerance, training, batch, build):
    data, model = batch(LENGTHS).to(dtype), build(name).to(dtype).train(training)
    order = torch.randperm(max(LENGTHS), generator=torch.Generator().manual_seed(1))
    moved = replace(data, x=data.x[:, order], p4=data.p4[:, order], mask=data.mask[:, order])
    assert_same(model(moved.cloud), model(data.cloud), tolerance)
    assert_same(padded(model, moved), padded(model, data), tolerance)


@every_model
@every_precision
@both_modes
@pytest.mark.parametrize("content", ["zeros", "garbage", "wrapped"])
def test_padding_changes_nothing(name, dtype, tolerance, training, content, batch, build):
    data, model = batch(LENGTHS).to(dtype), build(name).to(dtype).train(training)
    wide = replace(batch(LENGTHS, width=17).to(dtype), g=data.g)
    hidden = ~wide.mask[..., None]
    if content == "garbage":
        fill_x, fill_p4 = torch.full_like(wide.x, torch.nan), torch.full_like(wide.p4, 1e30)
    elif content == "wrapped":
        fill_x, fill_p4 = data.x[:, :1].expand_as(wide.x), data.p4[:, :1].expand_as(wide.p4)
    else:
        fill_x, fill_p4 = torch.zeros_like(wide.x), torch.zeros_like(wide.p4)
    x, p4 = wide.x.clone(), wide.p4.clone()
    x[:, :12], p4[:, :12] = data.x, data.p4
    wide = replace(wide, x=torch.where(hidden, fill_x, x), p4=torch.where(hidden, fill_p4, p4))
    expected = model(data.cloud)
    assert_same(padded(model, wide), expected, tolerance)
    assert torch.equal(model(wide.cloud), model(data.cloud))


@every_model
@every_precision
@both_modes
def test_a_jet_does_not_see_its_batch(name, dtype, tolerance, training, batch, build):
    data, model = batch(LENGTHS).to(dtype), build(name).to(dtype).train(training)
    # In training a batch norm takes mean and variance over the rows of all jets of the batch, by its definition, so the
    # transformers' logits then depend on it. Nothing else may mix jets: with the batch norms on their averages, all
    # models answer alike in both modes. The mlp and deep sets have none, and this is their ordinary training mode.
    norms = [module.eval() for module in model.modules() if isinstance(module, CloudBatchNorm)]
    assert bool(norms) == name.startswith(("particle-transformer", "jetformer"))
    together = model(data.cloud)
    rows = [torch.tensor([i]) for i in range(len(LENGTHS))]
    assert_same(torch.cat([model(data.cloud.take(row)) for row in rows]), together, tolerance)
    parts = [(data.x[row], data.p4[row], data.mask[row], data.g[row]) for row in rows]
    assert_same(torch.cat([model.forward_padded(*part) for part in parts]), together, tolerance)


@every_model
def test_order_of_jets_is_kept(name, batch, build):
    data, model = batch(LENGTHS).to(torch.float64), build(name).double().eval()
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    assert_same(model(data.cloud.take(order)), model(data.cloud)[order], 1e-10)


@every_model
@both_modes
@pytest.mark.parametrize("lengths", [[0, 3], [0], [1], [0, 1], [1, 1, 2]], ids=str)
def test_empty_and_single_particle_jets_are_finite(name, training, lengths, batch, build):
    data, model = batch(lengths, width=3), build(name).train(training)
    for forward in (lambda given: model(given.cloud), lambda given: padded(model, given)):
        model.zero_grad()
        given = replace(data, **{key: getattr(data, key).clone().requires_grad_() for key in ("x", "p4", "g")})
        logits = forward(given)
        logits.square().sum().backward()
        assert logits.isfinite().all()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
        seen = [value.grad for value in (given.x, given.p4, given.g) if value.grad is not None]
        assert seen
        assert all(gradient.isfinite().all() for gradient in seen)
    assert all(buffer.isfinite().all() for buffer in model.buffers())


@every_model
@both_modes
def test_padded_rows_get_no_gradient(name, training, batch, build):
    data, model = batch(LENGTHS, width=14), build(name).train(training)
    y, w = torch.tensor([0, 3, -1, 1, 2, 0, 1]), torch.tensor([1.0, 2.0, 5.0, -0.5, 0.0, 3.0, 1.0])
    for packed in (True, False):
        x = torch.where(data.mask[..., None], data.x, 7.0).requires_grad_()
        given = replace(data, x=x)
        logits = model(given.cloud) if packed else padded(model, given)
        loss = cross_entropy(logits, y, w, class_weights=torch.tensor([1.0, 0.5, 2.0, 3.0]))
        if name == "mlp":
            assert torch.autograd.grad(loss, x, allow_unused=True) == (None,)
            continue
        (gradient,) = torch.autograd.grad(loss, x)
        assert torch.equal(gradient[~data.mask], torch.zeros_like(gradient[~data.mask]))
        assert gradient[data.mask].abs().max() > 0


@every_model
@both_modes
def test_both_paths_have_the_same_gradients_and_averages(name, training, batch, build):
    data = batch([6, 1, 5, 12, 11, 0, 11]).to(torch.float64)
    seen = []
    for packed in (True, False):
        model = build(name).double().train(training)
        logits = model(data.cloud) if packed else padded(model, data)
        logits.sin().sum().backward()
        seen.append((model, [p.grad for p in model.parameters()], list(model.buffers())))
    scale = max(float(g.abs().max()) for g in seen[1][1])
    for ours, theirs in zip(seen[0][1] + seen[0][2], seen[1][1] + seen[1][2], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10 * scale)


@pytest.mark.parametrize("name", ["particle-transformer", "jetformer"])
@pytest.mark.parametrize("path", ["packed", "padded"])
def test_bfloat16_gradients_point_where_those_of_float32_do(name, path, batch, build):
    data = batch([6, 1, 5, 12, 11, 0, 11])
    y = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    seen = []
    for rough in (False, True):
        model = build(name).train()
        with torch.autocast("cpu", torch.bfloat16, enabled=rough):
            logits = model(data.cloud) if path == "packed" or not rough else padded(model, data)
        cross_entropy(logits, y, torch.ones(7)).backward()
        seen.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert seen[1].isfinite().all()
    assert not torch.equal(*seen)
    assert nn.functional.cosine_similarity(*seen, dim=0) > 0.99


@every_model
def test_every_parameter_has_a_role_and_a_use(name, batch, build):
    model = build(name)
    roles = model.parameter_roles()
    assert list(roles) == [n for n, _ in model.named_parameters()]
    assert set(roles.values()) <= {"matrix", "embedding", "head", "norm", "bias", "scalar", "token"}
    shapes = {n: p.shape for n, p in model.named_parameters()}
    assert all(len(shapes[n]) == 2 for n, role in roles.items() if role in {"matrix", "embedding", "head"})
    assert all(len(shapes[n]) == 1 for n, role in roles.items() if role in {"norm", "bias", "scalar", "token"})
    assert [n for n, role in roles.items() if role == "head"] == ["head.weight"]
    for n, sizes in model.split_sizes().items():
        assert roles[n] == "matrix"
        assert sum(sizes) == shapes[n][0]
        assert set(sizes) == {shapes[n][1]}
    model(batch(LENGTHS).cloud).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@every_model
def test_build_is_deterministic_and_leaves_the_generator_alone(name):
    config = BACKBONES[name].config
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (config.build(7, 3, 4, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@every_model
def test_num_macs_equals_counted_matrix_products(name, batch, build):
    model = build(name).eval()
    data = batch([11, 11])
    with (
        torch.no_grad(),
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        padded(model, data)
    # Class attention is counted as published, with a key and a value for each row. It averages rows, once for a head.
    n, d, H = 11, 128, 8
    blocks = len(model.class_blocks) if isinstance(model, ParticleTransformer) else 0
    saved = blocks * (2 * n * d * d + 2 * (n + 1) * d - 2 * (n + 1) * H * d)
    assert counter.get_total_flops() == 2 * 2 * (model.num_macs(n) - saved)


@every_model
def test_inference_in_parts_equals_the_whole(name, batch, build, monkeypatch):
    cloud, model = batch([0, *LENGTHS]).to(torch.float64).cloud, build(name).double().eval()
    whole = model(cloud)
    monkeypatch.setattr(_pairs, "_PART_PAIRS", 16)
    with torch.no_grad():
        assert_same(model(cloud), whole, 1e-10)


@every_model
def test_wrong_feature_counts_are_named(name, batch, build):
    model, data = build(name), batch([3])
    with pytest.raises(InputError, match="takes 7 features per particle, data has 8"):
        model(replace(data, x=torch.zeros(1, 3, 8)).cloud)
    with pytest.raises(InputError, match="takes 3 features per jet, data has 0"):
        model.forward_padded(data.x, data.p4, data.mask, torch.zeros(1, 0))


@every_model
def test_autocast_stays_close_and_logits_keep_their_type(name, batch, build):
    data, model = batch(LENGTHS), build(name).eval()
    exact = model(data.cloud)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(data.cloud)
    assert rough.dtype == torch.float32
    # bfloat16 keeps 8 bits, so a matrix product is good to about 0.4 %; ten layers of them stay within a few per cent.
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize("name", ["mlp", "deep-sets", "jetformer", "particle-transformer"])
def test_tiny_batch_is_learned(name, batch, build):
    data, model = batch(LENGTHS), build(name, num_blocks=1)
    cloud, y = data.cloud, torch.tensor([0, 1, 2, 3, 0, 1, 2])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(cloud), y)
        loss.backward()
        optimizer.step()
    assert loss < 0.3
    assert (model(cloud).argmax(1) == y).all()


def _export(model: JetModel, arrays: tuple[Tensor, ...], path: str) -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor, p4: Tensor, mask: Tensor, g: Tensor) -> Tensor:
            return self.model.forward_padded(x, p4, mask, g)

    N, P = torch.export.Dim("N", min=1), torch.export.Dim("P", min=1)
    shapes = {"x": {0: N, 1: P}, "p4": {0: N, 1: P}, "mask": {0: N, 1: P}, "g": {0: N}}
    program = torch.onnx.export(
        Padded().eval(),
        arrays,
        dynamo=True,
        dynamic_shapes=shapes,
        input_names=list(shapes),
        verbose=False,
        opset_version=20,
        custom_translation_table=operator_table(),
    )
    program.save(path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["deep-sets", "jetformer", "particle-transformer"])
def test_onnx_graph_has_dynamic_jets_and_particles(name, batch, build, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model, data = build(name, num_blocks=1).eval(), batch([3, 6, 5])
    _export(model, (data.x, data.p4, data.mask, data.g), str(tmp_path / "model.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for lengths in ([3, 6, 5], [1], [40, 0, 7, 12, 1]):
        other = batch(lengths, seed=9, width=max(lengths) + 2)
        feed = {key: getattr(other, key).numpy() for key in ("x", "p4", "mask", "g")}
        (logits,) = session.run(None, {node.name: feed[node.name] for node in session.get_inputs()})
        torch.testing.assert_close(torch.from_numpy(logits), model(other.cloud), rtol=0, atol=1e-5)
