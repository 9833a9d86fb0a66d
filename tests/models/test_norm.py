from __future__ import annotations

import pytest
import torch

from collidium.models import CloudBatchNorm


def norms() -> tuple[CloudBatchNorm, torch.nn.BatchNorm1d]:
    ours, theirs = CloudBatchNorm(5).double(), torch.nn.BatchNorm1d(5).double()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.normal_()
            dict(ours.named_parameters())[name].copy_(parameter)
    return ours, theirs


def test_packed_rows_are_normalised_as_by_torch() -> None:
    ours, theirs = norms()
    rows = torch.randn(30, 5, dtype=torch.float64) * 3 + 1
    for _ in range(3):
        torch.testing.assert_close(ours(rows), theirs(rows))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.eval()(rows), theirs.eval()(rows))


def test_masked_rows_do_not_enter_statistics() -> None:
    ours, theirs = norms()
    x, mask = torch.randn(4, 6, 5, dtype=torch.float64), torch.rand(4, 6) < 0.6
    garbage = torch.where(mask[..., None], x, 1e6)
    torch.testing.assert_close(ours(garbage, mask)[mask], theirs(x[mask]))
    torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_use_and_leave_the_averages(count: int) -> None:
    ours, _ = norms()
    ours(torch.randn(30, 5, dtype=torch.float64))
    rows, before = torch.randn(count, 5, dtype=torch.float64), ours.running_var.clone()
    trained = ours(rows)
    assert torch.equal(ours.running_var, before)
    assert torch.equal(trained, ours.eval()(rows))
