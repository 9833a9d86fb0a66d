from __future__ import annotations

import pytest
import torch

from collidium.artifact import InputError
from collidium.trigger import QuantContract, QuantEinsum, QuantizerConfig

FIXED = QuantizerConfig(i=1.0, f=2.0, integer_bits="fixed")


@pytest.mark.parametrize(
    ("equation", "sizes"),
    [
        ("pf,fo>po", {"o": 2}),
        ("pf,fo->po", {}),
        ("pf,fo->pq", {"o": 2}),
        ("pp,po->po", {"o": 2}),
        ("pf->p", {}),
        ("pfx,fo->po", {"o": 2}),
        ("pf,o->po", {"o": 2}),
    ],
)
def test_equations_that_do_not_fit_are_refused(equation: str, sizes: dict[str, int]) -> None:
    with pytest.raises(InputError, match="does not fit"):
        QuantEinsum(equation, (3, 4), sizes)


def test_fine_sums_are_torchs() -> None:
    fine = QuantizerConfig(f=18.0)
    layer = QuantEinsum("pf,pfo->po", (3, 4), {"o": 2}, data=fine, weight=fine, bias=fine)
    x = torch.randn(6, 3, 4)
    torch.testing.assert_close(layer(x), torch.einsum("zpf,pfo->zpo", x, layer.kernel), rtol=0, atol=1e-3)


def test_costs_count_products_of_bits() -> None:
    layer = QuantEinsum("pf,fo->po", (3, 4), {"o": 2}, data=FIXED, weight=FIXED, bias=FIXED)
    assert layer.ebops().item() == 3 * 4 * 2 * 9 + 3 * 2 * 3
    assert QuantContract("ik,jk->ij", (3, 4), (5, 4), x=FIXED, y=FIXED).ebops().item() == 3 * 5 * 4 * 9
