"""Three facts about whatever is watched, each by itself: is it alive, does it come often enough, is it valid.

All limits come from the contract's table. Topics that come one a frame have their deadline in frame intervals, so the
limit follows the rate that the source promises. Time is ``CLOCK_MONOTONIC`` [ns] and always handed in.
"""

from __future__ import annotations

import math
from collections import deque
from enum import IntEnum
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import HEARTBEAT, STAGES, TOPICS, Topic

WATCHED: Final = tuple(topic for topic in TOPICS if topic.deadline and topic.publisher != 'watchdog')
"""The topics that promise a deadline, apart from the watchdog's own."""

REGULAR: Final = tuple(t for t in TOPICS if t.rate and not t.deadline and t.publisher in STAGES)
"""The topics that promise a rate alone: told in the diagnostics, and nothing depends on them."""

RECORDER: Final = 'recorder'
"""The flight recorder: its heart is watched like that of a stage, and nothing of the guidance depends on it."""

FRAME_PATH: Final = frozenset(topic.publisher for topic in WATCHED)
"""The stages without which there is no current advice."""

SHORTEST_LIMIT_S: Final = 0.1  # a fast source gets no stricter limit: a process that waits for a core is not lost yet
NOTICE_S: Final = 0.01  # the deadline is for the one who is told: what waking up and telling takes is kept back from it
UNKNOWN_INTERVAL_S: Final = 1.0  # taken for a source that promises no rate, until enough of its frames were seen
RESTART_TOLD_S: Final = 5.0
FLOOD_TIMES: Final = 4.0  # so many times the rate that is promised is more than our stages ever send,
FLOOD_HZ: Final = 30.0  # where the promised rate is at least this
MISSED_BEATS: Final = 5.0  # where the table has a rate and no deadline; a killed process is known long before
FREQUENCY_SHARE: Final = 0.8  # of the promised rate
WINDOW_S: Final = 1.0
WINDOW_INTERVALS: Final = 8.0  # a slow source is counted for longer, else one late message would be half of its rate
_REMEMBERED: Final = 31  # arrivals whose median interval stands in for a rate nobody promised


class StageState(IntEnum):
    """As in ``StageStatus.msg``."""

    UNCONFIGURED = 0
    INACTIVE = 1
    ACTIVE = 2
    ERROR = 3
    FAILED = 4
    FINISHED = 5


AT_WORK: Final = frozenset((StageState.ACTIVE, StageState.ERROR))
"""A stage in one of these is meant to work."""

BROKEN: Final = frozenset((StageState.ERROR, StageState.FAILED))
"""A stage in one of these cannot work."""


class Facts(NamedTuple):
    """What is known of a watched topic at one moment.

    :param heard: something came, ever.
    :param alive: the silence is shorter than the limit.
    :param frequency_ok: the rate reaches :data:`FREQUENCY_SHARE` of the promised one, or nothing is promised.
    :param valid: what came can be used; ``problem`` says why not.
    :param silent_s: since the last arrival [s]; infinite before the first.
    :param limit_s: of the silence [s].
    :param rate: arrivals over the window [Hz].
    :param promised: the rate to compare with [Hz]; 0: none.
    """

    heard: bool
    alive: bool
    frequency_ok: bool
    valid: bool
    problem: str
    silent_s: float
    limit_s: float
    rate: float
    promised: float


