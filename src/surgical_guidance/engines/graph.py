"""Reads networks (ONNX), and says of one that cannot become an engine what is wrong, before the library is asked.

The library's parser lets several faults pass without a word: an IR or opset version of the future, a network without
outputs, ``float64`` that it computes as ``float32``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from surgical_guidance.errors import ModelError

EXPORT_AGAIN = 'export it again, with opset 17 and its weights inside the file'
OLDEST_OPSET = 9  # of what the parsers of TensorRT read
_DEFAULT_DOMAINS = ('', 'ai.onnx')


def read_graph(path: Path) -> onnx.ModelProto:
    """Read a network and check it.

    :raises ModelError: what is wrong with it, where, and what to do.
    """
    model = _parsed(path)
    _check_versions(model, path)
    _check_ends(model, path)
    _check_operators(model, path)
    _check_types(model, path)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelError(
            f'the network is not valid ONNX ({_first_line(error)})', where=str(path), remedy=EXPORT_AGAIN
        ) from error
    return model


def names_of(elements: object) -> str:
    """Give the names of inputs, outputs or nodes, for people."""
    return ', '.join(element.name for element in elements) or 'none'  # type: ignore[attr-defined]


def _parsed(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise ModelError('there is no such network', where=str(path), remedy='give the path of an ONNX file')
    if not path.stat().st_size:
        raise ModelError('the file is empty', where=str(path), remedy='copy or export it again')
    try:
        model = onnx.load(path)
    except DecodeError as error:
        raise ModelError(
            'this is no ONNX file, or it is cut short', where=str(path), remedy='copy or export it again'
        ) from error
    except (OSError, ValueError, onnx.checker.ValidationError) as error:  # of weights in files of their own
        raise ModelError(
            f'the weights beside it cannot be read ({_first_line(error)})', where=str(path), remedy=EXPORT_AGAIN
        ) from error
    if not model.ir_version or not model.HasField('graph'):
        raise ModelError(
            'this is no ONNX file: it has no IR version or no graph', where=str(path), remedy='copy or export it again'
        )
    return model


def _check_versions(model: onnx.ModelProto, path: Path) -> None:
    if model.ir_version > onnx.IR_VERSION:
        raise ModelError(
            f'IR version {model.ir_version} is newer than any known here ({onnx.IR_VERSION})',
            where=str(path),
            remedy=EXPORT_AGAIN,
        )
    newest = onnx.defs.onnx_opset_version()
    opset = next((entry.version for entry in model.opset_import if entry.domain in _DEFAULT_DOMAINS), None)
    if opset is None:
        raise ModelError('it does not say which opset it uses', where=str(path), remedy=EXPORT_AGAIN)
    if not OLDEST_OPSET <= opset <= newest:
        raise ModelError(
            f'opset {opset} is not one of those known here ({OLDEST_OPSET} to {newest})',
            where=str(path),
            remedy=EXPORT_AGAIN,
        )


def _check_ends(model: onnx.ModelProto, path: Path) -> None:
    graph = model.graph
    for what, there in (('nodes', graph.node), ('inputs', graph.input), ('outputs', graph.output)):
        if not there:
            raise ModelError(f'the network has no {what}', where=str(path), remedy=EXPORT_AGAIN)


def _check_operators(model: onnx.ModelProto, path: Path) -> None:
    functions = {(function.domain, function.name) for function in model.functions}
    for index, node in enumerate(model.graph.node):
        known = onnx.defs.has(node.op_type, '' if node.domain in _DEFAULT_DOMAINS else node.domain)
        if node.domain in _DEFAULT_DOMAINS and not known and (node.domain, node.op_type) not in functions:
            raise ModelError(
                f'node {index} ({node.name or "without a name"}) is a {node.op_type}, which ONNX does not have',
                where=str(path),
                remedy='export it with operators of ONNX, or leave this part outside the network',
            )


def _check_types(model: onnx.ModelProto, path: Path) -> None:
    for where in _doubles(model.graph):
        raise ModelError(
            f'{where} is float64, which TensorRT computes as float32 without a word',
            where=str(path),
            remedy='export the network as float32 (model.float() in PyTorch)',
        )


def _doubles(graph: onnx.GraphProto) -> Iterator[str]:
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.DOUBLE:
            yield value.name
    for weight in graph.initializer:
        if weight.data_type == TensorProto.DOUBLE:
            yield f'weight {weight.name}'
    for index, node in enumerate(graph.node):
        for attribute in node.attribute:
            cast = node.op_type == 'Cast' and attribute.name == 'to' and attribute.i == TensorProto.DOUBLE
            constant = attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.DOUBLE
            if cast or constant:
                yield f'node {index} ({node.name or node.op_type})'


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
