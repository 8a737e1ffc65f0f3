"""The relay as a managed node: it says where it serves or why it cannot, and lets go of everything."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rclpy.parameter import Parameter
from surgical_guidance_msgs.msg import GuidanceStatus, Participants, StageStatus, Suggestion
from surgical_guidance_msgs.srv import EndSession

from surgical_guidance.contract import (
    ALARM,
    END_SESSION_SERVICE,
    FRAME,
    HEARTBEAT,
    PARTICIPANTS,
    SCENE,
    STATUS,
    SUGGESTION,
    TIMING,
)
from surgical_guidance.ports import publisher, subscription
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.node import RelayNode
from surgical_guidance.relay.security import Role, TokenStore
from surgical_guidance.relay.security.certificate import make_certificate

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))
from _attacks import BRIDGE_TABLE, Target


def make(graph: Any, **params: object) -> RelayNode:
    params = {'port': 0, 'bridge_port': -1, **params}
    overrides = [Parameter(name, value=value) for name, value in params.items()]
    node = RelayNode(context=graph.context, parameter_overrides=overrides)
    graph.add(node)
    return node


def serves(url: str) -> bool:
    try:
        with urllib.request.urlopen(f'{url}/healthz', timeout=5) as answer:  # noqa: S310  (our own server)
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def page_of(node: RelayNode) -> Iterator[socket.socket]:
    """Be a page's socket, and leave all that comes unread."""
    with socket.create_connection(('127.0.0.1', int(node.url.rsplit(':', 1)[1])), timeout=5) as page:
        page.sendall(
            f'GET /ws HTTP/1.1\r\nHost: {node.url[7:]}\r\nOrigin: {node.url}\r\nUpgrade: websocket\r\n'
            'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'.encode()
        )
        yield page


def heartbeats(graph: Any) -> list[StageStatus]:
    got: list[StageStatus] = []
    subscription(graph.node('listener'), HEARTBEAT, got.append)
    return got


def test_it_serves_while_active_and_says_where(graph: Any) -> None:
    beats = heartbeats(graph)
    node = make(graph)
    assert graph.spin_until(lambda: any(b.state == StageStatus.ACTIVE and b.done > 5 for b in beats))
    assert beats[-1].detail == node.url
    assert node.url.startswith('http://127.0.0.1:')
    assert serves(node.url)


def test_a_port_in_use_is_said_and_the_process_lives(graph: Any) -> None:
    beats = heartbeats(graph)
    with bind('127.0.0.1', 0) as taken:
        make(graph, port=taken.getsockname()[1])
        assert graph.spin_until(lambda: any(b.state == StageStatus.FAILED for b in beats))
    failed = next(b for b in beats if b.state == StageStatus.FAILED)
    assert 'is in use' in failed.detail
    assert 'port:=0' in failed.detail


def test_any_other_interface_is_refused(graph: Any) -> None:
    beats = heartbeats(graph)
    make(graph, host='0.0.0.0')
    assert graph.spin_until(lambda: any('TLS and tokens' in b.detail for b in beats))


def test_off_the_loopback_interface_it_serves_with_a_certificate_and_tokens(graph: Any, tmp_path: Path) -> None:
    make_certificate(tmp_path, ['127.0.0.1'], 1)
    TokenStore(tmp_path / 'tokens').issue('a', Role.OBSERVER, 1.0)
    node = make(
        graph,
        host='0.0.0.0',
        tls_certificate=str(tmp_path / 'certificate.pem'),
        tls_key=str(tmp_path / 'certificate.key'),
        token_dir=str(tmp_path / 'tokens'),
        audit_file=str(tmp_path / 'audit.jsonl'),
    )
    assert node.url.startswith('https://0.0.0.0:')
    trust = ssl.create_default_context(cafile=str(tmp_path / 'certificate.pem'))
    address = node.url.replace('0.0.0.0', '127.0.0.1')
    with pytest.raises(urllib.error.HTTPError, match='401'):
        urllib.request.urlopen(f'{address}/ws', timeout=5, context=trust)  # noqa: S310
    node.close()
    assert 'refused: no token' in (tmp_path / 'audit.jsonl').read_text()


