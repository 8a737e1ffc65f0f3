"""Which stage of the frame path takes longer than its share, three frames in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import BREACHES_IN_A_ROW, STAGE_BUDGETS_MS

LASTS_S: Final = 1.0  # a breach counts as going on for this long after its last frame: no flicker at the limit


class Budgets:
    """Takes the stage times of the frames that were advised on."""

    def __init__(self) -> None:
        self._in_a_row = dict.fromkeys(STAGE_BUDGETS_MS, 0)
        self._breach: dict[str, tuple[int, float]] = {}

    def frame(self, at_ns: int, stages: Mapping[str, float]) -> None:
        """Take one frame: when its times came, and the duration of each stage [ms]."""
        for stage, limit_ms in STAGE_BUDGETS_MS.items():
            over = stages.get(stage, 0.0) > limit_ms  # NaN is not
            self._in_a_row[stage] = self._in_a_row[stage] + 1 if over else 0
            if self._in_a_row[stage] >= BREACHES_IN_A_ROW:
                self._breach[stage] = at_ns, stages[stage]

    def over(self, now_ns: int) -> dict[str, float]:
        """Give the stages over their budget now or within :data:`LASTS_S`, and what they took [ms]."""
        return {
            stage: took_ms for stage, (at_ns, took_ms) in self._breach.items() if now_ns - at_ns < LASTS_S * NS_PER_S
        }
