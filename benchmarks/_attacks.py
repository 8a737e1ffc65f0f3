"""The attack table: what strangers and misbehaving guests do to a relay, as functions for the tests and the benchmark.

Each gives what it got that it should not have: nothing, if all is well. ``TRACES`` says what the audit log must hold
afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import resource
import select
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, ClientWebSocketResponse, WSMsgType
from aiohttp.client_exceptions import ServerDisconnectedError, WSServerHandshakeError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from surgical_guidance.relay.security import Role, TokenStore

LARGE = 10 * 2**20  # bytes of a message that is too large
ENDS = (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR)
FAIR_CODES = (1000, 1006, 1007, 1008, 1009, 1013)  # that nonsense may be closed with
MOST = 64  # connections that one address may have
SECRETS = ('root:', 'import ', 'BEGIN', 'eyJ')  # what no answer may hold: files of the host, code, keys, tokens


@dataclass
class Target:
    """The relay that is attacked.

    :param folder: of its tokens.
    :param log: its audit log.
    :param handshake_s: what it gives a connection to ask.
    :param floods: how many of what comes many times.
    """

    port: int
    folder: Path
    log: Path
    handshake_s: float
    floods: int = 200
    connections: int = 1000
    tokens: TokenStore = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = TokenStore(self.folder)

    @property
    def url(self) -> str:
        """Where its page is."""
        return f'http://127.0.0.1:{self.port}'

    def token(self, role: Role = Role.EXPERT, name: str = 'guest') -> str:
        """Issue a good one."""
        return self.tokens.issue(name, role, 1.0)[0]

    async def ticket(self, session: ClientSession, token: str) -> str:
        """Buy a good one; where attacks before have made this address wait, after that."""
        while True:
            async with session.post(f'{self.url}/ticket', headers=bearer(token)) as answer:
                if answer.status != 429:
                    assert answer.status == 200, await answer.text()
                    return str((await answer.json())['ticket'])
                wait_s = float(answer.headers['Retry-After'])
            await asyncio.sleep(wait_s)

    @contextlib.asynccontextmanager
    async def page(self, session: ClientSession, role: Role = Role.EXPERT) -> Any:
        """Be a page that was let in."""
        ticket = await self.ticket(session, self.token(role))
        async with session.ws_connect(f'{self.url}/ws?ticket={ticket}', origin=self.url) as page:
            yield page


def bearer(token: str) -> dict[str, str]:
    """Make the header."""
    return {'Authorization': f'Bearer {token}'}


async def socket_for(target: Target, query: str = '', **headers: str) -> list[str]:
    """Ask for the page's socket; [] if it was refused."""
    wanted = {'Origin': target.url} | {name.replace('_', '-'): value for name, value in headers.items()}
    async with ClientSession() as session:
        try:
            async with session.ws_connect(f'{target.url}/ws{query}', headers=wanted) as page:
                message = await page.receive(timeout=5)
                return [f'let in: {message.type.name}']
        except WSServerHandshakeError as error:
            return [] if error.status in (400, 401, 403, 429) else [f'answered {error.status}']


async def no_token(target: Target) -> list[str]:
    """Come with nothing."""
    return await socket_for(target)


async def expired_token(target: Target) -> list[str]:
    """Come with a token of yesterday."""
    old = TokenStore(target.folder, lambda: time.time() - 86400)
    return await socket_for(target, Authorization=f'Bearer {old.issue("late", Role.ADMIN, 1.0)[0]}')


async def foreign_key(target: Target) -> list[str]:
    """Sign a token with a key of one's own, with none, and with the public key as if it were a password."""
    good = jwt.decode(target.token(Role.ADMIN), options={'verify_signature': False})
    public = (target.folder / 'public.pem').read_text()
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}').decode()
    body = jwt.utils.base64url_encode(json.dumps(good).encode()).decode()
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    mixed = (
        f'{head}.{body}.'
        + jwt.utils.base64url_encode(algorithm.sign(f'{head}.{body}'.encode(), public.encode())).decode()
    )
    tokens = [
        jwt.encode(good, Ed25519PrivateKey.generate(), 'EdDSA'),
        jwt.encode(good, '', 'none'),
        mixed,
        'x' * 3000,
    ]
    return [got for token in tokens for got in await socket_for(target, Authorization=f'Bearer {token}')]


