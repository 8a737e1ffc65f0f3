"""The session description we offer (SDP, RFC 8829): pictures out, voices both ways, all on one transport."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiortc import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters, sdp
from aiortc.rtcdtlstransport import RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtcpFeedback

from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay.video.outlet import EXTENSIONS
from surgical_guidance.relay.video.rtp_clock import CLOCK_RATE

H264, OPUS = 102, 111  # payload types: browsers' own numbers for these
OPUS_RATE = 48_000

_DISCARD = 9

CODECS = {
    'video': RTCRtpCodecParameters(
        mimeType='video/H264',
        clockRate=CLOCK_RATE,
        payloadType=H264,
        rtcpFeedback=[
            RTCRtcpFeedback('nack'),
            RTCRtcpFeedback('nack', 'pli'),
            RTCRtcpFeedback('ccm', 'fir'),
            RTCRtcpFeedback('goog-remb'),
        ],
        parameters={'level-asymmetry-allowed': 1, 'packetization-mode': 1, 'profile-level-id': '42e01f'},
    ),
    'audio': RTCRtpCodecParameters(
        mimeType='audio/opus',
        clockRate=OPUS_RATE,
        channels=2,
        payloadType=OPUS,
        parameters={'minptime': 10, 'useinbandfec': 1},
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One media line of the offer.

    :param mid: its name.
    :param kind: ``video`` or ``audio``.
    :param direction: ``sendonly`` or ``sendrecv``.
    :param ssrc: of what we send.
    """

    mid: str
    kind: str
    direction: str
    ssrc: int


def write(lines: list[Line], ice: RTCIceParameters, candidates: list[RTCIceCandidate], dtls: RTCDtlsParameters) -> str:
    """Write the offer. Each line is a media stream of its own: none waits for another to be in step."""
    session = sdp.SessionDescription()
    session.origin = f'- {secrets.randbits(62)} 1 IN IP4 127.0.0.1'
    session.msid_semantic.append(sdp.GroupDescription('WMS', ['*']))
    session.group.append(sdp.GroupDescription('BUNDLE', [line.mid for line in lines]))
    for line in lines:
        codec = CODECS[line.kind]
        media = sdp.MediaDescription(line.kind, _DISCARD, 'UDP/TLS/RTP/SAVPF', [codec.payloadType])
        media.host, media.rtcp_host, media.rtcp_port, media.rtcp_mux = '0.0.0.0', '0.0.0.0', _DISCARD, True
        media.direction = line.direction
        media.msid = f'{line.mid} {line.mid}'
        media.rtp.muxId = line.mid
        media.rtp.codecs = [codec]
        if line.kind == 'video':
            media.rtp.headerExtensions = [RTCRtpHeaderExtensionParameters(n, uri) for n, uri in EXTENSIONS.items()]
        media.ssrc = [sdp.SsrcDescription(line.ssrc, cname=line.mid)]
        media.ice, media.ice_candidates, media.ice_candidates_complete = ice, candidates, True
        media.dtls = dtls
        session.media.append(media)
    return str(session)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser answered.

    :param ssrcs: what it sends, by the name of the line.
    """

    ice: RTCIceParameters
    candidates: list[RTCIceCandidate]
    dtls: RTCDtlsParameters
    ssrcs: dict[str, int]


def read(text: str) -> Answer:
    """Read an answer.

    :raises GuidanceError: if it is none, or takes no picture.
    """
    try:
        session = sdp.SessionDescription.parse(text)
        first = session.media[0]
        codecs = [codec.mimeType.lower() for codec in first.rtp.codecs]
    except (AssertionError, AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise GuidanceError('this is no session description', where='sdp') from error
    if first.kind != 'video' or 'video/h264' not in codecs or first.dtls is None or not first.dtls.fingerprints:
        raise GuidanceError('this browser does not take H.264', where='sdp', remedy='the page shows single pictures')
    if first.ice is None or not first.ice.usernameFragment or not first.ice.password:
        raise GuidanceError('the answer names no way back', where='sdp')
    candidates = [c for c in first.ice_candidates if not c.ip.endswith('.local') and c.protocol == 'udp']
    ssrcs = {media.rtp.muxId: media.ssrc[0].ssrc for media in session.media if media.ssrc}
    return Answer(first.ice, candidates[:MAX_CANDIDATES], first.dtls, ssrcs)


MAX_CANDIDATES = 16  # more than a browser on any host has, and as many checks as we let one ask us to send
