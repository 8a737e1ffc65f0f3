"""The door: who is let in to the pages and to the bridge, and for how long. One for both.

A request passes three looks. The ``Host`` must be a name of ours: a foreign name that was made to point here (DNS
rebinding) still says its own. The ``Origin``, which a browser adds and a page cannot forge, must be the address that
was asked, or one that was allowed. And, where tokens are used, it must bring one, or a ticket bought with one.
"""

from __future__ import annotations

import re
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.errors import AccessError, GuidanceError
from surgical_guidance.relay.security.attendance import ENDED, EXPIRED, REVOKED, Attendance, Close, Visit
from surgical_guidance.relay.security.audit import Audit
from surgical_guidance.relay.security.doorstep import Complaints, Doorstep, Site
from surgical_guidance.relay.security.limits import Limits, Lockout
from surgical_guidance.relay.security.policy import Policy
from surgical_guidance.relay.security.principal import Principal, Role
from surgical_guidance.relay.security.tickets import LIFE_S, Tickets
from surgical_guidance.relay.security.tokens import TokenStore

LOOPBACK_NAMES = ('127.0.0.1', 'localhost', '[::1]')
LOOK_S = 1.0  # how often the file of revoked tokens is looked at
_HOST = re.compile(r'(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?', re.IGNORECASE)
_BEARER = re.compile(r'Bearer +([!-~]+)', re.IGNORECASE)


