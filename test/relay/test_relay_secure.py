"""Off the loopback interface, from end to end: certificate, tokens, https and wss, roles of pages and programs."""

from __future__ import annotations

import asyncio
import gc
import ssl
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from aiohttp import ClientSession, TCPConnector, WSServerHandshakeError
from rclpy.parameter import Parameter
from surgical_guidance_msgs.msg import Suggestion

from surgical_guidance.contract import SUGGESTION
from surgical_guidance.ports import publisher
from surgical_guidance.relay.node import RelayNode
from surgical_guidance.relay.security import Role, TokenStore
from surgical_guidance.relay.security.audit_chain import verify
from surgical_guidance.relay.security.certificate import make_certificate

HOST = '127.0.0.2'  # of this host, and no address that is served without TLS and tokens


@dataclass
class Guarded:
    """A relay that others can reach.

    :param url: of the pages, ``https://...``.
    :param bridge: of the rosbridge protocol, ``wss://...``.
    :param certificate: what its clients trust.
    """

    node: RelayNode
    url: str
    bridge: str
    certificate: Path
    tokens: TokenStore
    log: Path
    graph: Any

    def session(self) -> ClientSession:
        """Be a program that trusts the certificate, and nothing else."""
        return ClientSession(connector=TCPConnector(ssl=ssl.create_default_context(cafile=str(self.certificate))))

    def bearer(self, role: Role) -> dict[str, str]:
        return {'Authorization': f'Bearer {self.tokens.issue(role.value, role, 1.0)[0]}'}

    def run(self, work: Any) -> Any:
        """Do something in another thread while the relay's node turns."""
        with ThreadPoolExecutor(1) as pool:
            doing = pool.submit(asyncio.run, work)
            assert self.graph.spin_until(doing.done, 30.0)
        with warnings.catch_warnings():  # aiohttp leaves the end of TLS to turns of a loop that is over by then
            warnings.simplefilter('ignore', ResourceWarning)
            gc.collect()
        return doing.result()


@pytest.fixture
def guarded(graph: Any, tmp_path: Path) -> Guarded:
    make_certificate(tmp_path, [HOST], 1)
    tokens = TokenStore(tmp_path / 'tokens')
    tokens.issue('nobody', Role.OBSERVER, 1.0)  # makes the key
    values = {
        'host': HOST,
        'port': 0,
        'bridge_port': 0,
        'tls_certificate': str(tmp_path / 'certificate.pem'),
        'tls_key': str(tmp_path / 'certificate.key'),
        'token_dir': str(tmp_path / 'tokens'),
        'audit_file': str(tmp_path / 'audit.jsonl'),
    }
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = RelayNode(context=graph.context, parameter_overrides=overrides)
    graph.add(node)
    assert node.url.startswith(f'https://{HOST}:')
    assert node.bridge.url.startswith(f'wss://{HOST}:')
    certificate, log = tmp_path / 'certificate.pem', tmp_path / 'audit.jsonl'
    return Guarded(node, node.url, node.bridge.url, certificate, tokens, log, graph)


def test_a_page_signs_in_over_tls_and_may_what_its_role_may(guarded: Guarded) -> None:
    async def visit() -> None:
        async with guarded.session() as session:
            async with session.get(guarded.url) as page:
                assert page.status == 200
                assert 'max-age' in page.headers['Strict-Transport-Security']
            async with session.post(f'{guarded.url}/ticket') as refused:
                assert refused.status == 401
            async with session.post(f'{guarded.url}/ticket', headers=guarded.bearer(Role.EXPERT)) as sold:
                ticket = (await sold.json())['ticket']
            where = f'{guarded.url}/ws?ticket={ticket}'
            async with session.ws_connect(where, origin=guarded.url) as page_socket:
                hello = await page_socket.receive_json()
                assert (hello['you']['name'], hello['you']['role'], hello['you']['open']) == ('expert', 'expert', False)
                assert 'annotate' in hello['you']['may']
                assert 'end_session' not in hello['you']['may']
            with pytest.raises(WSServerHandshakeError) as again:
                await session.ws_connect(where, origin=guarded.url)
            assert again.value.status == 401

    guarded.run(visit())


def test_a_program_gets_advice_over_wss_and_may_not_speak_for_the_guidance(guarded: Guarded) -> None:
    speaker = publisher(guarded.graph.node('speaker'), SUGGESTION)

    async def listen() -> None:
        async with guarded.session() as session:
            with pytest.raises(WSServerHandshakeError) as refused:
                await session.ws_connect(guarded.bridge)
            assert refused.value.status == 401
            async with session.ws_connect(guarded.bridge, headers=guarded.bearer(Role.OBSERVER)) as client:
                await client.send_json({'op': 'subscribe', 'topic': '/surgical_guidance/suggestion'})
                await client.send_json({'op': 'publish', 'topic': '/x', 'type': 'std_msgs/String', 'msg': {}})
                said = await client.receive_json(timeout=10)
                assert 'the role observer may not do this' in said['msg']
                receiving = asyncio.create_task(client.receive_json(timeout=10))
                while not receiving.done():  # discovery takes its time
                    speaker.publish(Suggestion(text_en='mind the duct'))
                    await asyncio.wait({receiving}, timeout=0.1)
                said = receiving.result()
                assert said['msg']['text_en'] == 'mind the duct'

    guarded.run(listen())


def test_a_client_of_the_bridge_stays_with_a_newer_token(guarded: Guarded) -> None:
    async def stay() -> None:
        async with guarded.session() as session:
            short, longer = (guarded.tokens.issue('a', Role.OBSERVER, hours)[0] for hours in (0.1, 5.0))
            headers = {'Authorization': f'Bearer {longer}'}
            async with session.ws_connect(guarded.bridge, headers={'Authorization': f'Bearer {short}'}) as client:
                async with session.post(f'{guarded.url}/ticket', headers=headers) as sold:
                    ticket = (await sold.json())['ticket']
                await client.send_json({'op': 'renew', 'ticket': ticket, 'id': 1})
                renewed = await client.receive_json(timeout=10)
                assert (renewed['op'], renewed['id']) == ('renewed', 1)
                assert renewed['token_expires_in'] > 4 * 3600
                await client.send_json({'op': 'renew', 'ticket': ticket, 'id': 2})
                assert 'not valid' in (await client.receive_json(timeout=10))['msg']

    guarded.run(stay())


def test_who_does_not_speak_tls_or_does_not_know_the_certificate_gets_nothing(guarded: Guarded) -> None:
    def knock() -> None:
        with pytest.raises(URLError, match='CERTIFICATE_VERIFY_FAILED'):
            urlopen(guarded.url, timeout=5)  # noqa: S310  (our own server)
        for plain in (guarded.url.replace('https', 'http'), guarded.bridge.replace('wss', 'http')):
            with pytest.raises(OSError):  # noqa: PT011  (it is closed, and how is the system's matter)
                urlopen(Request(plain, headers=guarded.bearer(Role.ADMIN)), timeout=5)  # noqa: S310

    guarded.run(asyncio.to_thread(knock))
    guarded.node.close()
    log = guarded.log.read_text(encoding='utf-8')
    assert 'refused: no TLS' in log
    assert 'eyJ' not in log
    assert verify([guarded.log]).holds
