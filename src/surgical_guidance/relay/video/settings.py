"""How video is made and how it is reached. Knows no library: this is read on hosts without aiortc too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass, field

CREDENTIAL_S = 12 * 3600  # a TURN credential's life: longer than any operation
AUTO = 'auto'


@dataclass(frozen=True, slots=True)
class Reach:
    """How viewers reach this host.

    :param addresses: local addresses to use; empty: all but the loopback's.
    :param ice_servers: URIs of STUN and TURN servers; empty: none is ever asked.
    :param turn_secret: shared with the TURN server (coturn's ``use-auth-secret``); empty: it wants no credential.
    """

    addresses: tuple[str, ...] = ()
    ice_servers: tuple[str, ...] = ()
    turn_secret: str = ''

    def credential(self, who: str) -> tuple[str, str] | None:
        """Give user name and password for one viewer (the TURN REST convention: HMAC-SHA1 over end and name)."""
        if not self.turn_secret:
            return None
        name = f'{int(time.time()) + CREDENTIAL_S}:{who}'
        digest = hmac.new(self.turn_secret.encode(), name.encode(), hashlib.sha1).digest()
        return name, base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """How pictures are made and sent.

    :param encoder: ``auto`` or the name of one.
    :param max_height: larger pictures are scaled down to it [px]; 0: to what this host can encode.
    :param bit_rate: of a picture of 1920x1080 [bit/s].
    :param rtp_output: port of this host that gets the pictures as plain RTP; empty: none.
    """

    encoder: str = AUTO
    max_height: int = 0
    bit_rate: int = 6_000_000
    rtp_output: str = ''
    reach: Reach = field(default_factory=Reach)
