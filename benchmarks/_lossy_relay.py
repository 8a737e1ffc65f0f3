"""The relay at one end of a lossy link, with a camera and advice that changes: ``python _lossy_relay.py ADDRESS SIZE``.

Says its port. New advice comes ten times a second, so that every one of them is an event that must not be lost.
"""

from __future__ import annotations

import sys
import threading

from _barcode import RATE, BarcodeSource
from surgical_guidance.clock import NS_PER_S, StampClock
from surgical_guidance.frames import RingWriter, ring_scope
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.facts import AdviceFact, AdviceStatus, FrameFact, SceneFact
from surgical_guidance.relay.security import Door, Policy
from surgical_guidance.relay.server import Limits
from surgical_guidance.relay.service import Service, Settings
from surgical_guidance.relay.video.settings import Reach, VideoSettings

ADVICE_EVERY = 3  # frames


def main(address: str, size: str) -> None:
    """Serve until the input ends."""
    listener = bind(address, 0)
    port = listener.getsockname()[1]
    # In a namespace of this test's own, which nobody else reaches: no TLS and no tokens.
    service = Service(
        listener,
        Settings(80, 1280, Limits(), video=VideoSettings(encoder='libx264', reach=Reach((address,)))),
        lambda: None,
        lambda problem: print(problem, file=sys.stderr) if problem else None,
        door=Door(Policy.load(), names=(address,)),
    )
    service.start()
    source = BarcodeSource(f'barcode:{size}')
    info = source.open()
    ring = RingWriter(ring_scope('lossy'), 8, info.width * info.height * 3)
    clock = StampClock.from_system()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    print(port, flush=True)
    try:
        while not ended.is_set():
            picture = source.read()
            if picture is None:
                break
            draft = ring.begin(info.width, info.height)
            picture.draw(draft.image)
            now_ns = picture.monotonic_ns
            frame = ring.commit(draft, clock.stamp_ns(now_ns), now_ns)
            service.frame(FrameFact(frame.sequence, frame.stamp_ns, now_ns, frame.ring, frame.slot, RATE))
            service.scene(
                SceneFact(frame.sequence, now_ns, {'width': info.width, 'height': info.height, 'valid': False})
            )
            stamp = frame.stamp_ns
            until = stamp + 3 * NS_PER_S
            number = frame.sequence // ADVICE_EVERY + 1
            service.advice(
                AdviceFact(
                    number, frame.sequence, AdviceStatus.VALID, '', stamp, stamp, until, (), {'sequence': number}
                )
            )
    finally:
        service.stop()
        ring.close()


if __name__ == '__main__':
    main(*sys.argv[1:])
