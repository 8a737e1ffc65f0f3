"""What is drawn over each frame of the video, as data: told by the RTP timestamp that the page finds on the picture.

A picture does not wait for its overlay here: the page shows it bare until the overlay is there, and takes none but its
own.
"""

from __future__ import annotations

from collections import OrderedDict

from surgical_guidance.relay.facts import AdviceFact, AdviceStatus, FrameFact, Json, SceneFact
from surgical_guidance.relay.video.rtp_clock import rtp_time

NO_WAY: Json = {'path': [], 'arrow': []}
KEPT = 32  # frames: more than are between capture and scene


class Overlays:
    """Joins scenes and the advice's path with the frames they belong to. Holds a bounded number."""

    def __init__(self) -> None:
        self._captured: OrderedDict[tuple[int, int], int] = OrderedDict()  # sequence and stamp: all a suggestion says
        self._stamps: OrderedDict[tuple[int, int], int] = OrderedDict()  # sequence and capture time: all a scene says
        self._told: OrderedDict[tuple[int, int], None] = OrderedDict()
        self._way: tuple[tuple[int, int], Json] | None = None

    def on_frame(self, frame: FrameFact) -> None:
        """Take a frame."""
        self._captured[frame.sequence, frame.stamp_ns] = frame.monotonic_ns
        self._stamps[frame.sequence, frame.monotonic_ns] = frame.stamp_ns
        for kept in (self._captured, self._stamps):
            while len(kept) > KEPT:
                kept.popitem(last=False)

    def on_scene(self, scene: SceneFact) -> Json:
        """Take what is seen in a frame; give its overlay."""
        key = (scene.sequence, self._stamps.get((scene.sequence, scene.monotonic_ns), -1))
        self._told[key] = None
        while len(self._told) > KEPT:
            self._told.popitem(last=False)
        way = self._way[1] if self._way is not None and self._way[0] == key else NO_WAY
        return {
            'rtp': rtp_time(scene.monotonic_ns),
            'sequence': scene.sequence,
            'width': scene.json.get('width'),
            'height': scene.json.get('height'),
            'scene': scene.json,
        } | way

    def on_advice(self, advice: AdviceFact) -> Json | None:
        """Take the path found in a frame; give it where that frame's overlay has gone already."""
        if not (advice.path or advice.arrow) or advice.status is not AdviceStatus.VALID:
            self._way = None
            return None
        key = (advice.frame_sequence, advice.stamp_ns)
        way: Json = {'path': list(advice.path), 'arrow': list(advice.arrow)}
        self._way = (key, way)
        captured_ns = self._captured.get(key)
        if captured_ns is None or key not in self._told:
            return None
        return {'rtp': rtp_time(captured_ns), 'sequence': advice.frame_sequence} | way
