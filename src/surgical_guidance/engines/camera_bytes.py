"""Lets an engine take the camera's bytes: TensorRT computes nothing on ``uint8`` but a cast.

Exporters write ``uint8 -> Transpose -> Cast -> ...``. The cast moves to the front, where TensorRT takes it; the network
computes the same, bit by bit.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto

_MOVES = frozenset({'Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity', 'Slice'})
"""Operators that move values and do not look at them."""


def cast_first(model: onnx.ModelProto) -> int:
    """Move the casts of ``uint8`` inputs in front of what only moves the bytes, in place.

    :return: how many inputs needed it.
    """
    graph = model.graph
    moved = 0
    for value in graph.input:
        if value.type.tensor_type.elem_type == TensorProto.UINT8:
            chain = _chain(graph, value.name)
            if len(chain) > 1:
                _rotate(graph, chain)
                moved += 1
    if moved:
        del graph.value_info[:]  # the types along the chain are others now
    return moved


def _chain(graph: onnx.GraphProto, name: str) -> list[onnx.NodeProto]:
    """Give the nodes from an input to its cast; an empty list where there is no such way."""
    chain: list[onnx.NodeProto] = []
    while True:
        users = [node for node in graph.node if name in node.input]
        if len(users) != 1:
            return []
        node = users[0]
        chain.append(node)
        if node.op_type == 'Cast':
            return chain
        if node.op_type not in _MOVES or node.input[0] != name:
            return []
        name = node.output[0]


def _rotate(graph: onnx.GraphProto, chain: list[onnx.NodeProto]) -> None:
    *moves, cast = chain
    source, result, between = moves[0].input[0], cast.output[0], moves[-1].output[0]
    place = min(list(graph.node).index(node) for node in chain)
    cast.input[0], cast.output[0] = source, f'{between}_as_number'
    moves[0].input[0] = cast.output[0]
    moves[-1].output[0] = result
    kept = onnx.NodeProto()
    kept.CopyFrom(cast)
    graph.node.remove(cast)
    graph.node.insert(place, kept)
