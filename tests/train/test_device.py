"""Devices, precision and randomness of a step."""

from __future__ import annotations

import pytest
import torch

from collidium.artifact import InputError
from collidium.train import find_device, is_bfloat16, step_randomness

CPU = torch.device("cpu")


def test_randomness_is_a_function_of_seed_and_step_and_leaves_the_global_state_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    drawn = {}
    for key in ((0, 0), (0, 1), (1, 0), (0, 0)):
        with step_randomness(*key, CPU):
            value = torch.rand(4)
        assert torch.equal(drawn.setdefault(key, value), value)
    assert len({tuple(value.tolist()) for value in drawn.values()}) == 3
    assert torch.equal(torch.rand(3), expected)


def test_unknown_device_is_refused():
    with pytest.raises(InputError, match="'gpu'"):
        find_device("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused():
    assert find_device("auto") == CPU
    with pytest.raises(InputError, match="no CUDA GPU"):
        find_device("cuda")


def test_rule_of_precision():
    cuda = torch.device("cuda")
    assert [is_bfloat16("auto", device) for device in (CPU, cuda)] == [False, True]
    assert [is_bfloat16("float32", device) for device in (CPU, cuda)] == [False, False]
    assert [is_bfloat16("bfloat16", device) for device in (CPU, cuda)] == [True, True]
