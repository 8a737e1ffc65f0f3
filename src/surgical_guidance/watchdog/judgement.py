"""From the facts of one moment to what is wrong: the conditions of the alarms, and the observation for the state.

One cause, one alarm: what a known cause explains is not raised again as something of its own. A lost camera does not
also interrupt the advice, and a camera that rests (a recording that was played to its end, a stage that an operator
deactivated) is not lost: advice is interrupted then, and the reason says why, without an alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from surgical_guidance.contract import (
    FRAME,
    LATENCY_LIMIT_MS,
    LATENCY_WARNING_MS,
    SCENE,
    STAGE_BUDGETS_MS,
    SUGGESTION,
    TIMING,
)
from surgical_guidance.watchdog.alarm_table import (
    ADVICE_INTERRUPTED,
    CAMERA_LOST,
    FLOODED,
    GUIDANCE_REDUCED,
    LATENCY_WARNING,
    LOW_FRAME_RATE,
    OVER_BUDGET,
    PICTURE_BLACK,
    PICTURE_FROZEN,
    RECORDER_LOST,
    STAGE_ERROR,
    STAGE_LOST,
    STAGE_RESTARTED,
    STAGE_SLOW,
    stage_alarm,
)
from surgical_guidance.watchdog.facts import AT_WORK, BROKEN, FRAME_PATH, RECORDER, Facts, StageFacts, StageState
from surgical_guidance.watchdog.latency import LatencyFacts
from surgical_guidance.watchdog.state import Observation
from surgical_guidance.watchdog.surroundings import NOTHING_KNOWN, Surroundings

_WARNINGS: Final = frozenset((LATENCY_WARNING, STAGE_SLOW))
"""What is within the limit of the whole and no reason for a state."""


@dataclass(frozen=True, slots=True)
class View:
    """All facts of one moment.

    :param stages: of every stage that is expected, by name.
    :param topics: of every topic that an expected stage sends, by its name in the contract.
    :param starting: the grace of the start is not over: what was never heard is not missed yet.
    :param around: what is known besides.
    :param over_budget: stages over their own budget, and what they took [ms].
    :param reduced: which degradation step is in force and why; '' for none.
    :param flood: that somebody floods a topic; '' while nobody does.
    :param recorder: the flight recorder; None where nobody asks for it.
    """

    stages: Mapping[str, StageFacts]
    topics: Mapping[str, Facts]
    latency: LatencyFacts
    starting: bool
    around: Surroundings = NOTHING_KNOWN
    over_budget: Mapping[str, float] = field(default_factory=dict)
    reduced: str = ''
    flood: str = ''
    recorder: StageFacts | None = None

    @property
    def hearts(self) -> dict[str, StageFacts]:
        """Everything that has a heartbeat, by name."""
        return {**self.stages, **({} if self.recorder is None else {RECORDER: self.recorder})}

    @property
    def gist(self) -> tuple[object, ...]:
        """What it comes to without the numbers: as long as it is the same, nothing is better or worse."""
        return (
            self.starting,
            self.latency.over_budget,
            self.latency.warning,
            bool(self.reduced),
            *sorted(self.around.conditions),
            *((s.heard, s.alive, s.frequency_ok, s.state) for s in self.stages.values()),
            *((t.heard, t.alive, t.frequency_ok, t.valid) for t in self.topics.values()),
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a view comes to.

    :param conditions: the alarms whose condition holds, by id, with values against limits.
    :param reasons: one line each, the gravest first; empty when nothing keeps the state from being OK.
    """

    observation: Observation
    conditions: dict[str, str]
    reasons: tuple[str, ...]


def judge(view: View) -> Judgement:
    """Tell what is wrong."""
    broken = _broken_stages(view)
    resting = _resting_stages(view)
    pictures = _lost_pictures(view) or _dead_pictures(view)
    conditions = broken | pictures | _by_the_way(view)
    reasons = [f'{_stage_of(alarm)}: {detail}' for alarm, detail in broken.items()]
    reasons += (f'camera: {detail}' for detail in pictures.values())
    not_current = _not_current(view)
    for stage, what in resting.items():
        if not_current or stage not in FRAME_PATH:  # with current advice, its heartbeat is behind its work
            reasons.append(f'{stage}: {what}')
    explained = bool(pictures) or any(stage in FRAME_PATH for stage in (*map(_stage_of, broken), *resting))
    if not_current and not explained:
        reasons.append(not_current)
        if not _waiting(view):
            conditions[ADVICE_INTERRUPTED] = not_current

    limits: dict[str, str] = {} if not_current else _over_limits(view)
    if view.reduced:
        limits[GUIDANCE_REDUCED] = view.reduced
    conditions |= limits
    reasons += (detail for alarm, detail in limits.items() if alarm not in _WARNINGS)

    if broken:
        observation = Observation.BROKEN
    elif _waiting(view) and not pictures:
        observation = Observation.WAITING
    elif not_current or pictures:
        observation = Observation.SILENT
    elif reasons:
        observation = Observation.IMPAIRED
    else:
        observation = Observation.CURRENT
    return Judgement(observation, conditions, tuple(reasons))


def _broken_stages(view: View) -> dict[str, str]:
    """Stages that are gone, or up and unable to work."""
    broken = {}
    waiting = _waiting(view)
    for name, stage in view.stages.items():
        if stage.dismissed:
            continue
        loss = '' if stage.alive else _loss(stage, loading=waiting or _process_loads(view, stage.pid))
        if not stage.heard and not view.starting:
            loss = 'it was never heard of'
        if loss:
            broken[stage_alarm(STAGE_LOST, name)] = loss
        elif _fault(stage):
            broken[stage_alarm(STAGE_ERROR, name)] = _fault(stage)
    return broken


