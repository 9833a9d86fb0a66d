"""Slot 2: Adam's bias-corrected ratio of the first to the root of the second moment."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from collidium.optim._elementwise import check_betas
from collidium.optim._momentum import new_momentum
from collidium.optim._pipeline import MatrixStep, Options, Slot


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    return {
        "step": torch.zeros((), dtype=torch.float32),
        "momentum": new_momentum(weight),
        "second_moment": new_momentum(weight),
    }


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    beta1, beta2 = (float(beta) for beta in options["betas"])
    for matrix in matrices:
        first, second = matrix.state["momentum"], matrix.state["second_moment"]
        gradient = matrix.update.to(first.dtype)
        step = int(matrix.state["step"].add_(1.0))
        first.lerp_(gradient, 1.0 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
        root = second.sqrt().div_(math.sqrt(1.0 - beta2**step)).add_(options["eps"])
        matrix.update = torch.div(first, 1.0 - beta1**step).div_(root)


ADAM_MOMENTS = Slot(
    number=2,
    variant="EMA over the root of the second moment, bias-corrected",
    defaults={"betas": (0.9, 0.999), "eps": 1e-8},
    check=check_betas(2),
    initial_state=_initial_state,
    advance=_advance,
)