class Arrivals:
    """When the messages of one topic came.

    :param topic: a row of the contract.
    """

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self._problem = ''
        self._patient = False
        self._good_ns = 0
        self._counting_since_ns = 0  # the first arrival, and the first after a silence as long as the window
        self._last_ns = 0
        self._recent: deque[int] = deque(maxlen=_REMEMBERED)
        self._window: deque[int] = deque()
        self._limit = (math.nan, 0.0, 0)  # frame interval [s], the longest silence for it [s], the same [ns]
        self._arrived = self._usual_at = 0
        self._usual_s = UNKNOWN_INTERVAL_S

    def arrived(self, at_ns: int) -> None:
        """Count one message."""
        if not self._window:
            self._counting_since_ns = at_ns
        self._last_ns = max(self._last_ns, at_ns)
        self._recent.append(at_ns)
        self._window.append(at_ns)
        self._arrived += 1

    def excuse(self, stall_ns: int, now_ns: int) -> None:
        """Leave a time out of the silence: the one who watches did not run in it, and perhaps nobody did."""
        if self.heard:
            self._last_ns = min(self._last_ns + stall_ns, now_ns)
            self._good_ns = min(self._good_ns + stall_ns, now_ns)

    def saw(self, at_ns: int, problem: str, *, patient: bool = False) -> bool:
        """Note whether a message that was looked into can be used; True if that is news.

        :param problem: why not; empty: it can.
        :param patient: a problem counts when the last good message is as old as a silence may be; else at once.
        """
        if not problem or not self._good_ns:
            self._good_ns = at_ns
        news = problem != self._problem
        self._problem, self._patient = problem, patient
        return news

    @property
    def heard(self) -> bool:
        """Whether something came, ever."""
        return self._last_ns != 0

    def flood(self, now_ns: int, promised: float) -> str:
        """Tell that far more comes than is promised [Hz], or ''."""
        if not self._window:
            return ''
        self._forget(now_ns - int(WINDOW_S * NS_PER_S))
        rate = len(self._window) / WINDOW_S
        limit = FLOOD_TIMES * max(promised, FLOOD_HZ)
        return (
            f'{rate:.0f} messages a second on {self.topic.name}, {limit:.0f} are far too many' if rate > limit else ''
        )

    @property
    def usual_interval_s(self) -> float:
        """The median time between two messages [s]; :data:`UNKNOWN_INTERVAL_S` before there are a few."""
        if len(self._recent) >= 4 and self._arrived - self._usual_at >= len(self._recent) // 4:
            self._usual_s = median(later - earlier for earlier, later in pairwise(self._recent)) / NS_PER_S
            self._usual_at = self._arrived
        return self._usual_s

    def _limit_ns(self, frame_interval_s: float) -> int:
        """Give the longest silence that is allowed [ns]."""
        if self._limit[0] != frame_interval_s:
            limit_s = silence_limit_s(self.topic, frame_interval_s)
            self._limit = frame_interval_s, limit_s, int(limit_s * NS_PER_S)
        return self._limit[2]

    def due_ns(self, frame_interval_s: float) -> int | None:
        """Tell when the silence will reach the limit if nothing comes; None before the first message."""
        return self._last_ns + self._limit_ns(frame_interval_s) if self._last_ns else None

    def doubt_due_ns(self, frame_interval_s: float) -> int | None:
        """Tell when a problem will count if nothing good comes; None where there is none, or it counts already."""
        if not self._problem or not self._patient:
            return None
        return self._good_ns + self._limit_ns(frame_interval_s)

    def _forget(self, since_ns: int) -> None:
        while self._window and self._window[0] <= since_ns:
            self._window.popleft()

    def facts(self, now_ns: int, frame_interval_s: float, frame_rate: float) -> Facts:
        """Say what is known now.

        :param frame_interval_s: between two frames of the source [s].
        :param frame_rate: promised by the source [Hz]; 0: none.
        """
        promised = frame_rate if self.topic.one_a_frame else self.topic.rate
        window_s = max(WINDOW_S, WINDOW_INTERVALS / promised) if promised else WINDOW_S
        since_ns = now_ns - int(window_s * NS_PER_S)
        self._forget(since_ns)
        rate = len(self._window) / window_s
        heard, silent_ns, limit_ns = self._last_ns != 0, now_ns - self._last_ns, self._limit_ns(frame_interval_s)
        doubt_due_ns = self.doubt_due_ns(frame_interval_s)
        problem = '' if doubt_due_ns is not None and now_ns < doubt_due_ns else self._problem
        return Facts(
            heard=heard,
            alive=heard and silent_ns < limit_ns,
            frequency_ok=not (heard and self._counting_since_ns <= since_ns) or rate >= FREQUENCY_SHARE * promised,
            valid=not problem,
            problem=problem,
            silent_s=silent_ns / NS_PER_S if heard else math.inf,
            limit_s=self._limit[1],
            rate=rate,
            promised=promised,
        )


def silence_limit_s(topic: Topic, frame_interval_s: float) -> float:
    """Give the longest silence of a topic that is allowed [s], from its row and the interval of the source's frames."""
    if topic.one_a_frame:
        return max(topic.deadline * frame_interval_s, SHORTEST_LIMIT_S) - NOTICE_S
    return topic.deadline or MISSED_BEATS / topic.rate


