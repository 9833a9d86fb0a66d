"""Polynomial schedules of the Newton-Schulz iteration, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch

from collidium.optim._names import unknown_name

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class CoefficientSet:
    """One published schedule of odd quintics ``s -> a s + b s^3 + c s^5``.

    Parameters
    ----------
    triples : tuple of (a, b, c)
        Coefficients of the successive steps.
    steps : int
        Steps taken unless the caller says otherwise.
    continuation : {"repeat_last", "cycle", "none"}
        What follows when more steps are asked for than there are triples; ``"none"`` forbids it.
    safety : float
        The Frobenius norm is multiplied by this before dividing, so that rounding keeps every singular value inside
        the interval for which the polynomial was designed.
    is_half_safe : bool
        Whether it stays bounded in half precision, whatever the singular values.
    reference : str
        Where the numbers come from.
    """

    triples: tuple[Triple, ...]
    steps: int
    continuation: Literal["repeat_last", "cycle", "none"]
    safety: float = 1.0
    is_half_safe: bool = True
    reference: str


JORDAN: Triple = (3.4445, -4.7750, 2.0315)
POLAR_EXPRESS: tuple[Triple, ...] = (
    (8.2051, -22.9019, 16.4607),
    (4.0664, -2.8612, 0.5184),
    (3.9096, -2.8234, 0.5250),
    (3.2856, -2.4153, 0.4853),
    (2.2779, -1.6198, 0.3985),
    (1.8726, -1.2307, 0.3585),
    (1.8564, -1.2132, 0.3568),
    (1.875, -1.25, 0.375),
)

COEFFICIENTS: Mapping[str, CoefficientSet] = MappingProxyType(
    {
        "jordan": CoefficientSet(
            triples=(JORDAN,), steps=5, continuation="cycle", reference="K. Jordan et al., Muon (2024)"
        ),
        "speedrun": CoefficientSet(
            triples=(
                (4.0848, -6.8946, 2.9270),
                (3.9505, -6.3029, 2.6377),
                (3.7418, -5.5913, 2.3037),
                (2.8769, -3.1427, 1.2046),
                (2.8366, -3.0525, 1.2012),
            ),
            steps=5,
            continuation="cycle",
            reference="modded-nanogpt speedrun (2025)",
        ),
        "polar_express": CoefficientSet(
            triples=POLAR_EXPRESS,
            steps=5,
            continuation="repeat_last",
            reference="N. Amsel et al., The Polar Express, arXiv:2505.16932",
        ),
        "polar_express_5": CoefficientSet(
            triples=(
                (8.156554524902461, -22.48329292557795, 15.878769915207462),
                (4.042929935166739, -2.808917465908714, 0.5000178451051316),
                (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
                (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
                (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
            ),
            steps=5,
            continuation="repeat_last",
            safety=1.02,
            reference="N. Amsel et al., The Polar Express, arXiv:2505.16932, optimum for five steps",
        ),
        "cans": CoefficientSet(
            triples=(
                (8.4703, -25.1081, 18.6293),
                (4.1828, -3.1087, 0.5806),
                (3.9619, -2.9541, 0.5630),
                (3.2866, -2.4647, 0.5074),
                (2.2737, -1.6447, 0.4162),
                (1.875, -1.25, 0.375),
            ),
            steps=5,
            continuation="repeat_last",
            is_half_safe=False,
            reference="E. Grishina et al., CANS, arXiv:2506.10935",
        ),
        "deepseek_v4": CoefficientSet(
            triples=(JORDAN,) * 8 + ((2.0, -1.5, 0.5),) * 2,
            steps=10,
            continuation="repeat_last",
            reference="DeepSeek-V4 technical report",
        ),
        "cubic5": CoefficientSet(
            triples=(
                (3.3656576, -3.3420992, 0.0),
                (2.5744352, -1.4957376, 0.0),
                (2.5368962, -1.4312570, 0.0),
                (2.4418906, -1.2764040, 0.0),
                (2.2230472, -0.9630650, 0.0),
            ),
            steps=5,
            continuation="none",
            reference="five fitted cubics, no A A product",
        ),
        "taylor": CoefficientSet(
            triples=((1.875, -1.25, 0.375),),
            steps=10,
            continuation="cycle",
            reference="Newton-Schulz of order 5 (Taylor expansion of s^-1 about 1)",
        ),
    }
)


def schedule(name: str, steps: int | None = None) -> tuple[Triple, ...]:
    """Coefficients of every step of a named schedule.

    Parameters
    ----------
    name : str
        A key of ``COEFFICIENTS``.
    steps : int, optional
        Number of steps; the published number if not given.

    Returns
    -------
    tuple of (a, b, c)
        One triple per step.

    Raises
    ------
    ValueError
        If the name is unknown or the set has no continuation to so many steps.

    Examples
    --------
    >>> schedule("jordan", 2)
    ((3.4445, -4.775, 2.0315), (3.4445, -4.775, 2.0315))
    >>> schedule("polar_express", 9)[-1]
    (1.875, -1.25, 0.375)
    """
    if name not in COEFFICIENTS:
        raise unknown_name("coefficient set", name, COEFFICIENTS)
    chosen = COEFFICIENTS[name]
    count = chosen.steps if steps is None else steps
    if count < 1:
        raise ValueError(f"steps is {count}; at least 1 is needed")
    known = len(chosen.triples)
    if count > known and chosen.continuation == "none":
        raise ValueError(f"steps is {count}; coefficient set {name!r} is fixed to at most {known}")
    if chosen.continuation == "cycle":
        return tuple(chosen.triples[i % known] for i in range(count))
    return tuple(chosen.triples[min(i, known - 1)] for i in range(count))


def check_precision(name: str, dtype: torch.dtype) -> None:
    """Raise ValueError if a named schedule does not stay bounded in this precision."""
    if dtype.itemsize < torch.float32.itemsize and not COEFFICIENTS[name].is_half_safe:
        raise ValueError(f"coefficient set {name!r} does not stay bounded in {dtype}; float32 or float64 is needed")
