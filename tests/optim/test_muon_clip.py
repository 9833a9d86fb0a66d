from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from collidium.optim import AttentionLogits, HeadRows, Muon, MuonClip, clip_factors, for_model, largest_logits

TAU = 100.0


def random(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def parameter(shape: tuple[int, ...], seed: int) -> nn.Parameter:
    return nn.Parameter(random(shape, seed))


def heads(weight: torch.Tensor, x: torch.Tensor, count: int, bias: torch.Tensor | None = None) -> torch.Tensor:
    """(N, H, P, D)"""
    projected = nn.functional.linear(x, weight, bias)
    return projected.view(*x.shape[:2], count, -1).transpose(1, 2).detach()


def logits(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    shared = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    return query @ shared.mT / query.shape[-1] ** 0.5


def still(*weights: nn.Parameter) -> None:
    for weight in weights:
        weight.grad = torch.zeros_like(weight)


@pytest.mark.parametrize("alpha", [0.5, 0.2, 1.0])
def test_logits_of_the_clipped_head_alone_scale_to_the_threshold(alpha: float) -> None:
    query, key, x = parameter((12, 6), 0), parameter((12, 6), 1), random((5, 7, 6), 2)
    query_bias, key_bias = parameter((12,), 3), parameter((12,), 4)
    attention = AttentionLogits.of(query, key, num_heads=3, query_bias=query_bias, key_bias=key_bias)
    optimizer = MuonClip([query, key], weight_decay=0.0, attention=[attention], alpha=alpha)
    before = logits(heads(query, x, 3, query_bias), heads(key, x, 3, key_bias))
    untouched = query.detach()[[0, 1, 2, 3, 8, 9, 10, 11]].clone()
    attention.report(torch.tensor([TAU, 4 * TAU, -9 * TAU], dtype=torch.float64))
    still(query, key)
    optimizer.step()
    after = logits(heads(query, x, 3, query_bias), heads(key, x, 3, key_bias))
    torch.testing.assert_close(after[:, 1], before[:, 1] / 4, rtol=1e-5, atol=0)
    assert torch.equal(after[:, [0, 2]], before[:, [0, 2]])
    assert torch.equal(query.detach()[[0, 1, 2, 3, 8, 9, 10, 11]], untouched)


def test_measured_maxima_bring_the_next_logits_to_the_threshold() -> None:
    query, key, x = parameter((8, 6), 0), parameter((8, 6), 1), random((5, 7, 6), 2)
    query.data *= 40.0
    attention = AttentionLogits.of(query, key, num_heads=2)
    optimizer = MuonClip([query, key], weight_decay=0.0, attention=[attention], threshold=10.0)
    measured = largest_logits(heads(query, x, 2), heads(key, x, 2))
    torch.testing.assert_close(measured, logits(heads(query, x, 2), heads(key, x, 2)).amax(dim=(0, 2, 3)))
    assert float(measured.min()) > 10.0
    attention.report(measured)
    still(query, key)
    optimizer.step()
    torch.testing.assert_close(
        largest_logits(heads(query, x, 2), heads(key, x, 2)), torch.full((2,), 10.0, dtype=torch.float64)
    )


def test_mask_hides_logits() -> None:
    query, key = random((2, 3, 4, 5), 0), random((2, 3, 4, 5), 1)
    mask = torch.ones(4, 4, dtype=torch.bool).tril()
    expected = logits(query, key).masked_fill(~mask, -torch.inf).amax(dim=(0, 2, 3))
    assert torch.equal(largest_logits(query, key, mask), expected)


def test_grouped_queries_take_the_smallest_factor_for_their_key() -> None:
    query, key = nn.Parameter(torch.ones(8, 3)), nn.Parameter(torch.ones(4, 3))
    attention = AttentionLogits.of(query, key, num_heads=4, num_key_heads=2)
    optimizer = MuonClip([query, key], weight_decay=0.0, attention=[attention])
    attention.report(TAU * torch.tensor([1.0, 4.0, 0.5, 16.0]))
    still(query, key)
    optimizer.step()
    assert query.detach()[::2, 0].tolist() == [1.0, 0.5, 1.0, 0.25]
    assert key.detach()[::2, 0].tolist() == [0.5, 0.25]


def test_fused_weight_is_scaled_in_its_query_and_key_rows() -> None:
    fused = nn.Parameter(torch.ones(12, 4))
    attention = AttentionLogits.of(fused, fused, num_heads=2, query_rows=(0, 4), key_rows=(4, 8))
    optimizer = MuonClip([{"params": [fused], "split_sizes": (4, 4, 4)}], weight_decay=0.0, attention=[attention])
    attention.report(TAU * torch.tensor([4.0, 1.0]))
    still(fused)
    optimizer.step()
    assert fused.detach()[:, 0].tolist() == [0.5, 0.5, 1, 1, 0.5, 0.5, 1, 1, 1, 1, 1, 1]


def test_latent_attention_leaves_the_shared_rotary_key() -> None:
    query, key, rotary = (nn.Parameter(torch.ones(2, 3)) for _ in range(3))
    attention = AttentionLogits.latent(query, key, rotary, num_heads=2)
    optimizer = MuonClip([query, key, rotary], weight_decay=0.0, attention=[attention])
    attention.report(TAU * torch.tensor([16.0, 1.0]))
    still(query, key, rotary)
    optimizer.step()
    assert [float(weight.detach()[0, 0]) for weight in (query, key, rotary)] == [0.25, 0.25, 0.0625]
    assert [float(weight.detach()[1, 0]) for weight in (query, key, rotary)] == [1.0, 1.0, 1.0]


def test_largest_report_since_the_last_step_counts_once() -> None:
    query, key = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(2, 3))
    attention = AttentionLogits.of(query, key, num_heads=1)
    optimizer = MuonClip([query, key], weight_decay=0.0, attention=[attention])
    for value in (0.1, 4.0, 2.0):
        attention.report(torch.tensor([value * TAU]))
    for _ in range(2):
        still(query, key)
        optimizer.step()
    assert torch.equal(query.detach(), torch.full((2, 3), 0.5))


def test_non_finite_maxima_do_not_erase_weights() -> None:
    factors = clip_factors(torch.tensor([float("inf"), float("nan"), 200.0]), TAU)
    assert factors.tolist() == [1.0, 1.0, 0.5]


def test_silent_attention_is_muon() -> None:
    ours, theirs = parameter((6, 9), 0), parameter((6, 9), 0)
    attention = AttentionLogits.of(ours, ours, num_heads=1, query_rows=(0, 3), key_rows=(3, 6))
    options: dict[str, Any] = {"momentum_form": "sum", "nesterov": False, "shape_factor": "match_rms"}
    pair = (MuonClip([ours], lr=0.1, attention=[attention]), Muon([theirs], lr=0.1, weight_decay=0.1, **options))
    for step in range(3):
        for weight, optimizer in zip((ours, theirs), pair, strict=True):
            weight.grad = random((6, 9), step)
            optimizer.step()
    assert torch.equal(ours, theirs)


def numpy_polar(x: Any) -> Any:
    left, _, right = np.linalg.svd(x, full_matrices=False)
    return left @ right


@pytest.mark.parametrize("shape", [(24, 9), (8, 24)])
def test_golden_trajectory_in_numpy(shape: tuple[int, int]) -> None:
    lr, decay, mu, alpha, count = 0.02, 0.3, 0.8, 0.3, 4
    draw = [np.random.default_rng(seed).normal(size=(2, *shape)) for seed in range(6)]
    weights = [nn.Parameter(torch.from_numpy(part.copy())) for part in draw[5]]
    attention = AttentionLogits.of(*weights, num_heads=count)
    optimizer = MuonClip(
        weights, lr=lr, weight_decay=decay, momentum=mu, attention=[attention], alpha=alpha, direction="exact"
    )
    w, m = draw[5].copy(), np.zeros((2, *shape))
    for step, gradients in enumerate(draw[:5]):
        maxima = TAU * np.exp(np.random.default_rng(100 + step).normal(size=count))
        attention.report(torch.from_numpy(maxima))
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        factors = np.repeat(np.minimum(1.0, TAU / maxima), shape[0] // count)[:, None]
        for i, power in enumerate((alpha, 1 - alpha)):
            m[i] = mu * m[i] + gradients[i]
            w[i] = (1 - lr * decay) * w[i] - lr * 0.2 * max(shape) ** 0.5 * numpy_polar(m[i])
            w[i] *= factors**power
    for weight, expected in zip(weights, w, strict=True):
        np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(3, 6, 10)])
