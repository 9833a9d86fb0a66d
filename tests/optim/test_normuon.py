from __future__ import annotations

import pytest
import torch

from collidium.optim import NorMuon


def step_of(shape: tuple[int, int], **options: object) -> torch.Tensor:
    weight = torch.nn.Parameter(torch.zeros(shape))
    weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 0, shape[1])
    optimizer = NorMuon([weight], lr=1.0, shape_factor="none", **options)
    optimizer.step()
    return -weight.detach()


@pytest.mark.parametrize("shape", [(24, 64), (64, 24), (32, 32)])
def test_rows_of_every_shape_get_equal_norms_and_the_frobenius_norm_stays(shape: tuple[int, int]) -> None:
    # Regression: averaging over the shorter side equalises the columns of wide matrices instead of the rows.
    step = step_of(shape, beta2=0.0, direction="exact")
    norms = step.norm(dim=1)
    torch.testing.assert_close(norms, norms.mean().expand_as(norms), rtol=1e-5, atol=0)
    assert float(step.norm()) == pytest.approx(min(shape) ** 0.5, rel=1e-5)


def test_frobenius_norm_is_that_of_muon_at_every_step() -> None:
    weight = torch.nn.Parameter(torch.zeros(48, 16))
    optimizer = NorMuon([weight], lr=1.0, shape_factor="none", direction="exact")
    for seed in range(4):
        before = weight.detach().clone()
        weight.grad = torch.randn(48, 16, generator=torch.Generator().manual_seed(seed))
        optimizer.step()
        assert float((weight.detach() - before).norm()) == pytest.approx(4.0, rel=1e-5)


def test_every_block_of_a_fused_weight_keeps_its_own_norm() -> None:
    weight = torch.nn.Parameter(torch.zeros(12, 4))
    gradient = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    weight.grad = gradient * torch.tensor([1e-3] * 6 + [1.0] * 6)[:, None]
    NorMuon([{"params": [weight], "split_sizes": (6, 6)}], lr=1.0, shape_factor="none", direction="exact").step()
    for block in weight.detach().split(6):
        assert float(block.norm()) == pytest.approx(2.0, rel=1e-5)


def test_state_of_transformer_blocks() -> None:
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in [(768, 256), (256, 256), (1024, 256), (256, 1024)]]
    optimizer = NorMuon(weights, precision="float32", steps=1)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    num_bytes = sum(t.numel() * t.element_size() for w in weights for t in optimizer.state[w].values())
    assert num_bytes / sum(weight.numel() for weight in weights) == pytest.approx(4.012, abs=5e-4)


def test_refuses() -> None:
    for options, message in (({"beta2": 1.0}, "beta2 is 1"), ({"row_eps": 0.0}, "row_eps is 0")):
        with pytest.raises(ValueError, match=message):
            NorMuon([torch.nn.Parameter(torch.ones(2, 2))], **options)
    with pytest.raises(ValueError, match="unknown option of normuon 'presision'; did you mean precision"):
        NorMuon([torch.nn.Parameter(torch.ones(2, 2))], presision="float32")
