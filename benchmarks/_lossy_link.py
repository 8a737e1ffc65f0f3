"""Two network namespaces joined by a link that loses and delays: ``python _lossy_link.py NAME NAME LOSS DELAY JITTER``.

Where the kernel has no ``netem``: each namespace gets a TUN device, and this program carries the packets between the
two. It says ``up`` when it does, and ends when its standard input does. Delay and jitter in milliseconds, one way each;
packets do not overtake one another, as in any queue. Needs root.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque

ADDRESSES = ('10.199.77.1', '10.199.77.2')
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
QUEUE = 500  # packets in one direction


def ip(*arguments: str) -> None:
    """Run ``ip``."""
    subprocess.run(['ip', *arguments], check=True)


def open_tun(device: str) -> int:
    """Make a TUN device."""
    fd = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH14x', device.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def carry(ends: tuple[int, int], loss: float, delay_s: float, jitter_s: float) -> None:
    """Carry packets until the input ends."""
    chance = random.Random(7)  # noqa: S311
    under_way: tuple[deque[tuple[float, bytes]], ...] = (deque(), deque())
    while True:
        now = time.monotonic()
        due = min((queue[0][0] for queue in under_way if queue), default=now + 1.0)
        ready, _, _ = select.select([*ends, sys.stdin], [], [], max(0.0, due - now))
        if sys.stdin in ready and not sys.stdin.readline():
            return
        now = time.monotonic()
        for index, end in enumerate(ends):
            queue = under_way[index]
            while end in ready:
                try:
                    packet = os.read(end, 2048)
                except BlockingIOError:
                    break
                if chance.random() >= loss and len(queue) < QUEUE:
                    at = now + delay_s + chance.uniform(-jitter_s, jitter_s)
                    queue.append((max(at, queue[-1][0] if queue else 0.0), packet))
            while queue and queue[0][0] <= now:
                os.write(ends[1 - index], queue.popleft()[1])


def main(names: tuple[str, str], loss: float, delay_ms: float, jitter_ms: float) -> None:
    """Make namespaces and link, carry, and take them away."""
    made = []
    try:
        for name in names:
            ip('netns', 'add', name)
            made.append(name)
        ends = []
        for index, name in enumerate(names):
            device = f'lossy{os.getpid() % 10000}{"ab"[index]}'
            ends.append(open_tun(device))
            ip('link', 'set', device, 'netns', name)
            ip('-n', name, 'addr', 'add', f'{ADDRESSES[index]}/24', 'dev', device)
            ip('-n', name, 'link', 'set', 'lo', 'up')
            ip('-n', name, 'link', 'set', device, 'mtu', '1500', 'up')
        print('up', flush=True)
        carry((ends[0], ends[1]), loss, delay_ms / 1000, jitter_ms / 1000)
    finally:
        for name in made:
            ip('netns', 'delete', name)


if __name__ == '__main__':
    main((sys.argv[1], sys.argv[2]), *map(float, sys.argv[3:6]))
