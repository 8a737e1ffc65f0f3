"""Topics over the bridge: both ways, every encoding, and the quality of service of whoever publishes."""

from __future__ import annotations

import array
import json
import math
import threading
from typing import Any

import cbor2
import pytest
from geometry_msgs.msg import PointStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import ByteMultiArray, Float64, String


def publisher(bridge: Any, cls: type, topic: str, qos: Any = 10) -> Any:
    return bridge.node.create_publisher(cls, topic, qos)


def matched(publisher: Any, count: int = 1) -> Any:
    """Wait until as many subscriptions are there."""
    event = threading.Event()
    while publisher.get_subscription_count() < count:
        event.wait(0.01)
    return publisher


@pytest.mark.parametrize('type_', ['std_msgs/String', 'std_msgs/msg/String'])
@pytest.mark.parametrize('topic', ['/greeting', 'greeting'])
def test_what_ros_says_arrives_under_the_name_that_was_asked_for(bridge, client, type_, topic):
    sender = publisher(bridge, String, '/greeting')
    client.send(op='subscribe', topic=topic, type=type_)
    matched(sender).publish(String(data='嗨'))
    assert client.next(op='publish') == {'op': 'publish', 'topic': topic, 'msg': {'data': '嗨'}}
    client.send(op='unsubscribe', topic=topic)
    client.sync()


def test_the_type_of_a_topic_is_found(bridge, client):
    sender = publisher(bridge, String, '/found')
    client.send(op='subscribe', topic='/found')
    matched(sender).publish(String(data='here'))
    assert client.next(op='publish')['msg'] == {'data': 'here'}


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        ({'topic': '/nothing_there'}, 'there is no such topic'),
        ({'topic': '/x', 'type': 'std_msgs/Strong'}, 'no type std_msgs/msg/Strong'),
        ({'topic': '/x', 'type': 'os/system'}, 'is not a type'),
        ({'topic': '/x', 'type': 'antigravity/msg/X'}, 'no type antigravity/msg/X'),
        ({'topic': 'a b', 'type': 'std_msgs/String'}, 'is not a name'),
        ({'topic': '/x', 'type': 'std_msgs/String', 'compression': 'png'}, 'is not served'),
        ({'topic': '/x', 'type': 'std_msgs/String', 'throttle_rate': -1}, 'throttle_rate'),
        ({'topic': '/x', 'type': 7}, 'a text is needed'),
        ({}, 'topic'),
    ],
)
def test_a_subscription_that_cannot_be_is_told_why(client, message, words):
    client.send(op='subscribe', id='s', **message)
    status = client.next(op='status', level='error', id='s')
    assert words in status['msg']


def test_another_type_than_the_topic_has_is_refused(bridge, client):
    matched(publisher(bridge, String, '/typed'), 0)
    listener = bridge.node.create_subscription(String, '/typed', lambda _: None, 1)
    client.wait(lambda _: '/typed' in client_topics(bridge))
    client.send(op='subscribe', topic='/typed', type='std_msgs/Float64')
    assert 'has the type std_msgs/msg/String' in client.next(op='status')['msg']
    bridge.node.destroy_subscription(listener)


def client_topics(bridge: Any) -> list[str]:
    with bridge.client() as other:
        return list(other.call('/rosapi/topics')['values']['topics'])


def test_bytes_are_base64_in_json_and_bytes_in_cbor_and_the_serialised_message_in_cbor_raw(bridge):
    sender = publisher(bridge, CompressedImage, '/picture')
    with bridge.client() as plain, bridge.client() as binary, bridge.client() as raw:
        for client, compression in ((plain, 'none'), (binary, 'cbor'), (raw, 'cbor-raw')):
            client.send(op='subscribe', topic='/picture', type='sensor_msgs/CompressedImage', compression=compression)
            client.sync()
        picture = CompressedImage(format='jpeg', data=array.array('B', range(250)))
        picture.header.stamp.sec = 7
        matched(sender).publish(picture)
        told = plain.next(op='publish')['msg']
        assert told['data'].startswith('AAECAw')
        assert told['header'] == {'stamp': {'sec': 7, 'nanosec': 0}, 'frame_id': ''}
        assert binary.next(op='publish')['msg']['data'] == bytes(range(250))
        inner = raw.next(op='publish')['msg']
        assert deserialize_message(inner['bytes'], CompressedImage) == picture
        assert inner['secs'] > 0