class StageFacts(NamedTuple):
    """What is known of a stage at one moment. The facts as in :class:`Facts`; the rest is from its last heartbeat.

    :param ended: its process is known to have ended.
    :param dismissed: it had said before that it will not work any more: it was taken down in good order, not lost.
    :param pid: 0 before the first heartbeat.
    :param stopped: its process stands still.
    :param restarted: another process took its place a moment ago, though it was not taken down in good order.
    """

    heard: bool
    alive: bool
    frequency_ok: bool
    valid: bool
    ended: bool
    dismissed: bool
    silent_s: float
    rate: float
    state: StageState
    pid: int
    detail: str
    done: int
    restarted: bool = False
    stopped: bool = False


class Stage:
    """The heartbeat of one stage.

    While a stage loads (not active yet) its executor is busy and its heart stands still: until it was active it has
    the grace of the start. The end of its process is known all the same; see :mod:`.processes`.

    :param grace_s: how long a stage that is not active may be silent [s].
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._beats = Arrivals(HEARTBEAT)
        self._limit_s = silence_limit_s(HEARTBEAT, 0.0)
        self._ended_ns: int | None = None
        self._state = StageState.UNCONFIGURED
        self._worked = False
        self._detail = ''
        self._done = 0
        self._restarted_ns: int | None = None
        self.stopped = False
        """Its process was stopped and stands still, as whoever looks at processes says."""
        self.pid = 0

    def beat(self, at_ns: int, pid: int, state: StageState, detail: str, done: int) -> bool:
        """Take a heartbeat; one that was still on its way when the process ended is not a sign of life.

        :return: whether it is of another process, or says another state than the last one.
        """
        lost = self._ended_ns is not None or (self._beats.heard and at_ns >= (self.due_ns() or 0))
        if self._ended_ns is not None:
            if pid == self.pid and at_ns < self._ended_ns + self._limit_s * NS_PER_S:
                return False
            self._ended_ns = None  # started again; or the process that ended had the same number on another host
        if lost and self.pid != pid and not self._dismissed:
            self._restarted_ns = at_ns
        self._worked = state in AT_WORK or (self._worked and pid == self.pid)
        if pid != self.pid:
            self.stopped = False
        news = (pid, state) != (self.pid, self._state)
        self.pid, self._state, self._detail, self._done = pid, state, detail, done
        self._beats.arrived(at_ns)
        return news

    def excuse(self, stall_ns: int, now_ns: int) -> None:
        """Leave a time out of the silence; see :meth:`Arrivals.excuse`."""
        self._beats.excuse(stall_ns, now_ns)

    def process_ended(self, at_ns: int) -> None:
        """Note that the process that hosts the stage is gone."""
        if self._ended_ns is None:
            self._ended_ns = at_ns

    @property
    def _dismissed(self) -> bool:
        """Whether it said that it works no more; one that only starts to load is unconfigured too."""
        return self._state is StageState.FINISHED or (self._worked and self._state is StageState.UNCONFIGURED)

    @property
    def limit_s(self) -> float:
        """The longest silence that is allowed now [s]."""
        return self._limit_s if self._state in AT_WORK else self._grace_s

    def due_ns(self) -> int | None:
        """Tell when the silence will reach the limit; None where that cannot tell anything new."""
        beat_due_ns = self._beats.due_ns(0.0)
        if beat_due_ns is None or self._ended_ns is not None:
            return None
        return beat_due_ns + int((self.limit_s - self._limit_s) * NS_PER_S)

    def facts(self, now_ns: int) -> StageFacts:
        """Say what is known now."""
        beats = self._beats.facts(now_ns, 0.0, 0.0)
        due_ns = self.due_ns()
        return StageFacts(
            heard=beats.heard,
            alive=due_ns is not None and now_ns < due_ns and not self.stopped,
            frequency_ok=beats.frequency_ok,
            valid=self._state not in BROKEN,
            ended=self._ended_ns is not None,
            dismissed=self._dismissed,
            silent_s=beats.silent_s,
            rate=beats.rate,
            state=self._state,
            pid=self.pid,
            detail=self._detail,
            done=self._done,
            stopped=self.stopped,
            restarted=self._restarted_ns is not None and now_ns - self._restarted_ns < RESTART_TOLD_S * NS_PER_S,
        )
