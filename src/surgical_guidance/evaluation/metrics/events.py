"""Which events were noticed, how late, and how often one was claimed that was not there.

An event is an interval of frames. What a model says frame by frame is made into intervals first (:func:`intervals`).
A claim belongs to an event if it *begins* in it, or not more than the tolerance before it; so a model that claims an
event all the time is right at most once, however many there are. Claims and events belong to each other one to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Interval = tuple[int, int]
"""First frame, and the one after the last."""


@dataclass(frozen=True, slots=True)
class EventMatch:
    """How the claims of one kind of event in one take fit the true events.

    :param latencies: of each true event that was noticed: begin of its claim minus its own [frames]; below 0: early.
    :param missed: true events without a claim.
    :param false: claims without a true event.
    """

    latencies: tuple[int, ...]
    missed: tuple[Interval, ...]
    false: tuple[Interval, ...]


def intervals(flags: Sequence[bool], gap: int = 0, shortest: int = 1) -> list[Interval]:
    """Make intervals of what was said frame by frame.

    :param gap: pauses of at most this many frames are bridged.
    :param shortest: intervals of fewer frames, after bridging, are let go.
    """
    found: list[Interval] = []
    for frame, flag in enumerate(flags):
        if not flag:
            continue
        if found and frame - found[-1][1] <= gap:
            found[-1] = (found[-1][0], frame + 1)
        else:
            found.append((frame, frame + 1))
    return [(start, end) for start, end in found if end - start >= shortest]


def match(truth: Sequence[Interval], found: Sequence[Interval], tolerance: int) -> EventMatch:
    """Match claims to events, as many as can be.

    A claim ``(s, e)`` may belong to an event ``(S, E)`` where ``S - tolerance <= s < E``. Taking the claims by their
    beginning and giving each the free event that ends first matches as many as possible (earliest deadline first).

    :param tolerance: how much too early a claim may come [frames].
    """
    free = sorted(truth, key=lambda event: (event[1], event[0]))
    latencies: list[int] = []
    false: list[Interval] = []
    for claim in sorted(found):
        event = next((event for event in free if event[0] - tolerance <= claim[0] < event[1]), None)
        if event is None:
            false.append(claim)
        else:
            free.remove(event)
            latencies.append(claim[0] - event[0])
    return EventMatch(tuple(latencies), tuple(free), tuple(false))
