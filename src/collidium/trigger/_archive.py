"""The front of the best networks that a training met on its way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from collidium.artifact import InputError, atomic_write, json_dumps

ARCHIVE_NAME = "archive.json"
MEMBERS = "members"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of the front, measured as it would be deployed.

    Attributes
    ----------
    epoch : int
        Epochs done.
    merit : float
        Figure of merit on the validation split.
    ebops : float
        Its cost.
    loss : float
        Validation loss.
    beta : float
        Factor on the cost at that time.
    """

    epoch: int
    merit: float
    ebops: float
    loss: float
    beta: float

    @property
    def file(self) -> str:
        """Name of its weights file in the folder of members."""
        return f"epoch_{self.epoch:06d}.safetensors"


def dominates(first: Member, second: Member, *, is_higher_better: bool) -> bool:
    """Whether the first is at least as good in both figures; of two equal ones the earlier dominates.

    Examples
    --------
    >>> a = Member(epoch=1, merit=0.7, ebops=100.0, loss=1.0, beta=0.0)
    >>> b = Member(epoch=2, merit=0.7, ebops=90.0, loss=1.0, beta=0.0)
    >>> dominates(b, a, is_higher_better=True), dominates(a, b, is_higher_better=True)
    (True, False)
    """
    sign = 1.0 if is_higher_better else -1.0
    is_as_good = sign * first.merit >= sign * second.merit and first.ebops <= second.ebops
    is_equal = first.merit == second.merit and first.ebops == second.ebops
    return is_as_good and (not is_equal or first.epoch < second.epoch)


def with_member(members: Sequence[Member], new: Member, *, is_higher_better: bool) -> tuple[Member, ...]:
    """The front after a network was measured: without it if it is dominated, else without those that it dominates.

    Parameters
    ----------
    members : sequence of Member
        A front.
    new : Member
        What was measured.
    is_higher_better : bool
        Whether merit grows as networks get better.

    Returns
    -------
    tuple of Member
        Ascending in cost.
    """
    if any(dominates(member, new, is_higher_better=is_higher_better) for member in members):
        return tuple(members)
    kept = [member for member in members if not dominates(new, member, is_higher_better=is_higher_better)]
    return tuple(sorted([*kept, new], key=lambda member: (member.ebops, member.epoch)))


def write_archive(folder: Path, members: Sequence[Member]) -> None:
    """Write the list of members, and remove weights of those that left."""
    with atomic_write(folder / ARCHIVE_NAME, "w") as stream:
        stream.write(json_dumps([asdict(member) for member in members]))
    names = {member.file for member in members}
    for path in (folder / MEMBERS).glob("*.safetensors"):
        if path.name not in names:
            path.unlink()


def read_archive(folder: Path) -> tuple[Member, ...]:
    """Read the list of members.

    Raises
    ------
    InputError
        If it is absent or damaged.
    """
    path = folder / ARCHIVE_NAME
    try:
        return tuple(Member(**entry) for entry in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: no list of networks ({error})") from error
