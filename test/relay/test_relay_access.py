"""Off the loopback interface only with TLS and tokens; who is here; who is sent away."""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession, WSMsgType
from relay_running import Relay, running
from typer.testing import CliRunner

from surgical_guidance.cli import app
from surgical_guidance.errors import AccessError, ParameterError
from surgical_guidance.relay.access import check_exposure, tls_context
from surgical_guidance.relay.security import Door, Policy, Role, TokenStore
from surgical_guidance.relay.security.certificate import make_certificate
from surgical_guidance.relay.server import Limits


@pytest.mark.parametrize(
    ('given', 'missing'),
    [
        (('0.0.0.0', '', '', ''), 'TLS .* and tokens .*missing; .*token certificate.*token issue'),
        (('0.0.0.0', 'c', 'k', ''), r'tokens \(token_dir\) missing'),
        (('192.0.2.1', '', '', 't'), r'TLS \(tls_certificate and tls_key\) missing'),
        (('127.0.0.1', 'c', '', 't'), 'tls_key: a certificate and its key belong together'),
        (('::', '', 'k', 't'), 'tls_certificate: '),
        (('or1.example', 'c', 'k', 't'), 'is no address'),
    ],
)
def test_what_is_missing_off_the_loopback_interface_is_named_with_the_remedy(
    given: tuple[str, str, str, str], missing: str
) -> None:
    with pytest.raises(ParameterError, match=missing):
        check_exposure(*given)


@pytest.mark.parametrize('host', ['127.0.0.1', 'localhost', '::1'])
def test_the_loopback_interface_needs_neither(host: str) -> None:
    check_exposure(host, '', '', '')
    check_exposure(host, '', '', 'tokens')


def test_a_certificate_that_cannot_be_used_is_refused_and_why(tmp_path: Path) -> None:
    make_certificate(tmp_path, ['127.0.0.1'], 1)
    certificate, key = str(tmp_path / 'certificate.pem'), tmp_path / 'certificate.key'
    assert tls_context('', '') is None
    assert tls_context(certificate, str(key)) is not None
    with pytest.raises(ParameterError, match='there is no file'):
        tls_context(certificate, str(tmp_path / 'nowhere'))
    make_certificate(tmp_path / 'other', ['127.0.0.1'], 1)
    with pytest.raises(ParameterError, match='cannot be used'):
        tls_context(certificate, str(tmp_path / 'other/certificate.key'))
    key.chmod(0o640)
    with pytest.raises(ParameterError, match='chmod 600'):
        tls_context(certificate, str(key))
    with pytest.raises(AccessError, match='there is one already'):
        make_certificate(tmp_path, ['127.0.0.1'], 1)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenStore:
    store = TokenStore(tmp_path / 'tokens')
    store.issue('first', Role.OBSERVER, 1.0)
    return store


def test_over_tls_the_page_is_served_with_a_token_and_plain_requests_are_not(
    tmp_path: Path, tokens: TokenStore
) -> None:
    make_certificate(tmp_path, ['127.0.0.1', 'or1.example'], 1)
    tls = tls_context(str(tmp_path / 'certificate.pem'), str(tmp_path / 'certificate.key'))
    trust = ssl.create_default_context(cafile=str(tmp_path / 'certificate.pem'))
    door = Door(Policy.load(), tokens=tokens, names=['or1.example'], tls=True)
    token, _ = tokens.issue('Dr Li', Role.EXPERT, 1.0)

    async def run(relay: Relay) -> None:
        url = f'https://127.0.0.1:{relay.port}'
        async with ClientSession() as session:
            async with session.get(url, ssl=trust) as answer:
                assert 'max-age' in answer.headers['Strict-Transport-Security']
            headers = {'Authorization': f'Bearer {token}', 'Origin': url}
            async with session.post(f'{url}/ticket', ssl=trust, headers=headers) as answer:
                bought = await answer.json()
            assert (bought['name'], bought['role'], bought['open']) == ('Dr Li', 'expert', False)
            socket = f'{url}/ws?ticket={bought["ticket"]}'
            async with session.ws_connect(socket, ssl=trust, origin=url) as page:
                you = (await page.receive_json(timeout=5))['you']
                assert (you['name'], you['role']) == ('Dr Li', 'expert')
                assert 'end_session' not in you['may']
                assert 3590 < you['token_expires_in'] <= 3600
            with pytest.raises(ClientConnectionError):
                await session.get(f'http://127.0.0.1:{relay.port}/')

    with running(Limits(), door, tls) as relay:
        asyncio.run(run(relay))


