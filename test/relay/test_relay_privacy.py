"""Nothing that tells who a patient is leaves in a picture."""

from __future__ import annotations

import asyncio
import json
import struct

import cv2
import numpy as np
import pytest
from aiohttp import ClientSession, WSMsgType
from relay_running import Relay
from surgical_guidance_msgs.msg import Condition, SceneState

from surgical_guidance.errors import ParameterError
from surgical_guidance.relay import messages
from surgical_guidance.relay.facts import SceneFact
from surgical_guidance.relay.privacy import BLOCKS, INSIDE_SCENES, Privacy, rectangles


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 255, (270, 480, 3), np.uint8)


def test_a_picture_of_the_inside_goes_as_it_is_without_a_copy(picture: np.ndarray) -> None:
    assert Privacy().applied(picture) is picture


def test_a_picture_of_the_room_is_pixelated_and_the_frame_itself_is_not_touched(picture: np.ndarray) -> None:
    privacy, before = Privacy(), picture.copy()
    picture.flags.writeable = False  # as in the ring
    privacy.on_scene(True)
    shown = privacy.applied(picture)
    assert shown.shape == picture.shape
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= BLOCKS * 9
    assert (shown[0, : 480 // BLOCKS] == shown[0, 0]).all()
    assert (picture == before).all()
    assert privacy.withheld


def test_it_is_shown_again_only_when_several_scenes_in_a_row_say_inside() -> None:
    privacy = Privacy()
    privacy.on_scene(True)
    for _ in range(INSIDE_SCENES - 1):
        privacy.on_scene(False)
    assert privacy.withheld
    privacy.on_scene(True)
    for _ in range(INSIDE_SCENES - 1):
        privacy.on_scene(False)
        privacy.on_scene(None)
    assert privacy.withheld  # the last word holds while scenes do not know
    privacy.on_scene(False)
    assert not privacy.withheld


def test_what_no_scene_has_judged_is_withheld_where_it_is_asked_for() -> None:
    assert Privacy(unjudged=True).withheld
    assert not Privacy().withheld


@pytest.mark.parametrize(('active', 'level', 'outside'), [(True, 0.2, True), (False, 0.6, True), (False, 0.1, False)])
def test_a_scene_says_outside_at_the_first_doubt(active: bool, level: float, outside: bool) -> None:
    condition = Condition(name='out_of_body', level=level, active=active)
    assert messages.scene(SceneState(conditions=[condition])).outside is outside
    assert messages.scene(SceneState(conditions=[Condition(name='smoke', active=True)])).outside is None


def test_regions_are_blackened_whatever_the_scene_says(picture: np.ndarray) -> None:
    privacy = Privacy(rectangles(('0,0,0.5,0.1', '0.9,0.9,1,1')))
    picture[picture == 0] = 1
    picture.flags.writeable = False
    for outside in (False, True):
        privacy.on_scene(outside)
        shown = privacy.applied(picture)
        assert not shown[:27, :240].any()
        assert not shown[243:, 432:].any()
        assert shown[27:243].all()


@pytest.mark.parametrize('text', ['', '1,2,3', 'a,b,c,d', '0.5,0,0.1,1', '0,0,1.2,1', '-0.1,0,1,1', 'nan,0,1,1'])
def test_a_region_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match='masks'):
        rectangles((text,))


def test_what_a_viewer_gets_is_withheld_from_the_scene_that_says_outside_on(relay: Relay) -> None:
    def sharpness(jpeg: bytes) -> float:
        return float(cv2.Laplacian(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), cv2.CV_64F).var())

    async def run() -> tuple[float, float]:
        async with ClientSession() as session, session.ws_connect(f'{relay.url}/ws', origin=relay.url) as page:
            await page.receive()
            seen = []
            for outside in (False, True):
                relay.service.scene(SceneFact(0, 0, {}, outside))
                relay.camera.shoot()
                while (message := await page.receive(timeout=10)).type is not WSMsgType.BINARY:
                    pass
                await page.send_str('{"op":"shown"}')
                (length,) = struct.unpack('<I', message.data[:4])
                seen.append(sharpness(message.data[4 + length :]))
            async with asyncio.timeout(10):
                while True:
                    state = json.loads((await page.receive()).data)
                    if state['op'] == 'state' and state['picture'].get('withheld'):
                        return seen[0], seen[1]

    inside, outside = asyncio.run(run())
    assert outside < inside / 10


def test_who_comes_after_nobody_watched_sees_nothing_before_a_scene_has_said_where_the_scope_is() -> None:
    privacy = Privacy()
    privacy.on_scene(False)
    privacy.doubt()
    assert privacy.withheld
    privacy.on_scene(False)
    assert not privacy.withheld
    privacy.doubt()
    privacy.on_scene(True)
    assert privacy.withheld


def test_where_no_scene_comes_the_last_word_holds_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('surgical_guidance.relay.privacy.DOUBT_S', 0.0)
    privacy = Privacy()
    privacy.doubt()
    assert not privacy.withheld
