from __future__ import annotations

import copy

import pytest
import torch

from collidium.optim import OPTIMIZERS, Muon
from collidium.optim._scratch import Scratch


def address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def test_what_is_lent_is_not_lent_again_until_it_is_back() -> None:
    scratch, template = Scratch(), torch.zeros(4, 3)
    first, second = scratch.like(template), scratch.like(template)
    assert address(first) != address(second)
    scratch.reset(kept=1)
    assert scratch.num_lent == 1
    assert address(scratch.like(template)) == address(second)
    assert scratch.like(template, torch.bfloat16).dtype == torch.bfloat16


def test_a_brief_loan_ends_with_the_next() -> None:
    scratch = Scratch()
    brief = scratch.brief(torch.zeros(8))
    assert address(scratch.like(torch.zeros(2, 4))) == address(brief)


def test_the_smallest_fitting_memory_is_lent() -> None:
    scratch = Scratch()
    large, small = scratch.like(torch.zeros(100)), scratch.like(torch.zeros(10))
    scratch.reset()
    assert address(scratch.like(torch.zeros(9))) == address(small)
    assert address(scratch.like(torch.zeros(11))) == address(large)


def test_much_memory_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collidium.optim._scratch.KEPT_BYTES", 40)
    scratch = Scratch()
    kept = scratch.like(torch.zeros(10))
    scratch.settle()
    assert address(scratch.like(torch.zeros(10))) == address(kept)
    scratch.like(torch.zeros(1))
    scratch.settle()
    assert not scratch._free


def test_fast_leaves_what_is_fast() -> None:
    scratch, matrix = Scratch(), torch.arange(6.0).view(2, 3)
    assert scratch.fast(matrix, torch.float32) is matrix
    assert scratch.fast(matrix.double(), torch.float32).dtype == torch.float64
    for slow in (matrix.mT, matrix.bfloat16()):
        fast = scratch.fast(slow, torch.float32)
        assert fast.is_contiguous()
        assert torch.equal(fast, slow.float())


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_no_state_lies_in_memory_that_is_lent_again(name: str) -> None:
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in [(8, 8), (8, 24), (24, 8)]]
    optimizer = OPTIMIZERS[name].build(weights)
    for _ in range(2):
        for weight in weights:
            weight.grad = torch.randn(weight.shape)
        optimizer.step()
    lent = {address(block.memory) for free in optimizer._scratch._free.values() for block in free}
    kept = [*weights, *(value for state in optimizer.state.values() for value in state.values())]
    assert lent.isdisjoint(address(tensor) for tensor in kept)


def test_copies_of_an_optimizer_have_memory_of_their_own() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 4))
    optimizer = Muon([weight])
    weight.grad = torch.eye(4)
    optimizer.step()
    other = copy.deepcopy(optimizer)
    assert other._scratch is not optimizer._scratch
    other.step()
