"""One step: what changes, and by how much."""

from __future__ import annotations

import copy

import pytest
import torch

from collidium.cloud import feature_set, make_cloud
from collidium.models import DeepSetsConfig, ParticleTransformerConfig
from collidium.optim import for_model
from collidium.train import step_randomness, train_step, validate

CPU = torch.device("cpu")


@pytest.fixture
def batch(make_jets):
    return make_cloud(make_jets(32, longest=10), feature_set("kin"))


@pytest.fixture
def model():
    config = ParticleTransformerConfig(embedding_widths=(16,), pair_widths=(8,), num_heads=2, num_blocks=1,
                                       num_class_blocks=1, dropout=0.2)  # fmt: skip
    return config.build(7, 0, 2, seed=0)


def test_clipping_scales_the_whole_gradient_to_the_limit(batch, model):
    def gradients(clip):
        trained = copy.deepcopy(model)
        with step_randomness(0, 0, CPU):
            figures = train_step(trained, torch.optim.SGD(trained.parameters(), lr=0.0), batch, clip=clip)
        return figures, torch.cat([p.grad.flatten() for p in trained.parameters() if p.grad is not None])

    figures, free = gradients(None)
    assert float(figures.gradient_norm) == pytest.approx(float(free.norm()), rel=1e-5)
    limit = float(free.norm()) / 3
    clipped_figures, clipped = gradients(limit)
    torch.testing.assert_close(clipped, free / 3, rtol=1e-4, atol=1e-8)
    assert torch.equal(clipped_figures.gradient_norm, figures.gradient_norm)
    assert torch.equal(gradients(10 * float(free.norm()))[1], free)


def test_the_same_seed_and_step_give_the_same_bits_and_others_do_not(batch, model):
    def stepped(step):
        trained = copy.deepcopy(model).train()
        optimizer = for_model(trained, "muon", lr=1e-2)
        with step_randomness(3, step, CPU):
            train_step(trained, optimizer, batch, clip=1.0)
        return torch.cat([p.detach().flatten() for p in trained.parameters()])

    assert torch.equal(stepped(5), stepped(5))
    assert not torch.equal(stepped(5), stepped(6))


def test_bfloat16_is_finite_and_close_and_weights_stay_float32(batch):
    model = DeepSetsConfig().build(7, 0, 2, seed=0)

    def losses(bfloat16):
        trained = copy.deepcopy(model)
        optimizer = for_model(trained, "adamw", lr=1e-3)
        found = [float(train_step(trained, optimizer, batch, bfloat16=bfloat16).loss) for _ in range(10)]
        assert {p.dtype for p in trained.parameters()} == {torch.float32}
        return found

    exact, rounded = losses(False), losses(True)
    assert rounded != exact
    # bfloat16 keeps 8 bits: 0.4 % per product
    assert rounded == pytest.approx(exact, abs=0.02)
    assert exact[-1] < exact[0]


def test_validation_does_not_depend_on_batches_and_leaves_the_model_as_it_was(make_jets, model):
    jets = make_jets(50, longest=10)
    schema = feature_set("kin")
    whole = make_cloud(jets, schema)
    whole.w.copy_(torch.rand(50, generator=torch.Generator().manual_seed(0)))
    whole.y[::7] = -1
    parts = [whole.take(torch.arange(start, min(start + 8, 50))) for start in range(0, 50, 8)]
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one, many = validate(model, [whole]), validate(model, parts)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert one["val_loss"] == pytest.approx(many["val_loss"], rel=1e-5)
    assert one["val_accuracy"] == pytest.approx(many["val_accuracy"], rel=1e-6)
    with torch.no_grad():
        logits = model.eval()(whole)
    known = whole.y >= 0
    right = (logits.argmax(1) == whole.y)[known]
    assert one["val_accuracy"] == pytest.approx(float((whole.w[known] * right).sum() / whole.w[known].sum()), rel=1e-5)


def test_validation_with_class_weights_is_the_training_loss(batch, model):
    c = torch.tensor([0.5, 2.0])
    with torch.no_grad():
        z = model.eval()(batch)
    v = c[batch.y] * batch.w
    expected = (v * torch.nn.functional.cross_entropy(z, batch.y, reduction="none")).sum() / v.sum()
    assert validate(model, [batch], class_weights=c)["val_loss"] == pytest.approx(float(expected), rel=1e-5)


def test_validation_stops_when_asked(batch, model):
    assert validate(model, [batch, batch], is_stopped=lambda: True) is None