def test_golden_trajectory_of_a_stack_without_heads(shape: tuple[int, ...]) -> None:
    weight, momentum = parameter(shape, 9), np.zeros(shape)
    w = weight.detach().numpy().copy()
    optimizer = MuonClip([{"params": [weight], "view": "stack"}], lr=0.05, direction="exact")
    for step in range(5):
        weight.grad = random(shape, step)
        optimizer.step()
        momentum = 0.95 * momentum + weight.grad.numpy()
        directions = np.stack([numpy_polar(part) for part in momentum])
        w = (1 - 0.05 * 0.1) * w - 0.05 * 0.2 * max(shape[-2:]) ** 0.5 * directions
    np.testing.assert_allclose(weight.detach().numpy(), w, rtol=0, atol=1e-10)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.logits = AttentionLogits.of(self.query.weight, self.key.weight, num_heads=2, query_bias=self.query.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key = (layer(x).view(*x.shape[:2], 2, 4).transpose(1, 2) for layer in (self.query, self.key))
        self.logits.report(largest_logits(query, key))
        value = self.value(x).view(*x.shape[:2], 2, 4).transpose(1, 2)
        attended: torch.Tensor = nn.functional.scaled_dot_product_attention(query, key, value)
        return attended


def test_whole_model_keeps_its_logits_below_the_threshold_and_resumes() -> None:
    def build() -> tuple[Attention, Any]:
        model = Attention()
        roles = {name: "matrix" if p.dim() == 2 else "bias" for name, p in model.named_parameters()}
        return model, for_model(model, "muon_clip", lr=0.05, roles=roles, attention=(model.logits,), threshold=0.5)

    def train(model: Attention, optimizer: Any, steps: range) -> None:
        for step in steps:
            optimizer.zero_grad()
            # Rewarding peaked attention drives the logits up.
            model(random((3, 5, 8), step, torch.float32)).square().mean().neg().backward()
            optimizer.step()

    model, optimizer = build()
    train(model, optimizer, range(10))
    disk = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, disk)
    disk.seek(0)
    saved = torch.load(disk, weights_only=True)
    twin, resumed = build()
    twin.load_state_dict(saved["model"])
    resumed.load_state_dict(saved["optimizer"])
    assert resumed.param_groups[0]["attention"] == (twin.logits,)
    for one, other in ((model, optimizer), (twin, resumed)):
        train(one, other, range(10, 14))
    for left, right in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(left, right)
    x = random((3, 5, 8), 13, torch.float32)
    query, key = (heads(layer.weight, x, 2, layer.bias) for layer in (model.query, model.key))
    assert float(largest_logits(query, key).max()) < 1.0


