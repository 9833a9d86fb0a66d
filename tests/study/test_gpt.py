from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from collidium.artifact import InputError
from collidium.optim import for_model
from collidium.study import GPTConfig

SMALL = GPTConfig(num_blocks=2, width=16, num_heads=4, context=12)


def test_later_tokens_do_not_change_earlier_logits() -> None:
    model = SMALL.build(11, seed=0)
    tokens = torch.randint(11, (3, 12), generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 11
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :7], after[:, :7])
    assert (before[:, 7:] != after[:, 7:]).any(dim=2).all()


def test_first_loss_is_that_of_a_uniform_guess() -> None:
    model = GPTConfig().build(65, seed=1)
    tokens = torch.randint(65, (8, 65), generator=torch.Generator().manual_seed(0))
    loss = functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    # logits have a variance of 0.02^2 d = 0.04, which adds half of it to the loss
    assert float(loss.detach()) == pytest.approx(math.log(65), abs=0.06)


def test_every_parameter_has_a_role_and_query_key_value_are_apart() -> None:
    model = SMALL.build(11, seed=0)
    assert set(model.parameter_roles()) == {name for name, _ in model.named_parameters()}
    routing = for_model(model, "muon", lr=1e-3).routing
    to_member = {route.names[0]: route.view for route in routing.routes if route.optimizer == "muon"}
    assert len(to_member) == 4 * SMALL.num_blocks
    view = to_member["blocks.0.qkv.weight"]
    assert view is not None
    assert view.split_sizes == (16, 16, 16)


def test_attention_reports_its_largest_logits_in_training_only() -> None:
    model = SMALL.build(11, seed=0)
    with torch.no_grad():
        model.blocks[0].qkv.weight.mul_(100.0)
    (first, _) = model.track_logits()
    before = model.blocks[0].qkv.weight.detach().clone()
    tokens = torch.zeros(2, 5, dtype=torch.int64)
    model.eval()
    model(tokens)
    with torch.no_grad():
        first.clip_(model.blocks[0].qkv.weight, 1e-6, 0.5)
    assert torch.equal(model.blocks[0].qkv.weight, before)
    model.train()
    x = model.blocks[0].attention_norm(model.token(tokens) + model.position(torch.arange(5)))
    query, key, _ = (x @ before.T).view(2, 5, 3, 4, 4).permute(2, 0, 3, 1, 4)
    logits = (query @ key.mT / 2.0).masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf).amax(dim=(0, 2, 3))
    model(tokens)
    optimizer = for_model(model, "muon_clip", lr=1e-12, attention=(first,), threshold=1e-3)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    factor = torch.where(logits > 1e-3, 1e-3 / logits, torch.ones(4)).detach() ** 0.5
    torch.testing.assert_close(
        model.blocks[0].qkv.weight[:16].detach(), before[:16] * factor.repeat_interleave(4)[:, None], rtol=1e-4, atol=0
    )
    assert torch.equal(model.blocks[0].qkv.weight[32:], before[32:])


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="num_heads is 3: must divide width 16"):
        GPTConfig(width=16, num_heads=3)
