"""The thinking of the video: ladder, key frames, headers, overlays, and what a browser answers."""

from __future__ import annotations

import asyncio
import struct

import numpy as np
import pytest
from aiortc.codecs.h264 import h264_depayload
from aiortc.rtp import HeaderExtensionsMap, RtcpPacket, RtpPacket

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import GuidanceError, HostError, ParameterError
from surgical_guidance.relay.facts import AdviceFact, AdviceStatus, FrameFact, SceneFact
from surgical_guidance.relay.video import hardware, offer
from surgical_guidance.relay.video.broadcast import Broadcast
from surgical_guidance.relay.video.encoder import Encoder, to_i420
from surgical_guidance.relay.video.keys import KeyRequests
from surgical_guidance.relay.video.ladder import QUIET_S, TOO_LOST, TRIAL_S, Footing, Rung, rungs
from surgical_guidance.relay.video.outlet import Outlet
from surgical_guidance.relay.video.overlays import Overlays
from surgical_guidance.relay.video.rtp_clock import rtp_time
from surgical_guidance.relay.video.settings import Reach
from surgical_guidance.relay.video.twice import Twice
from surgical_guidance.relay.video.units import payloads

LADDER = rungs(1920, 1080, 1080, 6_000_000)


def s(seconds: float) -> int:
    return int(seconds * NS_PER_S)


# The ladder.


def test_large_pictures_have_two_rungs_and_small_ones_one() -> None:
    assert [(r.width, r.height) for r in LADDER] == [(1920, 1080), (960, 540)]
    assert LADDER[0].bit_rate == 6_000_000 > LADDER[1].bit_rate
    assert [(r.width, r.height) for r in rungs(640, 480, 1080, 6_000_000)] == [(640, 480)]
    assert [(r.width, r.height) for r in rungs(1920, 1080, 540, 6_000_000)] == [(960, 540), (640, 360)]
    assert [(r.width, r.height) for r in rungs(3840, 2160, 1080, 6_000_000)] == [(1920, 1080), (960, 540)]


def test_odd_sizes_become_even_since_colour_has_half_the_resolution() -> None:
    assert {(r.width % 2, r.height % 2) for r in rungs(719, 575, 1080, 6_000_000)} == {(0, 0)}


def test_a_tight_network_moves_a_viewer_down_only_when_it_lasts() -> None:
    footing = Footing(lambda: 2)
    assert footing.on_estimate(2_000_000, 5_000_000, s(0)) == 0
    assert footing.on_estimate(6_000_000, 5_000_000, s(0.5)) == 0
    assert footing.on_estimate(2_000_000, 5_000_000, s(1)) == 0
    assert footing.on_estimate(2_000_000, 5_000_000, s(2.1)) == 1


def test_an_estimate_that_is_low_since_little_is_sent_moves_nobody() -> None:
    footing = Footing(lambda: 2)
    assert [footing.on_estimate(750_000, 500_000, s(t)) for t in range(5)] == [0] * 5


def test_loss_moves_a_viewer_down() -> None:
    footing = Footing(lambda: 2)
    footing.on_loss(0.2, s(0))
    assert footing.on_loss(0.2, s(1.1)) == 1


def test_a_quiet_viewer_is_moved_up_again_and_a_failed_trial_doubles_the_wait() -> None:
    footing = Footing(lambda: 2)
    footing.on_loss(0.2, s(0))
    footing.on_loss(0.2, s(2))
    now, waits = 2.0, []
    for _ in range(3):
        start = now
        while footing.on_loss(0.0, s(now)) == 1:
            now += 0.5
        waits.append(now - start)
        footing.on_loss(0.2, s(now + 1))
        now += 2.5
        assert footing.on_loss(0.2, s(now)) == 1  # the trial failed
    assert waits == pytest.approx([QUIET_S, 2 * QUIET_S, 4 * QUIET_S], abs=1.1)


def test_a_trial_that_holds_is_forgotten() -> None:
    footing = Footing(lambda: 2)
    for at in (0, 2):
        footing.on_loss(0.2, s(at))
    at = 2.0
    while footing.on_loss(0.0, s(at)) == 1:
        at += 0.5
    assert footing.on_loss(0.0, s(at + TRIAL_S + 1)) == 0
    for bad in (2.0, 4.0):
        footing.on_loss(0.2, s(at + TRIAL_S + bad))
    assert footing.rung == 1
    at += TRIAL_S + 4
    start = at
    while footing.on_loss(0.0, s(at)) == 1:
        at += 0.5
    assert at - start == pytest.approx(QUIET_S, abs=1.1)


