"""The library's own progress, as one share of the whole, and the way to stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Tell = Callable[[float, str], None]
"""Hears the share that is done, 0 to 1, and what is being done."""


def silent(_share: float, _what: str) -> None:
    """Tell nobody."""


@dataclass
class _Phase:
    steps: int
    done: int = 0
    within: dict[str, _Phase] = field(default_factory=dict)

    def share(self) -> float:
        inner = max((phase.share() for phase in self.within.values()), default=0.0)
        return min(1.0, (self.done + inner) / max(self.steps, 1))


class Progress:
    """Adds up the library's nested phases. Called from any of its threads.

    :param tell: hears a share that never goes back.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._phases: dict[str, _Phase] = {}
        self._roots: dict[str, _Phase] = {}
        self._highest = 0.0
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make the library stop at its next step."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancelled.is_set()

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """Note that a phase begins, within a step of its parent."""
        with self._lock:
            phase = _Phase(steps)
            owner = self._phases.get(parent or '')
            (self._roots if owner is None else owner.within)[name] = phase
            self._phases[name] = phase
        self._say(name)

    def step(self, name: str, step: int) -> bool:
        """Note that a step of a phase is done; tell whether to go on."""
        with self._lock:
            phase = self._phases.get(name)
            if phase is not None:
                phase.done = step + 1
                phase.within.clear()
        self._say(name)
        return not self.cancelled

    def finish(self, name: str) -> None:
        """Note that a phase is over."""
        with self._lock:
            phase = self._phases.pop(name, None)
            if phase is not None:
                phase.done = phase.steps
        self._say(name)

    def _say(self, name: str) -> None:
        with self._lock:
            self._highest = max(self._highest, max((phase.share() for phase in self._roots.values()), default=0.0))
            share = self._highest
        self._tell(share, name)


def monitor(module: Any, progress: Progress) -> Any:
    """Make an ``IProgressMonitor`` of a TensorRT module; None where it has none (8.6 to 9)."""
    if not hasattr(module, 'IProgressMonitor'):
        return None

    class Monitor(module.IProgressMonitor):
        """Passes on to :class:`Progress`."""

        def __init__(self) -> None:
            module.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return progress.step(phase_name, step)

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()
