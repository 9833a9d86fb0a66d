from __future__ import annotations

import pytest

from collidium.artifact import InputError
from collidium.models import JETFORMER_SIZES, JetFormerConfig


def test_published_counts() -> None:
    large = JETFORMER_SIZES["jetclass-large"].build(17, 0, 10, seed=0)
    # Stated as 213M; 211.96M are matrix products, the rest are norms.
    assert large.num_macs(128) == 128 * 17 * 128 + 10 * (129 * 8 * 128**2 + 2 * 129**2 * 128) + 1280
    assert round(large.num_macs(128) / 1e6) == 212


@pytest.mark.parametrize(("width", "macs"), [(8, 0.026e6), (128, 4.84e6)])
def test_search_sizes_are_of_the_published_order(width: int, macs: float) -> None:
    # The published figures count norms and biases too, which weigh 8 % at width 8.
    config = JETFORMER_SIZES[f"search-{width}"]
    assert config.build(3, 0, 5, seed=0).num_macs(8) == pytest.approx(macs, rel=0.1)


def test_only_batch_norms_and_relus() -> None:
    kinds = {type(m).__name__ for m in JetFormerConfig().build(16, 0, 5, seed=0).blocks.modules()}
    assert kinds == {"ModuleList", "Block", "CloudBatchNorm", "FusedProjection", "Linear", "Dropout"}


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="num_heads is 3: must divide width 64"):
        JetFormerConfig(num_heads=3)
