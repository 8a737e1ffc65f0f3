"""Subscriptions whose quality of service follows the publishers.

A subscription that asks for more than one publisher offers gets nothing of it. So it asks for what all of them offer:
reliable where all are, and what they kept where all keep. It is made anew when they come and go and that changes; the
old one lives on for a moment, so that nothing is lost between them. Who gets the messages knows doubles by their stamp.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from surgical_guidance.relay.bridge.robot import OnSample
from surgical_guidance.relay.bridge.ros.turning import TurningNode

OVERLAP_S = 0.5


def matching(publishers: list[QoSProfile], depth: int) -> QoSProfile:
    """Give the most that all publishers offer; reliable and nothing kept where there are none yet."""
    reliable = all(profile.reliability is not ReliabilityPolicy.BEST_EFFORT for profile in publishers)
    keeps = bool(publishers) and all(profile.durability is DurabilityPolicy.TRANSIENT_LOCAL for profile in publishers)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if keeps else DurabilityPolicy.VOLATILE,
    )


class RclpyFeed:
    """One of them. :meth:`open` and :meth:`review` belong to the node's thread, the rest to the loop's."""

    def __init__(
        self, turning: TurningNode, loop: asyncio.AbstractEventLoop, topic: str, cls: type, on_sample: OnSample
    ) -> None:
        self._turning = turning
        self._loop = loop
        self._topic = topic
        self._cls = cls
        self._on_sample = on_sample
        self._qos: QoSProfile | None = None
        self._subscription: Any = None
        self._closed = False
        self.on_close: Callable[[], None] = lambda: None

    @property
    def keeps(self) -> bool:
        """Whether the publishers keep messages for those who come late."""
        return self._qos is not None and self._qos.durability is DurabilityPolicy.TRANSIENT_LOCAL

    def open(self, depth: int) -> RclpyFeed:
        """Subscribe as the publishers of this moment offer it."""
        self._qos = self._wanted(depth)
        self._subscription = self._subscribe(self._qos)
        return self

    def drop(self) -> None:
        """End it at once."""
        self._closed = True
        self._destroy(self._subscription)

    def review(self) -> None:
        """Subscribe anew if the publishers offer something else by now."""
        if self._closed or self._qos is None:
            return
        wanted = self._wanted(self._qos.depth)
        if wanted == self._qos:
            return
        old, self._qos = self._subscription, wanted
        self._subscription = self._subscribe(wanted)
        self._loop.call_soon_threadsafe(
            self._loop.call_later, OVERLAP_S, self._turning.soon, lambda: self._destroy(old)
        )

    async def close(self) -> None:
        """End it."""
        if self._closed:
            return
        self._closed = True
        self.on_close()
        await self._turning.do(lambda: self._destroy(self._subscription))

    def _wanted(self, depth: int) -> QoSProfile:
        infos = self._turning.node.get_publishers_info_by_topic(self._topic)
        return matching([info.qos_profile for info in infos], depth)

    def _subscribe(self, qos: QoSProfile) -> Any:
        def on_event() -> None:
            self._turning.soon(self.review)

        events = SubscriptionEventCallbacks(
            incompatible_qos=_left_to_reader, matched=_left_to_reader, use_default_callbacks=False
        )
        node, reader = self._turning.node, self._turning.reader
        keywords = {'qos_profile': qos, 'raw': True, 'callback_group': reader.group}
        try:
            made = node.create_subscription(self._cls, self._topic, self._take, **keywords, event_callbacks=events)
        except UnsupportedEventTypeError:  # then the regular look must do
            made = node.create_subscription(self._cls, self._topic, self._take, **keywords)
        reader.add(made, self._take, on_event)
        return made

    def _take(self, raw: bytes, info: Any) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(self._hand_over, info['source_timestamp'], raw)

    def _hand_over(self, stamp_ns: int, raw: bytes) -> None:
        if not self._closed:
            self._on_sample(stamp_ns, raw)

    def _destroy(self, subscription: Any) -> None:
        self._turning.reader.remove(subscription)
        self._turning.node.destroy_subscription(subscription)


def _left_to_reader(_: Any) -> None:
    """Ask for an event, which no executor will bring."""