def test_health_says_little_where_tokens_are_used(tokens: TokenStore) -> None:
    with (
        running(Limits(), Door(Policy.load(), tokens=tokens)) as relay,
        urllib.request.urlopen(f'{relay.url}/healthz') as answer,  # noqa: S310  (our own server)
    ):
        assert json.load(answer) == {'status': 'ok'}


class Pages:
    """Pages that are let in, and what comes to them."""

    def __init__(self, relay: Relay, session: ClientSession, tokens: TokenStore) -> None:
        self._relay, self._session, self._tokens = relay, session, tokens

    async def ticket(self, token: str) -> str:
        headers = {'Authorization': f'Bearer {token}'}
        async with self._session.post(f'{self._relay.url}/ticket', headers=headers) as answer:
            return str((await answer.json())['ticket'])

    async def enter(self, token: str) -> Any:
        ticket = await self.ticket(token)
        return await self._session.ws_connect(f'{self._relay.url}/ws?ticket={ticket}', origin=self._relay.url)

    def token(self, name: str, role: Role) -> str:
        return self._tokens.issue(name, role, 1.0)[0]


async def heard(page: Any, op: str, **wanted: object) -> dict[str, Any]:
    """Read on until such a message comes; a close gives its code and reason."""
    async with asyncio.timeout(10):
        while True:
            message = await page.receive()
            if message.type is not WSMsgType.TEXT:
                return {'op': 'closed', 'code': page.close_code, 'reason': message.extra}
            said = json.loads(message.data)
            if said['op'] == op and all(said.get(name) == value for name, value in wanted.items()):
                return said


@pytest.fixture
def guarded(tokens: TokenStore) -> Iterator[Relay]:
    with running(Limits(), Door(Policy.load(), tokens=tokens)) as relay:
        yield relay


def test_the_surgeon_sees_who_comes_and_goes_and_others_do_not(guarded: Relay, tokens: TokenStore) -> None:
    async def run() -> None:
        async with ClientSession() as session:
            pages = Pages(guarded, session, tokens)
            surgeon = await pages.enter(pages.token('Prof Wang', Role.SURGEON))
            await heard(surgeon, 'participants')
            expert = await pages.enter(pages.token('Dr Li', Role.EXPERT))
            await expert.send_json({'op': 'ping', 'at': 1, 'trip': 12.34})
            here = (await heard(surgeon, 'participants'))['participants']
            assert [(one['name'], one['role'], one['you']) for one in here] == [
                ('Prof Wang', 'surgeon', True),
                ('Dr Li', 'expert', False),
            ]
            assert here[1]['address'] == '127.0.0.1'
            assert here[1]['speaking'] is False
            await expert.send_json({'op': 'participants'})
            assert (await heard(expert, 'refused'))['what'] == 'participants'
            await expert.close()
            assert len((await heard(surgeon, 'participants'))['participants']) == 1

    asyncio.run(run())


def test_the_surgeon_ends_a_session_and_the_token_does_not_open_the_door_again(
    guarded: Relay, tokens: TokenStore
) -> None:
    async def run() -> None:
        async with ClientSession() as session:
            pages = Pages(guarded, session, tokens)
            token = pages.token('Dr Li', Role.EXPERT)
            expert = await pages.enter(token)
            observer = await pages.enter(pages.token('student', Role.OBSERVER))
            surgeon = await pages.enter(pages.token('Prof Wang', Role.SURGEON))
            here = (await heard(surgeon, 'participants'))['participants']
            unused = await pages.ticket(token)
            await surgeon.send_json({'op': 'end_session', 'participant': here[0]['id']})
            assert (await heard(surgeon, 'ended'))['names'] == ['Dr Li']
            closed = await heard(expert, 'nothing')
            assert (closed['code'], closed['reason']) == (4003, 'the surgeon has ended this session')
            for headers, query in (({'Authorization': f'Bearer {token}'}, ''), ({}, f'?ticket={unused}')):
                async with session.get(f'{guarded.url}/ws{query}', headers=headers) as answer:
                    assert answer.status == 401
            await surgeon.send_json({'op': 'end_session', 'participant': here[0]['id']})
            assert 'no such participant' in (await heard(surgeon, 'refused'))['reason']
            await surgeon.send_json({'op': 'end_session', 'participant': ''})
            assert (await heard(surgeon, 'ended'))['names'] == ['student']
            assert (await heard(observer, 'nothing'))['code'] == 4003
            await surgeon.send_json({'op': 'ping', 'at': 1})
            await heard(surgeon, 'pong')

    asyncio.run(run())


