"""What a hostile or slow client does to itself, and to nobody else."""

from __future__ import annotations

import array
import contextlib
import json
import threading

import pytest
from aiohttp import WSServerHandshakeError
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String
from surgical_guidance_msgs.msg import Suggestion

from surgical_guidance.relay.bridge.limits import BridgeLimits
from surgical_guidance.relay.security import Role
from surgical_guidance.relay.security.policy import Grant, Policy

OURS = '/surgical_guidance/suggestion'


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        ({'op': 'advertise', 'topic': OURS, 'type': 'surgical_guidance_msgs/Suggestion'}, 'speaks for itself'),
        ({'op': 'publish', 'topic': OURS, 'type': 'surgical_guidance_msgs/Suggestion', 'msg': {}}, 'speaks for itself'),
        ({'op': 'publish', 'topic': OURS[1:], 'type': 'std_msgs/String', 'msg': {}}, 'speaks for itself'),
        ({'op': 'publish', 'topic': '/diagnostics', 'type': 'std_msgs/String', 'msg': {}}, 'machines say'),
        (
            {'op': 'advertise', 'topic': '/psm1/servo_' + 'cp', 'type': 'geometry_msgs/PoseStamped'},
            'never moves an arm',
        ),
        ({'op': 'publish', 'topic': '/psm1/jaw/servo_' + 'jp', 'type': 'std_msgs/String', 'msg': {}}, 'never moves'),
        ({'op': 'publish', 'topic': '/state_' + 'command', 'type': 'std_msgs/String', 'msg': {}}, 'never moves'),
        (
            {'op': 'advertise_service', 'service': '/surgical_guidance/acknowledge_alarm', 'type': 'std_srvs/Trigger'},
            'speaks for itself',
        ),
    ],
)
def test_nobody_speaks_for_the_guidance_or_moves_an_arm_whatever_the_role(bridge, client, message, words):
    client.send(**message)
    assert words in client.next(op='status', level='error')['msg']
    assert bridge.refused[-1][0] == message['op']
    assert bridge.node.count_publishers(OURS) == 0


def test_the_policy_is_asked_for_every_message(bridge_with):
    policy = Policy(
        [Grant(Role.OBSERVER, 'subscribe', '/seen/*'), Grant(Role.OBSERVER, 'call_service', '/rosapi/*time')]
    )
    bridge = bridge_with(role=Role.OBSERVER, policy=policy)
    with bridge.client() as client:
        client.send(op='subscribe', topic='/seen/it', type='std_msgs/String')
        client.sync()
        assert client.got == []
        for message in (
            {'op': 'subscribe', 'topic': '/hidden', 'type': 'std_msgs/String'},
            {'op': 'advertise', 'topic': '/seen/it', 'type': 'std_msgs/String'},
            {'op': 'publish', 'topic': '/seen/it', 'type': 'std_msgs/String', 'msg': {}},
            {'op': 'advertise_service', 'service': '/seen/it', 'type': 'std_srvs/Trigger'},
        ):
            client.send(**message)
            assert 'the role observer may not' in client.next(op='status', level='error')['msg']
        assert not client.call('/rosapi/nodes')['result']
    assert [op for op, _ in bridge.refused] == [
        'subscribe', 'advertise', 'publish', 'advertise_service', 'call_service',
    ]  # fmt: skip


def test_pages_of_other_sites_are_kept_out_and_listed_ones_let_in(bridge_with):
    bridge = bridge_with(origins=('http://dashboard:3000',))
    with bridge.client(headers={'Origin': 'http://dashboard:3000'}) as client:
        client.sync()
    for headers in ({'Origin': 'http://evil.example'}, {'Origin': 'null'}, {'Host': f'evil.example:{bridge.port}'}):
        with pytest.raises(WSServerHandshakeError, match='403'):
            bridge.client(headers=headers)


@pytest.mark.parametrize('text', ['{' * 4096, '[' * 200_000, 'null', '5', '[]', '""', '{"op": 5}', '{"op"', '\x00'])
def test_what_is_no_message_is_told_and_the_connection_lives(client, text):
    client.send_text(text)
    assert client.next(op='status', level='error')
    client.sync()


