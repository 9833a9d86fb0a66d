"""Which published claims the numbers of a study bear out, by rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Row = Mapping[str, Any]
Verdict = Literal["reproduced", "not reproduced", "undecided", "not tested"]
Relation = Literal["lower_loss", "comparable_loss", "fewer_steps", "less_state", "higher_tail_recall", "higher_entropy"]
COMPARABLE = 0.01
_SEEDWISE: Mapping[str, tuple[str, float]] = {
    "lower_loss": ("losses", -1.0),
    "higher_tail_recall": ("tail_recalls", 1.0),
    "higher_entropy": ("entropies", 1.0),
}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Something that the numbers can bear out or not.

    Attributes
    ----------
    member, against : str
        Keys of ``OPTIMIZERS``.
    task : str
        Key of ``TASKS``.
    relation : str
        What the member is said to have. ``lower_loss``, ``higher_tail_recall`` and ``higher_entropy`` hold if they hold
        at every seed, and fail if they do at none. ``comparable_loss`` holds if the mean is at most 1 % above the
        other's, ``fewer_steps`` if the steps to AdamW's final loss, in AdamW's steps, are at most ``limit``,
        ``less_state`` if the state of the matrices, in the other's, is at most ``limit``.
    limit : float
        See there.
    """

    member: str
    against: str
    task: str = "language"
    relation: Relation = "lower_loss"
    limit: float = 1.0

    @property
    def text(self) -> str:
        """The claim in words."""
        return {
            "lower_loss": f"lower loss than {self.against} after equal steps",
            "comparable_loss": f"loss at most 1 % above that of {self.against}",
            "fewer_steps": f"{self.against}'s final loss in at most {self.limit:.0%} of its steps",
            "less_state": f"at most {self.limit:.0%} of the state of {self.against}",
            "higher_tail_recall": f"higher recall of rare facts than {self.against}",
            "higher_entropy": f"higher entropy of the weights' singular values than {self.against}",
        }[self.relation]


CLAIMS: tuple[Claim, ...] = (
    Claim(member="muon", against="adamw", relation="fewer_steps", limit=0.6),
    Claim(member="muon", against="adamw", task="memory", relation="higher_tail_recall"),
    Claim(member="muon", against="adamw", task="memory_hidden", relation="higher_tail_recall"),
    Claim(member="muon", against="adamw", task="memory", relation="higher_entropy"),
    Claim(member="muon", against="adamw", relation="higher_entropy"),
    Claim(member="moonlight", against="adamw", relation="fewer_steps", limit=0.6),
    Claim(member="normuon", against="adamw"),
    Claim(member="normuon", against="muon"),
    Claim(member="mars_m", against="muon"),
    Claim(member="adago", against="adamw"),
    Claim(member="adago", against="muon"),
    Claim(member="namo", against="adamw"),
    Claim(member="namo", against="muon"),
    Claim(member="namo_d", against="namo"),
    Claim(member="reg", against="adamw"),
    Claim(member="auon", against="adamw", relation="comparable_loss"),
    Claim(member="auon", against="muon", relation="comparable_loss"),
    Claim(member="hybrid_auon", against="muon", relation="comparable_loss"),
    Claim(member="conda", against="adamw", relation="fewer_steps", limit=0.5),
    Claim(member="fismo", against="adamw"),
    Claim(member="fismo", against="muon"),
    Claim(member="lion", against="adamw", relation="less_state", limit=0.5),
    Claim(member="ademamix", against="adamw"),
    Claim(member="muon_8bit", against="muon", relation="less_state", limit=0.26),
    Claim(member="muon_8bit", against="muon", relation="comparable_loss"),
    Claim(member="hyperp", against="muon"),
    Claim(member="spectra_adamw", against="adamw"),
    Claim(member="spectra_signum", against="signum"),
    Claim(member="spectra_ademamix", against="ademamix"),
    Claim(member="lipschitz_muon", against="lipschitz_adamw"),
    Claim(member="drop_muon", against="muon", relation="comparable_loss"),
    Claim(member="muon_clip", against="muon", relation="comparable_loss"),
    Claim(member="lanton", against="muon"),
    Claim(member="adaptive_memory_adamw", against="adamw"),
)


def judge(claim: Claim, rows: Sequence[Row]) -> tuple[Verdict, str]:
    """Hold a claim against the numbers.

    Parameters
    ----------
    claim : Claim
        The claim.
    rows : sequence of Mapping
        Summary of a study.

    Returns
    -------
    tuple of str and str
        Verdict, and the numbers it rests on. A claim about what the study did not run, or where fewer than two seeds
        can be compared, is not tested.
    """
    found = {(row["task"], row["member"]): row for row in rows}
    mine, other = (found.get((claim.task, name)) for name in (claim.member, claim.against))
    if mine is None or other is None:
        return "not tested", "not in this study"
    if mine["rate"] is None or other["rate"] is None:
        return "not tested", "a member diverged at every rate"
    if claim.relation == "fewer_steps":
        return _judge_fraction(mine["steps_fraction"], claim.limit)
    if claim.relation == "less_state":
        ratio = mine["state_bytes"] / other["state_bytes"] if other["state_bytes"] else None
        if ratio is None:
            return "not tested", f"{claim.against} keeps no state"
        return ("reproduced" if ratio <= claim.limit else "not reproduced"), f"{ratio:.1%} of the bytes"
    if claim.relation == "comparable_loss":
        if mine["loss"] is None or other["loss"] is None:
            return "not tested", "every seed diverged"
        excess = mine["loss"] / other["loss"] - 1.0
        numbers = f"{mine['loss']:.4f} against {other['loss']:.4f}, {excess:+.1%}"
        return ("reproduced" if excess <= COMPARABLE else "not reproduced"), numbers
    return _judge_seeds(*_SEEDWISE[claim.relation], mine, other)


def _judge_fraction(fraction: float | None, limit: float) -> tuple[Verdict, str]:
    if fraction is None:
        return "not reproduced", "the loss is not reached"
    return ("reproduced" if fraction <= limit else "not reproduced"), f"{fraction:.0%} of the steps"


def _judge_seeds(name: str, sign: float, mine: Row, other: Row) -> tuple[Verdict, str]:
    """Compare seed by seed."""
    pairs = [
        (first, second)
        for first, second in zip(mine[name], other[name], strict=True)
        if first is not None and second is not None
    ]
    if len(pairs) < 2:
        return "not tested", "fewer than two seeds to compare"
    wins = sum(sign * (first - second) > 0 for first, second in pairs)
    means = [sum(values) / len(pairs) for values in zip(*pairs, strict=True)]
    numbers = f"{means[0]:.4f} against {means[1]:.4f}, holds at {wins} of {len(pairs)} seeds"
    verdict: Verdict = "reproduced" if wins == len(pairs) else "undecided" if wins else "not reproduced"
    return verdict, numbers