def test_where_there_is_one_rung_nobody_is_moved() -> None:
    footing = Footing(lambda: 1)
    assert [footing.on_loss(0.5, s(t)) for t in range(5)] == [0] * 5


# Key frames.


def test_a_key_frame_asked_for_by_many_is_made_once_and_once_more_for_who_came_late() -> None:
    made: list[float] = []

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        again = asyncio.Event()

        def make() -> None:
            made.append(loop.time())
            if len(made) == 2:
                again.set()

        keys = KeyRequests(make)
        for _ in range(20):
            keys.need()
        assert len(made) == 1
        await asyncio.wait_for(again.wait(), 10)
        keys.close()

    asyncio.run(ask())
    assert made[1] - made[0] >= 0.49


# Encoder and packets.


def test_what_is_encoded_is_cut_so_that_it_comes_together_again() -> None:
    encoder = Encoder('libx264', Rung(0, 640, 360, 2_000_000))
    image = np.random.default_rng(3).integers(0, 255, (720, 1280, 3), np.uint8)
    i420 = np.empty((540, 640), np.uint8)
    to_i420(image, 640, 360, i420)
    data, key = encoder.encode(i420, 1_000_000_000, key=True)
    assert key
    parts = payloads(data)
    assert max(map(len, parts)) <= 1300
    together = b''.join(map(h264_depayload, parts))
    assert together.replace(b'\0\0\0\1', b'\0\0\1') == data.replace(b'\0\0\0\1', b'\0\0\1')
    _, key = encoder.encode(i420, 1_033_000_000, key=False)
    assert not key


def test_grey_pictures_are_taken_too() -> None:
    i420 = np.empty((540, 640), np.uint8)
    to_i420(np.full((360, 640), 200, np.uint8), 640, 360, i420)
    assert 180 < i420[:360].mean() < 200  # limited range
    assert abs(int(i420[360:].mean()) - 128) <= 1


def test_an_encoder_that_is_named_and_does_not_work_is_an_error_that_says_why() -> None:
    with pytest.raises(HostError, match='h264_v4l2m2m'):
        hardware.choose('h264_v4l2m2m')
    assert hardware.choose('libx264').codec == 'libx264'


def test_pictures_are_as_large_as_the_encoder_and_the_processor_carry() -> None:
    assert [hardware.height('libx264', cores) for cores in (1, 2, 3, 4, 5, 64)] == [540, 540, 720, 720, 1080, 1080]
    assert hardware.height('h264_nvenc', 2) == 1080


def test_the_rtp_time_is_the_capture_time_at_90_khz_and_wraps() -> None:
    assert rtp_time(NS_PER_S) == 90_000
    assert rtp_time(s(2**32 / 90_000 + 1)) == pytest.approx(90_000, abs=1)


def test_packets_carry_when_they_went_and_that_they_must_not_wait() -> None:
    outlet = Outlet(102, extensions=True)
    sent = list(outlet.write((b'one', b'two'), 1234, s(3.5)))
    first, last = (RtpPacket.parse(data, HeaderExtensionsMap()) for data in sent)
    assert (first.timestamp, first.marker, first.payload) == (1234, 0, b'one')
    assert (last.marker, last.payload, last.sequence_number) == (1, b'two', (first.sequence_number + 1) & 0xFFFF)
    profile, words = struct.unpack('!HH', sent[0][12:16])
    assert (profile, words) == (0xBEDE, 2)
    assert sent[0][16:20] == bytes([0x32]) + (int(3.5 * 2**18) & 0xFFFFFF).to_bytes(3, 'big')
    assert sent[0][20:24] == bytes([0x42, 0, 0, 0])


def test_packets_go_twice_for_a_while_after_some_were_lost_and_not_where_the_way_is_full() -> None:
    twice = Twice()
    assert not twice.wanted(NS_PER_S)
    twice.on_loss(0.01, NS_PER_S)
    twice.on_loss(0.0, 2 * NS_PER_S)  # the copies came
    assert twice.wanted(50 * NS_PER_S)
    assert not twice.wanted(62 * NS_PER_S)
    twice.on_loss(0.01, 70 * NS_PER_S)
    twice.on_loss(2 * TOO_LOST, 71 * NS_PER_S)
    assert not twice.wanted(72 * NS_PER_S)


