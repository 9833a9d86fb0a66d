from __future__ import annotations

import math

import pytest
import torch

from collidium.optim import DIRECTIONS, exact_polar, newton_schulz, orthogonalize
from collidium.optim._direction import bfloat16_from, choose_plan

CPU = torch.device("cpu")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_batches_of_mixed_shapes_equal_the_loop(direction: str, precision: str) -> None:
    shapes = [(8, 20), (20, 8), (2, 8, 20), (5, 5), (1, 7), (3, 20, 8), (5, 5)]
    matrices = [random(*shape, seed=i) for i, shape in enumerate(shapes)]
    together = orthogonalize(matrices, direction, precision=precision)
    for matrix, result in zip(matrices, together, strict=True):
        alone = orthogonalize([matrix], direction, precision=precision)[0]
        assert result.shape == matrix.shape
        torch.testing.assert_close(result.float(), alone.float(), rtol=0, atol=2e-6)


def test_results_never_share_memory_with_inputs() -> None:
    # Regression: in bfloat16 a cast that is no cast returned the momentum buffer, which was then normalised in place.
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        matrix = random(6, 6).to(dtype)
        before = matrix.clone()
        for direction in ("jordan", "exact"):
            (result,) = orthogonalize([matrix], direction, precision="bfloat16" if direction == "jordan" else "float32")
            assert result.untyped_storage().data_ptr() != matrix.untyped_storage().data_ptr()
            result.zero_()
        assert torch.equal(matrix, before)


@pytest.mark.parametrize(
    ("capabilities", "lowered"),
    [
        ({}, []),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512_f": True}, []),
        ({"avx512_bf16": True, "amx_bf16": False}, [(64, 256), (256, 256), (192, 512)]),
        ({"avx512_bf16": True, "amx_bf16": True}, [(64, 128), (64, 256), (256, 256), (192, 512)]),
    ],
)
def test_auto_takes_the_cheapest_row_of_the_cost_table(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], lowered: list[tuple[int, int]]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    bfloat16_from.cache_clear()
    try:
        shapes = [(32, 32), (64, 128), (64, 256), (256, 256), (192, 512)]
        plans = {shape: choose_plan(*shape, dtype=torch.float32, device=CPU) for shape in shapes}
        assert [shape for shape, plan in plans.items() if plan.dtype == torch.bfloat16] == lowered
        assert [plan.form for plan in plans.values()] == ["standard", "standard", "gram", "standard", "gram"]
        assert choose_plan(256, 256, dtype=torch.float64, device=CPU).dtype == torch.float64
        assert choose_plan(256, 256, dtype=torch.float32, device=CPU, allows_half=False).dtype == torch.float32
    finally:
        bfloat16_from.cache_clear()


def test_named_precision_and_form_win_over_the_table() -> None:
    plan = choose_plan(8, 800, dtype=torch.float32, device=CPU, precision="bfloat16", form="standard")
    assert (plan.form, plan.dtype) == ("standard", torch.bfloat16)


def test_unknown_devices_get_float32() -> None:
    assert bfloat16_from("mps") == math.inf


@pytest.mark.parametrize("shape", [(16, 16), (128, 128), (96, 384), (128, 512)])
def test_auto_is_as_near_to_the_polar_factor_as_the_float64_iteration(shape: tuple[int, int]) -> None:
    x = random(*shape)
    polar, exact = exact_polar(x), newton_schulz(x.double(), dtype=torch.float64)
    auto = orthogonalize([x])[0].float()
    # Rounding of five bfloat16 steps, 1 % in the standard and 7 % in the Gram form, mostly within the band.
    assert (auto - exact).norm() / exact.norm() < 0.09
    assert (auto - polar).norm() < 1.1 * (exact - polar).norm()
