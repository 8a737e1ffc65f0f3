"""What happens again and again: said once, then counted, with the frame it happened to.

A problem of every frame would fill a log in minutes and hide what matters. The first time is a line; then 10, 100,
1000, ... times; and when it has stopped, how often it was. Every line ends with ``key=value`` pairs for programs::

    the scene is not valid: too dark  event=scene_invalid frame=1234 count=10
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from surgical_guidance.clock import NS_PER_S, monotonic_ns

KEPT: Final = 64  # kinds of events that are counted; a further one takes the place of the one that is longest ago
QUIET_S: Final = 10.0  # after so long without it an event has stopped; the next one is said again


class Logger(Protocol):
    """Where lines go, such as a node's logger."""

    def info(self, line: str) -> object:
        """Say what is as it should be."""

    def warning(self, line: str) -> object:
        """Say what is not."""

    def error(self, line: str) -> object:
        """Say what keeps the work from being done."""


@dataclass(slots=True)
class _Count:
    count: int
    last_ns: int
    say: Callable[[str], object]


class Events:
    """Says events, each kind by itself. Any thread may call it.

    (A logger of rclpy refuses another severity from the same line of code, so each has a line of its own.)

    :param logger: of the node.
    :param now: gives ``CLOCK_MONOTONIC`` [ns].
    """

    def __init__(self, logger: Logger, now: Callable[[], int] = monotonic_ns) -> None:
        self._logger = logger
        self._now = now
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()

    def info(self, event: str, text: str, *, frame: int | None = None, **fields: object) -> None:
        """Say what is as it should be."""
        self._note(lambda told: self._logger.info(told), event, text, frame, fields)  # noqa: PLW0108  (see above)

    def warning(self, event: str, text: str, *, frame: int | None = None, **fields: object) -> None:
        """Say what is not as it should be."""
        self._note(lambda told: self._logger.warning(told), event, text, frame, fields)  # noqa: PLW0108  (see above)

    def error(self, event: str, text: str, *, frame: int | None = None, **fields: object) -> None:
        """Say what keeps the work from being done."""
        self._note(lambda told: self._logger.error(told), event, text, frame, fields)  # noqa: PLW0108  (see above)

    def settle(self) -> None:
        """Say of what has stopped how often it was. To be called now and then, and at the end."""
        now_ns = self._now()
        with self._lock:
            stopped = {
                event: known for event, known in self._counts.items() if now_ns - known.last_ns > QUIET_S * NS_PER_S
            }
            for event in stopped:
                del self._counts[event]
        for event, known in stopped.items():
            if known.count > 1:
                known.say(f'it has stopped  event={event} count={known.count}')

    def _note(
        self, say: Callable[[str], object], event: str, text: str, frame: int | None, fields: Mapping[str, object]
    ) -> None:
        now_ns = self._now()
        with self._lock:
            known = self._counts.pop(event, None)
            if known is None or now_ns - known.last_ns > QUIET_S * NS_PER_S:
                known = _Count(0, now_ns, say)
            known.count += 1
            known.last_ns = now_ns
            self._counts[event] = known  # at the end: the first is the one that is longest ago
            if len(self._counts) > KEPT:
                del self._counts[next(iter(self._counts))]
            count = known.count
        if _is_told(count):
            say(line(text, event, frame, count, fields))


def line(
    text: str, event: str, frame: int | None = None, count: int = 1, fields: Mapping[str, object] | None = None
) -> str:
    """Give one line of the log: the text for people, then the pairs for programs."""
    pairs = {'event': event, **({} if frame is None else {'frame': frame}), **(fields or {})}
    if count > 1:
        pairs['count'] = count
    return f'{text}  {" ".join(f"{key}={_value(value)}" for key, value in pairs.items())}'


def _is_told(count: int) -> bool:
    """Whether a number is 1, 10, 100, ..."""
    while count >= 10 and count % 10 == 0:
        count //= 10
    return count == 1


def _value(value: object) -> str:
    text = str(value)
    return text if text and not set(text) & set(' "=') else '"' + text.replace('"', "'") + '"'
