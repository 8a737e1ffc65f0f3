"""Who is at the other end of a connection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is here for."""

    OBSERVER = 'observer'
    EXPERT = 'expert'
    SURGEON = 'surgeon'
    ADMIN = 'admin'


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, as the relay knows them.

    :param name: pseudonymous name shown to others; never a patient's.
    :param role: what they may do, by the policy.
    :param connection: id of this connection.
    :param token: id of the token they came with; empty on this host without tokens.
    :param expires_ns: when the token ends, wall clock [ns since 1970]; None: never.
    """

    name: str
    role: Role
    connection: str
    token: str = ''
    expires_ns: int | None = None
