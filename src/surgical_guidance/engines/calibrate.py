"""Finds the ranges of values on pictures and writes them into the network: explicit, symmetric Q/DQ.

INT8: weights by channel, activations by tensor, zero points 0 (TensorRT refuses others), biases left alone. FP8
(E4M3): the same network with the same ranges, whose Q/DQ pairs then go to ``float8e4m3fn``; ONNX Runtime's own FP8
scaling assumes another distribution and loses the picture.
"""

from __future__ import annotations

import io
import logging
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter

from surgical_guidance.engines.calibration_set import Seen
from surgical_guidance.engines.feeds import Feeder, PictureReader
from surgical_guidance.engines.source import Source
from surgical_guidance.errors import EngineError, ModelError

Method = Literal['entropy', 'minmax', 'percentile']
METHODS: tuple[Method, ...] = ('entropy', 'minmax', 'percentile')

QUANTISED = ('Conv', 'ConvTranspose', 'Gemm', 'MatMul')
"""The operators whose inputs are quantised: what costs time. Everything between them stays as it is."""

PERCENTILE = 99.99
_AT_A_TIME = 8  # pictures whose values are held in memory together
_INT8_LARGEST, _FP8_LARGEST = 127.0, 448.0
_FP8_OPSET = 19
_hush = threading.Lock()


def calibrate(
    source: Source,
    pictures: Sequence[Path],
    method: Method = 'entropy',
    precision: Literal['int8', 'fp8'] = 'int8',
    exclude: Sequence[str] = (),
    seen: Seen = lambda _done, _all: None,
) -> onnx.ModelProto:
    """Quantise a network.

    :param pictures: paths; the more, the longer it takes and the better it knows the ranges.
    :param method: how a range is cut from the values seen: the one that keeps most information, the whole, or all but
        the last hundredth of a percent.
    :param exclude: regular expressions; nodes whose name one of them matches stay as they are.
    :raises ModelError: if the network cannot be quantised, or a pattern matches no node.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    methods = {
        'entropy': CalibrationMethod.Entropy,
        'minmax': CalibrationMethod.MinMax,
        'percentile': CalibrationMethod.Percentile,
    }
    manifest = source.need_manifest('calibrate')
    reader = PictureReader(Feeder(manifest, source.graph), pictures, seen)
    kept = _matching(source, exclude)
    with tempfile.TemporaryDirectory(prefix='surgical-guidance-') as folder:
        prepared, result = Path(folder) / 'prepared.onnx', Path(folder) / 'quantised.onnx'
        try:
            with _hushed():
                quant_pre_process(source.path, prepared, skip_symbolic_shape=True)
                quantize_static(
                    prepared,
                    result,
                    reader,
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=list(QUANTISED),
                    per_channel=True,
                    activation_type=QuantType.QInt8,
                    weight_type=QuantType.QInt8,
                    nodes_to_exclude=kept,
                    calibrate_method=methods[method],
                    extra_options={
                        'ActivationSymmetric': True,
                        'WeightSymmetric': True,
                        'QuantizeBias': False,
                        'AddQDQPairToWeight': precision == 'fp8',
                        'CalibPercentile': PERCENTILE,
                        'CalibStridedMinMax': _part(len(pictures)),
                    },
                )
            network = onnx.load(result)
        except (ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
            line = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f'the network cannot be quantised ({line})', where=str(source.path), remedy='build it as fp16'
            ) from error
    if not any(node.op_type == 'QuantizeLinear' for node in network.graph.node):
        raise ModelError(
            f'there is nothing to quantise in it: no {", ".join(QUANTISED)}',
            where=str(source.path),
            remedy='build it as fp16',
        )
    return to_fp8(network) if precision == 'fp8' else network


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep to itself what the quantiser prints and advises; one at a time, for output and log are the process's."""
    with _hush:
        previous = logging.root.level
        logging.root.setLevel(logging.ERROR)
        try:
            with redirect_stdout(io.StringIO()):
                yield
        finally:
            logging.root.setLevel(previous)


def to_fp8(network: onnx.ModelProto) -> onnx.ModelProto:
    """Turn symmetric INT8 Q/DQ pairs into FP8 ones (E4M3) of the same ranges."""
    network = version_converter.convert_version(network, max(_FP8_OPSET, _opset(network)))
    weights = {weight.name: weight for weight in network.graph.initializer}
    scales: set[str] = set()
    zeros: set[str] = set()
    for node in network.graph.node:
        if node.op_type in ('QuantizeLinear', 'DequantizeLinear'):
            scales.add(node.input[1])
            zeros.add(node.input[2])
    for name in scales:
        values = numpy_helper.to_array(weights[name]) * np.float32(_INT8_LARGEST / _FP8_LARGEST)
        weights[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    for name in zeros:
        shape = list(weights[name].dims)
        count = int(np.prod(shape))
        weights[name].CopyFrom(helper.make_tensor(name, TensorProto.FLOAT8E4M3FN, shape, bytes(count), raw=True))
    del network.graph.value_info[:]
    return network


def _opset(network: onnx.ModelProto) -> int:
    return max(entry.version for entry in network.opset_import if entry.domain in ('', 'ai.onnx'))


def _matching(source: Source, patterns: Sequence[str]) -> list[str]:
    kept = []
    for pattern in patterns:
        try:
            names = [node.name for node in source.graph.graph.node if re.search(pattern, node.name)]
        except re.error as error:
            raise EngineError(f'{pattern!r} is no regular expression ({error})', where='--exclude') from error
        if not names:
            raise EngineError(
                f'no node is called like {pattern!r}', where='--exclude', remedy='`engine inspect` lists the nodes'
            )
        kept += names
    return kept


def _part(count: int) -> int:
    """Give the most pictures that are held together and divide the whole."""
    return next(part for part in range(min(_AT_A_TIME, count), 0, -1) if count % part == 0)


def facts(
    method: Method, pictures: Sequence[Path], exclude: Sequence[str], audit: dict[str, Any], override: str
) -> dict[str, Any]:
    """Give what a sidecar keeps of a calibration."""
    from onnxruntime import __version__ as version

    return {
        'method': method,
        'pictures': len(pictures),
        'excluded': list(exclude),
        'by': f'onnxruntime {version}',
        'set': audit,
        'override': override or None,
    }
