"""Next-character prediction on a text file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError
from collidium.study._gpt import GPTConfig

_TRAIN_SHARE = 0.9


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """The language task.

    Attributes
    ----------
    model : GPTConfig
        The model.
    batch_size : int
        Windows of text in a step.
    steps : int
        Steps of a run.
    validation_windows : int
        Windows of the validation text that are looked at.
    rate_scale : float, 1
        Factor on the members' centre rates.
    weight_decay : float or None, 1
        Decay of every member; None leaves each the one of its recipe.
    """

    model: GPTConfig = field(default_factory=GPTConfig)
    batch_size: int = 16
    steps: int = 240
    validation_windows: int = 64
    rate_scale: float = 3.0
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "steps", "validation_windows"):
            if getattr(self, name) < 1:
                raise InputError(f"language.{name} is {getattr(self, name)}; at least 1 is needed")
        if not 0.0 < self.rate_scale < 1e6:
            raise InputError(f"language.rate_scale is {self.rate_scale}; a positive number is needed")
        if self.weight_decay is not None and not 0.0 <= self.weight_decay < 1e6:
            raise InputError(f"language.weight_decay is {self.weight_decay}; 0, a positive number or None is needed")


def read_text(path: Path) -> tuple[Tensor, str]:
    """Read a text as numbers of its characters.

    Parameters
    ----------
    path : Path
        A UTF-8 text.

    Returns
    -------
    tuple of Tensor of int64 (T,) and str
        Token of each character, and the characters in ascending order: token i is character i.

    Raises
    ------
    InputError
        If the file is missing, no text or has fewer than two different characters.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "text"
    >>> _ = path.write_text("abba")
    >>> read_text(path)
    (tensor([0, 1, 1, 0]), 'ab')
    """
    if not path.is_file():
        raise InputError(f"{path}: no such text file")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no UTF-8 text") from error
    characters = "".join(sorted(set(text)))
    if len(characters) < 2:
        raise InputError(f"{path}: has {len(characters)} different characters; 2 are needed at least")
    place = {character: token for token, character in enumerate(characters)}
    return torch.tensor([place[character] for character in text]), characters


class LanguageTask:
    """Predict each next character of a text.

    Parameters
    ----------
    config : LanguageConfig
        Sizes.
    text : Path
        A UTF-8 text; its last tenth is for validation.
    device : torch.device
        Where to compute.

    Raises
    ------
    InputError
        If the text cannot be read or is shorter than a window.
    """

    def __init__(self, config: LanguageConfig, text: Path, device: torch.device) -> None:
        self.config = config
        self.device = device
        tokens, self.characters = read_text(text)
        cut = int(_TRAIN_SHARE * len(tokens))
        self._train, validation = tokens[:cut], tokens[cut:]
        self._span = config.model.context + 1
        if len(validation) < self._span:
            least = int(self._span / (1.0 - _TRAIN_SHARE)) + 1
            raise InputError(f"{text}: has {len(tokens)} characters; about {least} are needed for this context")
        starts = np.linspace(0, len(validation) - self._span, config.validation_windows).astype(np.int64)
        self._validation = torch.split(self._windows(validation, starts), config.batch_size)

    def build(self, seed: int) -> nn.Module:
        """The untrained model of this seed."""
        return self.config.model.build(len(self.characters), seed=seed).to(self.device)

    def batches(self, seed: int) -> Iterator[Tensor]:
        """Windows (N, P + 1) of the training text for each step, without end."""
        step = 0
        while True:
            generator = np.random.default_rng([seed, step])
            starts = generator.integers(0, len(self._train) - self._span + 1, self.config.batch_size)
            yield self._windows(self._train, starts)
            step += 1

    def loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        """Mean cross-entropy of the next characters, in nats."""
        logits = model(batch[:, :-1])
        return functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())

    @torch.no_grad()
    def validate(self, model: nn.Module) -> float:
        """The loss on the windows of the validation text."""
        model.eval()
        total = sum(float(self.loss(model, batch)) * len(batch) for batch in self._validation)
        model.train()
        return total / self.config.validation_windows

    def figures(self, model: nn.Module) -> dict[str, float]:
        """Nothing beyond the loss."""
        return {}

    def _windows(self, tokens: Tensor, starts: np.ndarray) -> Tensor:
        rows = torch.from_numpy(starts)[:, None] + torch.arange(self._span)
        return tokens[rows].to(self.device)