def _loss(stage: StageFacts, *, loading: bool = False) -> str:
    """Tell how a stage was lost, or ''.

    :param loading: its process may be busy loading: a heart that stands still tells nothing.
    """
    if stage.ended:
        return f'its process {stage.pid} has ended'
    if stage.heard and stage.stopped:
        return f'its process {stage.pid} is stopped'
    if stage.heard and not stage.alive and not loading:
        return f'no heartbeat for {stage.silent_s:.2f} s'
    return ''


def _fault(stage: StageFacts) -> str:
    """Tell why a stage that is up cannot work, or ''."""
    return (stage.detail or 'it does not say why') if stage.state in BROKEN else ''


def _process_loads(view: View, pid: int) -> bool:
    """Whether a stage of a process loads: its stages share one executor, and all their hearts stand still."""
    return any(s.pid == pid and s.alive and s.state is StageState.UNCONFIGURED for s in view.stages.values())


def _resting_stages(view: View) -> dict[str, str]:
    """Stages that are not meant to work now; in the grace of the start only those that advice needs."""
    return {
        name: 'taken down' if stage.ended else stage.state.name.lower()
        for name, stage in view.stages.items()
        if _rests(stage) and (name in FRAME_PATH or not view.starting)
    }


def _rests(stage: StageFacts) -> bool:
    return stage.dismissed or (stage.heard and stage.alive and stage.state not in AT_WORK | BROKEN)


def _lost_pictures(view: View) -> dict[str, str]:
    """No frames from a camera that is meant to give some."""
    frames, camera = view.topics.get(FRAME.name), view.stages.get(FRAME.publisher)
    if frames is None or camera is None or frames.alive or _rests(camera):
        return {}
    if camera.alive and camera.state is StageState.FAILED:  # that says it all
        return {}
    if frames.heard:
        return {CAMERA_LOST: f'no frame for {frames.silent_s:.2f} s, the limit is {frames.limit_s:.2f} s'}
    return {} if view.starting else {CAMERA_LOST: 'no frame since the start'}


def _dead_pictures(view: View) -> dict[str, str]:
    """Frames come, and nothing current is on them."""
    camera, picture = view.stages.get(FRAME.publisher), view.around.picture
    if camera is None or _rests(camera) or (view.starting and _waiting(view)):
        return {}
    if picture.black:  # all black is frozen too, and the light is the likelier cause
        return {PICTURE_BLACK: picture.black}
    return {PICTURE_FROZEN: picture.frozen} if picture.frozen else {}


def _by_the_way(view: View) -> dict[str, str]:
    """Tell what is wrong and keeps nobody from guiding."""
    conditions = view.around.conditions
    for name, stage in view.stages.items():
        if stage.restarted:
            conditions[stage_alarm(STAGE_RESTARTED, name)] = f'it is process {stage.pid} now'
    if view.flood:
        conditions[FLOODED] = view.flood
    if view.recorder is not None and view.recorder.heard and not view.recorder.dismissed:  # one that never was is fine
        problem = _loss(view.recorder) or _fault(view.recorder)
        if problem:
            conditions[RECORDER_LOST] = problem
    return conditions


def _not_current(view: View) -> str:
    """Why advice is not current; empty where it is, or where no advice is expected of the stages there are."""
    timing, suggestion, scene = (view.topics.get(topic.name) for topic in (TIMING, SUGGESTION, SCENE))
    if timing is None or suggestion is None:
        return ''
    if not (timing.heard and suggestion.heard):
        return 'nothing was advised yet'
    if not timing.alive:
        return f'no frame was advised on for {timing.silent_s:.2f} s, the limit is {timing.limit_s:.2f} s'
    if not suggestion.alive:
        return f'no suggestion for {suggestion.silent_s:.2f} s, the limit is {suggestion.limit_s:.2f} s'
    if not suggestion.valid:
        return f'the suggestion is interrupted: {suggestion.problem}'
    if scene is not None and not scene.valid:
        return f'the scenes are not valid: {scene.problem}'
    return ''


def _waiting(view: View) -> bool:
    """Whether nothing was advised yet, and the start's grace is not over."""
    advice = (view.topics.get(TIMING.name), view.topics.get(SUGGESTION.name))
    return view.starting and any(topic is not None and not topic.heard for topic in advice)


def _over_limits(view: View) -> dict[str, str]:
    """Tell what is over its limit while advice is current: it is late, or seldom."""
    over = {}
    latency, timing = view.latency, view.topics.get(TIMING.name)
    if latency.over_budget:
        over[OVER_BUDGET] = f'capture to advice {latency.breach_ms:.0f} ms, the limit is {LATENCY_LIMIT_MS:.0f} ms'
    if timing is not None and not timing.frequency_ok:
        over[LOW_FRAME_RATE] = f'{timing.rate:.1f} frames advised on a second, the source gives {timing.promised:.1f}'
    if view.over_budget:
        over[STAGE_SLOW] = ', '.join(
            f'{stage} {took_ms:.0f} ms, its budget is {STAGE_BUDGETS_MS[stage]:.0f} ms'
            for stage, took_ms in view.over_budget.items()
        )
    if latency.warning:
        over[LATENCY_WARNING] = f'typically {latency.p50_ms:.0f} ms, the warning level is {LATENCY_WARNING_MS:.0f} ms'
    return over


def _stage_of(alarm: str) -> str:
    return alarm.partition('.')[2]
