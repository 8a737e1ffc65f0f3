"""The pictures as plain RTP to a port of this host: for a media server (Janus) that serves many viewers, a recorder.

Plain RTP can be read by whoever is on the way, so it goes to the loopback interface and nowhere else.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.errors import ParameterError
from surgical_guidance.relay.video.offer import H264
from surgical_guidance.relay.video.outlet import Outlet
from surgical_guidance.relay.video.rtp_clock import CLOCK_RATE
from surgical_guidance.relay.video.units import Unit

KEY_EVERY_S = 2.0  # nobody on the other side can ask for one


class Broadcast:
    """Sends the largest picture to a port.

    :param target: ``127.0.0.1:5004`` or ``[::1]:5004``.
    :raises ParameterError: if it is not a port of the loopback interface.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(':')
        try:
            address = ipaddress.ip_address(host.strip('[]'))
            self._port = int(port)
        except ValueError as error:
            raise ParameterError(
                f'{target!r} is no address and port', where='rtp_output', remedy='use 127.0.0.1:5004'
            ) from error
        if not address.is_loopback or not 0 < self._port < 65536:
            raise ParameterError(
                f'{target!r} is not a port of the loopback interface, and plain RTP must not leave this host',
                where='rtp_output',
                remedy='run the media server on this host: its viewers get encrypted pictures',
            )
        self._host = str(address)
        self._version = address.version
        family = socket.AF_INET if self._version == 4 else socket.AF_INET6
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((self._host, self._port))
        self._outlet = Outlet(H264, extensions=False)
        self._begun = False
        self.sent = 0

    def deliver(self, unit: Unit) -> None:
        """Send a picture. What nobody receives, or the kernel has no room for, is lost."""
        self._begun = self._begun or unit.key
        if unit.rung or not self._begun:
            return
        for packet in self._outlet.write(unit.payloads, unit.rtp_time, monotonic_ns()):
            with contextlib.suppress(OSError):
                self._socket.send(packet)
        self.sent += 1

    def sdp(self) -> str:
        """Describe the stream for who receives it."""
        return (
            f'v=0\r\no=- 0 0 IN IP{self._version} {self._host}\r\ns=surgical guidance\r\n'
            f'c=IN IP{self._version} {self._host}\r\nt=0 0\r\n'
            f'm=video {self._port} RTP/AVP {H264}\r\na=rtpmap:{H264} H264/{CLOCK_RATE}\r\n'
            f'a=fmtp:{H264} packetization-mode=1;profile-level-id=42e01f\r\na=recvonly\r\n'
        )

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()
