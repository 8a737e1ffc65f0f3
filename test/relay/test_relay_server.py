"""Who is let in, what is served, and what strangers and misbehaving pages achieve: nothing."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError
from relay_running import Relay

from surgical_guidance.errors import HostError, ParameterError
from surgical_guidance.relay import web
from surgical_guidance.relay.access import bind, check_exposure
from surgical_guidance.relay.clients import POLICY, TRY_LATER


def ask(relay: Relay, path: str, *, method: str = 'GET', **headers: str) -> tuple[int, str]:
    """Ask over a bare socket, so that no client tidies the path or the headers up."""
    headers = {'Host': f'127.0.0.1:{relay.port}', **{k.replace('_', '-'): v for k, v in headers.items()}}
    lines = [f'{method} {path} HTTP/1.1', *(f'{k}: {v}' for k, v in headers.items() if v), 'Connection: close', '', '']
    with socket.create_connection(('127.0.0.1', relay.port), timeout=5) as connection:
        connection.sendall('\r\n'.join(lines).encode())
        answer = b''.join(iter(lambda: connection.recv(65536), b'')).decode()
    return int(answer.split()[1]), answer


SOCKET = {
    'Upgrade': 'websocket',
    'Sec_WebSocket_Version': '13',
    'Sec_WebSocket_Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}


def test_the_page_and_its_files_are_served(relay: Relay) -> None:
    status, answer = ask(relay, '/')
    assert status == 200
    for file in re.findall(r'(?:src|href)="(/[^"]+)"', answer):
        assert ask(relay, file)[0] == 200


def test_every_module_of_the_page_is_there() -> None:
    assets = web.load()
    for path, asset in assets.items():
        if path.endswith('.js'):
            for module in re.findall(r"from '\.(/[^']+)'", asset.body.decode()):
                assert module in assets, f'{path} imports {module}'


def test_the_page_asks_no_other_host_for_anything() -> None:
    for path, asset in web.load().items():
        text = asset.body.decode().replace('http://www.w3.org/2000/svg', '')
        assert not re.search(r'(https?:)?//[a-z0-9-]+\.[a-z]', text), path
        assert 'innerHTML' not in text, path


@pytest.mark.parametrize('path', ['/', '/console.js', '/healthz', '/nowhere'])
def test_every_answer_forbids_other_hosts_and_caches(relay: Relay, path: str) -> None:
    _, answer = ask(relay, path)
    policy = re.search(r'Content-Security-Policy: (.*)\r\n', answer)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert not re.search(r'unsafe|\*|https?:|data:', policy[1])
    assert 'Cache-Control: no-store' in answer
    assert 'X-Content-Type-Options: nosniff' in answer


@pytest.mark.parametrize(
    ('host', 'status'),
    [
        ('127.0.0.1:{port}', 200),
        ('localhost:{port}', 200),
        ('[::1]:{port}', 200),
        ('localhost:9000', 200),  # through an SSH tunnel from another port
        ('guidance.example:{port}', 403),  # DNS rebinding
        ('127.0.0.1.example', 403),
        ('localhost@evil.example', 403),
        ('', 400),
    ],
)
def test_only_a_name_of_this_host_is_answered(relay: Relay, host: str, status: int) -> None:
    for path in ('/', '/healthz'):
        found, _ = ask(relay, path, Host=host.format(port=relay.port))
        assert found in ({400, 403} if status == 400 else {status})


@pytest.mark.parametrize(
    ('origin', 'status'),
    [
        ('http://127.0.0.1:{port}', 101),
        ('http://localhost:{port}', 403),  # not the name that was asked
        ('http://127.0.0.1:1', 403),
        ('https://127.0.0.1:{port}', 403),
        ('https://evil.example', 403),
        ('null', 403),
        ('', 403),
    ],
)
def test_only_our_own_page_gets_the_socket(relay: Relay, origin: str, status: int) -> None:
    async def connect() -> int:
        headers = {'Origin': origin.format(port=relay.port)} if origin else {}
        async with ClientSession() as session:
            try:
                async with session.ws_connect(f'{relay.url}/ws', headers=headers):
                    return 101
            except WSServerHandshakeError as error:
                return error.status

    assert asyncio.run(connect()) == status


def test_another_site_may_not_even_ask_for_health(relay: Relay) -> None:
    assert ask(relay, '/healthz', Origin='https://evil.example')[0] == 403
    assert json.loads(ask(relay, '/healthz')[1].split('\r\n\r\n', 1)[1])['clients'] == 0


@pytest.mark.parametrize(
    'path',
    [
        '/../__init__.py',
        '/%2e%2e/node.py',
        '/..%2fnode.py',
        '/....//node.py',
        '//etc/passwd',
        '/etc/passwd',
        '/web/console.js',
        '/__init__.py',
        '/console.js/../../node.py',
        '/console.js%00.html',
        '/index.html',
        'http://127.0.0.1/../node.py',
    ],
)
def test_nothing_but_the_page_is_served(relay: Relay, path: str) -> None:
    status, answer = ask(relay, path)
    assert status in (400, 403, 404)
    assert 'import' not in answer
    assert 'root:' not in answer


@pytest.mark.parametrize('method', ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'])
def test_nothing_can_be_changed(relay: Relay, method: str) -> None:
    assert ask(relay, '/', method=method)[0] in (400, 403, 404, 405)


def talk(relay: Relay, *messages: str | bytes) -> tuple[list[Any], int | None, str]:
    """Say something as a page; give what came back before the close, the close code and its reason."""

    async def run() -> tuple[list[Any], int | None, str]:
        got: list[Any] = []
        async with ClientSession() as session, session.ws_connect(f'{relay.url}/ws', origin=relay.url) as page:
            for message in messages:
                await (page.send_str(message) if isinstance(message, str) else page.send_bytes(message))
            async with asyncio.timeout(5):
                while (answer := await page.receive()).type is WSMsgType.TEXT:
                    got.append(json.loads(answer.data))
            return got, answer.data if isinstance(answer.data, int) else None, str(answer.extra)

    return asyncio.run(run())


@pytest.mark.parametrize(
    'message',
    ['{{{', '[' * 500, '"shown"', '{"op": "publish", "topic": "/suggestion"}', '{"op": []}', b'\x00\x01', 'null'],
)
def test_a_message_that_is_none_of_ours_closes_the_page(relay: Relay, message: str | bytes) -> None:
    _, code, reason = talk(relay, message)
    assert code == POLICY
    assert reason


def test_a_message_that_is_too_large_closes_the_page(relay: Relay) -> None:
    _, code, _ = talk(relay, '{"op": "shown", "x": "' + 'x' * 300_000 + '"}')
    assert code == 1009


def test_a_page_that_was_thrown_out_is_no_trouble_for_the_next(relay: Relay) -> None:
    for _ in range(20):
        talk(relay, '{{{')
    greeting = first_messages(relay, 2)
    assert [message['op'] for message in greeting] == ['hello', 'state']


def first_messages(relay: Relay, count: int, *say: str) -> list[Any]:
    async def run() -> list[Any]:
        async with ClientSession() as session, session.ws_connect(f'{relay.url}/ws', origin=relay.url) as page:
            for text in say:
                await page.send_str(text)
            got: list[Any] = []
            async with asyncio.timeout(5):
                while len(got) < count:
                    message = json.loads((await page.receive()).data)
                    if message['op'] != 'participants':  # comes when somebody else comes or goes
                        got.append(message)
            return got

    return asyncio.run(run())


def test_a_page_can_learn_the_relays_time(relay: Relay) -> None:
    answers = first_messages(relay, 3, '{"op": "ping", "at": 12.5}')
    pong = next(message for message in answers if message['op'] == 'pong')
    assert pong['at'] == 12.5
    assert pong['dropped'] == 0


def test_a_page_that_asks_wrongly_is_told_so(relay: Relay) -> None:
    answers = first_messages(relay, 3, '{"op": "ping"}')
    refused = next(message for message in answers if message['op'] == 'refused')
    assert refused['what'] == 'ping'
    assert 'time' in refused['reason']


def test_more_pages_than_allowed_are_told_so(relay_with: Callable[..., Relay]) -> None:
    relay = relay_with(clients=2)

    async def run() -> None:
        async with ClientSession() as session:
            pages = [await session.ws_connect(f'{relay.url}/ws', origin=relay.url) for _ in range(3)]
            answer = await pages[2].receive(timeout=5)
            assert (answer.data, answer.extra) == (TRY_LATER, '2 pages watch already')
            assert json.loads((await pages[0].receive(timeout=5)).data)['op'] == 'hello'
            await pages[0].close()
            again = await session.ws_connect(f'{relay.url}/ws', origin=relay.url)
            assert json.loads((await again.receive(timeout=5)).data)['op'] == 'hello'

    asyncio.run(run())


def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with bind('127.0.0.1', 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HostError, match=rf'port {port} is in use.*port:=0') as error:
            bind('127.0.0.1', port)
        assert error.value.remedy


@pytest.mark.parametrize('host', ['0.0.0.0', '::', '192.0.2.7', 'guidance.example', ''])
def test_any_interface_but_the_loopback_is_refused_and_why(host: str) -> None:
    with pytest.raises(ParameterError, match='TLS and tokens|no address'):
        check_exposure(host, '', '', '')


def test_the_page_is_in_the_package() -> None:
    folder = Path(web.__file__).parent
    assert {'/', '/console.js', '/console.css'} <= set(web.load())
    assert all(file.suffix in {*web.TYPES, '.py'} for file in folder.iterdir() if file.is_file())
