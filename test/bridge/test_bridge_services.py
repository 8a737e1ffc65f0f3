"""Services and rosapi over the bridge: called, offered, and asked about."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from rcl_interfaces.msg import ParameterDescriptor
from std_srvs.srv import SetBool, Trigger

from surgical_guidance.relay.bridge.limits import BridgeLimits


def on_call(request: Any, response: Any) -> Any:
    response.success, response.message = request.data, f'told {request.data}'
    return response


@pytest.fixture(scope='module')
def service(bridge):
    return bridge.node.create_service(SetBool, '/light', on_call)


@pytest.mark.parametrize('args', [{'data': True}, [True]])
def test_a_service_is_called_with_arguments_by_name_or_in_order(service, client, args):
    answer = client.call('/light', args)
    assert answer['values'] == {'success': True, 'message': 'told True'}
    assert (answer['result'], answer['service']) == (True, '/light')


@pytest.mark.parametrize(
    ('service_name', 'args', 'words'),
    [
        ('/nobody', {}, 'there is no such service'),
        ('/light', {'data': 1}, 'a boolean is needed'),
        ('/light', {'date': True}, 'there is no such field'),
        ('/light', [True, True], '2 arguments, 1 are taken'),
        ('/light', 'on', 'an object is needed'),
        (7, {}, 'a text is needed'),
    ],
)
def test_a_call_that_cannot_be_is_answered_with_the_reason(service, client, service_name, args, words):
    client.send(op='call_service', service=service_name, args=args, id='c')
    answer = client.next(op='service_response', id='c')
    assert answer['result'] is False
    assert words in answer['values']
    assert words in client.next(op='status', level='error', id='c')['msg']


def test_a_service_that_does_not_answer_is_given_up_in_time(client):
    client.send(op='advertise_service', service='/silent', type='std_srvs/Trigger')
    client.sync()
    answer = client.call('/silent', timeout=0.3)
    assert answer['result'] is False
    assert 'no answer within 0.3 s' in answer['values']


def test_calls_do_not_wait_for_one_another(service, client):
    client.send(op='advertise_service', service='/slow', type='std_srvs/Trigger')
    client.sync()
    client.send(op='call_service', service='/slow', id='slow')
    asked = client.next(op='call_service', service='/slow')
    assert client.call('/light', [True])['result']
    values = {'success': True, 'message': 'at last'}
    client.send(op='service_response', service='/slow', id=asked['id'], values=values, result=True)
    assert client.next(op='service_response', id='slow')['values'] == values
    client.send(op='unadvertise_service', service='/slow')


def test_what_a_client_offers_is_called_from_ros(bridge, client):
    client.send(op='advertise_service', service='/offered', type='std_srvs/srv/SetBool')
    caller = bridge.node.create_client(SetBool, '/offered')
    assert caller.wait_for_service(20)
    answers: list[Any] = []
    for data in (True, False):
        caller.call_async(SetBool.Request(data=data)).add_done_callback(lambda done: answers.append(done.result()))
    asked = client.wait(lambda got: len(got) == 2 and list(got))
    assert [one['args'] for one in asked] == [{'data': True}, {'data': False}]
    assert asked[0]['id'] == 'service_request:/offered:1'
    for one in reversed(asked):  # in any order
        values = {'success': one['args']['data'], 'message': 'done'}
        client.send(op='service_response', service='/offered', id=one['id'], values=values, result=True)
    client.wait(lambda _: len(answers) == 2)
    assert {answer.success for answer in answers} == {True, False}
    bridge.node.destroy_client(caller)


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        ({'op': 'service_response', 'service': '/never', 'values': {}, 'result': True}, 'does not offer'),
        ({'op': 'advertise_service', 'service': '/odd', 'type': 'std_srvs/Nothing'}, 'there is no type'),
        ({'op': 'action_result', 'action': '/never', 'values': {}, 'result': True}, 'does not offer'),
        ({'op': 'cancel_action_goal', 'action': '/never', 'id': 9}, 'is under way'),
        ({'op': 'png', 'data': ''}, 'PNG is not served'),
        ({'op': 'fragment', 'data': '', 'num': 0, 'total': 1}, 'told apart by their id'),
        ({'op': 'renew', 'ticket': 'x'}, 'not valid'),
        ({'op': 'auth', 'mac': ''}, 'is not served'),
        ({'op': 'status'}, 'there is no operation'),
        ({'op': 'set_level', 'level': 'loud'}, 'is no level'),
    ],
)
def test_what_is_not_served_is_refused_with_a_word(client, message, words):
    client.send(**message)
    assert words in client.next(op='status', level='error')['msg']


def test_rosapi_tells_of_topics_services_and_nodes(bridge, service, client):
    publisher = bridge.node.create_publisher(ParameterDescriptor, '/described', 1)
    client.wait(lambda _: '/described' in client.call('/rosapi/topics')['values']['topics'])
    values = client.call('/rosapi/topics')['values']
    at = values['topics'].index('/described')
    assert values['types'][at] == 'rcl_interfaces/msg/ParameterDescriptor'
    assert client.call('/rosapi/topic_type', ['/described'])['values']['type'].endswith('ParameterDescriptor')
    short = {'type': 'rcl_interfaces/ParameterDescriptor'}
    assert client.call('/rosapi/topics_for_type', short)['values']['topics'] == ['/described']
    assert '/beside' in client.call('/rosapi/nodes')['values']['nodes']
    assert client.call('/rosapi/publishers', ['/described'])['values']['publishers'] == ['/beside']
    details = client.call('/rosapi/node_details', ['/beside'])['values']
    assert '/described' in details['publishing']
    assert '/light' in details['services']
    assert client.call('/rosapi/service_type', ['/light'])['values']['type'] == 'std_srvs/srv/SetBool'
    assert client.call('/rosapi/services_for_type', ['std_srvs/SetBool'])['values']['services'] == ['/light']
    assert client.call('/rosapi/service_node', ['/light'])['values']['node'] == '/beside'
    assert '/rosapi/topics' in client.call('/rosapi/services')['values']['services']
    time = client.call('/rosapi/get_time')['values']['time']
    assert time['secs'] == time['sec'] > 1_000_000
    bridge.node.destroy_publisher(publisher)


def test_what_a_client_has_just_advertised_is_told(client):
    assert '/just_now' not in client.call('/rosapi/topics')['values']['topics']
    client.send(op='advertise', topic='/just_now', type='std_msgs/String')
    assert '/just_now' in client.call('/rosapi/topics')['values']['topics']


def test_rosapi_describes_messages_with_all_that_is_in_them(client):
    found = client.call('/rosapi/message_details', ['geometry_msgs/PoseStamped'])['values']['typedefs']
    assert [one['type'] for one in found][:3] == ['geometry_msgs/PoseStamped', 'std_msgs/Header', 'geometry_msgs/Pose']
    assert found[1]['fieldnames'] == ['stamp', 'frame_id']
    assert found[1]['fieldtypes'] == ['builtin_interfaces/Time', 'string']
    info = client.call('/rosapi/message_details', ['sensor_msgs/CameraInfo'])['values']['typedefs'][0]
    assert info['fieldarraylen'][info['fieldnames'].index('k')] == 9
    assert info['fieldarraylen'][info['fieldnames'].index('d')] == 0
    status = client.call('/rosapi/message_details', ['diagnostic_msgs/DiagnosticStatus'])['values']['typedefs'][0]
    assert 'WARN' in status['constnames']
    request = client.call('/rosapi/service_request_details', ['std_srvs/SetBool'])['values']['typedefs'][0]
    assert request['fieldnames'] == ['data']
    response = client.call('/rosapi/service_response_details', ['std_srvs/SetBool'])['values']['typedefs'][0]
    assert response['fieldnames'] == ['success', 'message']
    raw = client.call('/rosapi/topics_and_raw_types')['values']
    at = raw['types'].index('rcl_interfaces/msg/ParameterEvent')
    assert 'MSG: rcl_interfaces/ParameterValue' in raw['typedefs_full_text'][at]


def test_rosapi_reads_and_sets_parameters_of_nodes(bridge, client):
    bridge.node.declare_parameter('depth', 3)
    assert client.call('/rosapi/get_param', ['/beside:depth'])['values']['value'] == '3'
    assert client.call('/rosapi/set_param', ['/beside:depth', '4'])['result']
    assert client.call('/rosapi/get_param', ['/beside:depth'])['values']['value'] == '4'
    assert client.call('/rosapi/has_param', ['/beside:depth'])['values']['exists'] is True
    assert client.call('/rosapi/has_param', ['/beside:width'])['values']['exists'] is False
    assert client.call('/rosapi/get_param', ['/beside:width', '"7"'])['values']['value'] == '"7"'
    assert '/beside:depth' in client.call('/rosapi/get_param_names')['values']['names']
    assert not client.call('/rosapi/set_param', ['/beside:depth', '"four"'])['result']
    assert not client.call('/rosapi/get_param', ['/nobody:depth'])['result']


def test_too_many_services_calls_and_topics_are_refused(bridge_with):
    bridge = bridge_with(limits=BridgeLimits(services=1, calls=1, subscriptions=2))
    with bridge.client() as client:
        client.send(op='advertise_service', service='/one', type='std_srvs/Trigger')
        client.send(op='advertise_service', service='/two', type='std_srvs/Trigger')
        assert '1 services are the most' in client.next(op='status')['msg']
        client.send(op='call_service', service='/one', id=1)
        client.next(op='call_service')
        client.send(op='call_service', service='/one', id=2)
        assert '1 calls are under way' in client.next(op='status', id=2)['msg']
        for name in 'abc':
            client.send(op='subscribe', topic=f'/{name}', type='std_msgs/String')
        assert '2 topics are the most' in client.next(op='status')['msg']


def test_who_calls_a_service_of_a_client_that_goes_is_not_held_for_ever(bridge):
    called = threading.Event()
    with bridge.client() as client:
        client.send(op='advertise_service', service='/leaving', type='std_srvs/Trigger')
        caller = bridge.node.create_client(Trigger, '/leaving')
        assert caller.wait_for_service(20)
        caller.call_async(Trigger.Request()).add_done_callback(lambda _: called.set())
        client.next(op='call_service')
    with bridge.client() as other:
        other.wait(lambda _: not caller.service_is_ready())
    assert not called.is_set()
    bridge.node.destroy_client(caller)


def test_a_message_in_pieces_is_acted_on_when_it_is_whole(client):
    whole = json.dumps({'op': 'call_service', 'service': '/rosapi/get_time', 'id': 'pieced'})
    middle = len(whole) // 2
    client.send(op='fragment', id='a', num=1, total=2, data=whole[middle:])
    client.send(op='fragment', id='b', num=0, total=2, data='another')
    client.sync()
    assert client.got == []
    client.send(op='fragment', id='a', num=0, total=2, data=whole[:middle])
    assert client.next(op='service_response', id='pieced')['result']


@pytest.mark.parametrize(
    ('pieces', 'words'),
    [
        ([{'num': 2, 'total': 2, 'data': ''}], 'does not fit'),
        ([{'num': 0, 'total': 2, 'data': ''}, {'num': 1, 'total': 3, 'data': ''}], 'does not fit'),
        ([{'num': 0, 'total': 10**6, 'data': ''}], 'does not fit'),
        ([{'num': number, 'total': 3, 'data': 'x' * 200_000} for number in (0, 1)], 'characters in pieces'),
        ([{'num': 0, 'total': 1, 'data': '{"op": "fragment"}'}], 'a piece of a piece'),
        ([{'num': 0, 'total': 1, 'data': '{{{'}], 'not JSON'),
    ],
)
def test_pieces_that_do_not_fit_or_are_too_much_are_refused(client, pieces, words):
    for piece in pieces:
        client.send(op='fragment', id='a', **piece)
    assert words in client.next(op='status', level='error')['msg']
    client.sync()
