"""From the pen set down in one browser to the mark on the overlay in another; and how soon a page is back.

Two browser processes, a relay and a feed of 720p pictures at 25 Hz (``test/relay/relay_feed.py``), all on this machine.
The start is the time stamp of the pointer event in the one page; the end is the first animation frame of the other in
which its marks canvas holds ink at that place. Both on the wall clock. Then the relay is killed and started again: the
time from when the new one takes connections until the page has its own again, and a picture.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from playwright.sync_api import Error as PlaywrightError

from surgical_guidance.bench import Measured, Tell
from surgical_guidance.contract import NAMESPACE
from surgical_guidance.errors import HostError
from surgical_guidance.frames import remove_dead_rings, ring_scope

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from relay_world import World

STROKES = 100
RESTARTS = 3
WARM_UP = 10
STROKE_MS = 5000.0  # a mark that takes so long never comes
TESTS = Path(__file__).resolve().parent.parent / 'test'

PEN = """() => {
  const place = document.getElementById('marks');
  place.addEventListener('pointerdown', event => { window.down = performance.timeOrigin + event.timeStamp; }, true);
}"""

BARE = """([x, y]) => {
  const canvas = document.getElementById('marks');
  const at = [Math.round(x * canvas.width) - 2, Math.round(y * canvas.height) - 2];
  return !canvas.getContext('2d').getImageData(...at, 5, 5).data.some(value => value);
}"""

BACK = """() => {
  window.back = {};
  new MutationObserver(() => {
    const now = performance.timeOrigin + performance.now();
    if (document.body.dataset.link === 'open') window.back.open ??= now;
    if (document.getElementById('stage').dataset.picture === 'live') window.back.live ??= now;
  }).observe(document.body, { subtree: true, attributes: true });
}"""

WATCH = """([x, y]) => {
  window.seen = 0;
  const canvas = document.getElementById('marks');
  const context = canvas.getContext('2d');
  const look = () => {
    const at = [Math.round(x * canvas.width) - 2, Math.round(y * canvas.height) - 2];
    if (context.getImageData(...at, 5, 5).data.some((value, index) => index % 4 === 3 && value > 100)) {
      window.seen = performance.timeOrigin + performance.now();
    } else requestAnimationFrame(look);
  };
  look();
}"""


def run(tell: Tell) -> Iterator[Measured]:
    """Measure the way of a pen-down."""
    for folder in (TESTS, TESTS / 'relay'):
        sys.path.insert(0, str(folder))
    from relay_world import World

    from chromium import CHROMIUM, FLAGS, chromium

    if not CHROMIUM.exists():
        raise HostError('there is no Chromium', where=str(CHROMIUM), remedy='apt-get install -y chromium')
    domain = str(1 + os.getpid() % 200)
    world = World(os.environ | {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'ROS_DOMAIN_ID': domain})
    try:
        with ExitStack() as stack:
            browser = stack.enter_context(chromium())
            one = browser.new_context(viewport={'width': 1280, 'height': 720}).new_page()
            second = browser.browser_type.launch(executable_path=str(CHROMIUM), args=FLAGS)
            stack.callback(second.close)
            other = second.new_context(viewport={'width': 1280, 'height': 720}).new_page()
            times = _measure(one, other, world.url, tell)
            for quantile in (50, 90, 99):
                yield Measured(f'pen_to_overlay_p{quantile}', float(np.percentile(times, quantile)), 'ms')
            yield Measured('pen_to_overlay_max', max(times), 'ms')
            yield Measured('strokes', len(times), '')
            second.close()
            open_again, live_again = _restart(one, world, tell)
    finally:
        for process in (world.feed, world.relay):
            if process.alive:
                process.kill()
        remove_dead_rings(ring_scope(NAMESPACE, domain))
    yield Measured('reconnect_max', max(open_again), 'ms')
    yield Measured('picture_back_max', max(live_again), 'ms')


def _measure(one: Page, other: Page, url: str, tell: Tell) -> list[float]:
    for page in (one, other):
        page.goto(url)
        page.wait_for_selector('#stage[data-picture=live]')
    one.keyboard.press('d')
    one.evaluate(PEN)
    box = one.locator('#frame').bounding_box()
    assert box is not None
    places = np.random.default_rng(1).uniform(0.1, 0.9, (WARM_UP + STROKES, 2)).tolist()
    times = []
    for number, (x, y) in enumerate(places):
        other.evaluate(WATCH, [x, y])
        one.mouse.move(box['x'] + x * box['width'], box['y'] + y * box['height'])
        one.mouse.down()
        _wait_for_ink(one, other)
        seen = float(other.evaluate('window.seen'))
        one.mouse.up()
        if number >= WARM_UP:
            times.append(seen - float(one.evaluate('window.down')))
        one.keyboard.press('x')
        other.wait_for_function(BARE, arg=[x, y])
        tell(0.8 * (number + 1) / (WARM_UP + STROKES), f'{number + 1} strokes')
    return times


def _wait_for_ink(one: Page, other: Page) -> None:
    """Wait until the other page has the mark.

    :raises HostError: with what the page that drew it says, if it does not come.
    """
    try:
        other.wait_for_function('() => window.seen', timeout=STROKE_MS)
    except PlaywrightError as error:
        told = one.evaluate("document.getElementById('toast').textContent")
        raise HostError(
            f'a mark did not come: {told or "the page says nothing"}', where='bench telestration'
        ) from error


def _restart(page: Page, world: World, tell: Tell) -> tuple[list[float], list[float]]:
    """Give how long after the new relay took connections the page was connected, and live [ms]."""
    page.evaluate(BACK)
    port = int(world.url.rsplit(':', 1)[1])
    connected, live = [], []
    for number in range(RESTARTS):
        world.relay.kill()
        page.wait_for_selector('body[data-link=lost]')
        page.evaluate('window.back = {}')
        starting = threading.Thread(target=world.start_relay, args=(port,))
        starting.start()
        serves_ms = _serves_ms(port)
        page.wait_for_selector('#stage[data-picture=live]')
        back = page.evaluate('window.back')
        connected.append(back['open'] - serves_ms)
        live.append(back['live'] - serves_ms)
        starting.join()
        tell(0.8 + 0.2 * (number + 1) / RESTARTS, f'{number + 1} restarts')
    return connected, live


def _serves_ms(port: int) -> float:
    """Wait until the relay takes connections; give when [ms since the epoch]."""
    while True:
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=5):
                return time.time() * 1000
        except OSError:
            time.sleep(0.005)
