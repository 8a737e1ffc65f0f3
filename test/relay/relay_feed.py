"""A stand-in for the guidance and the watchdog: frames in a ring, and the topics that go with them, in one process.

Alarms can be acknowledged, their sound paused and advice answered, and it draws itself: ``{"mark": "text"}``.

A bright square moves over a dark picture, and the scene's one structure is that very square: whoever draws a scene
over another frame's picture is caught. Told what to do by lines on standard input: ``{"scene": false}``,
``{"rule": "path"}`` and so on, one JSON object of settings a line.
"""

from __future__ import annotations

import array
import json
import sys
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from relay_painting import painted_scene, painting
from std_msgs.msg import Header
from surgical_guidance_msgs.msg import (
    Alarm,
    Annotation,
    Evidence,
    FrameTiming,
    GuidanceStatus,
    SceneState,
    StageTiming,
    Structure,
    Suggestion,
)
from surgical_guidance_msgs.srv import AcknowledgeAlarm, PauseAlarmAudio, RespondToSuggestion

from surgical_guidance.clock import NS_PER_S, StampClock, to_time
from surgical_guidance.contract import (
    ACKNOWLEDGE_SERVICE,
    ALARM,
    ANNOTATIONS,
    FRAME,
    NAMESPACE,
    PAUSE_AUDIO_SERVICE,
    RESPOND_SERVICE,
    SCENE,
    STATUS,
    SUGGESTION,
    TIMING,
)
from surgical_guidance.frames import RingWriter, ring_scope
from surgical_guidance.ports import frame_ref, publisher, subscription

SIDE = 120  # of the square [px]
INFERENCE_S = 0.015
VALID_S = 3.0


@dataclass(frozen=True)
class Settings:
    """What the feed plays."""

    width: int = 1280
    height: int = 720
    rate: float = 25.0
    frames: bool = True
    scene: bool = True
    advice: bool = True
    status: bool = True
    rule: str = 'bowel'
    alarm: bool = False
    painted: bool = False
    alarms: tuple[str, ...] = ()
    step: int = 0
    mark: str = ''


RULES = {
    # priority, zh, en, class to highlight, evidence
    'bowel': (
        Suggestion.PRIORITY_HIGH,
        '电钩距离肠壁约8mm，请停止通电并抬高操作角度',
        'Stop energy; bowel about 8 mm. Raise the angle.',
        'gastrointestinal_tract',
        [('hook.gut.distance_mm', 8.2, 0.9, 'mm'), ('hook.energised_s', 1.4, float('nan'), 's')],
    ),
    'lens': (
        Suggestion.PRIORITY_MEDIUM,
        '镜头起雾，请清洁镜头',
        'Clean the lens.',
        '',
        [('view.sharpness', 41.0, 6.0, '1')],
    ),
    'path': (Suggestion.PRIORITY_LOW, '沿黄色高亮路径推进', 'Advance along the highlighted path.', 'gallbladder', []),
    'pan': (Suggestion.PRIORITY_LOW, '请向左移动镜头', 'Pan left; centre the instruments.', '', []),
}


ALARMS = {
    # priority, zh, en, detail
    'over_budget': (
        Alarm.PRIORITY_MEDIUM,
        '建议延迟超出限值',
        'Advice is later than the limit',
        '96 ms against 80 ms, 3 frames in a row',
    ),
    'camera_lost': (Alarm.PRIORITY_HIGH, '摄像头无画面', 'No picture from the camera', 'silent for 1.2 s'),
    'disk_low': (Alarm.PRIORITY_LOW, '磁盘空间不足', 'Disk space is low', '1.9 GB left'),
}


def square_at(sequence: int, width: int, height: int) -> tuple[int, int]:
    """Where the square of a frame is: every frame elsewhere, 24 px from the last."""
    return 40 + 24 * sequence % (width - SIDE - 80), height // 3


def stamp(ns: int) -> Time:
    return to_time(int(ns))


