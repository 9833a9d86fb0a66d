"""Random numbers as a function of a seed and counters, so that a resumed run draws what an unbroken one would."""

from __future__ import annotations

import torch

WORD = 1 << 63
MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)


def seeded_generator(seed: int, *counters: int, device: torch.device | None = None) -> torch.Generator:
    """Generator for one draw.

    Parameters
    ----------
    seed : int
        Chosen by the user.
    *counters : int
        Which draw it is, for example stream and step.
    device : torch.device, optional
        Where the numbers are drawn; the CPU if not given.

    Returns
    -------
    torch.Generator

    Examples
    --------
    >>> one, same, other = (seeded_generator(0, 3, draw) for draw in (7, 7, 8))
    >>> first = torch.rand(1, generator=one)
    >>> bool(first == torch.rand(1, generator=same)), bool(first == torch.rand(1, generator=other))
    (True, False)
    """
    word = seed % WORD
    for counter in counters:
        word = (word ^ (word >> 30)) * MULTIPLIERS[0] + (counter + 1) * MULTIPLIERS[1]
        word %= WORD
    word = ((word ^ (word >> 27)) * MULTIPLIERS[1]) % WORD
    return torch.Generator(device or torch.device("cpu")).manual_seed(word)