async def revoked_token(target: Target) -> list[str]:
    """Stay, and come back, with a token that was taken back meanwhile."""
    token, issued = target.tokens.issue('revoked', Role.EXPERT, 1.0)
    async with ClientSession() as session:
        ticket = await target.ticket(session, token)
        async with session.ws_connect(f'{target.url}/ws?ticket={ticket}', origin=target.url) as page:
            target.tokens.revoke(issued.id, 'the attack table')
            code = await close_code(page)
    got = [] if code == 4002 else [f'closed with {code}']
    return got + await socket_for(target, Authorization=f'Bearer {token}')


async def replayed_ticket(target: Target) -> list[str]:
    """Use a ticket twice."""
    async with ClientSession() as session:
        ticket = await target.ticket(session, target.token())
        async with session.ws_connect(f'{target.url}/ws?ticket={ticket}', origin=target.url) as page:
            await page.receive(timeout=5)
    return await socket_for(target, f'?ticket={ticket}')


async def guessing(target: Target) -> list[str]:
    """Try many tickets; the address must be made to wait."""
    statuses = []
    async with ClientSession() as session:
        for number in range(12):
            async with session.get(f'{target.url}/ws?ticket=guess{number}') as answer:
                statuses.append(answer.status)
    return [] if 429 in statuses and set(statuses) <= {401, 429} else [f'answered {statuses}']


async def wrong_role(target: Target) -> list[str]:
    """Ask as an observer for what is the surgeon's."""
    got = []
    async with ClientSession() as session, target.page(session, Role.OBSERVER) as page:
        for op in ('end_session', 'participants'):
            await page.send_json({'op': op, 'participant': ''})
            answer = await next_of(page, 'refused', 'ended', 'participants')
            got += [] if answer.get('op') == 'refused' else [f'{op} was answered: {answer}']
    return got


async def wrong_origin(target: Target) -> list[str]:
    """Come from another site, with a good token."""
    token = target.token()
    return [
        got
        for origin in ('https://evil.example', 'null', f'https://127.0.0.1:{target.port}', 'http://127.0.0.1:1')
        for got in await socket_for(target, Authorization=f'Bearer {token}', Origin=origin)
    ]


async def wrong_host(target: Target) -> list[str]:
    """Come by a name that was made to point here, with a good token."""
    host = f'evil.example:{target.port}'
    headers = {'Host': host, 'Origin': f'http://{host}'}
    got = await socket_for(target, Authorization=f'Bearer {target.token()}', **headers)
    async with ClientSession() as session, session.get(target.url, headers=headers) as answer:
        return got + ([] if answer.status == 403 else [f'the page: {answer.status}'])


async def large_message(target: Target) -> list[str]:
    """Send 10 MB in one message, and as the body of a request."""
    async with ClientSession() as session:
        async with target.page(session) as page:
            with contextlib.suppress(ConnectionError, ClientConnectionError):
                await page.send_str('{"op":"ping","at":"' + 'x' * LARGE + '"}')
            code = await close_code(page)
        with contextlib.suppress(ClientConnectionError):
            async with session.post(f'{target.url}/ticket', data=io.BytesIO(b'x' * LARGE)) as answer:
                if answer.status not in (401, 413, 429):
                    return [f'the body: {answer.status}']
    return [] if code in (1009, 1006) else [f'closed with {code}']


