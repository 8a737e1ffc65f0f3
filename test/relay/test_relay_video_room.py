"""Video from ring to viewer over real sockets, with aiortc's own peer connection as the other side."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from fractions import Fraction
from typing import Any

import av
import pytest
from video_world import VideoRelay, Viewer, number_of, video_relay, viewer

from surgical_guidance.relay.video.rtp_clock import CLOCK_RATE, rtp_time

Play = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(scope='module')
def relay() -> Iterator[VideoRelay]:
    with video_relay(bit_rate=3_000_000) as running:
        yield running


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves the loopback interface out; on it are all these tests."""
    monkeypatch.setattr('aioice.ice.get_host_addresses', lambda **_: ['127.0.0.1'])


def health(relay: VideoRelay) -> dict[str, Any]:
    with urllib.request.urlopen(f'{relay.url}/healthz', timeout=5) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)['video']
    return found


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.02)


def speakers(one: Viewer) -> list[bool]:
    told = [m for m in one.messages if m['op'] == 'participants'][-1:]
    return [p['speaking'] for m in told for p in m['participants'] if p['speaking']]


def test_every_picture_comes_with_the_capture_time_of_its_own_frame(relay: VideoRelay) -> None:
    async def watch() -> None:
        async with viewer(relay.url) as one:
            track = await one.track()
            frames = [await asyncio.wait_for(track.recv(), 20) for _ in range(20)]
        numbers = [number_of(frame.to_ndarray(format='bgr24')) for frame in frames]
        assert numbers == sorted(set(numbers))
        assert (frames[0].width, frames[0].height) == (1280, 720)
        first = rtp_time(relay.camera.captured_ns[numbers[0]])
        for number, frame in zip(numbers, frames, strict=True):
            assert frame.pts - frames[0].pts == rtp_time(relay.camera.captured_ns[number]) - first

    asyncio.run(watch())
    assert relay.problems == []


def test_overlays_name_the_frame_by_the_same_time(relay: VideoRelay) -> None:
    async def watch() -> None:
        async with viewer(relay.url) as one:
            await one.until(lambda: sum(m['op'] == 'overlay' for m in one.messages) >= 5)
            for message in one.messages:
                if message['op'] == 'overlay':
                    assert message['rtp'] == rtp_time(relay.camera.captured_ns[message['sequence']])
                    assert message['scene']['of'] == message['sequence']

    asyncio.run(watch())


def test_two_viewers_share_one_encoder_and_the_second_waits_for_no_timer(relay: VideoRelay) -> None:
    async def watch() -> None:
        async with viewer(relay.url) as one, viewer(relay.url) as other:
            await asyncio.wait_for((await one.track()).recv(), 20)
            await asyncio.wait_for((await other.track()).recv(), 20)
            viewers = (await asyncio.to_thread(health, relay))['viewers']
            assert [v['rung'] for v in viewers] == [0, 0]

    asyncio.run(watch())


def test_nothing_is_encoded_while_nobody_watches_and_a_closed_socket_ends_the_peer_at_once(relay: VideoRelay) -> None:
    async def watch() -> None:
        async with viewer(relay.url) as one:
            await asyncio.wait_for((await one.track()).recv(), 20)
            await one.peer.close()
        await until(lambda: health(relay)['viewers'] == [])

    asyncio.run(watch())
    assert relay.service._video is not None
    assert not any(producer.watched for producer in relay.service._video._producers)


def test_who_answers_without_an_offer_or_with_nonsense_is_told_so(relay: VideoRelay) -> None:
    async def watch() -> None:
        async with viewer(relay.url) as one:
            await asyncio.wait_for((await one.track()).recv(), 20)
            await one.say({'op': 'video.answer', 'sdp': 'v=0\r\nnothing\r\n'})
            await one.say({'op': 'video.answer'})
            await one.say({'op': 'video.stop'})
            await one.say({'op': 'video.answer', 'sdp': one.peer.localDescription.sdp})
            await one.until(lambda: sum(m['op'] == 'refused' for m in one.messages) == 3)

    asyncio.run(watch())


def test_only_the_address_that_is_served_is_offered_and_no_server_is_asked(relay: VideoRelay) -> None:
    async def watch() -> None:
        async with viewer(relay.url) as one:
            candidates = [line.split()[4] for line in one.offer['sdp'].splitlines() if 'candidate:' in line]
            assert set(candidates) == {'127.0.0.1'}
            assert one.offer['ice_servers'] == []

    asyncio.run(watch())


def test_voices_are_forwarded_only_while_both_switches_are_on(relay: VideoRelay) -> None:
    async def talk() -> None:
        from aiortc.mediastreams import AudioStreamTrack

        def speak(peer: Any) -> None:
            microphone = next(t for t in peer.getTransceivers() if t.kind == 'audio')
            microphone.sender.replaceTrack(AudioStreamTrack())
            microphone.direction = 'sendrecv'

        async with viewer(relay.url, speak) as surgeon, viewer(relay.url) as expert:
            voice = next(r for r in (t.receiver for t in expert.peer.getTransceivers()) if r.track.kind == 'audio')
            await asyncio.wait_for((await surgeon.track()).recv(), 20)
            assert (await asyncio.to_thread(health, relay))['voices']['forwarded'] == 0  # muted by default
            await surgeon.say({'op': 'audio.speak', 'on': True})
            await expert.until(lambda: speakers(expert) == [True])
            assert (await asyncio.to_thread(health, relay))['voices']['forwarded'] == 0  # nobody listens
            await expert.say({'op': 'audio.listen', 'on': True})
            frame = await asyncio.wait_for(voice.track.recv(), 20)
            assert frame.sample_rate == 48000
            await surgeon.say({'op': 'audio.speak', 'on': False})
            await expert.until(lambda: speakers(expert) == [])

    asyncio.run(talk())


def test_plain_rtp_is_read_by_a_player_from_its_description() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    with video_relay(rtp_output=f'127.0.0.1:{port}', bit_rate=3_000_000) as relay:
        assert relay.service._video is not None
        description = f'data:application/sdp;charset=utf-8,{relay.service._video.rtp_description}'
        options = {'protocol_whitelist': 'data,rtp,udp', 'fflags': 'nobuffer'}
        with av.open(description, format='sdp', options=options, timeout=20) as player:
            frames = []
            for frame in player.decode(video=0):
                frames.append(frame)
                if len(frames) == 10:
                    break
        numbers = [number_of(frame.to_ndarray(format='bgr24')) for frame in frames]
        assert numbers == sorted(set(numbers))
        assert set(numbers) <= relay.camera.captured_ns.keys()
        assert frames[0].time_base == Fraction(1, CLOCK_RATE)