def test_who_is_here_is_published_and_can_be_sent_away(graph: Any) -> None:
    told: list[Participants] = []
    listener = graph.node('listener')
    subscription(listener, PARTICIPANTS, told.append)
    node = make(graph)
    assert graph.spin_until(lambda: told and not told[-1].participants)
    with page_of(node) as page:
        assert graph.spin_until(lambda: told[-1].participants)
        here = told[-1].participants[0]
        assert (here.name, here.role, here.address) == ('local', 'admin', '127.0.0.1')
        client = listener.create_client(EndSession, END_SESSION_SERVICE)
        assert graph.spin_until(client.service_is_ready)
        wrong = client.call_async(EndSession.Request(participant='nobody', by='test'))
        assert graph.spin_until(wrong.done)
        assert (wrong.result().success, 'no such participant' in wrong.result().message) == (False, True)
        right = client.call_async(EndSession.Request(participant=here.id, by='test'))
        assert graph.spin_until(right.done)
        assert (right.result().success, right.result().message) == (True, 'local')
        assert graph.spin_until(lambda: not told[-1].participants)
        received = b''
        while chunk := page.recv(65536):
            received += chunk
        assert b'the surgeon has ended this session' in received


def test_frames_scenes_and_times_are_listened_to_only_while_somebody_watches(
    graph: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('surgical_guidance.relay.audience.LINGER_S', 0.1)
    other = graph.node('other')
    always = [publisher(other, topic) for topic in (SUGGESTION, STATUS, ALARM)]
    while_watched = [publisher(other, topic) for topic in (FRAME, SCENE, TIMING)]
    node = make(graph)

    def heard(topics: list[Any]) -> set[bool]:
        return {topic.get_subscription_count() > 0 for topic in topics}

    assert graph.spin_until(lambda: heard(always) == {True})
    assert heard(while_watched) == {False}
    with page_of(node):
        assert graph.spin_until(lambda: heard(while_watched) == {True})
    assert graph.spin_until(lambda: heard(while_watched) == {False})
    assert heard(always) == {True}


def test_it_stops_and_starts_again_at_the_same_place(graph: Any) -> None:
    node = make(graph, autostart=False)
    assert node.request(node.trigger_configure)
    assert node.request(node.trigger_activate)
    url = node.url
    assert serves(url)
    assert node.request(node.trigger_deactivate)
    assert not serves(url)
    assert node.request(node.trigger_activate)
    assert node.url == url
    assert serves(url)
    assert node.request(node.trigger_deactivate)
    assert node.request(node.trigger_cleanup)
    with bind('127.0.0.1', int(url.rsplit(':', 1)[1])):
        pass


def test_what_it_took_is_given_back_when_nobody_activates_it(graph: Any) -> None:
    node = make(graph, autostart=False)
    assert node.request(node.trigger_configure)
    port = int(node.url.rsplit(':', 1)[1])
    node.close()
    with socket.socket() as free:
        free.bind(('127.0.0.1', port))


def test_a_message_of_another_version_is_not_shown_and_harms_nothing(graph: Any) -> None:
    node = make(graph)
    other = graph.node('other')
    suggestions, status = publisher(other, SUGGESTION), publisher(other, STATUS)
    assert graph.spin_until(lambda: suggestions.get_subscription_count() and status.get_subscription_count())
    suggestions.publish(Suggestion(status=99))
    status.publish(GuidanceStatus(state=99))
    done = node.done
    assert graph.spin_until(lambda: node.done > done + 5)
    assert serves(node.url)


@pytest.mark.parametrize(('name', 'value'), [('jpeg_quality', 5), ('port', 70000), ('max_clients', 0)])
def test_values_out_of_range_are_refused(graph: Any, name: str, value: int) -> None:
    with pytest.raises(Exception, match=name):
        make(graph, **{name: value})


@pytest.fixture(scope='module')
def bridge_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('bridge')
    TokenStore(folder / 'tokens').issue('nobody', Role.OBSERVER, 1.0)
    return folder


@pytest.mark.parametrize('name', BRIDGE_TABLE)
def test_an_attack_on_the_bridge_gets_nothing_and_is_in_the_log(graph: Any, bridge_folder: Path, name: str) -> None:
    attack, trace = BRIDGE_TABLE[name]
    log = bridge_folder / f'{name}.jsonl'
    node = make(graph, bridge_port=0, token_dir=str(bridge_folder / 'tokens'), audit_file=str(log))
    target = Target(0, bridge_folder / 'tokens', log, 10.0)
    port = int(node.bridge.url.rsplit(':', 1)[1])
    with ThreadPoolExecutor(1) as pool:
        attacking = pool.submit(asyncio.run, attack(target, port))
        assert graph.spin_until(attacking.done, 30.0)
    assert attacking.result() == []
    assert serves(node.url)
    node.close()
    assert trace in log.read_text(encoding='utf-8')