async def brace_flood(target: Target) -> list[str]:
    """Send ``{{{`` by the kilobyte, again and again."""
    got = []
    async with ClientSession() as session:
        token = target.token()
        for _ in range(max(3, target.floods // 20)):
            ticket = await target.ticket(session, token)
            async with session.ws_connect(f'{target.url}/ws?ticket={ticket}', origin=target.url) as page:
                with contextlib.suppress(ConnectionError, ClientConnectionError):
                    for _ in range(20):
                        await page.send_str('{' * 4096)
                code = await close_code(page)
                got += [] if code in (1008, 1006) else [f'closed with {code}']
    return got


async def deep_message(target: Target) -> list[str]:
    """Send good JSON, nested a thousand times."""
    async with ClientSession() as session, target.page(session) as page:
        await page.send_str('{"op":"ping","at":1,"x":' + '[' * 500 + ']' * 500 + '}')
        code = await close_code(page)
    return [] if code == 1008 else [f'closed with {code}']


async def message_flood(target: Target) -> list[str]:
    """Send good messages as fast as can be."""
    async with ClientSession() as session, target.page(session) as page:
        with contextlib.suppress(ConnectionError, ClientConnectionError):
            for number in range(20_000):
                await page.send_str('{"op":"ping","at":1}')
                if number % 500 == 0:
                    await asyncio.sleep(0)
        code = await close_code(page)
    return [] if code in (1008, 1006) else [f'closed with {code}']


async def many_connections(target: Target) -> list[str]:
    """Open a thousand connections and leave them there."""
    loop = asyncio.get_running_loop()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    with contextlib.ExitStack() as stack:
        poll = select.poll()
        for _ in range(target.connections):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(OSError):
                await asyncio.wait_for(loop.sock_connect(one, ('127.0.0.1', target.port)), 5.0)
            poll.register(one, select.POLLIN)  # ours are closed: readable; none of them is answered
        left = target.connections
        until = time.monotonic() + 10.0
        while left > MOST and time.monotonic() < until:
            await asyncio.sleep(0.02)
            left = target.connections - len(poll.poll(0))
    return [] if left <= MOST else [f'{left} connections were kept']


async def slow_loris(target: Target) -> list[str]:
    """Send a request one byte at a time, for longer than anybody waits."""
    reader, writer = await asyncio.open_connection('127.0.0.1', target.port)
    request = f'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nX: '.encode()
    ended = asyncio.create_task(reader.read())
    try:
        for _ in range(200):
            writer.write(request[:1] or b'x')
            request = request[1:]
            done, _ = await asyncio.wait({ended}, timeout=target.handshake_s / 40)
            if done:
                return []
    except ConnectionError:
        return []
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await ended
    return [f'it was borne for {5 * target.handshake_s:g} s']


async def denied_topic(target: Target) -> list[str]:
    """Publish advice, and call a service, over the page's socket."""
    got = []
    for message in (
        {'op': 'publish', 'topic': '/surgical_guidance/suggestion', 'msg': {}},
        {'op': 'call_service', 'service': '/surgical_guidance/relay/set_parameters'},
    ):
        async with ClientSession() as session, target.page(session, Role.OBSERVER) as page:
            await page.send_json(message)
            code = await close_code(page)
            got += [] if code == 1008 else [f'{message["op"]}: closed with {code}']
    return got


PATHS = (
    '/../../../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/..%2f..%2fnode.py', '//etc/passwd', '/....//node.py',
    '/console.js/../../node.py', '/console.js%00.html', '/security/policy.yaml', '/key.pem', '/..\\..\\node.py',
    '/%252e%252e/node.py', 'file:///etc/passwd', '/ticket/../key.pem',
)  # fmt: skip


async def path_traversal(target: Target) -> list[str]:
    """Ask for files of the host, over a bare connection: a client would tidy the paths up."""
    got = []
    for path in PATHS:
        reader, writer = await asyncio.open_connection('127.0.0.1', target.port)
        head = f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nConnection: close\r\n\r\n'
        writer.write(head.encode())
        with contextlib.suppress(ConnectionError):
            answer = (await reader.read()).decode(errors='replace')
            status, body = answer.split()[1] if answer else 'none', answer.partition('\r\n\r\n')[2]
            if status not in ('400', '403', '404', 'none') or any(word in body for word in SECRETS):
                got.append(f'{path}: {status}')
        writer.close()
    return got


async def fuzz(target: Target, messages: list[str | bytes]) -> list[str]:
    """Say whatever there is, as a page that was let in; come back after each time one was thrown out."""
    got: list[str] = []
    token = target.token(Role.OBSERVER)
    async with ClientSession(timeout=ClientTimeout(10)) as session:
        page: ClientWebSocketResponse | None = None
        for message in messages:
            if page is None or page.closed:
                ticket = await target.ticket(session, token)
                page = await session.ws_connect(f'{target.url}/ws?ticket={ticket}', origin=target.url)
            try:
                await (page.send_str(message) if isinstance(message, str) else page.send_bytes(message))
                while True:  # a ping after it: answered, or closed for what was said
                    await page.send_str('{"op":"ping","at":1}')
                    answer = await page.receive(timeout=10)
                    if answer.type is not WSMsgType.TEXT:
                        if answer.type is WSMsgType.ERROR or page.close_code not in (
                            1000,
                            1006,
                            1007,
                            1008,
                            1009,
                            1013,
                        ):
                            got.append(f'{message!r}: closed with {page.close_code}')
                        await page.close()
                        break
                    said = json.loads(answer.data)
                    if said['op'] in ('ended', 'participants'):
                        got.append(f'{message!r}: answered {said["op"]}')
                    if said['op'] == 'pong':
                        break
            except (ConnectionError, ClientConnectionError, ServerDisconnectedError):
                page = None
        if page is not None:
            await page.close()
    return got


async def close_code(page: ClientWebSocketResponse) -> int | None:
    """Read on until it is closed; tell with which code."""
    async with asyncio.timeout(10):
        while (await page.receive()).type not in (
            WSMsgType.CLOSE,
            WSMsgType.CLOSED,
            WSMsgType.CLOSING,
            WSMsgType.ERROR,
        ):
            pass
    return page.close_code


async def next_of(page: ClientWebSocketResponse, *ops: str) -> dict[str, Any]:
    """Read on until one of these comes, or the end."""
    async with asyncio.timeout(10):
        while True:
            message = await page.receive()
            if message.type is not WSMsgType.TEXT:
                return {}
            said: dict[str, Any] = json.loads(message.data)
            if said['op'] in ops:
                return said


@contextlib.asynccontextmanager
async def _client(port: int, token: str) -> Any:
    """Be a program that the bridge let in."""
    url = f'http://127.0.0.1:{port}/'
    async with ClientSession() as session, session.ws_connect(url, headers=bearer(token)) as client:
        yield client


DENIED = (
    {'op': 'publish', 'topic': '/surgical_guidance/suggestion', 'msg': {}},
    {'op': 'advertise', 'topic': '/surgical_guidance/alarm', 'type': 'surgical_guidance_msgs/Alarm'},
    {'op': 'subscribe', 'topic': '/surgical_guidance/camera/image_raw', 'type': 'sensor_msgs/Image'},
    {'op': 'call_service', 'service': '/surgical_guidance/relay/set_parameters', 'args': {}},
    {'op': 'advertise_service', 'service': '/surgical_guidance/end_session', 'type': 'std_srvs/Trigger'},
    {'op': 'send_action_goal', 'action': '/x', 'action_type': 'a/action/B', 'args': {}},
)


async def bridge_denied(target: Target, port: int) -> list[str]:
    """Publish advice, read raw pictures, set parameters, over the bridge, as an observer."""
    got = []
    async with _client(port, target.token(Role.OBSERVER)) as client:
        for message in DENIED:
            await client.send_json(message)
            answer = await next_of(client, 'status', 'publish', 'service_response')
            refused = answer.get('level') == 'error' or answer.get('result') is False
            got += [] if refused else [f'{message["op"]}: {answer}']
    return got


async def bridge_unknown(target: Target, port: int) -> list[str]:
    """Come to the bridge with nothing, with a foreign page, by a foreign name."""
    url = f'http://127.0.0.1:{port}/'
    good = bearer(target.token(Role.ADMIN))
    got = []
    async with ClientSession() as session:
        for headers in ({}, good | {'Origin': 'https://evil.example'}, good | {'Host': f'evil.example:{port}'}):
            try:
                async with session.ws_connect(url, headers=headers):
                    got.append(f'let in with {sorted(headers)}')
            except WSServerHandshakeError as error:
                got += [] if error.status in (401, 403) else [f'answered {error.status}']
    return got


async def bridge_nonsense(target: Target, port: int) -> list[str]:
    """Send the bridge braces, depth, bytes and 10 MB."""
    got = []
    for data in ('{' * 4096, '[' * 200_000, '{"op":"publish","msg":' + '[' * 500 + ']' * 500 + '}', b'\x00' * 100,
                 '{"op":"x"}', '{"op":"publish","msg":"' + 'x' * LARGE + '"}'):  # fmt: skip
        async with _client(port, target.token(Role.OBSERVER)) as client:
            with contextlib.suppress(ConnectionError, ClientConnectionError):
                for _ in range(3 if len(data) < LARGE else 1):
                    await (client.send_str(data) if isinstance(data, str) else client.send_bytes(data))
            async with asyncio.timeout(10):
                answer = await client.receive()
            said = answer.data if answer.type is WSMsgType.TEXT else ''
            got += [] if answer.type in ENDS or '"level":"error"' in said.replace(' ', '') else [f'answered {said}']
    return got


BRIDGE_MISTAKES = 48  # messages on one connection, fewer than it is closed for
MAY_ASK = ('get_time', 'topics', 'topic_type', 'topics_for_type', 'services', 'service_type', 'services_for_type',
           'nodes', 'message_details', 'service_request_details', 'service_response_details')  # fmt: skip


async def fuzz_bridge(target: Target, port: int, messages: list[str]) -> list[str]:
    """Say whatever there is to the bridge, as an observer; each must be answered or passed over, and the next heard."""
    got: list[str] = []
    token = target.token(Role.OBSERVER)
    may_ask = {f'/rosapi/{name}' for name in MAY_ASK}
    url = f'http://127.0.0.1:{port}/'
    async with ClientSession() as session:
        for at in range(0, len(messages), BRIDGE_MISTAKES):
            async with session.ws_connect(url, headers=bearer(token)) as client, asyncio.timeout(30):
                for message in messages[at : at + BRIDGE_MISTAKES]:
                    await client.send_str(message)
                await client.send_json({'op': 'call_service', 'service': '/rosapi/get_time', 'id': 'alive'})
                while True:
                    answer = await client.receive()
                    if answer.type is not WSMsgType.TEXT:
                        got.append(f'closed with {client.close_code}')
                        break
                    said = json.loads(answer.data)
                    if said['op'] == 'service_response' and said.get('id') == 'alive':
                        break
                    if said['op'] == 'publish' or (
                        said['op'] == 'service_response' and said['result'] and said['service'] not in may_ask
                    ):
                        got.append(f'answered {answer.data[:200]}')
    return got


BRIDGE_TABLE: dict[str, tuple[Callable[[Target, int], Awaitable[list[str]]], str]] = {
    'denied topic': (bridge_denied, 'refused: the role observer may not do this'),
    'unknown client': (bridge_unknown, 'refused: no token'),
    'nonsense': (bridge_nonsense, 'refused: larger than'),
}
"""What is tried on the bridge, and what the audit log must say of it."""

Attack = Callable[[Target], Awaitable[list[str]]]

TABLE: dict[str, tuple[Attack, str]] = {
    'no token': (no_token, 'refused: no token'),
    'wrong role': (wrong_role, 'refused: not allowed to this role'),
    'expired token': (expired_token, 'refused: this token has expired'),
    'forged token': (foreign_key, 'refused: this token is not valid'),
    'revoked token': (revoked_token, 'this token was revoked'),
    'replayed ticket': (replayed_ticket, 'refused: this ticket is not valid'),
    'guessing': (guessing, 'refused: too many wrong tokens'),
    'wrong origin': (wrong_origin, 'refused: another site may not ask'),
    'wrong host': (wrong_host, 'refused: this is not a name of this host'),
    '10 MB message': (large_message, 'refused: larger than'),
    '{{{ flood': (brace_flood, 'refused: '),
    'deep message': (deep_message, 'refused: more than 24'),
    'message flood': (message_flood, 'refused: too many'),
    '1,000 connections': (many_connections, 'refused: too many connections'),
    'slow loris': (slow_loris, 'refused: no request within'),
    'denied topic': (denied_topic, 'refused: no operation of ours'),
    'path traversal': (path_traversal, 'refused: nothing there'),
}
"""What is tried, and what the audit log must say of it."""