def test_a_message_that_is_too_long_closes(bridge):
    with bridge.client() as client:
        client.send_text(json.dumps({'op': 'publish', 'topic': '/x', 'msg': {'data': 'x' * 300_000}}))
        assert client.wait_closed()[0] == 1009


def test_binary_messages_are_refused_with_a_status(client):
    client.send_bytes(b'\x16\x00\x00\x00\x02op\x00')
    assert 'BSON' in client.next(op='status', level='error')['msg']
    client.sync()


def test_who_makes_nothing_but_mistakes_is_sent_away(bridge_with):
    bridge = bridge_with(limits=BridgeLimits(mistakes=5))
    with bridge.client() as bad, bridge.client() as good:
        with contextlib.suppress(ConnectionError):  # it may be closed before the last one
            for _ in range(7):
                bad.send(op='nonsense')
        assert bad.wait_closed()[0] == 1008
        good.sync()


def test_too_many_clients_are_told_to_come_again(bridge_with):
    bridge = bridge_with(limits=BridgeLimits(clients=1))
    with bridge.client() as first, bridge.client() as second:
        assert second.wait_closed()[0] == 1013
        first.sync()


def test_a_client_that_does_not_read_costs_no_memory_and_is_told_what_it_missed(bridge):
    sender = bridge.node.create_publisher(CompressedImage, '/many', 1)
    picture = CompressedImage(format='jpeg', data=array.array('B', bytes(1_500_000)))
    with bridge.client(reads=False) as lazy, bridge.client() as good:
        for client in (lazy, good):
            client.send(op='subscribe', topic='/many', type='sensor_msgs/CompressedImage', compression='cbor-raw')
        good.sync()
        good.wait(lambda _: sender.get_subscription_count())
        for number in range(1, 16):  # 22 MB; what the kernel holds of a connection is far less
            sender.publish(picture)
            good.wait(lambda got, wanted=number: sum(one['op'] == 'publish' for one in got) >= wanted)
        (slow,) = [session.outbox for session in list(bridge.service.server.sessions) if session.outbox.dropped]
        assert slow.waiting_bytes < 2 << 20
        lazy.start_reading()
        words = lazy.next(op='status', level='warning')['msg']
        assert 'of /many not sent' in words


def test_a_client_that_does_not_keep_up_with_advice_is_closed_with_the_reason(bridge):
    sender = bridge.node.create_publisher(Suggestion, OURS, 100)
    suggestion = Suggestion(text_en='x' * 1_000_000)
    with bridge.client(reads=False) as lazy, bridge.client() as good:
        for client in (lazy, good):
            client.send(op='subscribe', topic=OURS)
        good.wait(lambda _: sender.get_subscription_count())
        good.sync()
        count = 0
        waiting = threading.Event()
        while len(bridge.service.server.sessions) > 1 and count < 100:
            sender.publish(suggestion)
            count += 1
            good.wait(lambda got, wanted=count: len(got) >= wanted)
            waiting.wait(0.001)
        lazy.start_reading()
        code, _ = lazy.wait_closed()
        assert code in (1013, 1006)  # cut off where it does not even read the goodbye
        assert len(good.got) == count
    bridge.node.destroy_publisher(sender)


def test_nothing_is_encoded_twice_or_for_nobody(bridge, monkeypatch):
    from surgical_guidance.relay.bridge import sample

    encoded = []
    real = sample.json_values
    monkeypatch.setattr(sample, 'json_values', lambda message: encoded.append(1) or real(message))
    sender = bridge.node.create_publisher(String, '/once', 1)
    clients = [bridge.client() for _ in range(3)]
    for client in clients:
        client.send(op='subscribe', topic='/once', type='std_msgs/String')
        client.sync()
    clients[0].wait(lambda _: sender.get_subscription_count())
    sender.publish(String(data='x'))
    for client in clients:
        client.next(op='publish')
        client.close()
    assert len(encoded) == 1
