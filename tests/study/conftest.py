"""A study of seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from collidium.models import JetFormerConfig
from collidium.study import GPTConfig, JetsConfig, LanguageConfig, MemoryConfig, Sources, StudyConfig


@pytest.fixture(scope="session")
def tiny() -> StudyConfig:
    """Two members on all tasks, four steps a run."""
    return StudyConfig(
        members=("adamw", "muon"),
        language=LanguageConfig(
            model=GPTConfig(num_blocks=1, width=8, num_heads=2, context=8), batch_size=4, validation_windows=4
        ),
        jets=JetsConfig(
            model=JetFormerConfig(num_blocks=1, width=8, num_heads=2),
            batch_size=32,
            max_particles=8,
            validation_jets=40,
        ),
        memory=MemoryConfig(num_facts=20, width=8, hidden=8, batch_size=32, rate_scale=3.0),
        steps=4,
        num_seeds=2,
        num_points=2,
        device="cpu",
    )


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text of 1200 characters."""
    path = tmp_path / "input.txt"
    path.write_text("to be or not to be, that is it\n" * 40, encoding="utf-8")
    return path


@pytest.fixture
def sources(text: Path, dataset_path: Path) -> Sources:
    """Files of the tasks."""
    return Sources(text=text, jets=dataset_path)
