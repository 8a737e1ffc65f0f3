"""What one connection, and one address, may cost: rates, and a wait after wrong credentials."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from surgical_guidance.clock import NS_PER_S, monotonic_ns

KEPT = 4096  # addresses remembered; the oldest is forgotten first
FREE_FAILURES = 5
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a door bears.

    :param connections: at once, whoever they are.
    :param per_address: of them from one address.
    :param handshake_s: from a connection to its first whole request, and from an answer to the next request [s].
    :param incoming: bytes of one message.
    :param messages: that a connection may send a second, for long; four times as many at once.
    :param incoming_rate: bytes that a connection may send a second, for long; four times as many at once.
    """

    connections: int = 256
    per_address: int = 64
    handshake_s: float = 10.0
    incoming: int = 256 * 1024
    messages: int = 250
    incoming_rate: int = 1024 * 1024


BURST = 4  # seconds' worth that may come at once


class Bucket:
    """A token bucket.

    :param rate: that comes back a second.
    :param burst: that it holds at most, and at first.
    """

    def __init__(self, rate: float, burst: float, now_ns: Callable[[], int] = monotonic_ns) -> None:
        self._rate = rate
        self._burst = burst
        self._now_ns = now_ns
        self._left = burst
        self._at_ns = now_ns()

    def take(self, amount: float = 1.0) -> bool:
        """Take something out; False, and nothing taken, if there is not enough."""
        now_ns = self._now_ns()
        self._left = min(self._burst, self._left + self._rate * (now_ns - self._at_ns) / NS_PER_S)
        self._at_ns = now_ns
        if amount > self._left:
            return False
        self._left -= amount
        return True


class Lockout:
    """Addresses that came with wrong credentials wait before the next are looked at: 1 s, 2 s, ... 60 s.

    Networks of IPv6 count as one address (/64): who has one of them has them all.
    """

    def __init__(self, now_ns: Callable[[], int] = monotonic_ns) -> None:
        self._now_ns = now_ns
        self._failures: OrderedDict[str, tuple[int, int]] = OrderedDict()  # how often, and until when [ns]

    def wait_s(self, address: str) -> float:
        """Give how long an address still has to wait [s]; 0 if it may try."""
        _, until_ns = self._failures.get(_network(address), (0, 0))
        return max(0.0, (until_ns - self._now_ns()) / NS_PER_S)

    def failed(self, address: str) -> None:
        """Note wrong credentials."""
        key = _network(address)
        count = self._failures.pop(key, (0, 0))[0] + 1
        wait_s = 0.0
        if count >= FREE_FAILURES:
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(count - FREE_FAILURES, 10))
        self._failures[key] = (count, self._now_ns() + int(wait_s * NS_PER_S))
        while len(self._failures) > KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of an address."""
        self._failures.pop(_network(address), None)


def _network(address: str) -> str:
    try:
        parsed = ip_address(address.partition('%')[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else parsed.exploded[:19]
    return str(parsed)