def test_arrays_of_numbers_are_lists_in_json_and_typed_arrays_in_cbor(bridge):
    sender = publisher(bridge, CameraInfo, '/info')
    with bridge.client() as plain, bridge.client() as binary:
        plain.send(op='subscribe', topic='/info', type='sensor_msgs/CameraInfo')
        binary.send(op='subscribe', topic='/info', type='sensor_msgs/CameraInfo', compression='cbor')
        plain.sync(), binary.sync()
        matched(sender).publish(CameraInfo(d=[1.5, 2.5], k=[float(i) for i in range(9)]))
        assert plain.next(op='publish')['msg']['k'] == [float(i) for i in range(9)]
        tag = binary.next(op='publish')['msg']['d']
        assert isinstance(tag, cbor2.CBORTag)
        assert (tag.tag, array.array('d', tag.value).tolist()) == (86, [1.5, 2.5])


def test_what_is_not_finite_is_null_in_json(bridge, client):
    sender = publisher(bridge, Float64, '/number')
    client.send(op='subscribe', topic='/number', type='std_msgs/Float64')
    for value in (math.nan, math.inf, 1.0):
        matched(sender).publish(Float64(data=value))
    got = client.wait(lambda got: [one['msg']['data'] for one in got if one['op'] == 'publish' and len(got) > 2])
    assert got == [None, None, 1.0]


def test_single_bytes_are_numbers_which_stock_cannot_send(bridge, client):
    sender = publisher(bridge, ByteMultiArray, '/bytes')
    client.send(op='subscribe', topic='/bytes', type='std_msgs/ByteMultiArray')
    matched(sender).publish(ByteMultiArray(data=[b'\x01', b'\xff']))
    assert client.next(op='publish')['msg']['data'] == [1, 255]


def test_what_the_client_publishes_arrives_in_ros(bridge, client):
    got: list[PointStamped] = []
    bridge.node.create_subscription(PointStamped, '/point', got.append, 10)
    client.send(op='advertise', topic='/point', type='geometry_msgs/PointStamped')
    client.send(op='publish', topic='/point', msg={'point': {'x': 1, 'y': 2.5}})
    old_times = {'seq': 1, 'stamp': {'secs': 5, 'nsecs': 6}, 'frame_id': 'base'}
    client.send(op='publish', topic='/point', msg={'header': old_times, 'point': {'z': -1}})
    client.wait(lambda _: len(got) == 2)
    assert (got[0].point.x, got[0].point.y) == (1.0, 2.5)
    assert got[0].header.stamp.sec > 1_000_000  # stamped for the client
    assert (got[1].header.stamp.sec, got[1].header.stamp.nanosec, got[1].header.frame_id) == (5, 6, 'base')


@pytest.mark.parametrize(
    ('msg', 'words'),
    [
        ({'point': {'x': 'one'}}, 'point.x: double is needed'),
        ({'point': {'w': 1}}, 'point.w: there is no such field'),
        ({'header': {'stamp': {'sec': 2**40}}}, 'header.stamp.sec: int32 is needed'),
        ({'header': {'stamp': {'sec': 1.5}}}, 'header.stamp.sec: int32 is needed'),
        ({'header': {'frame_id': 5}}, 'header.frame_id: a text is needed'),
        ({'header': {'stamp': {'nanosec': True}}}, 'nanosec: uint32 is needed'),
        ([1], 'an object is needed'),
    ],
)
def test_a_message_that_does_not_fit_is_refused_with_its_place(client, msg, words):
    client.send(op='publish', topic='/point', type='geometry_msgs/PointStamped', msg=msg, id=3)
    assert words in client.next(op='status', level='error', id=3)['msg']


