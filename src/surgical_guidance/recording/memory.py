"""The last seconds of what was said and seen, within a bound of bytes.

Every topic has a share of the bound of its own: a topic that is flooded loses its own past and nobody else's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from surgical_guidance.clock import NS_PER_S

OVERHEAD: Final = 256
"""What Python takes for a record besides its data [B]: the record, its numbers, its places in a lane."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it came, serialised.

    :param arrived_ns: ``CLOCK_MONOTONIC`` [ns]: what is old is told by this clock alone.
    :param log_ns: arrival, system time [ns].
    :param publish_ns: when it was sent, system time [ns].
    :param frame: sequence of the frame that it is the picture of; 0: it is no picture.
    """

    topic: str
    data: bytes
    arrived_ns: int
    log_ns: int
    publish_ns: int
    frame: int = 0

    @property
    def size(self) -> int:
        """Bytes it takes in memory."""
        return len(self.data) + OVERHEAD


@dataclass(frozen=True, slots=True)
class Share:
    """What a topic gets of the memory.

    :param limit: bytes.
    :param latched: its last message holds until the next: it is kept however old it is.
    """

    limit: int
    latched: bool = False


class Memory:
    """Keeps the records of the last seconds. Not for several threads at a time.

    :param keep_s: how long a record is kept [s].
    :param shares: of every topic that may be added.
    """

    def __init__(self, keep_s: float, shares: Mapping[str, Share]) -> None:
        self._keep_ns = int(keep_s * NS_PER_S)
        self._lanes = {topic: _Lane(share) for topic, share in shares.items()}

    def add(self, record: Record) -> None:
        """Keep a record; what is too old, or too much for its topic's share, is forgotten."""
        self._lanes[record.topic].add(record)
        self.forget(record.arrived_ns)

    def forget(self, now_ns: int) -> None:
        """Forget what is too old."""
        for lane in self._lanes.values():
            lane.forget(now_ns - self._keep_ns)

    def snapshot(self) -> list[Record]:
        """Give everything kept, in the order of arrival."""
        records = [record for lane in self._lanes.values() for record in lane.records]
        records.sort(key=lambda record: record.arrived_ns)
        return records

    @property
    def size(self) -> int:
        """Bytes that all records take."""
        return sum(lane.size for lane in self._lanes.values())

    @property
    def limit(self) -> int:
        """Bytes they can take at most."""
        return sum(lane.share.limit for lane in self._lanes.values())

    def shortened(self) -> dict[str, int]:
        """Tell of which topics records were forgotten before their time, since they were too much, and how many."""
        return {topic: lane.crowded_out for topic, lane in self._lanes.items() if lane.crowded_out}


class _Lane:
    def __init__(self, share: Share) -> None:
        self.share = share
        self.records: deque[Record] = deque()
        self.size = 0
        self.crowded_out = 0

    def add(self, record: Record) -> None:
        if record.size > self.share.limit:
            self.crowded_out += 1
            return
        self.records.append(record)
        self.size += record.size
        while self.size > self.share.limit:
            self._drop()
            self.crowded_out += 1

    def forget(self, before_ns: int) -> None:
        while self.records and self.records[0].arrived_ns < before_ns:
            if self.share.latched and (len(self.records) == 1 or self.records[1].arrived_ns >= before_ns):
                return
            self._drop()

    def _drop(self) -> None:
        self.size -= self.records.popleft().size


def shares(limit: int, topics: Mapping[str, bool], pictures: str, scene: str) -> dict[str, Share]:
    """Share out a bound of bytes: a half to the pictures, a quarter to the scenes, the rest to all others alike.

    :param topics: every topic, and whether it is latched.
    """
    others = len(topics) - 2
    return {
        topic: Share(
            limit // 2 if topic == pictures else limit // 4 if topic == scene else limit // 4 // others, latched
        )
        for topic, latched in topics.items()
    }
