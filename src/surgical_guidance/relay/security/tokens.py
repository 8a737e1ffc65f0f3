"""Tokens: who somebody is, signed with a key of this host (JWT, EdDSA), with an end and a number to revoke it by.

A folder holds what belongs to them::

    key.pem        the private key, readable by its owner alone; needed to issue
    public.pem     the public key; all that the relay needs
    issued.jsonl   what was issued: number, name, role, from when to when; never the token itself
    revoked.jsonl  numbers that are not good any more; read again by a running relay when it changes
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from pydantic import BaseModel, ConfigDict, ValidationError

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import AccessError
from surgical_guidance.relay.security.principal import Principal, Role

ISSUED = 'issued.jsonl'
REVOKED = 'revoked.jsonl'
ALGORITHM = 'EdDSA'
ISSUER = 'surgical-guidance'
AUDIENCE = 'surgical-guidance-relay'
REQUIRED = ['iss', 'aud', 'sub', 'role', 'iat', 'nbf', 'exp', 'jti']
LONGEST = 2048  # characters of a token
CLOCK_ROOM_S = 30  # that the clocks of two hosts may be apart: a token is good from so long before it was issued
LONGEST_HOURS = 24 * 31
NAME = re.compile(r"[^\W_][\w .'·-]{0,39}")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)


class Issued(_Entry):
    """What is known of a token without having it. Times are wall clock [s since 1970]."""

    id: str
    name: str
    role: Role
    issued: int
    expires: int


class Revoked(_Entry):
    """A token that was taken back: its number, when, and by whom."""

    id: str
    at: int
    by: str


E = TypeVar('E', bound=_Entry)


class TokenStore:
    """Issues, verifies and revokes.

    :param folder: see above; made at the first issue.
    :param now_s: wall clock [s since 1970].
    """

    def __init__(self, folder: Path, now_s: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._now_s = now_s
        self._public: Ed25519PublicKey | None = None
        self._revoked: set[str] = set()
        self._revoked_seen: tuple[int, int, int] | None = None

    def issue(self, name: str, role: Role, hours: float) -> tuple[str, Issued]:
        """Make a token; the key too where there is none.

        :return: the token, which is nowhere else from now on, and what is kept of it.
        :raises AccessError: if the name or the time cannot be had, or the key cannot be used.
        """
        if not NAME.fullmatch(name):
            raise AccessError(
                f'{name!r} cannot be a name', where='name', remedy="use up to 40 letters, digits, spaces and .-_'"
            )
        if not 0 < hours <= LONGEST_HOURS:
            raise AccessError(f'{hours:g} hours', where='hours', remedy=f'use more than 0, at most {LONGEST_HOURS}')
        now = int(self._now_s())
        issued = Issued(
            id=secrets.token_hex(8), name=name, role=role, issued=now, expires=now + max(1, round(hours * 3600))
        )
        claims = {
            'iss': ISSUER,
            'aud': AUDIENCE,
            'sub': name,
            'role': role.value,
            'iat': now,
            'nbf': now - CLOCK_ROOM_S,
            'exp': issued.expires,
            'jti': issued.id,
        }
        token = jwt.encode(claims, self._private_key(), ALGORITHM)
        _append(self.folder / ISSUED, issued)
        return token, issued

    def verify(self, token: str, connection: str = '') -> Principal:
        """Tell whose token this is.

        :param connection: id of the connection it is for.
        :raises AccessError: if it is not one of ours, not good any more, or revoked.
        """
        if len(token) > LONGEST:
            raise AccessError('this is no token: it is too long')
        try:
            claims = jwt.decode(
                token,
                self.public_key(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={'require': REQUIRED, 'verify_exp': False, 'verify_nbf': False, 'verify_iat': False},
            )
            principal = Principal(
                str(claims['sub']), Role(claims['role']), connection, str(claims['jti']), int(claims['exp']) * NS_PER_S
            )
            begins = int(claims['nbf'])
        except jwt.InvalidTokenError as error:
            raise AccessError(f'this token is not valid ({error})', remedy='ask for another') from error
        except (ValueError, TypeError, OverflowError) as error:
            raise AccessError('this token is not valid (a claim of it)', remedy='ask for another') from error
        now_s = self._now_s()  # one clock for issuing, verifying and closing
        if now_s * NS_PER_S >= (principal.expires_ns or 0):
            raise AccessError('this token has expired', remedy='ask for another')
        if now_s < begins:
            raise AccessError('this token is not valid yet', remedy='set the clocks of both hosts')
        if self.is_revoked(principal.token):
            raise AccessError('this token was revoked', remedy='ask for another')
        return principal

    def revoke(self, token_id: str, by: str) -> None:
        """Take a token back. It counts here at once, and in a running relay when it looks at the file again.

        :raises OSError: if that cannot be written; it counts here all the same.
        """
        self._revoked.add(token_id)
        _append(self.folder / REVOKED, Revoked(id=token_id, at=int(self._now_s()), by=by))

    def is_revoked(self, token_id: str) -> bool:
        """Tell whether a token was taken back, as of the last :meth:`refresh`."""
        return token_id in self._revoked

    def refresh(self) -> bool:
        """Read what was revoked, if the file has changed; tell whether it had. What was revoked once stays so.

        :raises AccessError: if a line of the file is broken.
        :raises OSError: if it cannot be read.
        """
        path = self.folder / REVOKED
        try:
            facts = path.stat()
            seen = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if seen == self._revoked_seen:
                return False
            self._revoked |= {entry.id for entry in _entries(path, Revoked)}
        except FileNotFoundError:
            return False
        self._revoked_seen = seen
        return True

    def issued(self) -> list[Issued]:
        """List what was issued, the oldest first."""
        return _entries(self.folder / ISSUED, Issued)

    def public_key(self) -> Ed25519PublicKey:
        """Give the key that tokens are verified with.

        :raises AccessError: if there is none, or it is none of ours.
        """
        if self._public is None:
            path = self.folder / 'public.pem'
            try:
                key = load_pem_public_key(path.read_bytes())
            except OSError as error:
                raise AccessError(
                    f'there is no key for tokens ({error.strerror})',
                    where=str(path),
                    remedy='issue the first token: surgical-guidance token issue --role expert --name NAME',
                ) from error
            except (ValueError, UnsupportedAlgorithm) as error:
                raise AccessError(f'this is no public key ({error})', where=str(path)) from error
            if not isinstance(key, Ed25519PublicKey):
                raise AccessError('this is no Ed25519 key', where=str(path))
            self._public = key
        return self._public

    def _private_key(self) -> Ed25519PrivateKey:
        path = self.folder / 'key.pem'
        if not path.exists():
            return self._make_key(path)
        if path.stat().st_mode & 0o077:
            raise AccessError('others may read this key', where=str(path), remedy=f'chmod 600 {path}')
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise AccessError(f'this is no private key ({error})', where=str(path)) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise AccessError('this is no Ed25519 key', where=str(path))
        return key

    def _make_key(self, path: Path) -> Ed25519PrivateKey:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = Ed25519PrivateKey.generate()
        write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / 'public.pem').write_bytes(public)
        return key


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can ever read.

    :raises FileExistsError: if there is one already.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'wb') as file:
        file.write(content)


def _append(path: Path, entry: _Entry) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 'w', encoding='utf-8') as file:
        file.write(entry.model_dump_json() + '\n')


def _entries(path: Path, kind: type[E]) -> list[E]:
    """Read the lines that are whole; one that is being written has no end yet.

    :raises AccessError: naming the line that is broken.
    """
    if not path.exists():
        return []
    entries = []
    for number, line in enumerate(path.read_text(encoding='utf-8', errors='replace').splitlines(keepends=True), 1):
        if not line.endswith('\n') or not line.strip():
            continue
        try:
            entries.append(kind.model_validate_json(line))
        except ValidationError as error:
            raise AccessError(
                'this line is broken', where=f'{path}:{number}', remedy='mend it, or remove the line'
            ) from error
    return entries
