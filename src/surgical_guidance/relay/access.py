"""Who may ask: this host only, and of its browsers only our own page.

The relay listens on the loopback interface, but every page of every other site in a local browser can reach that too.
Two checks keep them out. The ``Host`` must be a loopback name: a foreign name that was made to point here (DNS
rebinding) still says its own. The ``Origin``, which a browser adds and a page cannot forge, must be the address that
was asked: another site's differs. A WebSocket without an origin is refused as well.
"""

from __future__ import annotations

import errno
import re
import socket

from aiohttp import web
from aiohttp.typedefs import Handler

from surgical_guidance.errors import HostError, ParameterError

LOOPBACK = {'127.0.0.1': socket.AF_INET, 'localhost': socket.AF_INET, '::1': socket.AF_INET6}

_HOST = re.compile(r'(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?', re.IGNORECASE)

HEADERS = {
    'Content-Security-Policy': (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    'Cache-Control': 'no-store',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), display-capture=(), geolocation=(), microphone=()',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
}
"""On every answer. ``connect-src 'self'`` covers the WebSocket of the same origin (CSP level 3)."""


def bind(host: str, port: int) -> socket.socket:
    """Take a port of the loopback interface; nobody is let in before it is served.

    :param port: 0 takes a free one.
    :raises ParameterError: if the host is not the loopback interface.
    :raises HostError: if the port cannot be had.
    """
    if host not in LOOPBACK:
        raise ParameterError(
            f'{host!r} is not the loopback interface, and off it the relay needs TLS and tokens, '
            'which this version does not have',
            where='host',
            remedy=f'use {", ".join(LOOPBACK)}, and an SSH tunnel from elsewhere',
        )
    listener = socket.socket(LOOPBACK[host], socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(('127.0.0.1' if host == 'localhost' else host, port))
        listener.listen(0)  # two may bind with SO_REUSEADDR, only one may listen: find it out here
    except OSError as error:
        listener.close()
        what = 'is in use' if error.errno == errno.EADDRINUSE else f'cannot be had ({error.strerror})'
        raise HostError(
            f'port {port} {what}',
            where=host,
            remedy='end what uses it, or give another with port:= (port:=0 takes a free one)',
        ) from error
    return listener


@web.middleware
async def only_our_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse who may not ask."""
    hosts = request.headers.getall('Host', [])
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise web.HTTPForbidden(text='this is not a name of this host\n')
    origins = request.headers.getall('Origin', [])
    is_socket = 'Upgrade' in request.headers
    if (origins or is_socket) and origins != [f'http://{hosts[0]}']:
        raise web.HTTPForbidden(text='another site may not ask\n')
    return await handler(request)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put :data:`HEADERS` on an answer."""
    response.headers.update(HEADERS)
