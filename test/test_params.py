"""Parameters: declared from one dataclass, wrong values refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter

from surgical_guidance.errors import ParameterError
from surgical_guidance.params import declare, param, rows
from surgical_guidance.session.parameters import PARAMS


@dataclass(frozen=True)
class Params:
    slots: int = param(8, 'frames kept', minimum=3, maximum=64)
    wait: float = param(0.5, 'patience [s]', minimum=0.0)
    mode: str = param('fast', 'how', choices=('fast', 'slow'))


def node_with(graph, **values) -> Node:
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return graph.add(Node('probe', context=graph.context, parameter_overrides=overrides))


def test_defaults_come_from_the_dataclass_and_are_described_on_the_node(graph):
    node = node_with(graph)
    assert declare(node, Params) == Params()
    descriptor = node.describe_parameter('slots')
    assert descriptor.description == 'frames kept'
    assert descriptor.read_only
    assert (descriptor.integer_range[0].from_value, descriptor.integer_range[0].to_value) == (3, 64)


def test_values_given_win(graph):
    assert declare(node_with(graph, slots=5, mode='slow'), Params) == Params(slots=5, mode='slow')


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'slots': 2}, 'slots'),
        ({'slots': 'many'}, 'slots: .*int'),
        ({'wait': -1.0}, 'wait: -1.0 is below 0'),
        ({'mode': 'odd'}, "mode: 'odd' is not known; use fast, slow"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(graph, values, message):
    with pytest.raises(ParameterError, match=message):
        declare(node_with(graph, **values), Params)


def test_rows_tell_everything_the_documentation_needs():
    row = next(rows(Params))
    assert (row.name, row.type, row.default, row.description, row.limits) == (
        'slots',
        'int',
        8,
        'frames kept',
        '3 to 64',
    )


@dataclass(frozen=True)
class ListParams:
    names: tuple[str, ...] = param(('a', 'b'), 'names of things')


def test_a_tuple_is_a_list_of_texts(graph):
    assert declare(node_with(graph), ListParams).names == ('a', 'b')
    assert declare(graph.add(Node('other', context=graph.context, parameter_overrides=[
        Parameter('names', value=['c'])])), ListParams).names == ('c',)  # fmt: skip
    assert next(rows(ListParams)).type == 'list'


@pytest.mark.parametrize('value', ['c', [1, 2]])
def test_what_is_no_list_of_texts_is_refused(graph, value):
    with pytest.raises(ParameterError, match='names: .*not of type list'):
        declare(node_with(graph, names=value), ListParams)


@pytest.mark.parametrize('name', PARAMS)
def test_the_shipped_file_gives_every_node_its_defaults_by_ros_itself(graph, name):
    arguments = ['--ros-args', '--params-file', str(Path(__file__).parent.parent / 'config/guidance.yaml')]
    node = graph.add(Node(name, namespace='surgical_guidance', context=graph.context, cli_args=arguments))
    assert declare(node, PARAMS[name]) == PARAMS[name]()
