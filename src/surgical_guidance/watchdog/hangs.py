"""Which processes hang: alive, and nothing comes of it. They are ended, so that they are started again."""

from __future__ import annotations

from typing import Final

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import FRAME, SCENE, TIMING
from surgical_guidance.watchdog.facts import FRAME_PATH, Facts, StageFacts, StageState
from surgical_guidance.watchdog.judgement import View

HUNG_AFTER_S: Final = 3.0

_WORK: Final = {'inference': (FRAME.name, SCENE.name), 'advice': (SCENE.name, TIMING.name)}
"""What a stage is given and what it makes of that. A camera that gives nothing is not hung: its cable may be out."""


class Hangs:
    """Decides which process to end.

    :param after_s: how long it must have hung [s]; 0: none is ever ended.
    """

    def __init__(self, after_s: float = HUNG_AFTER_S) -> None:
        self._after_s = after_s
        self._idle_since_ns: dict[str, int] = {}

    def look(self, view: View, now_ns: int) -> dict[int, str]:
        """Give the processes that hang, and why, one line each."""
        if self._after_s <= 0.0:
            return {}
        hung: dict[int, str] = {}
        loading = any(not _is_up(stage) for name, stage in view.stages.items() if name in FRAME_PATH)
        for name, stage in view.hearts.items():
            waits = (
                loading and name in FRAME_PATH
            )  # composed, they share an executor, and who loads holds the others up
            if waits or stage.pid == 0 or stage.ended or stage.dismissed or stage.state is not StageState.ACTIVE:
                self._idle_since_ns.pop(name, None)
                continue
            silent_s = 0.0 if stage.alive else _silent_s(view, stage.pid)
            if silent_s >= self._after_s:
                hung.setdefault(stage.pid, f'{name} has not turned for {silent_s:.1f} s')
            idle_s = self._idle_s(name, view, now_ns)
            if stage.alive and idle_s >= self._after_s:
                hung.setdefault(stage.pid, f'{name} turns and has made nothing of what it gets for {idle_s:.1f} s')
        return hung

    def _idle_s(self, name: str, view: View, now_ns: int) -> float:
        """Tell for how long a stage has been given something and has made nothing of it [s]."""
        if name not in _WORK:
            return 0.0
        given, made = (view.topics.get(topic) for topic in _WORK[name])
        if not _flows(given) or made is None or not made.heard or made.alive:
            self._idle_since_ns.pop(name, None)
            return 0.0
        return (now_ns - self._idle_since_ns.setdefault(name, now_ns)) / NS_PER_S


def _silent_s(view: View, pid: int) -> float:
    """Tell for how long nothing of a process has turned [s]: a sign of life of one stage is one of all."""
    return min(stage.silent_s for stage in view.hearts.values() if stage.pid == pid)


def _is_up(stage: StageFacts) -> bool:
    return stage.dismissed or (stage.heard and not stage.ended and stage.state is not StageState.UNCONFIGURED)


def _flows(facts: Facts | None) -> bool:
    return facts is not None and facts.heard and facts.alive
