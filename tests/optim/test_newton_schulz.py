from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest
import torch
from torch import Tensor

from collidium.optim import COEFFICIENTS, Muon, exact_polar, gram_newton_schulz, newton_schulz, orthogonalize
from collidium.optim._coefficients import schedule
from collidium.optim._newton_schulz import iterate

Map = Callable[..., Tensor]
SHAPES = [(24, 24), (16, 64), (64, 16), (3, 8, 20)]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def with_spectrum(values: Tensor, num_columns: int, seed: int = 0) -> Tensor:
    rows = len(values)
    left = torch.linalg.qr(random(rows, rows, seed=seed, dtype=torch.float64))[0]
    right = torch.linalg.qr(random(num_columns, rows, seed=seed + 1, dtype=torch.float64))[0]
    return (left * values) @ right.mT


@pytest.mark.parametrize("function", [newton_schulz, gram_newton_schulz])
@pytest.mark.parametrize("name", COEFFICIENTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_is_the_scalar_polynomial_on_every_singular_value(function: Map, name: str, shape: tuple[int, ...]) -> None:
    x = random(*shape, dtype=torch.float64)
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    safety = COEFFICIENTS[name].safety
    values = values / (safety * torch.linalg.vector_norm(x, dim=(-2, -1))[..., None])
    for a, b, c in schedule(name):
        values = a * values + b * values**3 + c * values**5
    expected = (left * values.unsqueeze(-2)) @ right
    # Float64 rounding times the product of slopes; the Gram form amplifies it between its restarts.
    tolerance = 1e-9 if function is newton_schulz else 1e-7
    torch.testing.assert_close(function(x, name, dtype=torch.float64), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", [(64, 256), (256, 64)])
def test_band_of_jordan_on_rectangles(shape: tuple[int, int]) -> None:
    values = torch.linalg.svdvals(newton_schulz(random(*shape), "jordan"))
    assert values.min() > 0.65
    assert values.max() < 1.21


@pytest.mark.parametrize("function", [newton_schulz, gram_newton_schulz])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_scale_invariance(function: Map, scale: float) -> None:
    x = random(64, 256)
    torch.testing.assert_close(function(scale * x), function(x), rtol=0, atol=1e-4)


def test_norms_below_eps_are_not_scaled_up_to_one() -> None:
    x = random(8, 16)
    tiny = 1e-12 * x / x.norm()
    assert newton_schulz(tiny, eps=1e-7).norm() < 1e-2
    torch.testing.assert_close(newton_schulz(tiny, eps=1e-20), newton_schulz(x), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["jordan", "polar_express_5"])
def test_equivariance_under_rotations_and_transposition(name: str) -> None:
    x = random(32, 48)
    q = torch.linalg.qr(random(32, 32, seed=1))[0]
    r = torch.linalg.qr(random(48, 48, seed=2))[0]
    # 1e-5 of the direction's norm sqrt(32).
    torch.testing.assert_close(newton_schulz(q @ x @ r, name), q @ newton_schulz(x, name) @ r, rtol=0, atol=6e-5)
    assert torch.equal(newton_schulz(x.mT, name), newton_schulz(x, name).mT)


def test_alignment_with_the_nuclear_norm() -> None:
    x = random(64, 256)
    ratio = (newton_schulz(x, "jordan") * x).sum() / torch.linalg.svdvals(x).sum()
    assert 0.65 < ratio < 1.35


def test_last_triple_repeated_converges_to_the_polar_factor() -> None:
    x = with_spectrum(torch.logspace(0, -2, 16, dtype=torch.float64), 40)
    difference = newton_schulz(x, "polar_express", steps=14, dtype=torch.float64) - exact_polar(x)
    assert difference.abs().max() < 1e-10


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_bfloat16_keeps_the_direction(power: float) -> None:
    x = with_spectrum(torch.arange(1, 65, dtype=torch.float64) ** -power, 256).float()
    exact = newton_schulz(x)
    for function in (newton_schulz, gram_newton_schulz):
        rounded = function(x, dtype=torch.bfloat16)
        assert torch.cosine_similarity(rounded.flatten(), exact.flatten(), dim=0) > 0.998


@pytest.mark.parametrize("coefficients", sorted(set(COEFFICIENTS) - {"cans"}))
@pytest.mark.parametrize("function", [newton_schulz, gram_newton_schulz])
def test_bfloat16_stays_bounded_when_a_few_directions_dominate(function: Map, coefficients: str) -> None:
    # Regression: the Gram form with its first restart after two steps gave norms of 1000 and more.
    matrices = [with_spectrum(spectrum, 256) for spectrum in dominated_spectra()]
    bound = max(torch.linalg.matrix_norm(newton_schulz(x, coefficients), 2).item() for x in matrices)
    for x in matrices:
        direction = function(x.float(), coefficients, dtype=torch.bfloat16)
        assert torch.linalg.matrix_norm(direction, 2) < 1.15 * bound


def test_schedule_that_rounding_drives_out_of_its_interval_is_refused_in_half_precision() -> None:
    x = with_spectrum(torch.linspace(0.01, 1.0, 64, dtype=torch.float64), 256).float()
    with pytest.raises(ValueError, match=r"'cans' does not stay bounded in torch\.bfloat16"):
        newton_schulz(x, "cans", dtype=torch.bfloat16)
    (direction,) = orthogonalize([x], "cans")
    assert direction.dtype == torch.float32
    assert torch.linalg.matrix_norm(direction, 2) < 1.15
    with pytest.raises(ValueError, match="cans"):
        Muon([torch.nn.Parameter(x)], direction="cans", precision="bfloat16")


def dominated_spectra() -> Iterator[torch.Tensor]:
    for number, rest in product((1, 2, 5), (0.3, 0.1, 0.03, 0.01, 0.001)):
        spectrum = torch.linspace(0.0, rest / 8, 64, dtype=torch.float64)
        spectrum[:number] = 1.0
        yield spectrum


@pytest.mark.parametrize("shape", [(64, 256), (32, 128), (48, 48)])
def test_gram_form_equals_the_standard_form(shape: tuple[int, int]) -> None:
    x = random(*shape, seed=3)
    difference = gram_newton_schulz(x, "jordan") - newton_schulz(x, "jordan")
    assert difference.norm() / newton_schulz(x, "jordan").norm() < 1e-5


@pytest.mark.parametrize("function", [newton_schulz, gram_newton_schulz])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(4, 4), (3, 9), (9, 3), (2, 3, 5), (1, 7), (7, 1), (1, 1)])
def test_zeros_give_exact_zeros(function: Map, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    assert torch.equal(function(torch.zeros(shape), dtype=dtype), torch.zeros(shape))


def test_rows_and_columns_become_their_normalised_selves_times_a_number_in_the_band() -> None:
    row = random(1, 9)
    for vector in (row, row.mT, row[:, :1]):
        result = newton_schulz(vector)
        factor = (result * vector).sum() / vector.norm()
        torch.testing.assert_close(result, factor * vector / vector.norm(), rtol=1e-5, atol=1e-6)
        assert 0.85 < factor < 1.15


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 3, 3)])
def test_empty(shape: tuple[int, ...]) -> None:
    assert newton_schulz(torch.zeros(shape)).shape == shape
    assert exact_polar(torch.zeros(shape)).shape == shape


def test_input_is_only_read_and_strides_do_not_matter() -> None:
    base = random(12, 20)
    strided = torch.stack([base, base], dim=-1)[..., 0]
    before = strided.clone()
    for function in (newton_schulz, gram_newton_schulz, exact_polar):
        assert not strided.is_contiguous()
        torch.testing.assert_close(function(strided), function(base), rtol=0, atol=1e-5)
        assert torch.equal(strided, before)


def test_stack_equals_its_slices() -> None:
    # Regression: a batch normalised by one norm gives slices of unequal size.
    x = random(3, 8, 20) * torch.tensor([1.0, 1e3, 1e-3])[:, None, None]
    for function in (newton_schulz, gram_newton_schulz):
        torch.testing.assert_close(function(x), torch.stack([function(part) for part in x]), rtol=0, atol=1e-6)


def test_iteration_makes_no_allocation_that_grows_with_the_number_of_steps() -> None:
    x = random(2, 16, 40)
    pointers = {x.data_ptr()}
    result = iterate(x, schedule("jordan", 4))
    assert result.data_ptr() in pointers  # even number of swaps between two buffers
