"""One model of a lineup: at which sizes it can run, what that costs, and how it fared last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.inference.degradation import Group
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.scheduler import Job, Turns
from surgical_guidance.inference.status import ModelStatus


@dataclass(slots=True)
class Member:
    """One model of a lineup.

    :param pipelines: by the share of the manifest's input size that they run at; 1 is always there.
    :param paces: what one inference took when warm, likewise [ms].
    :param problem: why its last result was not believed; '' where it was.
    :param failure: why it could not run when it was last tried.
    :param believed_ns: stamp of the frame of its last believed result.
    """

    manifest: Manifest
    group: Group
    pipelines: Mapping[float, Pipeline]
    paces: dict[float, float] = field(default_factory=dict)
    share: float = 1.0
    problem: str = ''
    failure: str = ''
    believed_ns: int | None = None

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline in force."""
        return self.pipelines[self.share]

    @property
    def job(self) -> Job:
        """What the scheduler must know of it."""
        manifest = self.manifest
        return Job(
            name=manifest.name,
            priority=manifest.priority,
            stride=manifest.stride,
            safety_relevant=manifest.safety_relevant or self.group == 'scene',
            cost_ms=manifest.budget_ms,
        )

    def status(self, turns: Turns, now_ns: int | None) -> ModelStatus:
        """Tell how it fares.

        :param now_ns: stamp of the newest frame; None: there was none.
        """
        manifest, (width, height) = self.manifest, self.pipeline.size
        age_ns = math.nan if now_ns is None or self.believed_ns is None else now_ns - self.believed_ns
        return ModelStatus(
            name=manifest.name,
            task=manifest.task,
            engine=self.pipeline.engine,
            priority=manifest.priority,
            safety_relevant=manifest.safety_relevant,
            stride=turns.stride,
            width=width,
            height=height,
            looks=turns.looks,
            postponed=turns.postponed,
            forced=turns.forced,
            decision=turns.verdict.value,
            cost_p50_ms=turns.cost.quantile(0.5),
            cost_p99_ms=turns.cost.quantile(0.99),
            expected_ms=turns.cost.expected_ms,
            age_ms=age_ns / NS_PER_MS,
            problem=self.problem,
        )
