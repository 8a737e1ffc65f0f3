"""Values both ways, without a socket: what goes out comes in again as the same message."""

from __future__ import annotations

import array
import struct
from typing import Any

import cbor2
import numpy as np
import orjson
import pytest
from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState, PointCloud2
from std_msgs.msg import Header, String
from surgical_guidance_msgs.msg import SceneState, Suggestion

from surgical_guidance.errors import ProtocolError
from surgical_guidance.relay.bridge.blobs import blob_values
from surgical_guidance.relay.bridge.decoding import fill
from surgical_guidance.relay.bridge.encoding import cbor_values, json_values
from surgical_guidance.relay.bridge.frames import parse
from surgical_guidance.relay.bridge.interfaces import find
from surgical_guidance.relay.bridge.names import absolute, full_type
from surgical_guidance.relay.bridge.safety import forbidden

MESSAGES: list[Any] = [
    DiagnosticArray(status=[DiagnosticStatus(level=b'\x02', name='n', values=[KeyValue(key='k', value='v')])]),
    CameraInfo(d=[0.1, 0.2], k=np.arange(9.0)),
    CompressedImage(format='jpeg', data=array.array('B', range(256))),
    JointState(name=['a', 'b'], position=[1.0, 2.0]),
    PointCloud2(data=array.array('B', [1, 2, 3]), is_bigendian=True),
    Suggestion(text_zh='停', highlight_path=[1.5, 2.5], frame_sequence=2**64 - 1),
    SceneState(),
]


@pytest.mark.parametrize('message', MESSAGES, ids=lambda message: type(message).__name__)
def test_json_brings_a_message_back(message: Any) -> None:
    again = type(message)()
    assert fill(again, orjson.loads(orjson.dumps(json_values(message)))) == []
    assert orjson.dumps(json_values(again)) == orjson.dumps(json_values(message))


@pytest.mark.parametrize('message', MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_can_be_written_as_cbor(message: Any) -> None:
    assert cbor2.loads(cbor2.dumps(cbor_values(message))).keys() == message.get_fields_and_field_types().keys()


@given(
    st.text()
    | st.integers()
    | st.floats()
    | st.none()
    | st.lists(st.integers())
    | st.dictionaries(st.text(), st.none())
)
def test_a_field_takes_what_it_can_hold_and_nothing_else(value: Any) -> None:
    fits = type(value) is int and -(2**31) <= value < 2**31
    if fits:
        message = Time()
        fill(message, {'sec': value})
        assert message.sec == value
    else:
        with pytest.raises(ProtocolError, match='sec: '):
            fill(Time(), {'sec': value})


def test_times_may_be_spelt_as_in_ros_1() -> None:
    duration, header = Duration(), Header()
    fill(duration, {'secs': -1, 'nsecs': 5})
    assert (duration.sec, duration.nanosec) == (-1, 5)
    assert fill(header, {'stamp': 'now', 'frame_id': 'a'}) == ['stamp']


def test_bytes_come_as_base64_or_as_numbers() -> None:
    for data in ('AQID', [1, 2, 3]):
        message = CompressedImage()
        fill(message, {'data': data})
        assert message.data.tobytes() == b'\x01\x02\x03'
    for data in ('AQI', '!!!!', [256], [-1], ['a'], 5):
        with pytest.raises(ProtocolError, match='data'):
            fill(CompressedImage(), {'data': data})


def test_arrays_of_a_fixed_length_have_it() -> None:
    with pytest.raises(ProtocolError, match='k: 9 values are needed, not 3'):
        fill(CameraInfo(), {'k': [1, 2, 3]})


def test_a_message_nested_too_deeply_is_refused() -> None:
    assert parse('{"op":"x","msg":' + '[' * 31 + ']' * 31 + '}')['op'] == 'x'
    with pytest.raises(ProtocolError, match='deep'):
        parse('{"op":"x","msg":' + '[' * 32 + ']' * 32 + '}')


def test_only_packages_of_interfaces_are_imported() -> None:
    assert find('std_msgs/String', 'msg') is find('std_msgs/msg/String', 'msg')
    for name in ('os/path', 'this/msg/S', 'std_msgs/msg/string', 'std_msgs/srv/String', '../x', 'std_msgs.msg/String'):
        with pytest.raises(ProtocolError):
            find(name, 'msg')


def test_names_are_those_of_ros() -> None:
    assert absolute('a/b') == absolute('/a/b') == '/a/b'
    assert full_type('p/T', 'srv') == full_type('p/srv/T', 'srv') == 'p/srv/T'
    for name in ('', '/', 'a b', '/a/', '~x', 'a' * 300, '/1a', '/a//b', '/a\n'):
        with pytest.raises(ProtocolError):
            absolute(name)


def test_the_operating_room_may_be_spoken_for_where_it_speaks_to_us() -> None:
    assert forbidden('publish', '/or/session_context', '/or') == ''
    assert forbidden('subscribe', '/or/suggestion', '/or') == ''
    assert forbidden('publish', '/or/suggestion', '/or') != ''
    assert forbidden('publish', '/other/suggestion', '/or') == ''
    assert forbidden('publish', '/arm/measured_cp', '/or') == ''


PICTURES = (
    CompressedImage(
        header=Header(stamp=Time(sec=-5, nanosec=7), frame_id='\u624b\u672f'), format='jpeg', data=b'\x00\xff' * 50
    ),
    CompressedImage(),
    Image(header=Header(frame_id='x'), height=3, width=2**32 - 1, encoding='bgr8', is_bigendian=1, step=9, data=b'abc'),
)


@pytest.mark.parametrize('message', PICTURES)
def test_pictures_read_where_they_lie_are_what_ros_makes_of_them(message):
    raw = serialize_message(message)
    assert blob_values(type(message), raw, False) == json_values(deserialize_message(raw, type(message)))
    assert blob_values(type(message), raw, True) == cbor_values(deserialize_message(raw, type(message)))


def test_what_has_no_bytes_or_more_than_is_read_is_left_to_ros():
    for other in (String(data='x'), PointCloud2(data=b'x')):
        assert blob_values(type(other), serialize_message(other), False) is None


@pytest.mark.parametrize('length', range(4, 40, 5))
def test_a_message_cut_short_is_an_error_and_nothing_else(length):
    raw = serialize_message(PICTURES[0])[:length]
    with pytest.raises(struct.error):
        blob_values(CompressedImage, raw, False)