def test_who_comes_late_gets_what_publishers_keep_once(bridge):
    kept = QoSProfile(depth=3, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    sender = publisher(bridge, String, '/kept', kept)
    for word in ('a', 'b'):
        sender.publish(String(data=word))
    clients = [bridge.client() for _ in range(3)]
    for client in clients:
        client.send(op='subscribe', topic='/kept', type='std_msgs/String')
        client.wait(lambda got: len(got) == 2)
    sender.publish(String(data='c'))
    for client in clients:
        client.wait(lambda got: [one['msg']['data'] for one in got][-1] == 'c')
        assert [one['msg']['data'] for one in client.got] == ['a', 'b', 'c']
        client.close()


def test_a_best_effort_publisher_is_heard_even_when_it_comes_later(bridge, client):
    client.send(op='subscribe', topic='/effort', type='std_msgs/String')
    client.sync()
    best = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    sender = publisher(bridge, String, '/effort', best)
    matched(sender).publish(String(data='heard'))
    assert client.next(op='publish')['msg']['data'] == 'heard'
    bridge.node.destroy_publisher(sender)
    reliable = publisher(bridge, String, '/effort', QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    reliable.publish(String(data='kept'))
    assert client.next(op='publish')['msg']['data'] == 'kept'


def test_a_throttled_topic_gives_the_newest_at_its_pace(bridge, client):
    sender = publisher(bridge, String, '/often')
    client.send(op='subscribe', topic='/often', type='std_msgs/String', throttle_rate=1000)
    matched(sender)
    for number in range(20):
        sender.publish(String(data=str(number)))
    client.wait(lambda got: got and got[-1]['msg']['data'] == '19')
    assert len(client.got) <= 5


def test_long_messages_go_in_pieces_if_wanted(bridge, client):
    sender = publisher(bridge, String, '/long')
    client.send(op='subscribe', topic='/long', type='std_msgs/String', fragment_size=50)
    matched(sender).publish(String(data='长' * 100))
    pieces = client.wait(lambda got: len(got) > 1 and len(got) == got[0]['total'] and list(got))
    assert all(piece['op'] == 'fragment' and len(piece['data']) <= 50 for piece in pieces)
    assert [piece['num'] for piece in pieces] == list(range(len(pieces)))
    assert len({piece['id'] for piece in pieces}) == 1
    assert json.loads(''.join(piece['data'] for piece in pieces))['msg']['data'] == '长' * 100


def test_components_of_one_client_share_a_topic_by_their_ids(bridge, client):
    sender = publisher(bridge, String, '/shared')
    client.send(op='subscribe', topic='/shared', type='std_msgs/String', id='one')
    client.send(op='subscribe', topic='/shared', type='std_msgs/String', id='two')
    client.send(op='unsubscribe', topic='/shared', id='one')
    client.sync()
    matched(sender).publish(String(data='still'))
    assert client.next(op='publish')['msg']['data'] == 'still'
    client.send(op='unsubscribe', topic='/shared', id='two')
    client.sync()
    assert '/shared' not in bridge.service.topics


def test_what_a_client_took_is_given_back_when_it_goes(bridge):
    with bridge.client() as client:
        client.send(op='subscribe', topic='/mine', type='std_msgs/String')
        client.send(op='advertise_service', service='/served', type='std_srvs/Trigger')
        client.sync()
        assert '/mine' in bridge.service.topics
    with bridge.client() as other:
        other.wait(lambda _: '/mine' not in bridge.service.topics)
        other.wait(lambda _: '/served' not in other.call('/rosapi/services')['values']['services'])


def test_warnings_and_successes_are_told_to_who_asks_for_them(client):
    client.send(op='unsubscribe', topic='/never')
    client.sync()
    assert client.got == []
    client.send(op='set_level', level='info')
    client.send(op='unsubscribe', topic='/never', id='u')
    assert client.next(op='status', level='warning', id='u')
    client.send(op='subscribe', topic='/told', type='std_msgs/String')
    assert client.next(op='status', level='info')
    client.send(op='set_level', level='none')
    client.send(op='nonsense')
    client.sync()
    assert client.got == []