def test_copies_clip_their_own_weights() -> None:
    query, key = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(2, 3))
    optimizer = MuonClip([query, key], attention=[AttentionLogits.of(query, key, num_heads=1)], weight_decay=0.0)
    twin = copy.deepcopy(optimizer)
    (attention,) = twin.param_groups[0]["attention"]
    attention.report(torch.tensor([4 * TAU]))
    mine = twin.param_groups[0]["params"]
    still(*mine)
    twin.step()
    assert torch.equal(mine[0].detach(), torch.full((2, 3), 0.5))
    assert torch.equal(query.detach(), torch.ones(2, 3))


def test_refuses() -> None:
    weight = nn.Parameter(torch.ones(6, 3))
    with pytest.raises(ValueError, match=r"rows 0 to 6 of a query weight of shape \(6, 3\) are not 4 equal heads"):
        AttentionLogits.of(weight, weight, num_heads=4)
    with pytest.raises(ValueError, match="num_heads is 3; a multiple of the 2 key heads"):
        AttentionLogits([HeadRows(weight=weight, role="key", num_heads=2)], num_heads=3)
    with pytest.raises(ValueError, match=r"max_logits has shape \(2,\); \(3,\) is needed"):
        AttentionLogits.of(weight, weight, num_heads=3).report(torch.ones(2))
    for options, message in (({"threshold": 0.0}, "threshold is 0"), ({"alpha": 1.5}, "alpha is 1.5")):
        with pytest.raises(ValueError, match=message):
            MuonClip([weight], **options)
