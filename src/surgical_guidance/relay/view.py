"""What may be shown as current, and what not: the state every page gets.

The relay does not believe in silence. Each input has a limit, taken from the contract's rates; when it is passed the
page is told so, whatever the last message said, even if nobody is left to say it (a killed process says nothing).
Limits are chosen so that a page tells within 500 ms of a kill: limit + one tick of the service + the way to the page.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass

from surgical_guidance.clock import NS_PER_MS, NS_PER_S, StampClock
from surgical_guidance.contract import STATUS, SUGGESTION
from surgical_guidance.relay.facts import (
    AdviceFact,
    AdviceStatus,
    AlarmFact,
    FrameFact,
    GuidanceState,
    Json,
    SceneFact,
    StatusFact,
    TimingFact,
)
from surgical_guidance.relay.pulse import Pulse

FRAME_INTERVALS = 3  # missed, one after another: the picture stands
FRAME_LIMIT_MIN_S = 0.1
FRAME_LIMIT_MAX_S = 0.35  # for a source of unknown rate: the 500 ms above
SUGGESTION_LIMIT_S = 1.0 / SUGGESTION.rate + 0.15  # one refresh of the contract, and room for a busy processor
STATUS_LIMIT_S = STATUS.deadline
SCENE_LIMIT_S = 0.25  # without a scene for this long pictures do not wait for theirs any more
WITHDRAWN_SHOWN_S = 4.0  # long enough to be read, short enough not to be taken for advice
TIMING_SHOWN_S = 1.0
OTHER_CLOCK_NS = NS_PER_S  # advice that is so far from the present was stamped by another clock: the host's was set


@dataclass(frozen=True, slots=True)
class Shown:
    """One piece of advice as the page shows it.

    :param status: ``valid``, ``interrupted``, ``withdrawn``, ``none`` (all well, no rule speaks) or ``unavailable``.
    :param why: ``frames_stopped``, ``advice_silent``, ``watchdog_silent``, ``expired``, ``reported`` (the advice stage
        itself says so, ``reason`` in its words) or ``''``.
    :param since_ns: since when it is not confirmed; 0 where it is.
    """

    status: str
    why: str = ''
    reason: str = ''
    fact: AdviceFact | None = None
    since_ns: int = 0


class View:
    """Takes every fact with the monotonic instant it came at, and tells what holds at a given instant."""

    def __init__(self) -> None:
        self._clock = StampClock.from_system()  # until the first frame ties its stamp to its monotonic time
        self._frames, self._advices, self._statuses = Pulse(), Pulse(), Pulse()
        self._frame: FrameFact | None = None
        self._frame_ns = 0
        self._hears_frames = True
        self._interval_s = 1.0 / 25.0  # measured; used where the source does not promise a rate
        self._scene_ns = 0
        self._advice: AdviceFact | None = None
        self._withdrawn_ns = 0
        self._status: StatusFact | None = None
        self._alarms: dict[str, AlarmFact] = {}
        self._timings: deque[TimingFact] = deque(maxlen=30)
        self._timing_ns = 0

    def hear_frames(self, wanted: bool, now_ns: int) -> None:
        """Note that frames, scenes and times come from now on, or come no more because nobody watches.

        Meanwhile their silence says nothing; that the advice has lost its pictures, the advice itself still says.
        """
        self._hears_frames = wanted
        if wanted:
            self._frames.expect(now_ns)
        else:
            self._frame = None

    def on_frame(self, frame: FrameFact, now_ns: int) -> None:
        """Take a frame."""
        if not self._hears_frames:
            return  # one that was under way
        if self._frame is not None and self.picture_flows(now_ns):
            self._interval_s += 0.1 * ((now_ns - self._frame_ns) / NS_PER_S - self._interval_s)
        self._clock = StampClock(frame.stamp_ns - frame.monotonic_ns)
        self._frame, self._frame_ns = frame, now_ns
        self._frames.beat(now_ns, self._frame_limit_s())

    def on_scene(self, scene: SceneFact, now_ns: int) -> None:
        """Take a scene."""
        self._scene_ns = now_ns

    def on_advice(self, advice: AdviceFact, now_ns: int) -> None:
        """Take a suggestion."""
        old = self._advice
        is_withdrawal = advice.status is AdviceStatus.WITHDRAWN
        if is_withdrawal and (old is None or (old.sequence, old.status) != (advice.sequence, advice.status)):
            self._withdrawn_ns = now_ns
        self._advice = advice
        if not self._hears_frames and advice.status in (AdviceStatus.NONE, AdviceStatus.VALID):
            offset_ns = advice.stamp_ns - now_ns
            if abs(offset_ns - self._clock.offset_ns) > OTHER_CLOCK_NS:
                self._clock = StampClock(offset_ns)
        self._advices.beat(now_ns, SUGGESTION_LIMIT_S)

    def on_status(self, status: StatusFact, now_ns: int) -> None:
        """Take the watchdog's word; it names every alarm that is on or not acknowledged."""
        self._status = status
        self._statuses.beat(now_ns, STATUS_LIMIT_S)
        self._alarms = {alarm.id: alarm for alarm in status.alarms}

    def on_alarm(self, alarm: AlarmFact) -> None:
        """Take the change of one alarm."""
        self._alarms[alarm.id] = alarm
        if alarm.over:
            del self._alarms[alarm.id]

    def on_timing(self, timing: TimingFact, now_ns: int) -> None:
        """Take the stage times of a frame."""
        self._timings.append(timing)
        self._timing_ns = now_ns

    def picture_flows(self, now_ns: int) -> bool:
        """Whether frames come as they should."""
        return self._frames.silent_since(now_ns, self._frame_limit_s()) is None

    def scenes_flow(self, now_ns: int) -> bool:
        """Whether scenes come, so that a picture may expect its own."""
        return now_ns - self._scene_ns <= SCENE_LIMIT_S * NS_PER_S

    def stamp_ns(self, now_ns: int) -> int:
        """Give ROS time at a monotonic instant, by the clock the frames are stamped with."""
        return self._clock.stamp_ns(now_ns)

    def alarms(self) -> list[AlarmFact]:
        """List the alarms to be seen, the gravest first."""
        return sorted(self._alarms.values(), key=lambda alarm: (not alarm.active, -alarm.priority, alarm.id))

    def shown(self, now_ns: int) -> Shown:
        """Tell what may be shown of the advice."""
        silence, since_ns = self._silence(now_ns)
        fact = self._advice
        if fact is None or fact.status is AdviceStatus.NONE:
            return Shown('unavailable', silence, since_ns=since_ns) if silence else Shown('none')
        if fact.status is AdviceStatus.WITHDRAWN:
            if fact.sequence and now_ns - self._withdrawn_ns <= WITHDRAWN_SHOWN_S * NS_PER_S:
                return Shown('withdrawn', silence or 'reported', fact.reason, fact)
            return Shown('unavailable', silence or 'reported', fact.reason, since_ns=since_ns)  # not known to be calm
        if self.stamp_ns(now_ns) > fact.valid_until_stamp_ns:
            return Shown('unavailable', silence or 'expired', since_ns=since_ns)
        if silence:
            return Shown('interrupted', silence, fact.reason, fact, since_ns)
        if fact.status is AdviceStatus.INTERRUPTED:
            confirmed_ns = fact.stamp_ns - self._clock.offset_ns
            return Shown('interrupted', 'reported', fact.reason, fact, confirmed_ns)
        return Shown('valid', fact=fact)

    def system(self, now_ns: int) -> str:
        """Name the state of the whole: a :class:`GuidanceState` in small letters, or ``no_guidance``."""
        if self._status is None or self._statuses.silent_since(now_ns, STATUS_LIMIT_S) is not None:
            return 'no_guidance'
        silence, _ = self._silence(now_ns)
        state = self._status.state
        if silence and state in (GuidanceState.OK, GuidanceState.DEGRADED):
            state = GuidanceState.INTERRUPTED  # the relay saw it before the watchdog did
        return state.name.lower()

    def json(self, now_ns: int) -> Json:
        """Give the whole state for the page. Ages in milliseconds."""
        status = self._status if self.system(now_ns) != 'no_guidance' else None
        return {
            'now_ms': round(now_ns / NS_PER_MS, 3),
            'stamp_ms': self.stamp_ns(now_ns) // NS_PER_MS,
            'system': {
                'state': self.system(now_ns),
                'reasons': list(status.reasons) if status else [],
                **(status.json if status else {}),
            },
            'picture': self._picture_json(now_ns),
            'advice': self._advice_json(now_ns),
            'alarms': [alarm.json for alarm in self.alarms()],
            'stages_ms': self._stages_json(now_ns),
        }

    def _silence(self, now_ns: int) -> tuple[str, int]:
        """Name the first input that went silent and since when [ns]; ``('', 0)`` while all speak."""
        for why, pulse, limit_s in (
            ('frames_stopped', self._frames, self._frame_limit_s()),
            ('advice_silent', self._advices, SUGGESTION_LIMIT_S),
            ('watchdog_silent', self._statuses, STATUS_LIMIT_S),
        ):
            if pulse is self._frames and not self._hears_frames:
                continue
            since_ns = pulse.silent_since(now_ns, limit_s)
            if since_ns is not None:
                return why, since_ns
        return '', 0

    def _frame_limit_s(self) -> float:
        """Give the longest time between two frames that is no stop [s]."""
        rate = self._frame.rate if self._frame is not None else 0.0
        if rate > 0:
            return max(FRAME_INTERVALS / rate, FRAME_LIMIT_MIN_S)
        return min(max(FRAME_INTERVALS * self._interval_s, FRAME_LIMIT_MIN_S), FRAME_LIMIT_MAX_S)

    def _picture_json(self, now_ns: int) -> Json:
        if self._frame is None:
            return {'state': 'none'}
        since_ns = self._frames.silent_since(now_ns, self._frame_limit_s())
        return {
            'state': 'live' if since_ns is None else 'stopped',
            'sequence': self._frame.sequence,
            'age_ms': _ms(now_ns - self._frame.monotonic_ns),
            'silent_ms': 0 if since_ns is None else _ms(now_ns - since_ns),
            'outlines': self.scenes_flow(now_ns),
        }

    def _advice_json(self, now_ns: int) -> Json:
        shown = self.shown(now_ns)
        state: Json = {'status': shown.status, 'why': shown.why, 'reason': shown.reason}
        if shown.since_ns:
            state['since_ms'] = _ms(now_ns - shown.since_ns)
        if shown.fact is not None:
            stamp_ns = self.stamp_ns(now_ns)
            state |= shown.fact.json
            state['age_ms'] = _ms(stamp_ns - shown.fact.raised_stamp_ns)
            state['confirmed_ms'] = _ms(stamp_ns - shown.fact.stamp_ns)
            state['remaining_ms'] = _ms(shown.fact.valid_until_stamp_ns - stamp_ns)
        return state

    def _stages_json(self, now_ns: int) -> Json:
        """Give the median of each stage over the last frames, so that a reader can read it."""
        if not self._timings or now_ns - self._timing_ns > TIMING_SHOWN_S * NS_PER_S:
            return {}
        return {
            stage: round(statistics.median(t.stages[stage] for t in self._timings if stage in t.stages), 1)
            for stage in self._timings[-1].stages
        }


def _ms(duration_ns: int) -> int:
    return max(0, duration_ns // NS_PER_MS)