class Feed:
    """Plays until its process ends."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._node = rclpy.create_node('feed', namespace=NAMESPACE)
        topics = (FRAME, SCENE, SUGGESTION, TIMING, STATUS, ALARM, ANNOTATIONS)
        self._send = {topic: publisher(self._node, topic).publish for topic in topics}
        self._ring = RingWriter(ring_scope(NAMESPACE), 8, settings.width * settings.height * 3)
        self._clock = StampClock.from_system()
        self._raised: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._painted = painting(settings.width, settings.height) if settings.painted else None
        self._next_status = 0.0
        self._answer = ''
        self._seen: dict[str, str] = {}  # alarms that were acknowledged, by whom
        self._quiet_ns, self._quiet_by = 0, ''
        self._marked = ''
        self._since: dict[str, Time] = {}  # alarms that are on
        self._node.create_service(RespondToSuggestion, RESPOND_SERVICE, self._on_response)
        self._node.create_service(AcknowledgeAlarm, ACKNOWLEDGE_SERVICE, self._on_acknowledge)
        self._node.create_service(PauseAlarmAudio, PAUSE_AUDIO_SERVICE, self._on_pause)
        subscription(self._node, ANNOTATIONS, self._on_annotation)
        threading.Thread(target=rclpy.spin, args=(self._node,), daemon=True).start()

    def play(self) -> None:
        next_at = time.monotonic()
        while True:
            settings = self.settings
            if settings.frames:
                self._play_frame(settings)
            if settings.status and time.monotonic() >= self._next_status:
                self._play_status(settings)
                self._next_status = time.monotonic() + 1.0 / STATUS.rate - 0.02
            next_at = max(next_at + 1.0 / settings.rate, time.monotonic())
            threading.Event().wait(next_at - time.monotonic())

    def close(self) -> None:
        self._ring.close()

    def _on_response(self, request: Any, response: Any) -> Any:
        current = self._numbers.get(self.settings.rule, 0)
        response.success = request.sequence == current
        names = {request.ACCEPT: 'accepted', request.REJECT: 'rejected', request.NOT_NOW: 'not now'}
        response.message = f'{names[request.response]} by {request.by}' if response.success else 'not the one shown'
        if response.success:
            self.settings = replace(self.settings, rule='')
        return response

    def _on_acknowledge(self, request: Any, response: Any) -> Any:
        names = [request.id] if request.id else list(self.settings.alarms)
        self._seen |= dict.fromkeys(names, request.by)
        response.success, response.message = True, ', '.join(names)
        return response

    def _on_pause(self, request: Any, response: Any) -> Any:
        self._quiet_ns = self._clock.stamp_ns(time.monotonic_ns()) + int(request.seconds * NS_PER_S)
        self._quiet_ns, self._quiet_by = (self._quiet_ns, request.by) if request.seconds else (0, '')
        response.success = True
        return response

    def _on_annotation(self, mark: Annotation) -> None:
        if mark.kind in (Annotation.TEXT, Annotation.CLEAR):
            sys.stderr.write(f'annotation {mark.kind} of {mark.author} on {mark.frame_sequence}: {mark.text}\n')
            sys.stderr.flush()

    def _play_mark(self, settings: Settings, header: Header, sequence: int) -> None:
        if settings.mark == self._marked:
            return
        self._marked = settings.mark
        if settings.mark:
            self._send[ANNOTATIONS](
                Annotation(
                    header=header,
                    frame_sequence=sequence,
                    id='1',
                    author='robot',
                    kind=Annotation.TEXT,
                    points=array.array('f', [0.25, 0.25]),
                    text=settings.mark,
                    color=0xFF0000,
                )
            )
        else:
            self._send[ANNOTATIONS](Annotation(header=header, author='robot', kind=Annotation.CLEAR))

    def _play_frame(self, settings: Settings) -> None:
        captured_ns = time.monotonic_ns()
        draft = self._ring.begin(settings.width, settings.height)
        x, y = square_at(draft.sequence, settings.width, settings.height)
        if self._painted is None:
            draft.image[:] = 30
            draft.image[y : y + SIDE, x : x + SIDE] = 235
        else:
            draft.image[:] = self._painted
        frame = self._ring.commit(draft, self._clock.stamp_ns(captured_ns), captured_ns)
        self._send[FRAME](frame_ref(frame, settings.rate))
        threading.Event().wait(INFERENCE_S)
        header = Header(stamp=stamp(frame.stamp_ns), frame_id='endoscope_optical')
        self._play_mark(settings, header, frame.sequence)
        if settings.scene:
            self._send[SCENE](self._scene(settings, header, frame.sequence, captured_ns, (x, y)))
        if settings.advice:
            self._send[SUGGESTION](self._suggestion(settings, header, frame.sequence, frame.stamp_ns, (x, y)))
            stages = [
                ('handover', 0.4),
                ('inference', 15.2),
                ('scene', 2.1),
                ('advice', 0.6),
                ('capture_to_advice', 18.3),
            ]
            self._send[TIMING](
                FrameTiming(
                    header=header,
                    sequence=frame.sequence,
                    stages=[StageTiming(stage=name, start_ms=0.0, duration_ms=ms) for name, ms in stages],
                )
            )

    def _scene(
        self, settings: Settings, header: Header, sequence: int, at_ns: int, square: tuple[int, int]
    ) -> SceneState:
        scene = SceneState(
            header=header,
            sequence=sequence,
            monotonic_ns=at_ns,
            width=settings.width,
            height=settings.height,
            valid=True,
            quality=0.93,
            phase='CalotTriangleDissection',
        )
        if settings.painted:
            painted_scene(scene, settings.width, settings.height)
            return scene
        x, y = square
        scene.structures = [
            Structure(class_name='gastrointestinal_tract', score=0.9, area=0.02, contour=array.array('f', _box(x, y)))
        ]
        return scene

    def _suggestion(
        self, settings: Settings, header: Header, sequence: int, stamp_ns: int, square: tuple[int, int]
    ) -> Suggestion:
        if settings.rule not in RULES:
            return Suggestion(header=header, frame_sequence=sequence, status=Suggestion.STATUS_NONE)
        priority, zh, en, highlight, evidence = RULES[settings.rule]
        raised_ns = self._raised.setdefault(settings.rule, stamp_ns)
        x, y = square
        path = [x, y, x + 200.0, y - 100.0] if settings.rule == 'path' else []
        if path and settings.painted:
            path = [v * settings.width / 1280 for v in (560, 560, 610, 500, 690, 450, 790, 420)]
        arrow = [0.6 * settings.width, 0.5 * settings.height, 0.4 * settings.width, 0.5 * settings.height]
        return Suggestion(
            header=header,
            frame_sequence=sequence,
            sequence=self._numbers.setdefault(settings.rule, len(self._numbers) + 1),
            rule_id=settings.rule,
            priority=priority,
            status=Suggestion.STATUS_VALID,
            text_zh=zh,
            text_en=en,
            evidence=[Evidence(name=n, value=v, sigma=s, unit=u) for n, v, s, u in evidence],
            highlight_class=highlight,
            highlight_path=array.array('f', path),
            highlight_arrow=array.array('f', arrow if settings.rule == 'pan' else []),
            raised_at=stamp(raised_ns),
            valid_until=stamp(stamp_ns + int(VALID_S * NS_PER_S)),
        )

    def _play_status(self, settings: Settings) -> None:
        now = stamp(self._clock.stamp_ns(time.monotonic_ns()))
        on = settings.alarms or (('over_budget',) if settings.alarm else ())
        self._seen = {name: by for name, by in self._seen.items() if name in on}
        self._since = {name: at for name, at in self._since.items() if name in on}
        alarms = [self._alarm(name, now) for name in on]
        self._send[STATUS](
            GuidanceStatus(
                stamp=now,
                state=GuidanceStatus.DEGRADED if on else GuidanceStatus.OK,
                reasons=['capture to advice 96 ms, limit 80 ms'] if on else [],
                frame_rate=settings.rate,
                latency_p50_ms=18.3,
                latency_p99_ms=24.9,
                degradation_step=settings.step,
                audio_paused_until=stamp(self._quiet_ns),
                audio_paused_by=self._quiet_by,
                alarms=alarms,
            )
        )

    def _alarm(self, name: str, now: Time) -> Alarm:
        priority, zh, en, detail = ALARMS[name]
        return Alarm(
            raised_at=self._since.setdefault(name, now),
            id=name,
            priority=priority,
            active=True,
            acknowledged=name in self._seen,
            acknowledged_by=self._seen.get(name, ''),
            text_zh=zh,
            text_en=en,
            detail=detail,
            count=2,
        )


def _box(x: int, y: int) -> list[float]:
    """Outline of the square, through the centres of its border pixels."""
    far_x, far_y = x + SIDE - 1, y + SIDE - 1
    return [float(v) for v in (x, y, far_x, y, far_x, far_y, x, far_y)]


def main() -> None:
    settings = replace(Settings(), **json.loads(sys.argv[1]))
    rclpy.init()
    feed = Feed(settings)

    def obey() -> None:
        for line in sys.stdin:
            feed.settings = replace(feed.settings, **json.loads(line))

    threading.Thread(target=obey, daemon=True).start()
    try:
        feed.play()
    finally:
        feed.close()


if __name__ == '__main__':
    main()