class Door:
    """Lets in and sends away. Belongs to the loop's thread, except where a method says otherwise.

    :param policy: who may do what.
    :param audit: gets a record of everybody who was let in or refused.
    :param tokens: who may come in; None: everybody on this host, as admin. Only for the loopback interface.
    :param limits: what it bears.
    :param names: host names and addresses it is reached by, beside those of the loopback interface.
    :param origins: of pages of others that may use it, ``https://name:port``.
    :param tls: it is reached by https and wss.
    """

    def __init__(
        self,
        policy: Policy,
        audit: Audit | None = None,
        *,
        tokens: TokenStore | None = None,
        limits: Limits | None = None,
        names: Sequence[str] = (),
        origins: Sequence[str] = (),
        tls: bool = False,
    ) -> None:
        self.policy = policy
        self.audit = audit or Audit(None)
        self.limits = limits or Limits()
        self.attendance = Attendance()
        self.on_problem: Callable[[str], None] = _ignore
        self._tokens = tokens
        self._tickets = Tickets()
        self._lockout = Lockout()
        self._names = {name.lower() for name in (*LOOPBACK_NAMES, *names)}
        self._origins = {origin.lower() for origin in origins}
        self._scheme = 'https' if tls else 'http'
        self._looked_ns = 0
        self._doorstep = Doorstep(
            self.limits, lambda address, why: self.audit.record('connect', f'refused: {why}', address=address)
        )

    @property
    def open(self) -> bool:
        """Whether everybody who reaches it is let in: no tokens are used, and it is on the loopback interface."""
        return self._tokens is None

    def guard(self, *, need_origin: bool = True) -> Middleware:
        """Make the middleware that looks at ``Host`` and ``Origin`` of every request.

        :param need_origin: a WebSocket without an ``Origin`` is refused as well. The bridge lets programs in, which
            have none; a browser always sends it.
        """

        @web.middleware
        async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
            transport = request.transport
            self._doorstep.heard(transport)
            try:
                self.check(request, need_origin=need_origin)
                return await handler(request)
            except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
                address = address_of(request)
                asked = f'{request.method} {request.path}'
                self.audit.record('request', 'refused: nothing there', address=address, target=asked)
                raise
            finally:
                self._doorstep.answered(transport, address_of(request))

        return look

    def runner(self, app: web.Application, shutdown_s: float) -> web.AppRunner:
        """Make the runner of an application: what was no HTTP goes to the audit log, not as an error to ours."""
        complaints = Complaints(lambda address: self.audit.record('request', 'refused: no HTTP', address=address))
        return web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_s, logger=complaints.logger())

    def site(self, runner: web.BaseRunner, listener: socket.socket, tls: ssl.SSLContext | None = None) -> Site:
        """Serve on a socket, with the limits on connections: instead of ``web.SockSite``."""
        return Site(runner, listener, self._doorstep, self.limits, tls)

    def check(self, request: web.Request, *, need_origin: bool = True) -> None:
        """Look at ``Host`` and ``Origin``.

        :raises web.HTTPForbidden: if they are not as they should be.
        """
        hosts = request.headers.getall(hdrs.HOST, [])
        if len(hosts) != 1 or not self._is_ours(hosts[0], request):
            raise self._refused(request, web.HTTPForbidden, 'this is not a name of this host')
        origins = request.headers.getall(hdrs.ORIGIN, [])
        is_socket = hdrs.UPGRADE in request.headers
        if not origins and not (is_socket and need_origin):
            return
        own = f'{self._scheme}://{hosts[0]}'.lower()
        if len(origins) != 1 or origins[0].lower() not in {own, *self._origins}:
            raise self._refused(request, web.HTTPForbidden, 'another site may not ask')

    def admit(self, request: web.Request) -> Principal:
        """Tell who asks: by ``?ticket=`` (a page's socket) or ``Authorization: Bearer`` (programs).

        :raises web.HTTPException: if they are not let in; the same answer whatever is wrong with what they brought.
        """
        connection = secrets.token_hex(8)
        if self._tokens is None:
            return Principal('local', Role.ADMIN, connection)
        ticket = request.query.get('ticket', '')
        bearer = _BEARER.fullmatch(request.headers.get(hdrs.AUTHORIZATION, ''))
        if not ticket and bearer is None:
            raise self._unauthorised(request, 'no token')
        address = address_of(request)
        wait_s = self._lockout.wait_s(address)
        if wait_s > 0:
            headers: dict[str, str] = {hdrs.RETRY_AFTER: str(int(wait_s) + 1)}
            raise self._refused(request, web.HTTPTooManyRequests, 'too many wrong tokens: wait', headers)
        try:
            if ticket:
                principal = replace(self._tickets.redeem(ticket), connection=connection)
                self._still_good(principal)
            else:
                assert bearer is not None  # noqa: S101
                principal = self._tokens.verify(bearer[1], connection)
        except GuidanceError as error:
            self._lockout.failed(address)
            raise self._unauthorised(request, error.what) from error
        self._lockout.succeeded(address)
        return principal

    async def sell_ticket(self, request: web.Request) -> web.Response:
        """Answer ``POST /ticket``: a ticket for the bearer of a token; on an open door for everybody.

        :raises web.HTTPException: as :meth:`admit`.
        """
        principal = self.admit(request)
        self.audit.record('ticket', 'allowed', who=principal, address=address_of(request))
        return web.json_response(
            {
                'ticket': self._tickets.sell(principal),
                'expires_in': LIFE_S,
                'name': principal.name,
                'role': principal.role.value,
                'token_expires_in': seconds_left(principal),
                'open': self.open,
            }
        )

    @contextmanager
    def enter(self, principal: Principal, request: web.Request, close: Close) -> Iterator[Visit]:
        """Have somebody here for as long as the context lasts: listed, and sent away when their time is over.

        :param close: sends the connection away, with a close code and a reason; returns at once.
        """
        address = address_of(request)
        visit = Visit(principal, address, close, self.limits)
        self.audit.record('enter', 'allowed', who=principal, address=address, target=request.path)
        self.attendance.enter(visit)
        try:
            yield visit
        finally:
            self.attendance.leave(visit)
            self.audit.record('leave', 'allowed', who=principal, address=address, target=request.path)

    def renew(self, visit: Visit, ticket: str) -> None:
        """Let a visit last as long as the newer token that a ticket was bought with.

        :raises AccessError: if the ticket is not good, or is somebody else's.
        """
        other = self._tickets.redeem(ticket)
        self._still_good(other)
        if (other.name, other.role) != (visit.principal.name, visit.principal.role):
            raise AccessError("this ticket is somebody else's", where='renew')
        visit.principal = replace(other, connection=visit.principal.connection)
        self.audit.record('renew', 'allowed', who=visit.principal, address=visit.address)

    def look(self) -> None:
        """Send away whose time is over, or whose token was revoked. To be called a few times a second."""
        if self._tokens is None:
            return
        if monotonic_ns() - self._looked_ns >= LOOK_S * NS_PER_S:
            self._looked_ns = monotonic_ns()
            try:
                self._tokens.refresh()
            except (GuidanceError, OSError) as error:
                self.on_problem(f'what was revoked cannot be read: {error}')
        now_ns = time.time_ns()
        for visit in list(self.attendance.visits.values()):
            if self._tokens.is_revoked(visit.principal.token):
                self._send_away(visit, REVOKED, 'this token was revoked')
            elif visit.principal.expires_ns is not None and now_ns >= visit.principal.expires_ns:
                self._send_away(visit, EXPIRED, 'this token has expired')

    def end_session(self, participant: str, by: str, asking: Principal | None = None) -> list[str]:
        """Send somebody away, or everybody but the surgeons. Their tokens are revoked: they do not come back with them.

        :param participant: id of a connection; '' = all.
        :param by: who ends it, for the record.
        :param asking: the connection that asks, if it is one of ours; it stays when all go.
        :return: names of who was sent away.
        :raises AccessError: if there is no such participant.
        """
        visits = self.attendance.to_end(participant, asking.connection if asking else '')
        if participant and not visits:
            raise AccessError('there is no such participant (any more)', where=participant[:40])
        for visit in visits:
            if self._tokens is not None and visit.principal.token:
                try:
                    self._tokens.revoke(visit.principal.token, by)
                except OSError as error:
                    self.on_problem(f'that a token is revoked cannot be written, it holds until a restart: {error}')
            self._send_away(visit, ENDED, 'the surgeon has ended this session', by)
        self.audit.record('end_session', 'allowed', who=asking, target=participant or 'all')
        return [visit.principal.name for visit in visits]

    def _send_away(self, visit: Visit, code: int, reason: str, by: str = '') -> None:
        self.attendance.leave(visit)
        outcome = f'{reason} ({by})' if by else reason
        self.audit.record('sent away', outcome, who=visit.principal, address=visit.address)
        visit.close(code, reason)

    def _still_good(self, principal: Principal) -> None:
        """Look again at what may have changed since a ticket was sold."""
        assert self._tokens is not None or not principal.token  # noqa: S101
        if self._tokens is not None and self._tokens.is_revoked(principal.token):
            raise AccessError('this token was revoked')
        if principal.expires_ns is not None and time.time_ns() >= principal.expires_ns:
            raise AccessError('this token has expired')

    def _is_ours(self, host: str, request: web.Request) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower()
        return name in self._names or name == _own_address(request)

    def _unauthorised(self, request: web.Request, why: str) -> web.HTTPException:
        headers: dict[str, str] = {hdrs.WWW_AUTHENTICATE: 'Bearer'}
        return self._refused(request, web.HTTPUnauthorized, why, headers, told='a valid token is needed')

    def _refused(
        self, request: web.Request, kind: Any, why: str, headers: dict[str, str] | None = None, told: str = ''
    ) -> web.HTTPException:
        self.audit.record('admit', f'refused: {why}', address=address_of(request), target=request.path)
        refusal: web.HTTPException = kind(text=f'{told or why}\n', headers=headers)
        return refusal


def _ignore(_problem: str) -> None:
    """Stand in for who is told of problems."""


def address_of(request: web.Request) -> str:
    """Give the address that a request comes from. What a proxy says of it is not believed."""
    return request.remote or ''


def seconds_left(principal: Principal) -> float | None:
    """Tell how long a token is still good [s]; None: for ever."""
    return None if principal.expires_ns is None else round((principal.expires_ns - time.time_ns()) / NS_PER_S, 1)


def _own_address(request: web.Request) -> str:
    """Give the address of ours that a request came to, as a ``Host`` has it: no name can be made to read so."""
    transport = request.transport
    name = transport.get_extra_info('sockname') if transport is not None else None
    if not name:
        return ''
    address = str(name[0]).partition('%')[0]
    return f'[{address}]' if ':' in address else address
