"""What the guidance says, on its way to the pages: facts in; states, events, pictures, overlays and marks out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from surgical_guidance.annotations import Annotation
from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.relay import wire
from surgical_guidance.relay.clients import OutgoingPicture
from surgical_guidance.relay.facts import AdviceFact, AlarmFact, FrameFact, Json, SceneFact, StatusFact, TimingFact
from surgical_guidance.relay.hub import Hub
from surgical_guidance.relay.marks import Marks
from surgical_guidance.relay.pairing import Pair, Pairing, Picture
from surgical_guidance.relay.privacy import Privacy
from surgical_guidance.relay.timeline import Timeline
from surgical_guidance.relay.video.overlays import Overlays
from surgical_guidance.relay.view import View


class News:
    """Where view, timeline, pairing, overlays and marks meet. Belongs to the loop's thread.

    :param hub: the pages.
    :param privacy: whether pictures are withheld.
    :param draw: publishes a mark.
    """

    def __init__(self, hub: Hub, privacy: Privacy, draw: Callable[[Annotation], None]) -> None:
        self._hub = hub
        self._privacy = privacy
        self.view = View()
        self.marks = Marks(draw, self.view.stamp_ns)
        self.pairing = Pairing()
        self._timeline = Timeline()
        self._overlays = Overlays()
        self._release: asyncio.TimerHandle | None = None

    def hello(self) -> Json:
        """Give what a page is told of what was before."""
        return {'timeline': list(self._timeline.events), 'marks': self.marks.standing()}

    def look(self) -> int:
        """Send what has changed, at once; give the instant of this look [ns]."""
        now_ns = monotonic_ns()
        view = self.view
        events = self._timeline.look(view.shown(now_ns), view.alarms(), view.system(now_ns), view.stamp_ns(now_ns))
        for event in events:
            self._hub.event(wire.text('event', event))
        if events and self._hub.watched:
            self.send_state(now_ns)
        return now_ns

    def send_state(self, now_ns: int) -> None:
        """Send the whole state."""
        state = self.view.json(now_ns)
        state['picture']['withheld'] = self._privacy.withheld
        self._hub.state(wire.text('state', state))

    def frame(self, frame: FrameFact) -> None:
        """Take a frame."""
        self.view.on_frame(frame, monotonic_ns())
        self.marks.on_frame(frame)
        if self._hub.video:
            self._overlays.on_frame(frame)

    def scene(self, scene: SceneFact) -> None:
        """Take a scene."""
        now_ns = monotonic_ns()
        self.view.on_scene(scene, now_ns)
        if self._hub.video:
            self._hub.overlay(wire.overlay(self._overlays.on_scene(scene)))
        self._send(self.pairing.on_scene(scene, now_ns))

    def advice(self, advice: AdviceFact) -> None:
        """Take a suggestion."""
        now_ns = monotonic_ns()
        self.view.on_advice(advice, now_ns)
        self.look()
        path = self._overlays.on_advice(advice) if self._hub.video else None
        if path is not None:
            self._hub.overlay(wire.overlay(path))
        self._send(self.pairing.on_advice(advice, now_ns))

    def status(self, status: StatusFact) -> None:
        """Take the watchdog's word."""
        self.view.on_status(status, monotonic_ns())
        self.look()

    def alarm(self, alarm: AlarmFact) -> None:
        """Take the change of an alarm."""
        self.view.on_alarm(alarm)
        self.look()

    def timing(self, timing: TimingFact) -> None:
        """Take the times of a frame."""
        self.view.on_timing(timing, monotonic_ns())

    def annotation(self, mark: Annotation) -> None:
        """Take a mark that somebody drew."""
        told = self.marks.take(mark)
        self._hub.mark(told['author'], told['id'], wire.text('mark', told))

    def picture(self, picture: Picture) -> None:
        """Take an encoded single picture."""
        now_ns = monotonic_ns()
        self._send(self.pairing.on_picture(picture, now_ns, wait=self.view.scenes_flow(now_ns)))

    def _send(self, pair: Pair | None) -> None:
        if pair is not None:
            self._hub.picture(OutgoingPicture(pair.picture.monotonic_ns, wire.picture(pair)))
        if self._release is not None:
            self._release.cancel()
        due_ns = self.pairing.next_due_ns()
        loop = asyncio.get_running_loop()
        self._release = loop.call_at(due_ns / NS_PER_S, self._send_overdue) if due_ns is not None else None

    def _send_overdue(self) -> None:
        self._send(self.pairing.overdue(monotonic_ns()))
