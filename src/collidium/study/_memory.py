"""Associative memory whose facts come with heavy-tailed frequencies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError

_SCALE_OF_INIT = 0.1


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """The memory task.

    Attributes
    ----------
    num_facts : int
        K, pairs of a key and a value.
    width : int
        d, size of keys and values.
    hidden : int
        Units of the hidden layer of the task ``memory_hidden``.
    exponent : float, 1
        s of the frequencies ``k^-s``.
    batch_size : int
        Facts drawn in a step.
    steps : int
        Steps of a run.
    rate_scale : float, 1
        Factor on the members' centre rates.
    weight_decay : float or None, 1
        Decay of every member; None leaves each its own. Decay bounds the scores, so rare facts cannot be learnt to the
        end under it.
    """

    num_facts: int = 1024
    width: int = 96
    hidden: int = 192
    exponent: float = 1.0
    batch_size: int = 512
    steps: int = 150
    rate_scale: float = 30.0
    weight_decay: float | None = 0.0

    def __post_init__(self) -> None:
        for name in ("num_facts", "width", "hidden", "batch_size", "steps"):
            if getattr(self, name) < 1:
                raise InputError(f"memory.{name} is {getattr(self, name)}; at least 1 is needed")
        if self.num_facts < 10:
            raise InputError(f"memory.num_facts is {self.num_facts}; at least 10 are needed for a head and a tail")
        if not (0.0 <= self.exponent < 10.0 and 0.0 < self.rate_scale < 1e6):
            raise InputError(
                f"memory.exponent is {self.exponent}, memory.rate_scale {self.rate_scale}; "
                "an exponent in [0, 10) and a positive scale are needed"
            )
        if self.weight_decay is not None and not 0.0 <= self.weight_decay < 1e6:
            raise InputError(f"memory.weight_decay is {self.weight_decay}; 0, a positive number or None is needed")


def zipf_frequencies(num_facts: int, exponent: float) -> NDArray[np.float64]:
    """Frequencies that fall like a power of the rank.

    Parameters
    ----------
    num_facts : int
        K.
    exponent : float, 1
        s.

    Returns
    -------
    ndarray, (K,), 1
        ``p_k = k^-s / sum_j j^-s`` for ``k = 1..K``.

    Examples
    --------
    >>> zipf_frequencies(2, 1.0).round(4).tolist()
    [0.6667, 0.3333]
    """
    weights = np.arange(1, num_facts + 1, dtype=np.float64) ** -exponent
    frequencies: NDArray[np.float64] = weights / weights.sum()
    return frequencies


def recalls(logits: Tensor) -> dict[str, float]:
    """Share of the facts that are recalled, among the frequent and among the rare ones.

    Parameters
    ----------
    logits : Tensor, (K, K), 1
        Row k holds the scores of all values for key k; keys in descending order of frequency.

    Returns
    -------
    dict of str to float, 1
        ``head_recall`` over the most frequent tenth of the facts and ``tail_recall`` over the rarer half: the fraction
        of rows whose largest entry is that of their own value.

    Examples
    --------
    >>> recalls(torch.eye(10))
    {'head_recall': 1.0, 'tail_recall': 1.0}
    """
    K = len(logits)
    is_right = (logits.argmax(dim=1) == torch.arange(K, device=logits.device)).double()
    return {
        "head_recall": float(is_right[: max(K // 10, 1)].mean()),
        "tail_recall": float(is_right[K - K // 2 :].mean()),
    }


class Memory(nn.Module):
    """Maps keys to scores of all values through trained matrices between fixed random vectors.

    Parameters
    ----------
    config : MemoryConfig
        Sizes.
    is_hidden : bool
        Whether two matrices with a ReLU between them stand in place of one.

    Notes
    -----
    ``z_k = V W e_k`` with unit keys ``e_k`` and unit values, the rows of ``V``; or ``V W_2 relu(W_1 e_k)``. As K is
    larger than d, keys overlap and the facts share the matrix.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, config: MemoryConfig, *, is_hidden: bool) -> None:
        super().__init__()
        K, d = config.num_facts, config.width
        self.register_buffer("keys", functional.normalize(torch.randn(K, d), dim=1))
        self.register_buffer("values", functional.normalize(torch.randn(K, d), dim=1))
        widths = (d, config.hidden, d) if is_hidden else (d, d)
        self.layers = nn.ModuleList(nn.Linear(first, second, bias=False) for first, second in pairwise(widths))
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5 * (1.0 if is_hidden else _SCALE_OF_INIT))

    def forward(self, facts: Tensor) -> Tensor:
        """Scores (N, K) of all values for the keys of N facts."""
        x = self.keys[facts]
        for number, layer in enumerate(self.layers):
            x = layer(functional.relu(x) if number else x)
        return x @ self.values.T

    def parameter_roles(self) -> dict[str, str]:
        """Every parameter is a hidden matrix."""
        return {name: "matrix" for name, _ in self.named_parameters()}

    def split_sizes(self) -> dict[str, tuple[int, ...]]:
        """No parameter is fused."""
        return {}


class MemoryTask:
    """Learn to recall facts, the frequent ones seen far more often.

    Parameters
    ----------
    config : MemoryConfig
        Sizes.
    is_hidden : bool
        Whether the memory has a hidden layer.
    device : torch.device
        Where to compute.
    """

    def __init__(self, config: MemoryConfig, *, is_hidden: bool, device: torch.device) -> None:
        self.config = config
        self.is_hidden = is_hidden
        self.device = device
        self.frequencies = zipf_frequencies(config.num_facts, config.exponent)

    def build(self, seed: int) -> nn.Module:
        """The untrained memory, with keys and values of this seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Memory(self.config, is_hidden=self.is_hidden).to(self.device)

    def batches(self, seed: int) -> Iterator[Tensor]:
        """Numbers of the facts of each step, without end."""
        cumulative = np.cumsum(self.frequencies)
        step = 0
        while True:
            drawn = np.random.default_rng([seed, step]).random(self.config.batch_size)
            facts = np.minimum(np.searchsorted(cumulative, drawn, side="right"), self.config.num_facts - 1)
            yield torch.from_numpy(facts).to(self.device)
            step += 1

    def loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        """Cross-entropy of the batch's facts."""
        return functional.cross_entropy(model(batch), batch)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> float:
        """Expected cross-entropy over the frequencies, without sampling."""
        facts = torch.arange(self.config.num_facts, device=self.device)
        losses = functional.cross_entropy(model(facts), facts, reduction="none").double().cpu()
        return float(losses @ torch.from_numpy(self.frequencies))

    @torch.no_grad()
    def figures(self, model: nn.Module) -> dict[str, float]:
        """Recall of frequent and of rare facts."""
        return recalls(model(torch.arange(self.config.num_facts, device=self.device)))
