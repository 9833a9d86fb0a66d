"""The batch record: packing, padding, selection."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from collidium.cloud import Cloud, Jets, feature_set, make_cloud


def test_padding_and_packing_are_inverse(make_jets: Callable[..., Jets]) -> None:
    cloud = make_cloud(make_jets(30), feature_set("full"))
    padded = cloud.padded(50)
    assert padded.x.shape == (30, 50, 17)
    assert bool((padded.x[~padded.mask] == 0).all())
    again = Cloud.from_padded(padded.x, padded.p4, padded.mask, y=padded.y)
    for name in ("x", "p4", "offsets", "y"):
        assert torch.equal(getattr(again, name), getattr(cloud, name))


def test_the_mask_alone_decides_what_is_padding() -> None:
    x = torch.zeros(2, 3, 4)
    mask = torch.tensor([[True, False, True], [False, False, False]])
    cloud = Cloud.from_padded(x, torch.zeros(2, 3, 4), mask)
    assert cloud.lengths.tolist() == [2, 0]


def test_gradient_of_padded_rows_is_zero(make_jets: Callable[..., Jets]) -> None:
    padded = make_cloud(make_jets(10), feature_set("kin")).padded()
    x = padded.x.requires_grad_()
    Cloud.from_padded(x, padded.p4, padded.mask).x.square().sum().backward()
    assert x.grad is not None
    assert bool((x.grad[~padded.mask] == 0).all())
    assert bool((x.grad[padded.mask] != 0).any())


def test_taking_jets_keeps_their_particles(make_jets: Callable[..., Jets]) -> None:
    jets = make_jets(30)
    order = [4, 29, 0, 4]
    cloud = make_cloud(jets, feature_set("full")).take(torch.tensor(order))
    expected = make_cloud(jets.take(order), feature_set("full"))
    for name in ("p4", "offsets", "y", "w", "g", "event_id"):
        assert torch.equal(getattr(cloud, name), getattr(expected, name))
    # vector and scalar code of the elementwise functions differ in the last bit
    assert torch.allclose(cloud.x, expected.x, rtol=0, atol=2e-6)


def test_shorter_padding_drops_the_last_particles(make_jets: Callable[..., Jets]) -> None:
    cloud = make_cloud(make_jets(30), feature_set("kin"))
    short = cloud.padded(5)
    assert torch.equal(short.mask.sum(1), cloud.lengths.clamp(max=5))
    assert torch.equal(short.x[3], cloud.padded().x[3, :5])


def test_joined_clouds_are_the_cloud_of_all_jets(make_jets: Callable[..., Jets]) -> None:
    cloud = make_cloud(make_jets(30), feature_set("full"))
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    parts = [cloud.take(order[start:stop]) for start, stop in ((0, 7), (7, 7), (7, 30))]
    joined, whole = Cloud.concat(parts), cloud.take(order)
    for field in dataclasses.fields(Cloud):
        assert torch.equal(getattr(joined, field.name), getattr(whole, field.name))


def test_a_slice_shows_the_jets_in_place(make_jets: Callable[..., Jets]) -> None:
    cloud = make_cloud(make_jets(30), feature_set("kin"))
    part, taken = cloud.slice(4, 11), cloud.take(torch.arange(4, 11))
    for name in ("p4", "x", "offsets", "g", "y", "w", "event_id"):
        assert torch.equal(getattr(part, name), getattr(taken, name))
    assert part.x.untyped_storage().data_ptr() == cloud.x.untyped_storage().data_ptr()
