"""Actions over the bridge. No package of actions comes as a wheel: skipped where example_interfaces is not there."""

from __future__ import annotations

import threading
from typing import Any

import pytest

actions = pytest.importorskip('example_interfaces.action')

from action_msgs.msg import GoalStatus  # noqa: E402
from rclpy.action import ActionClient, ActionServer, CancelResponse, GoalResponse  # noqa: E402

TYPE = 'example_interfaces/Fibonacci'
Fibonacci = actions.Fibonacci


class Counting:
    """An action server of ROS whose goals go on until the test lets them."""

    def __init__(self, node: Any) -> None:
        self.server = ActionServer(
            node, Fibonacci, '/count', lambda _: Fibonacci.Result(), goal_callback=self._judge,
            handle_accepted_callback=self._accept, cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self.goals: list[Any] = []

    def _judge(self, request: Any) -> GoalResponse:
        return GoalResponse.ACCEPT if request.order >= 0 else GoalResponse.REJECT

    def _accept(self, goal: Any) -> None:
        self.goals.append(goal)

    def succeed(self, goal: Any, *sequence: int) -> None:
        def execute(handle: Any) -> Any:
            handle.canceled() if handle.is_cancel_requested else handle.succeed()
            return Fibonacci.Result(sequence=list(sequence))

        goal.execute(execute)


@pytest.fixture(scope='module')
def counting(bridge):
    return Counting(bridge.node)


def test_a_goal_goes_its_way_with_feedback_and_result(counting, client):
    counting.goals.clear()
    goal = {'action': '/count', 'action_type': TYPE, 'args': {'order': 3}, 'feedback': True}
    client.send(op='send_action_goal', id='g', **goal)
    client.wait(lambda _: counting.goals)
    counting.goals[0].publish_feedback(Fibonacci.Feedback(sequence=[0, 1]))
    assert client.next(op='action_feedback', id='g')['values'] == {'sequence': [0, 1]}
    counting.succeed(counting.goals[0], 0, 1, 1)
    result = client.next(op='action_result', id='g')
    assert result == {
        'op': 'action_result', 'action': '/count', 'id': 'g', 'values': {'sequence': [0, 1, 1]},
        'status': GoalStatus.STATUS_SUCCEEDED, 'result': True,
    }  # fmt: skip


def test_a_goal_is_cancelled_and_its_result_says_so(counting, client):
    counting.goals.clear()
    client.send(op='send_action_goal', id='g', action='/count', action_type=TYPE, args={'order': 3})
    client.wait(lambda _: counting.goals)
    client.send(op='cancel_action_goal', id='g', action='/count')
    client.wait(lambda _: counting.goals[0].is_cancel_requested)
    counting.succeed(counting.goals[0], 0)
    result = client.next(op='action_result', id='g')
    assert (result['status'], result['result']) == (GoalStatus.STATUS_CANCELED, True)


def test_a_goal_that_cannot_be_is_answered_with_the_reason(counting, client):
    for args, words in (({'order': -1}, 'rejected'), ({'order': 'x'}, 'int32 is needed')):
        client.send(op='send_action_goal', id='g', action='/count', action_type=TYPE, args=args)
        result = client.next(op='action_result', id='g')
        assert result['result'] is False
        assert words in result['values']


def test_the_goals_of_a_client_that_goes_are_cancelled(bridge, counting):
    counting.goals.clear()
    with bridge.client() as client:
        client.send(op='send_action_goal', id='g', action='/count', action_type=TYPE, args={'order': 3})
        client.wait(lambda _: counting.goals)
    with bridge.client() as other:
        other.wait(lambda _: counting.goals[0].is_cancel_requested)
    counting.succeed(counting.goals[0])


def test_an_action_of_a_client_is_used_from_ros(bridge, client):
    client.send(op='advertise_action', action='/offered_action', type=TYPE)
    caller = ActionClient(bridge.node, Fibonacci, '/offered_action')
    assert caller.wait_for_server(20)
    feedback: list[Any] = []
    accepted = threading.Event()
    sent = caller.send_goal_async(Fibonacci.Goal(order=4), feedback_callback=lambda got: feedback.append(got.feedback))
    sent.add_done_callback(lambda _: accepted.set())
    asked = client.next(op='send_action_goal', action='/offered_action')
    assert (asked['action_type'], asked['args']) == (TYPE, {'order': 4})
    assert accepted.wait(20)
    results: list[Any] = []
    sent.result().get_result_async().add_done_callback(lambda done: results.append(done.result()))
    common = {'action': '/offered_action', 'id': asked['id']}
    client.send(op='action_feedback', values={'sequence': [0, 1]}, **common)
    client.wait(lambda _: feedback)
    client.send(op='action_result', values={'sequence': [0, 1, 1]}, status=4, result=True, **common)
    client.wait(lambda _: results)
    assert list(feedback[0].sequence) == [0, 1]
    assert (results[0].status, list(results[0].result.sequence)) == (GoalStatus.STATUS_SUCCEEDED, [0, 1, 1])
    client.send(op='unadvertise_action', action='/offered_action')
    client.sync()
    caller.destroy()


def test_a_cancelled_goal_of_ros_is_told_to_the_client_that_has_it(bridge, client):
    client.send(op='advertise_action', action='/cancelled_action', type=TYPE)
    caller = ActionClient(bridge.node, Fibonacci, '/cancelled_action')
    assert caller.wait_for_server(20)
    accepted, results = threading.Event(), []
    sent = caller.send_goal_async(Fibonacci.Goal(order=4))
    sent.add_done_callback(lambda _: accepted.set())
    asked = client.next(op='send_action_goal')
    assert accepted.wait(20)
    sent.result().get_result_async().add_done_callback(lambda done: results.append(done.result()))
    sent.result().cancel_goal_async()
    assert client.next(op='cancel_action_goal')['id'] == asked['id']
    common = {'action': '/cancelled_action', 'id': asked['id']}
    client.send(op='action_result', values={}, status=5, result=True, **common)
    client.wait(lambda _: results)
    assert results[0].status == GoalStatus.STATUS_CANCELED
    caller.destroy()
