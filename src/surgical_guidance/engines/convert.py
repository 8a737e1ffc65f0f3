"""Puts the precision into the network: strongly typed engines compute in the types they are given.

FP16 is converted here; INT8 and FP8 come from ``engine calibrate``, which leaves a network with its own sidecar.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from surgical_guidance.engines.artefact import read_artefact
from surgical_guidance.engines.camera_bytes import cast_first
from surgical_guidance.engines.graph import read_graph
from surgical_guidance.engines.options import CALIBRATED, Precision
from surgical_guidance.engines.source import Source
from surgical_guidance.errors import EngineError, ModelError

_LARGEST_HALF = 65504.0


def network_for(source: Source, precision: Precision, calibrated: Path | None) -> onnx.ModelProto:
    """Give the network that is to be built.

    :param calibrated: what ``engine calibrate`` made of the source; needed for int8 and fp8.
    :raises ModelError: if the network cannot be had in this precision.
    :raises EngineError: if ``calibrated`` is of another network or another precision.
    """
    if precision in CALIBRATED:
        network = _calibrated(source, precision, calibrated)
    else:
        network = onnx.ModelProto()
        network.CopyFrom(source.graph)
        if precision == 'fp16':
            network = to_half(network, source.path)
    cast_first(network)
    return network


def to_half(network: onnx.ModelProto, where: Path) -> onnx.ModelProto:
    """Compute in FP16; inputs and outputs keep their types.

    :raises ModelError: if a weight is too large for it, or an end changed its type.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    for weight in network.graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            largest = float(np.abs(numpy_helper.to_array(weight)).max(initial=0.0))
            if largest > _LARGEST_HALF:
                raise ModelError(
                    f'weight {weight.name} reaches {largest:.3g}, more than FP16 can hold',
                    where=str(where),
                    remedy='build it as fp32',
                )
    ends = _types(network)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of numbers too small for FP16: they become 0, and `engine verify` tells
        half = OnnxModel(convert_float_to_float16(network, keep_io_types=True))
    half.topological_sort()  # the conversion puts its casts at the end
    if _types(half.model) != ends:
        raise ModelError(
            'the conversion to FP16 changed the type of an input or output', where=str(where), remedy='build it as fp32'
        )
    result: onnx.ModelProto = half.model
    return result


def _calibrated(source: Source, precision: Precision, calibrated: Path | None) -> onnx.ModelProto:
    if calibrated is None:
        raise EngineError(
            f'{precision} needs the ranges of every value',
            where=str(source.path),
            remedy=f'first `surgical-guidance engine calibrate {source.name} --precision {precision} --set FOLDER '
            '--out FILE.onnx`, then build with --calibrated FILE.onnx',
        )
    artefact = read_artefact(calibrated)
    if artefact.model_sha256 != source.sha256:
        raise EngineError(
            f'it was calibrated from another network than {source.path}',
            where=str(calibrated),
            remedy='calibrate this one',
        )
    if artefact.precision != precision:
        raise EngineError(
            f'it was calibrated for {artefact.precision}',
            where=str(calibrated),
            remedy=f'build it as {artefact.precision}',
        )
    return read_graph(calibrated)


def _types(network: onnx.ModelProto) -> list[tuple[str, int]]:
    return [(end.name, end.type.tensor_type.elem_type) for end in (*network.graph.input, *network.graph.output)]
