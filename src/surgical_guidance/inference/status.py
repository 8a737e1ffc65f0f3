"""What inference tells of its models: plain data, the same as ``surgical_guidance_msgs/InferenceStatus``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model; the fields are those of ``ModelStatus.msg``."""

    name: str
    task: str
    engine: str
    priority: int
    safety_relevant: bool
    stride: int
    width: int
    height: int
    looks: int
    postponed: int
    forced: int
    decision: str
    cost_p50_ms: float
    cost_p99_ms: float
    expected_ms: float
    age_ms: float
    problem: str


@dataclass(frozen=True, slots=True)
class Status:
    """All of them; the fields are those of ``InferenceStatus.msg``."""

    budget_ms: float
    step: int
    step_name: str
    last_step: int
    frames: int
    models: tuple[ModelStatus, ...]
