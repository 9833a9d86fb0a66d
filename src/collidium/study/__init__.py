"""The optimizer study: every member of the family on language, jets and associative memory, tuned alike."""

from collidium.study._claims import CLAIMS, Claim, judge
from collidium.study._config import PRESETS, TASKS, StudyConfig
from collidium.study._entropy import mean_entropy, singular_entropy
from collidium.study._gpt import GPT, GPTConfig
from collidium.study._jets import JetsConfig, JetsTask
from collidium.study._language import LanguageConfig, LanguageTask
from collidium.study._memory import Memory, MemoryConfig, MemoryTask, recalls, zipf_frequencies
from collidium.study._page import PAGE_NAME, write_page
from collidium.study._study import STUDY_NAME, Study, next_trials, run_study
from collidium.study._summary import mean_curve, steps_to_reach
from collidium.study._sweep import best_index, centre_rate, companion_rate, grid_rate, next_indices
from collidium.study._table import markdown_table
from collidium.study._task import Sources, Task, open_task
from collidium.study._trial import Trial, rate_factor, run_trial

__all__ = [
    "CLAIMS",
    "GPT",
    "PAGE_NAME",
    "PRESETS",
    "STUDY_NAME",
    "TASKS",
    "Claim",
    "GPTConfig",
    "JetsConfig",
    "JetsTask",
    "LanguageConfig",
    "LanguageTask",
    "Memory",
    "MemoryConfig",
    "MemoryTask",
    "Sources",
    "Study",
    "StudyConfig",
    "Task",
    "Trial",
    "best_index",
    "centre_rate",
    "companion_rate",
    "grid_rate",
    "judge",
    "markdown_table",
    "mean_curve",
    "mean_entropy",
    "next_indices",
    "next_trials",
    "open_task",
    "rate_factor",
    "recalls",
    "run_study",
    "run_trial",
    "singular_entropy",
    "steps_to_reach",
    "write_page",
    "zipf_frequencies",
]
