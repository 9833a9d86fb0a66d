from __future__ import annotations

import pytest
import torch
from torch import nn

from collidium.optim import route
from collidium.optim._matrix_view import MatrixView


class SmallTransformer(nn.Module):
    """A jet transformer in miniature: embedding, one block with fused query, key, value, experts, token, head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(7, 16)
        self.qkv = nn.Linear(16, 32, bias=False)
        self.experts = nn.Parameter(torch.zeros(2, 32, 16))
        self.mixer = nn.Conv1d(16, 16, 3, bias=False)
        self.norm = nn.LayerNorm(16)
        self.scale = nn.Parameter(torch.ones(()))
        self.token = nn.Parameter(torch.zeros(1, 16))
        self.frozen = nn.Parameter(torch.zeros(4, 4), requires_grad=False)
        self.head = nn.Linear(16, 2)

    def parameter_roles(self) -> dict[str, str]:
        return {
            "embedding.weight": "embedding",
            "embedding.bias": "bias",
            "qkv.weight": "matrix",
            "experts": "stack",
            "mixer.weight": "conv",
            "norm.weight": "norm",
            "norm.bias": "norm",
            "scale": "scalar",
            "token": "token",
            "frozen": "matrix",
            "head.weight": "head",
            "head.bias": "bias",
        }

    def split_sizes(self) -> dict[str, tuple[int, ...]]:
        return {"qkv.weight": (16, 8, 8)}


REPORT = """\
parameter         shape                      role       optimizer  decay  reason
-----------------------------------------------------------------------------------------------------------------------
experts           2 x 32 x 16                stack      muon       yes    stack of hidden weights, each slice by itself
scale             scalar                     scalar     adamw      no     scalar gate or scale
token             1 x 16                     token      adamw      no     learned token or positions
frozen            4 x 4                      frozen     none       no     requires no gradient
embedding.weight  16 x 7                     embedding  adamw      yes    first layer: inputs are not hidden features
embedding.bias    16                         bias       adamw      no     bias
qkv.weight        32 x 16 (16 + 8 + 8 rows)  matrix     muon       yes    hidden weight, rows are outputs
mixer.weight      16 x 16 x 3                conv       muon       yes    convolution, flattened to out x (in ...)
norm.weight       16                         norm       adamw      no     gain or shift of a normalisation
norm.bias         16                         norm       adamw      no     gain or shift of a normalisation
head.weight       2 x 16                     head       adamw      yes    last layer: outputs are not hidden features
head.bias         2                          bias       adamw      no     bias
muon: 3 parameters, 2,304 numbers
adamw: 8 parameters, 211 numbers
none: 1 parameters, 16 numbers"""


def test_report_of_a_model() -> None:
    model = SmallTransformer()
    assert str(route(model.named_parameters(), model.parameter_roles(), model.split_sizes())) == REPORT


def test_every_trainable_parameter_is_in_exactly_one_group() -> None:
    model = SmallTransformer()
    routing = route(model.named_parameters(), model.parameter_roles(), model.split_sizes())
    groups = routing.param_groups({"muon": {"lr": 0.1, "weight_decay": 0.1}, "adamw": {"lr": 0.1, "weight_decay": 0.1}})
    placed = [name for group in groups for name, _ in group["params"]]
    assert sorted(placed) == sorted(name for name, p in model.named_parameters() if p.requires_grad)
    decays = {name: group["weight_decay"] for group in groups for name, _ in group["params"]}
    assert {name for name, decay in decays.items() if decay == 0.0} == {
        "scale", "token", "embedding.bias", "norm.weight", "norm.bias", "head.bias"
    }  # fmt: skip


def test_views_follow_the_roles() -> None:
    model = SmallTransformer()
    routing = route(model.named_parameters(), model.parameter_roles(), model.split_sizes())
    assert {r.names[0]: r.view for r in routing.routes if r.view is not None} == {
        "experts": MatrixView(kind="stack"),
        "qkv.weight": MatrixView(split_sizes=(16, 8, 8)),
        "mixer.weight": MatrixView(kind="flatten"),
    }


def test_ablation_of_a_role_is_one_argument() -> None:
    model = SmallTransformer()
    arguments = (model.named_parameters(), model.parameter_roles(), model.split_sizes())
    routing = route(*arguments, matrix_roles=("matrix",))
    by_name = {r.names[0]: r for r in routing.routes}
    assert by_name["qkv.weight"].optimizer == "muon"
    assert by_name["experts"].optimizer == "adamw"
    assert by_name["experts"].reason.endswith("role excluded")
    with pytest.raises(ValueError, match="unknown matrix role 'head'"):
        route([], {}, matrix_roles=("head",))


def test_tied_parameters_are_routed_once() -> None:
    weight = nn.Parameter(torch.zeros(4, 4))
    (only,) = route([("a", weight), ("b", weight)], {"a": "matrix", "b": "matrix"}).routes
    assert only.names == ("a", "b")
    assert str(route([("a", weight), ("b", weight)], {"a": "head"})).splitlines()[2].startswith("a = b")


WEIGHT = nn.Parameter(torch.zeros(4, 4))


@pytest.mark.parametrize(
    ("named", "roles", "splits", "message"),
    [
        ([("a", WEIGHT)], {}, {}, "parameter a is unrouted: roles does not name it"),
        ([("a", WEIGHT)], {"a": "matrix", "c": "bias"}, {}, "roles names c, which the model does not have"),
        ([("a", WEIGHT)], {"a": "matrx"}, {}, "unknown role of a 'matrx'; did you mean matrix"),
        (
            [("a", WEIGHT), ("b", WEIGHT)],
            {"a": "matrix", "b": "head"},
            {},
            "a = b is routed twice: as head and as matrix",
        ),
        ([("a", WEIGHT), ("a", WEIGHT)], {"a": "matrix"}, {}, "parameter a is routed twice"),
        ([("a", WEIGHT)], {"a": "matrix"}, {"b": (2, 2)}, "split_sizes names b, which the model does not have"),
        ([("a", WEIGHT)], {"a": "matrix"}, {"a": (2, 1)}, r"split_sizes \(2, 1\) of parameter a"),
        ([("a", WEIGHT)], {"a": "head"}, {"a": (2, 2)}, "split_sizes names a, whose role 'head' is not a matrix"),
        ([("a", nn.Parameter(torch.zeros(2, 3, 4)))], {"a": "matrix"}, {}, "needs 2 dimensions"),
        ([("a", nn.Parameter(torch.zeros(2, 3, 4)))], None, {}, "parameter a is unrouted"),
    ],
)
def test_refuses(named: list[tuple[str, nn.Parameter]], roles: dict[str, str], splits: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        route(named, roles, splits)


def test_without_roles_embedding_like_shapes_warn_and_declared_ones_do_not() -> None:
    wide = nn.Parameter(torch.zeros(2, 64))
    with pytest.warns(UserWarning, match=r"parameter w of shape \(2, 64\) looks like an embedding"):
        route([("w", wide)])
    assert route([("w", wide)], {"w": "matrix"}).routes[0].optimizer == "muon"
