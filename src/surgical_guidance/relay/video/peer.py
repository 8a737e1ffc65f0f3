"""The encrypted way to one browser: ICE, DTLS and SRTP as aiortc does them; the media lines on it are ours.

aiortc's own peer connection encodes for each peer apart and hides what we need: feedback, header extensions, the RTP
timestamp. So its transports are used alone (its ORTC side), and this file is the only one that touches their inner
methods.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

from aiortc import InvalidStateError, RTCCertificate, RTCDtlsTransport, RTCIceTransport
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpReceiveParameters, RTCRtpSendParameters

from surgical_guidance.relay.facts import Json
from surgical_guidance.relay.video import offer
from surgical_guidance.relay.video.connection import Gatherer, servers
from surgical_guidance.relay.video.offer import Answer, Line
from surgical_guidance.relay.video.outlet import EXTENSIONS
from surgical_guidance.relay.video.settings import Reach
from surgical_guidance.relay.video.way_out import WayOut

CONNECT_S = 15.0
BACKLOG = 512 * 1024  # bytes that may wait in this host for a slow way out


class Feedback(Protocol):
    """Who gets what the browser says about a stream."""

    async def on_rtcp(self, packet: Any) -> None:
        """Take an RTCP packet of aiortc."""


class Microphone(Protocol):
    """Who gets what the browser sends."""

    async def on_rtp(self, packet: Any) -> None:
        """Take an RTP packet of aiortc."""


class _Sender:
    """A stream we send, in the form aiortc's router knows."""

    def __init__(self, ssrc: int, feedback: Feedback) -> None:
        self._ssrc = ssrc
        self._feedback = feedback

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        await self._feedback.on_rtcp(packet)


class _Receiver:
    """A stream we receive, in the form aiortc's router knows."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone

    def _handle_disconnect(self) -> None:
        pass

    async def _handle_rtcp_packet(self, packet: Any) -> None:
        pass

    async def _handle_rtp_packet(self, packet: Any, arrival_time_ms: int) -> None:
        await self._microphone.on_rtp(packet)


class Peer:
    """One browser.

    :param certificate: of this relay; its fingerprint goes over the console's socket, which is what proves it.
    :param who: pseudonymous id, for the TURN credential.
    """

    def __init__(self, certificate: RTCCertificate, reach: Reach, who: str) -> None:
        self._servers = servers(reach, who)
        self._gatherer = Gatherer(reach, self._servers)
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        self._senders: list[_Sender] = []
        self._answered = False
        self._way: WayOut | None = None
        self.closed = asyncio.Event()
        self._dtls.on('statechange', self._on_state)

    async def offer(self, lines: list[Line]) -> Json:
        """Give what the page is told: the offer, and the servers it may use."""
        await self._gatherer.gather()
        text = offer.write(
            lines,
            self._gatherer.getLocalParameters(),
            self._gatherer.getLocalCandidates(),
            self._dtls.getLocalParameters(),
        )
        servers: list[Json] = [
            {'urls': server.urls}
            | ({'username': server.username, 'credential': server.credential} if server.username else {})
            for server in self._servers
        ]
        return {'sdp': text, 'ice_servers': servers}

    def sends(self, ssrc: int, feedback: Feedback) -> None:
        """Name a stream we send and who hears about it."""
        extensions = [RTCRtpHeaderExtensionParameters(n, uri) for n, uri in EXTENSIONS.items()]
        self._dtls._register_rtp_sender(  # noqa: SLF001
            _Sender(ssrc, feedback), RTCRtpSendParameters(headerExtensions=extensions)
        )

    async def connect(self, answer: Answer, microphone: Microphone | None) -> None:
        """Go through ICE and DTLS.

        :param microphone: gets what the browser says, if it may speak.
        :raises ConnectionError: if no way was found in time.
        """
        if self._answered:
            raise ConnectionError('answered already')
        self._answered = True
        if microphone is not None:
            parameters = RTCRtpReceiveParameters(codecs=[offer.CODECS['audio']])
            self._dtls._register_rtp_receiver(_Receiver(microphone), parameters)  # noqa: SLF001
        self._dtls._set_role('client' if answer.dtls.role == 'server' else 'server')  # noqa: SLF001
        try:
            async with asyncio.timeout(CONNECT_S):
                for candidate in answer.candidates:
                    await self._ice.addRemoteCandidate(candidate)
                await self._gatherer.knocked()  # with nobody to check, aioice would give up at once
                await self._ice.start(answer.ice)
                if self._ice.state == 'completed':
                    await self._dtls.start(answer.dtls)
        except TimeoutError as error:
            raise ConnectionError(f'no way to this browser was found within {CONNECT_S:g} s') from error
        except InvalidStateError as error:
            raise ConnectionError('closed meanwhile') from error
        if self._dtls.state != 'connected':
            raise ConnectionError('no way to this browser was found')
        pair = self._pair()
        self._way = WayOut(pair.protocol.transport, pair.remote_addr)

    def send(self, packets: Sequence[bytes]) -> None:
        """Send RTP packets. Does not wait for the network.

        :raises ConnectionError: if the browser is gone.
        """
        way = self._open()
        protect = self._dtls._tx_srtp.protect  # noqa: SLF001
        way.send([protect(packet) for packet in packets])

    def report(self, packet: bytes) -> None:
        """Send an RTCP packet.

        :raises ConnectionError: if the browser is gone.
        """
        self._open().send([self._dtls._tx_srtp.protect_rtcp(packet)])  # noqa: SLF001

    @property
    def clogged(self) -> bool:
        """Whether so much waits to leave this host that more would only come late."""
        return self._way is not None and self._way.waiting > BACKLOG

    async def close(self) -> None:
        """Let go of it; idempotent."""
        self.closed.set()
        with contextlib.suppress(ConnectionError):
            await self._dtls.stop()
        await self._ice.stop()
        if self._way is not None:
            self._way.close()

    def _open(self) -> WayOut:
        """Give the way while both ends hold it."""
        self._pair()
        if self._way is None or self._dtls.state != 'connected':
            raise ConnectionError('not connected')
        return self._way

    def _pair(self) -> Any:
        """Give the two addresses that ICE chose; it forgets them the moment it closes."""
        pair = self._ice._connection._nominated.get(1)  # noqa: SLF001
        if pair is None:
            raise ConnectionError('not connected')
        return pair

    def _on_state(self) -> None:
        if self._dtls.state in ('closed', 'failed'):
            self.closed.set()
