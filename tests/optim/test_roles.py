from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from collidium.optim._roles import MATRIX_ROLES, ROLES, guessed_role, module_roles, module_split_sizes


@pytest.mark.parametrize(
    ("name", "shape", "role"),
    [
        ("blocks.0.proj.weight", (8, 8), "matrix"),
        ("blocks.0.proj.bias", (8,), "bias"),
        ("in_proj_bias", (24,), "bias"),
        ("blocks.0.norm.weight", (8,), "norm"),
        ("scale", (), "scalar"),
    ],
)
def test_settled_guesses_are_silent(name: str, shape: tuple[int, ...], role: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert guessed_role(name, torch.zeros(shape)) == role


@pytest.mark.parametrize(
    ("name", "shape", "role", "message"),
    [
        ("embed.weight", (32, 8), "embedding", "taken for an embedding by its name"),
        ("model.head.weight", (10, 8), "head", "taken for a head by its name"),
        ("tokens.weight", (1000, 8), "matrix", "looks like an embedding or a head"),
        ("pair.weight", (2, 64), "matrix", "looks like an embedding or a head"),
    ],
)
def test_embedding_like_parameters_warn(name: str, shape: tuple[int, ...], role: str, message: str) -> None:
    with pytest.warns(UserWarning, match=message):
        assert guessed_role(name, torch.zeros(shape)) == role


def test_three_dimensions_are_not_guessed() -> None:
    with pytest.raises(ValueError, match=r"experts is unrouted: shape .* may be a stack or a convolution"):
        guessed_role("experts", torch.zeros(2, 3, 4))


def test_layers_say_what_shapes_cannot() -> None:
    model = nn.Sequential(nn.Embedding(100, 8), nn.Conv2d(8, 8, 3), nn.LayerNorm(8), nn.MultiheadAttention(8, 2))
    assert module_roles(model) == {
        "0.weight": "embedding",
        "1.weight": "conv",
        "1.bias": "bias",
        "2.weight": "norm",
        "2.bias": "bias",
        "3.in_proj_weight": "matrix",
        "3.in_proj_bias": "bias",
        "3.out_proj.weight": "matrix",
        "3.out_proj.bias": "bias",
    }
    assert module_split_sizes(model) == {"3.in_proj_weight": (8, 8, 8)}
    assert module_split_sizes(nn.MultiheadAttention(8, 2, kdim=4, vdim=4)) == {}


def test_matrix_roles_are_those_with_a_view() -> None:
    assert tuple(name for name, role in ROLES.items() if role.view) == MATRIX_ROLES


def test_a_sequential_model_begins_with_an_embedding_and_ends_with_a_head() -> None:
    body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())
    roles = module_roles(nn.Sequential(body, nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 2), nn.Softmax(-1)))
    weights = ("0.0.weight", "0.2.weight", "2.weight", "3.weight")
    assert [roles[name] for name in weights] == ["embedding", "matrix", "matrix", "head"]


def test_ends_of_other_types_keep_their_own_role() -> None:
    roles = module_roles(nn.Sequential(nn.Conv1d(4, 8, 3), nn.Linear(8, 8), nn.MultiheadAttention(8, 2)))
    assert (roles["0.weight"], roles["1.weight"]) == ("conv", "matrix")
    assert module_roles(nn.Linear(8, 8))["weight"] == "matrix"
    assert module_roles(nn.Sequential(nn.ReLU())) == {}
