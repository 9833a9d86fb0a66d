"""Training: the loop, its checkpoints, and the runs it leaves."""

from collidium.train._average import average_decay, update_average
from collidium.train._config import RunConfig, TrainConfig, read_config
from collidium.train._data import DataRecord
from collidium.train._device import find_device, is_bfloat16, step_randomness
from collidium.train._export import export_onnx
from collidium.train._loop import train
from collidium.train._run import Run
from collidium.train._schedule import SCHEDULES, ScheduleInfo, schedule_factor
from collidium.train._step import StepFigures, train_step, validation_step
from collidium.train._validation import validate
from collidium.train._weights import read_tensors, write_tensors

__all__ = [
    "SCHEDULES",
    "DataRecord",
    "Run",
    "RunConfig",
    "ScheduleInfo",
    "StepFigures",
    "TrainConfig",
    "average_decay",
    "export_onnx",
    "find_device",
    "is_bfloat16",
    "read_config",
    "read_tensors",
    "schedule_factor",
    "step_randomness",
    "train",
    "train_step",
    "update_average",
    "validate",
    "validation_step",
    "write_tensors",
]
