"""When a scene was ready, whatever its stages say."""

from __future__ import annotations

import math

import pytest

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.scene.state import SceneState, StageTime

STAMP_NS = 10**12


@pytest.mark.parametrize(
    ('times', 'after_ms'),
    [
        ([], 0.0),
        ([(0.0, 12.0), (12.0, 3.5)], 15.5),
        ([(5.0, 10.0), (2.0, 3.0)], 15.0),  # in any order
        ([(math.nan, 1.0), (4.0, 8.0)], 12.0),
        ([(4.0, 8.0), (1.0, math.nan)], 12.0),
        ([(math.inf, 1.0), (4.0, 8.0), (1.0, -math.inf)], 12.0),
        ([(math.inf, -math.inf)], 0.0),
        ([(-50.0, 1.0)], 0.0),  # before it was taken
        ([(0.0, 3e38)], 60_000.0),  # no stage takes more than a minute
    ],
)
def test_it_was_ready_when_its_last_stage_ended(times: list[tuple[float, float]], after_ms: float) -> None:
    stages = tuple(StageTime('any', start, duration) for start, duration in times)
    assert SceneState(STAMP_NS, 1, 0, 1, 1, stages=stages).ready_ns == STAMP_NS + round(after_ms * NS_PER_MS)
