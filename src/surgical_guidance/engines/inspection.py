"""Looks into networks and plans: layers, precisions, memory.

Of a plan, the layers are those that the library made of the network (fused, in its own precisions) where it can be
loaded. Where it cannot, they are those of the network it was built from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from surgical_guidance.engines.device import device
from surgical_guidance.engines.graph import read_graph
from surgical_guidance.engines.store import network_of
from surgical_guidance.errors import EngineError, GuidanceError
from surgical_guidance.inference.plan import Plan, PlanTensor, Shape, read_plan
from surgical_guidance.inference.trt_library import load
from surgical_guidance.inference.trt_words import explain


@dataclass(frozen=True)
class Layer:
    """One step of the computation.

    :param precision: type of its first output.
    :param shape: of that output; -1 where it is open.
    :param weights: bytes of constants it takes.
    """

    index: int
    name: str
    kind: str
    precision: str
    shape: Shape
    weights: int


@dataclass(frozen=True)
class Inspection:
    """What is in a network or a plan.

    :param seen: whose layers these are, and why not the engine's own where they are not.
    :param weights: bytes of all constants.
    :param activations: bytes of all results between layers, at the shapes below, as if none shared memory.
    :param largest: bytes of the largest of them.
    :param scratch: bytes of device memory that the engine asks for; None where it was not loaded.
    """

    name: str
    seen: str
    inputs: tuple[PlanTensor, ...]
    outputs: tuple[PlanTensor, ...]
    layers: tuple[Layer, ...]
    weights: int
    activations: int
    largest: int
    scratch: int | None
    plan: Plan | None

    def kinds(self) -> dict[str, int]:
        """Count the layers by kind, the commonest first."""
        return dict(Counter(layer.kind for layer in self.layers).most_common())

    def precisions(self) -> dict[str, int]:
        """Count the layers by precision, the commonest first."""
        return dict(Counter(layer.precision for layer in self.layers).most_common())

    def facts(self) -> dict[str, Any]:
        """Give everything, for JSON."""
        tensors = {what: [one.model_dump() for one in getattr(self, what)] for what in ('inputs', 'outputs')}
        return {
            'name': self.name,
            'seen': self.seen,
            **tensors,
            'memory': {
                'weights': self.weights,
                'activations': self.activations,
                'largest_activation': self.largest,
                'scratch': self.scratch,
            },
            'kinds': self.kinds(),
            'precisions': self.precisions(),
            'layers': [asdict(layer) for layer in self.layers],
            'plan': None if self.plan is None else self.plan.model_dump(mode='json'),
        }


def inspect_network(path: Path, network: onnx.ModelProto, shapes: Mapping[str, Shape] | None = None) -> Inspection:
    """Look into a network.

    :param shapes: of open inputs.
    """
    typed = _typed(network, shapes or {})
    types = {value.name: value for value in (*typed.graph.value_info, *typed.graph.input, *typed.graph.output)}
    constants = {weight.name: _bytes(weight.data_type, tuple(weight.dims)) for weight in typed.graph.initializer}
    for node in typed.graph.node:
        if node.op_type == 'Constant' and node.attribute and node.attribute[0].HasField('t'):
            constants[node.output[0]] = _bytes(node.attribute[0].t.data_type, tuple(node.attribute[0].t.dims))
    layers = tuple(_layers(typed, types, constants))
    results = [
        _bytes(types[name].type.tensor_type.elem_type, _shape(types[name]))
        for node in typed.graph.node
        if node.op_type != 'Constant'
        for name in node.output
        if name in types
    ]
    return Inspection(
        name=path.name,
        seen='the network',
        inputs=inputs_of(network),
        outputs=tuple(_tensor(value) for value in network.graph.output),
        layers=layers,
        weights=sum(constants.values()),
        activations=sum(results),
        largest=max(results, default=0),
        scratch=None,
        plan=None,
    )


def inspect_plan(path: Path) -> Inspection:
    """Look into a plan.

    :raises EngineError: if it is not whole, or neither it nor its network can be looked into.
    """
    plan, content = read_plan(path)
    shapes = {name: one.opt for name, one in plan.profiles[0].items()} if plan.profiles else {}
    network = network_of(path)
    below = inspect_network(network, read_graph(network), shapes) if network.is_file() else None
    try:
        layers, scratch = _engine_layers(plan, content)
    except GuidanceError as error:
        if below is None:
            raise EngineError(
                f'the plan cannot be loaded here ({error.what}), and the network it was built from is not beside it',
                where=str(network),
                remedy='inspect it on its device',
            ) from error
        seen = f'the {plan.precision} network it was built from; not the engine, since {error.what}'
        layers, scratch = below.layers, None
    else:
        seen = f'the engine, by {plan.library} {plan.library_version}'
    return Inspection(
        name=path.name,
        seen=seen,
        inputs=plan.inputs,
        outputs=plan.outputs,
        layers=layers,
        weights=below.weights if below else 0,
        activations=below.activations if below else 0,
        largest=below.largest if below else 0,
        scratch=scratch,
        plan=plan,
    )


def inputs_of(network: onnx.ModelProto) -> tuple[PlanTensor, ...]:
    """Give the inputs of a network; an open dimension is -1."""
    return tuple(_tensor(value) for value in network.graph.input)


def _engine_layers(plan: Plan, content: bytes) -> tuple[tuple[Layer, ...], int]:
    """Ask the library for the layers of the engine and its scratch memory."""
    if device() is None:
        raise EngineError('there is no NVIDIA GPU with a driver here')
    library = load(plan.library)
    with library.listening() as said:
        runtime = library.module.Runtime(library.logger)
        engine = runtime.deserialize_cuda_engine(content)
        if engine is None:
            what, remedy = explain(said.cause())
            raise EngineError(what, remedy=remedy)
        inspector = engine.create_engine_inspector()
        text = inspector.get_engine_information(library.module.LayerInformationFormat.JSON)
        size = getattr(engine, 'device_memory_size_v2', 0) or getattr(engine, 'device_memory_size', 0)
        del inspector, engine, runtime
    return tuple(_layers_told(json.loads(text).get('Layers', []))), int(size or 0)


def _layers_told(told: list[Any]) -> Iterator[Layer]:
    """Read the library's JSON: a name where the plan kept names only, else a table."""
    for index, one in enumerate(told):
        if isinstance(one, str):
            yield Layer(index, one, '', '', (), 0)
            continue
        outputs = one.get('Outputs') or [{}]
        weights = sum(
            int(part.get('Count', 0)) for key, part in one.items() if key == 'Weights' and isinstance(part, dict)
        )
        yield Layer(
            index,
            str(one.get('Name', '')),
            str(one.get('LayerType', '')),
            str(outputs[0].get('Format/Datatype', outputs[0].get('Datatype', ''))),
            tuple(outputs[0].get('Dimensions', ())),
            weights,
        )


