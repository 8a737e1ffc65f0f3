"""How much one client may ask for, and how fast. What any connection may is the door's business."""

from __future__ import annotations

from dataclasses import dataclass

from surgical_guidance.clock import NS_PER_S, monotonic_ns


@dataclass(frozen=True, slots=True)
class BridgeLimits:
    """What the bridge bears.

    :param clients: at once.
    :param rate: messages per second that a client is heard with; a faster one is read more slowly [Hz].
    :param burst: messages that may come at once.
    :param mistakes: that a client may make at once, and one more each second; then it is closed.
    :param subscriptions: topics of one client; as many may be advertised.
    :param services: services and actions that one client may offer.
    :param calls: calls and goals under way for one client, and calls that wait for its answer.
    :param timeout_s: for a call that names no time [s].
    :param longest_timeout_s: that a call may name [s].
    :param heartbeat_s: a client that does not answer a ping of this interval within half of it is gone [s].
    :param goodbye_s: for a client to answer when it is closed [s].
    """

    clients: int = 64
    rate: float = 200.0  # less than what the door closes for: who is read slowly need not be sent away
    burst: int = 800
    mistakes: int = 64
    subscriptions: int = 128
    services: int = 32
    calls: int = 64
    timeout_s: float = 10.0
    longest_timeout_s: float = 600.0
    heartbeat_s: float = 20.0
    goodbye_s: float = 0.25


class Bucket:
    """Tokens that come back at a rate.

    :param rate: tokens a second [Hz].
    :param most: that can be saved.
    """

    def __init__(self, rate: float, most: int) -> None:
        self._rate = rate
        self._most = float(most)
        self._tokens = float(most)
        self._at_ns = monotonic_ns()

    def take(self) -> float:
        """Take one; give the time until it is there [s]."""
        now_ns = monotonic_ns()
        self._tokens = min(self._most, self._tokens + (now_ns - self._at_ns) / NS_PER_S * self._rate)
        self._at_ns = now_ns
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._rate)