def test_the_last_packets_are_those_of_the_last_picture() -> None:
    outlet = Outlet(102, extensions=True)
    list(outlet.write([b'a', b'b'], 0, 0))
    whole = list(outlet.write([b'c', b'd', b'e'], 3000, 0))
    assert outlet.again(outlet.last(3), 0) == whole


def test_a_lost_packet_is_sent_again_as_it_was_and_an_unknown_one_is_not() -> None:
    outlet = Outlet(102, extensions=True)
    sent = [RtpPacket.parse(data) for data in outlet.write((b'one', b'two'), 1, 0)]
    again = [RtpPacket.parse(data) for data in outlet.again([sent[1].sequence_number, 99_999], s(1))]
    assert [(p.sequence_number, p.payload, p.marker, p.timestamp) for p in again] == [
        (sent[1].sequence_number, b'two', 1, 1)
    ]


def test_the_report_ties_rtp_time_to_the_time_of_day() -> None:
    outlet = Outlet(102, extensions=True)
    list(outlet.write((b'12345',), 1, 0))
    report, source = RtcpPacket.parse(outlet.report(777, s(1.5), 'video'))
    assert report.sender_info.rtp_timestamp == 777  # type: ignore[union-attr]
    assert report.sender_info.ntp_timestamp == (2_208_988_801 << 32) + (1 << 31)  # type: ignore[union-attr]
    assert report.sender_info.octet_count == 5  # type: ignore[union-attr]
    assert source.chunks[0].items == [(1, b'video')]  # type: ignore[union-attr]


# Overlays.


def frame(sequence: int, at: int) -> FrameFact:
    return FrameFact(sequence, at + 7, at, 'ring', 0, 30.0)


def advice(sequence: int, at: int, path: tuple[float, ...]) -> AdviceFact:
    return AdviceFact(1, sequence, AdviceStatus.VALID, '', at + 7, at, at, path, {})


def test_a_path_goes_with_its_frame_whichever_comes_first() -> None:
    overlays = Overlays()
    for n in (1, 2):
        overlays.on_frame(frame(n, s(n)))
    assert overlays.on_advice(advice(1, s(1), (1.0, 2.0))) is None
    assert overlays.on_scene(SceneFact(1, s(1), {'width': 8, 'height': 6}))['path'] == [1.0, 2.0]
    assert overlays.on_scene(SceneFact(2, s(2), {}))['path'] == []
    late = overlays.on_advice(advice(2, s(2), (3.0, 4.0)))
    assert late is not None
    assert (late['rtp'], late['sequence'], late['path']) == (rtp_time(s(2)), 2, [3.0, 4.0])


def test_a_path_of_another_frame_of_the_same_number_is_not_taken() -> None:
    overlays = Overlays()
    overlays.on_frame(frame(1, s(1)))
    overlays.on_advice(advice(1, s(1), (1.0, 2.0)))
    overlays.on_frame(frame(1, s(50)))  # the camera came back and counts from 1
    assert overlays.on_scene(SceneFact(1, s(50), {}))['path'] == []


# What goes where.


@pytest.mark.parametrize('target', ['192.0.2.7:5004', '127.0.0.1', 'localhost:5004', '127.0.0.1:0', '127.0.0.1:99999'])
def test_plain_rtp_does_not_leave_this_host(target: str) -> None:
    with pytest.raises(ParameterError, match='rtp_output'):
        Broadcast(target)


def test_a_turn_credential_is_of_one_viewer_and_ends() -> None:
    reach = Reach(ice_servers=('turn:turn.example:3478',), turn_secret='s3cret')  # noqa: S106
    name, password = reach.credential('abc') or ('', '')
    assert name.endswith(':abc')
    assert int(name.split(':')[0]) > 1_700_000_000
    assert password != (reach.credential('abd') or ('', ''))[1]
    assert Reach().credential('abc') is None


@pytest.mark.parametrize(
    'text',
    [
        '',
        'x',
        'v=0\r\n',
        'v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n',
        'm=video x\r\n',
        '\0' * 999,
    ],
)
def test_an_answer_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(GuidanceError):
        offer.read(text)
