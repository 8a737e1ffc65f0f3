"""Video and voices in a real browser, against the real relay process.

That outlines lie on the very frame, over video as over single pictures, is in ``test_relay_browser.py``: its page has
video too.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from relay_world import World

from chromium import chromium, need_chromium
from surgical_guidance.contract import NAMESPACE
from surgical_guidance.frames import remove_dead_rings, ring_scope

pytestmark = pytest.mark.browser

need_chromium()

# A machine without a sound card plays nothing, so what counts is what the browser has received and decoded.
PEERS = """(() => {
  window.peers = [];
  const Peer = RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...options) {
      super(...options);
      window.peers.push(this);
    }
  };
})()"""
HEARD = """async () => {
  const reports = [...(await window.peers.at(-1).getStats()).values()];
  return reports.some(one => one.type === 'inbound-rtp' && one.kind === 'audio' && one.packetsReceived > 20);
}"""


@pytest.fixture(scope='module')
def world(domain: Callable[[], int]) -> Iterator[World]:
    environment = os.environ | {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'ROS_DOMAIN_ID': str(domain())}
    world = World(environment, relay={'video_height': 540})
    yield world
    for process in (world.feed, world.relay):
        process.kill()
    remove_dead_rings(ring_scope(NAMESPACE, environment['ROS_DOMAIN_ID']))


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    with chromium('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream') as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, world: World) -> Iterator[Callable[..., Page]]:
    """Open pages; what goes wrong in them fails the test."""
    troubles: list[str] = []
    with ExitStack() as stack:

        def open_page(path: str = '/', script: str = '') -> Page:
            context = browser.new_context(viewport={'width': 1280, 'height': 800}, permissions=['microphone'])
            stack.callback(context.close)
            context.set_default_timeout(30_000)
            page = context.new_page()
            page.on('pageerror', lambda error: troubles.append(str(error)))
            page.on('console', lambda m: troubles.append(m.text) if 'Content Security' in m.text else None)
            if script:
                page.add_init_script(script)
            page.goto(world.url + path)
            return page

        yield open_page
    assert troubles == []


def health(world: World) -> dict[str, Any]:
    with urllib.request.urlopen(f'{world.url}/healthz', timeout=5) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
    return found


def test_the_page_has_video_says_so_and_asks_for_no_single_pictures_any_more(
    opened: Callable[..., Page], world: World
) -> None:
    page = opened()
    page.wait_for_selector('body[data-video=playing]')
    page.wait_for_selector('#signal >> text=WebRTC')
    sent = health(world)['video']['sent']
    page.wait_for_function('() => parseInt(document.getElementById("rate").textContent) > 1')
    assert page.locator('video').count() == 0  # pictures are taken as they are decoded
    pictures = health(world)['pictures']['sent']
    page.wait_for_timeout(500)
    assert health(world)['pictures']['sent'] == pictures
    assert health(world)['video']['sent'] > sent
    width = page.evaluate('document.getElementById("picture").width')
    assert width in (960, 640)  # the camera's 1280 is more than was asked for; less, where this host does not keep up
    page.wait_for_function('w => document.getElementById("signal").textContent.includes(`${w} × `)', arg=width)


def test_a_browser_that_hands_out_no_decoded_pictures_shows_them_all_the_same(opened: Callable[..., Page]) -> None:
    page = opened(script='delete window.MediaStreamTrackProcessor')
    page.wait_for_selector('body[data-video=playing]')
    page.wait_for_function('() => parseInt(document.getElementById("rate").textContent) > 1')
    assert page.locator('video').count() == 1


def test_a_browser_without_webrtc_gets_single_pictures_and_says_so(opened: Callable[..., Page]) -> None:
    page = opened(script='delete window.RTCPeerConnection')
    page.wait_for_selector('#stage[data-picture=live]')
    page.wait_for_selector('#signal >> text=JPEG')
    page.wait_for_function('() => parseInt(document.getElementById("rate").textContent) > 1')
    assert page.get_attribute('body', 'data-video') in (None, 'off')


def test_a_page_that_goes_leaves_no_peer_behind(opened: Callable[..., Page], world: World) -> None:
    page = opened()
    page.wait_for_selector('body[data-video=playing]')
    page.close()
    other = opened()
    other.wait_for_selector('body[data-video=playing]')
    other.wait_for_function('() => parseInt(document.getElementById("rate").textContent) > 1')
    assert len(health(world)['video']['viewers']) == 1


def test_surgeon_and_expert_hear_each_other_once_both_have_moved_their_switches(
    opened: Callable[..., Page], world: World
) -> None:
    surgeon, expert = opened('/or', PEERS), opened('/', PEERS)
    for page in (surgeon, expert):
        page.wait_for_selector('body[data-video=playing]')
        page.wait_for_selector('#speak[aria-pressed=false]:visible')
    assert health(world)['video']['voices'] == {'speaking': 0, 'listening': 0, 'forwarded': 0, 'dropped': 0}
    for speaker, listener in ((surgeon, expert), (expert, surgeon)):
        speaker.keyboard.press('v')
        speaker.wait_for_selector('#speak[aria-pressed=true]')
        listener.keyboard.press('h')
        listener.wait_for_selector('#hear[aria-pressed=true]')
        listener.wait_for_function(HEARD)
        assert listener.evaluate('[...document.querySelectorAll("audio")].every(one => !one.muted)')
    surgeon.keyboard.press('v')
    surgeon.wait_for_selector('#speak[aria-pressed=false]')
    assert health(world)['video']['voices']['speaking'] == 1
