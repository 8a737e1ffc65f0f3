"""Joins a picture with what is seen in the very same frame: never outlines over another frame.

A picture is encoded before its scene is there (the network takes longer than the JPEG). It waits for it, but not for
long: a picture without outlines is honest, a late picture is not. When a picture goes, those captured before it are
dropped: newest wins.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from surgical_guidance.clock import NS_PER_MS
from surgical_guidance.relay.facts import AdviceFact, AdviceStatus, SceneFact

WAIT_NS = 60 * NS_PER_MS  # capture to sent, at most, for want of a scene
PATH_WAIT_NS = 10 * NS_PER_MS  # the advice of a frame follows its scene within a few milliseconds
KEPT = 16  # frames: more than wait for one another at 60 Hz

Key = tuple[int, int]  # sequence and capture time: a camera that restarts counts from 1 again
Way = tuple[tuple[float, ...], tuple[float, ...]]  # path and arrow of an advice
K = TypeVar('K')
V = TypeVar('V')


@dataclass(frozen=True, slots=True)
class Picture:
    """One encoded frame. ``width`` and ``height`` are the camera's, which all overlay coordinates refer to [px]."""

    sequence: int
    stamp_ns: int
    monotonic_ns: int
    width: int
    height: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture ready to go, its scene if there is one, and what the advice points at if found in this very frame."""

    picture: Picture
    scene: SceneFact | None
    path: tuple[float, ...]
    arrow: tuple[float, ...] = ()


class Pairing:
    """Pictures and scenes, each in any order. Holds a bounded number of both."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[Key, tuple[Picture, int]] = OrderedDict()  # with the instant it goes at the latest
        self._scenes: OrderedDict[Key, SceneFact] = OrderedDict()
        self._ways: OrderedDict[Key, Way] = OrderedDict()  # by sequence and stamp: all a suggestion says
        self._way_wanted = False
        self._sent_ns = 0  # capture time of the newest picture that went
        self.superseded = 0
        """Pictures dropped since a newer one was ready first."""

    def on_picture(self, picture: Picture, now_ns: int, *, wait: bool) -> Pair | None:
        """Take an encoded frame; give it back with its scene if it need not wait.

        :param wait: scenes flow, so this frame may expect one.
        """
        if picture.monotonic_ns <= self._sent_ns:
            self.superseded += 1
            return None
        key = (picture.sequence, picture.monotonic_ns)
        until_ns = picture.monotonic_ns + WAIT_NS if wait else now_ns
        _keep(self._pictures, key, (picture, until_ns))
        if key in self._scenes and self._way_wanted:
            until_ns = min(until_ns, now_ns + PATH_WAIT_NS)
            self._pictures[key] = (picture, until_ns)
        return self._ready(key, now_ns)

    def on_scene(self, scene: SceneFact, now_ns: int) -> Pair | None:
        """Take what is seen in a frame; give the picture that waited for it."""
        key = (scene.sequence, scene.monotonic_ns)
        _keep(self._scenes, key, scene)
        if key in self._pictures and self._way_wanted:
            picture, until_ns = self._pictures[key]
            self._pictures[key] = (picture, min(until_ns, now_ns + PATH_WAIT_NS))
        return self._ready(key, now_ns)

    def on_advice(self, advice: AdviceFact, now_ns: int) -> Pair | None:
        """Take the path that belongs to a frame; give the picture that waited for it."""
        self._way_wanted = bool(advice.path or advice.arrow) and advice.status is AdviceStatus.VALID
        if not self._way_wanted:
            self._ways.clear()
            return None
        frame = (advice.frame_sequence, advice.stamp_ns)
        _keep(self._ways, frame, (advice.path, advice.arrow))
        waiting = [key for key, (picture, _) in self._pictures.items() if (picture.sequence, picture.stamp_ns) == frame]
        return self._ready(waiting[0], now_ns) if waiting else None

    def overdue(self, now_ns: int) -> Pair | None:
        """Give the newest picture that has waited long enough."""
        for key in sorted(self._pictures, key=lambda k: k[1], reverse=True):
            if self._pictures[key][1] <= now_ns:
                return self._go(key)
        return None

    def next_due_ns(self) -> int | None:
        """Tell when :meth:`overdue` will have something; None while nothing waits."""
        return min((until_ns for _, until_ns in self._pictures.values()), default=None)

    def clear(self) -> None:
        """Forget all that waits: nobody watches any more."""
        self._pictures.clear()
        self._scenes.clear()
        self._ways.clear()

    def _ready(self, key: Key, now_ns: int) -> Pair | None:
        if key not in self._pictures:
            return None
        picture, until_ns = self._pictures[key]
        has_way = not self._way_wanted or (picture.sequence, picture.stamp_ns) in self._ways
        return self._go(key) if (key in self._scenes and has_way) or until_ns <= now_ns else None

    def _go(self, key: Key) -> Pair:
        picture, _ = self._pictures.pop(key)
        self._sent_ns = picture.monotonic_ns
        for other in [k for k in self._pictures if k[1] < picture.monotonic_ns]:
            del self._pictures[other]
            self.superseded += 1
        path, arrow = self._ways.get((picture.sequence, picture.stamp_ns), ((), ()))
        return Pair(picture, self._scenes.get(key), path, arrow)


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    while len(kept) > KEPT:
        kept.popitem(last=False)