def _layers(
    network: onnx.ModelProto, types: Mapping[str, onnx.ValueInfoProto], constants: Mapping[str, int]
) -> Iterator[Layer]:
    index = 0
    for node in network.graph.node:
        if node.op_type == 'Constant':
            continue
        value = types.get(node.output[0])
        kind = value.type.tensor_type.elem_type if value is not None else TensorProto.UNDEFINED
        yield Layer(
            index,
            node.name or node.output[0],
            node.op_type,
            TensorProto.DataType.Name(kind).lower(),
            () if value is None else _shape(value),
            sum(constants.get(name, 0) for name in node.input),
        )
        index += 1


def _typed(network: onnx.ModelProto, shapes: Mapping[str, Shape]) -> onnx.ModelProto:
    """Infer the type of every value, open inputs filled in."""
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    for value in copy.graph.input:
        for side, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
            side.dim_value = size
    if shapes:
        del copy.graph.value_info[:]
        for value in copy.graph.output:
            value.type.tensor_type.ClearField('shape')
    return onnx.shape_inference.infer_shapes(copy, data_prop=True)


def _tensor(value: onnx.ValueInfoProto) -> PlanTensor:
    kind = value.type.tensor_type.elem_type
    return PlanTensor(name=value.name, dtype=str(np.dtype(helper.tensor_dtype_to_np_dtype(kind))), shape=_shape(value))


def _shape(value: onnx.ValueInfoProto) -> Shape:
    return tuple(side.dim_value or -1 for side in value.type.tensor_type.shape.dim)


def _bytes(kind: int, shape: Shape) -> int:
    if kind == TensorProto.UNDEFINED or kind == TensorProto.STRING:
        return 0
    return int(np.dtype(helper.tensor_dtype_to_np_dtype(kind)).itemsize * np.prod([max(side, 1) for side in shape]))
