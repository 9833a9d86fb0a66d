"""Slot 2: momentum that is stored in 8 bits between the steps."""

from __future__ import annotations

import torch
from torch import Tensor

from collidium.optim._momentum import MOMENTUM, nesterov, new_momentum, storage_dtype, update_momentum_
from collidium.optim._names import unknown_name
from collidium.optim._pipeline import MatrixStep, Options, Slot, require
from collidium.optim._quantisation import SCHEMES, Quantised, dequantise, quantise
from collidium.optim._seeds import seeded_generator

ROUNDINGS = ("nearest", "stochastic")


def _check(options: Options) -> None:
    MOMENTUM.check(options)
    if options["scheme"] not in SCHEMES:
        raise unknown_name("scheme", options["scheme"], SCHEMES)
    if options["rounding"] not in ROUNDINGS:
        raise unknown_name("rounding", options["rounding"], ROUNDINGS)
    require(options, "block_size", options["block_size"] >= 1, "an integer >= 1")


def _initial_state(weight: Tensor, options: Options) -> dict[str, Tensor]:
    if weight.numel() < options["smallest_quantised"]:
        return {"momentum": new_momentum(weight)}
    scheme = SCHEMES[options["scheme"]]
    num_blocks = -(-weight.numel() // options["block_size"])
    state = {
        "momentum_codes": torch.full((weight.numel(),), scheme.zero, dtype=scheme.dtype, device=weight.device),
        "momentum_scales": torch.zeros(num_blocks, dtype=torch.float32, device=weight.device),
    }
    if options["rounding"] == "stochastic":
        stream = next(index for index, parameter in enumerate(options["params"]) if parameter is weight)
        state["stream_and_draws"] = torch.tensor([stream, 0])
    return state


def _noise(matrix: MatrixStep, options: Options) -> Tensor | None:
    if options["rounding"] == "nearest":
        return None
    counter = matrix.state["stream_and_draws"]
    stream, draws = counter.tolist()
    counter[1] += 1
    generator = seeded_generator(options["seed"], stream, draws, device=matrix.weight.device)
    return torch.rand(matrix.weight.numel(), generator=generator, device=matrix.weight.device)


def _advance(matrices: list[MatrixStep], options: Options) -> None:
    mu, form = float(options["momentum"]), options["momentum_form"]
    scheme, block_size = options["scheme"], options["block_size"]
    for matrix in matrices:
        state, dtype = matrix.state, storage_dtype(matrix.weight)
        gradient = matrix.update.to(dtype)
        if "momentum" in state:
            momentum = update_momentum_(state["momentum"], gradient, mu, form)
        else:
            stored = Quantised(state["momentum_codes"], state["momentum_scales"])
            restored = dequantise(stored, scheme, block_size, dtype).view(matrix.weight.shape)
            momentum = update_momentum_(restored, gradient, mu, form)
            codes, scales = quantise(momentum.reshape(-1), scheme, block_size, _noise(matrix, options))
            state["momentum_codes"].copy_(codes)
            state["momentum_scales"].copy_(scales)
        matrix.update = nesterov(momentum, gradient, mu, form) if options["nesterov"] else momentum


QUANTISED_MOMENTUM = Slot(
    number=2,
    variant="EMA or sum, stored in 8 bits by blocks",
    defaults={
        "momentum": 0.95,
        "nesterov": False,
        "momentum_form": "sum",
        "scheme": "linear",
        "block_size": 2048,
        "rounding": "nearest",
        "seed": 0,
        "smallest_quantised": 4096,
    },
    check=_check,
    initial_state=_initial_state,
    advance=_advance,
)
