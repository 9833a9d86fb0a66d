from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from collidium.artifact import InputError
from collidium.trigger import QuantConv2d, QuantizerConfig, patch_index


@pytest.mark.parametrize(("kernel", "stride"), [*itertools.product((1, 2, 3), (1, 2))])
def test_valid_patches_are_those_of_unfold(kernel: int, stride: int) -> None:
    image = torch.arange(2 * 7 * 6.0).reshape(1, 2, 7, 6)
    wanted = functional.unfold(image, kernel, stride=stride)[0].reshape(2, kernel * kernel, -1).permute(2, 1, 0)
    index = patch_index((7, 6, 2), (kernel, kernel), (stride, stride), "valid")
    flat = image.permute(0, 2, 3, 1).flatten().numpy()
    got = flat[index].reshape(-1, kernel * kernel, 2)
    np.testing.assert_array_equal(got, wanted.numpy())


def test_same_padding_puts_the_odd_zero_at_the_end() -> None:
    index = patch_index((8, 8, 1), (3, 3), (2, 2), "same")
    assert index.shape == (4, 4, 9)
    assert (index[:3, :3] >= 0).all()
    assert (index[3, 3].reshape(3, 3) == -1).tolist() == [[False, False, True], [False, False, True], [True] * 3]


def test_a_kernel_larger_than_the_image_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        patch_index((2, 1), (3,), (1,), "valid")


def test_a_fine_convolution_is_torchs() -> None:
    fine = QuantizerConfig(f=18.0)
    layer = QuantConv2d((6, 5, 2), 3, stride=1, data=fine, weight=fine, bias=fine)
    x = torch.randn(4, 6, 5, 2)
    kernel = layer.weight.reshape(3, 3, 3, 2).permute(0, 3, 1, 2)
    wanted = functional.conv2d(x.permute(0, 3, 1, 2), kernel, padding=1).permute(0, 2, 3, 1)
    torch.testing.assert_close(layer(x), wanted, rtol=0, atol=1e-3)


def test_cost_counts_no_product_with_padding() -> None:
    fixed = QuantizerConfig(i=1.0, f=1.0, integer_bits="fixed")
    layer = QuantConv2d((4, 4, 1), 1, data=fixed, weight=fixed, bias=None)
    assert layer.ebops().item() == (4 * 9 + 8 * 6 + 4 * 4) * 4
