"""Where the relay listens, with what certificate, and what it tells every browser.

On the loopback interface it serves plainly and, unless tokens are set up, everybody on this host. On any other it
wants a certificate and tokens, or does not start. Who may ask is in ``security/door.py``.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
from pathlib import Path

from aiohttp import web

from surgical_guidance.errors import HostError, ParameterError

LOOPBACK = {'127.0.0.1': socket.AF_INET, 'localhost': socket.AF_INET, '::1': socket.AF_INET6}

HEADERS = {
    'Content-Security-Policy': (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    'Cache-Control': 'no-store',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), display-capture=(), geolocation=(), microphone=(self)',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
}
"""On every answer. ``connect-src 'self'`` covers the WebSocket of the same origin (CSP level 3)."""

STRICT_TRANSPORT = 'max-age=31536000'


def check_exposure(host: str, certificate: str, key: str, tokens: str) -> None:
    """Refuse to serve off the loopback interface without TLS and tokens.

    :param certificate: file of the certificate chain, PEM; '' = none.
    :param key: file of its private key; '' = none.
    :param tokens: folder of the tokens; '' = none.
    :raises ParameterError: naming what is missing, and the command that makes it.
    """
    if bool(certificate) != bool(key):
        missing = 'tls_key' if certificate else 'tls_certificate'
        raise ParameterError('a certificate and its key belong together', where=missing, remedy=f'give {missing} too')
    if host in LOOPBACK:
        return
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ParameterError(
            f'{host!r} is no address', where='host', remedy='use a number such as 0.0.0.0; names go into `names`'
        ) from None
    missing_parts = [
        *(['TLS (tls_certificate and tls_key)'] if not certificate else []),
        *(['tokens (token_dir)'] if not tokens else []),
    ]
    if missing_parts:
        raise ParameterError(
            f'{host} is not the loopback interface, and off it the relay needs TLS and tokens: '
            f'{" and ".join(missing_parts)} missing',
            where='host',
            remedy='`surgical-guidance token certificate` and `surgical-guidance token issue` make them for a trial '
            f'(docs/security.md); or use {", ".join(LOOPBACK)} and an SSH tunnel from elsewhere',
        )


def tls_context(certificate: str, key: str) -> ssl.SSLContext | None:
    """Load the certificate; None where none is given.

    :raises ParameterError: if it cannot be used, or others may read the key.
    """
    if not certificate:
        return None
    for name, path in (('tls_certificate', certificate), ('tls_key', key)):
        if not Path(path).is_file():
            raise ParameterError(
                f'there is no file {path}', where=name, remedy='`surgical-guidance token certificate` makes a pair'
            )
    if Path(key).stat().st_mode & 0o077:
        raise ParameterError(f'others may read {key}', where='tls_key', remedy=f'chmod 600 {key}')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise ParameterError(
            f'certificate and key cannot be used ({error.strerror or error})', where='tls_certificate'
        ) from error
    return context


def bind(host: str, port: int) -> socket.socket:
    """Take a port; nobody is let in before it is served. :func:`check_exposure` comes first.

    :param host: numeric address, or one of :data:`LOOPBACK`.
    :param port: 0 takes a free one.
    :raises HostError: if the port cannot be had.
    """
    family = LOOPBACK.get(host) or (socket.AF_INET6 if ':' in host else socket.AF_INET)
    listener = socket.socket(family, socket.SOCK_STREAM)
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


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Put :data:`HEADERS` on an answer."""
    response.headers.update(HEADERS)
    if request.secure:
        response.headers['Strict-Transport-Security'] = STRICT_TRANSPORT