def test_a_connection_ends_with_its_token_unless_it_was_renewed(tmp_path: Path) -> None:
    tokens = TokenStore(tmp_path / 'tokens')
    short = tokens.issue('Dr Li', Role.EXPERT, 2.5 / 3600)[0]
    other = tokens.issue('Dr No', Role.EXPERT, 1.0)[0]
    longer = tokens.issue('Dr Li', Role.EXPERT, 1.0)[0]

    async def run(relay: Relay) -> None:
        async with ClientSession() as session:
            pages = Pages(relay, session, tokens)
            left, stays = await pages.enter(short), await pages.enter(short)
            await stays.send_json({'op': 'renew', 'ticket': await pages.ticket(other)})
            assert 'somebody else' in (await heard(stays, 'refused'))['reason']
            await stays.send_json({'op': 'renew', 'ticket': await pages.ticket(longer)})
            assert (await heard(stays, 'renewed'))['token_expires_in'] > 3500
            closed = await heard(left, 'nothing')
            assert (closed['code'], closed['reason']) == (4001, 'this token has expired')
            await stays.send_json({'op': 'ping', 'at': 1})
            await heard(stays, 'pong')

    with running(Limits(), Door(Policy.load(), tokens=tokens)) as relay:
        asyncio.run(run(relay))


def test_without_tokens_a_ticket_is_free_and_everybody_here_is_the_local_admin(relay: Relay) -> None:
    async def run() -> None:
        async with ClientSession() as session:
            async with session.post(f'{relay.url}/ticket', headers={'Origin': relay.url}) as answer:
                assert (await answer.json())['open'] is True
            async with session.ws_connect(f'{relay.url}/ws', origin=relay.url) as page:
                you = (await heard(page, 'hello'))['you']
                assert (you['name'], you['role'], you['open']) == ('local', 'admin', True)
                await heard(page, 'participants')

    asyncio.run(run())


def cli(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr or str(result.exception or '')


def test_tokens_are_issued_listed_and_revoked_by_the_command_line(tmp_path: Path) -> None:
    folder = str(tmp_path / 'tokens')
    status, token, told = cli('token', 'issue', '--role', 'expert', '--name', 'Dr Li', '--hours', '2', '--dir', folder)
    assert status == 0
    principal = TokenStore(tmp_path / 'tokens').verify(token.strip())
    assert (principal.name, principal.role) == ('Dr Li', Role.EXPERT)
    assert principal.token in told
    assert 'good' in cli('token', 'list', '--dir', folder)[1]
    assert cli('token', 'revoke', principal.token, '--dir', folder)[0] == 0
    assert 'revoked' in cli('token', 'list', '--dir', folder)[1]
    assert 'there is no token' in cli('token', 'revoke', 'nothing', '--dir', folder)[2]
    assert 'there are: observer' in cli('token', 'issue', '--role', 'x', '--name', 'y', '--dir', folder)[2]


def test_a_log_is_verified_by_the_command_line(tmp_path: Path) -> None:
    from surgical_guidance.relay.security import Audit

    audit = Audit(tmp_path / 'audit.jsonl')
    audit.start()
    for op in 'abc':
        audit.record(op, 'allowed')
    audit.stop()
    status, told, _ = cli('audit', 'verify', str(tmp_path / 'audit.jsonl'))
    assert status == 0
    assert 'whole: 3 records, from its start' in told
    text = (tmp_path / 'audit.jsonl').read_text()
    (tmp_path / 'audit.jsonl').write_text(text.replace('"op":"b"', '"op":"x"'))
    status, _, told = cli('audit', 'verify', str(tmp_path / 'audit.jsonl'))
    assert status == 1
    assert 'audit.jsonl:2: the record was changed' in told
