from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from collidium.artifact import InputError
from collidium.train import write_tensors
from collidium.trigger import Member, dominates, with_member
from collidium.trigger._archive import read_archive, write_archive


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12), st.booleans())
def test_the_front_does_not_depend_on_how_it_was_met(figures: list[tuple[int, int]], is_higher_better: bool) -> None:
    members = [
        Member(epoch=epoch, merit=float(merit), ebops=float(ebops), loss=0.0, beta=0.0)
        for epoch, (merit, ebops) in enumerate(figures)
    ]
    front: tuple[Member, ...] = ()
    for member in members:
        front = with_member(front, member, is_higher_better=is_higher_better)
    wanted = [
        member
        for member in members
        if not any(dominates(other, member, is_higher_better=is_higher_better) for other in members)
    ]
    assert list(front) == sorted(wanted, key=lambda member: member.ebops)


def test_an_archive_keeps_the_files_of_its_members(tmp_path: Path) -> None:
    members = tuple(Member(epoch=e, merit=0.5, ebops=1.0, loss=0.1, beta=1e-6) for e in (1, 2))
    (tmp_path / "members").mkdir()
    for member in members:
        write_tensors(tmp_path / "members" / member.file, {"a": torch.ones(1)})
    write_archive(tmp_path, members[1:])
    assert read_archive(tmp_path) == members[1:]
    assert [path.name for path in (tmp_path / "members").iterdir()] == [members[1].file]
    (tmp_path / "archive.json").write_text("[{}]")
    with pytest.raises(InputError, match="no list of networks"):
        read_archive(tmp_path)
