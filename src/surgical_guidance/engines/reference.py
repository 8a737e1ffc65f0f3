"""Runs networks on the processor, as the reference that everything else is held against."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from surgical_guidance.errors import EngineError

Feed = Mapping[str, NDArray[Any]]
Outputs = dict[str, NDArray[Any]]

_ERRORS_ONLY = 3
_USUAL_SIDE = 256  # of a picture whose size the network leaves open [px]


def session(network: onnx.ModelProto, where: Path, threads: int = 2) -> Any:
    """Load a network into ONNX Runtime on the processor.

    A quantised network is computed as it is written, rounding and all. ONNX Runtime's own integer kernels for CPUs
    compute it otherwise (their sums of 8-bit products may saturate): what they give says nothing of a GPU.

    :raises EngineError: if it cannot.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    if any(node.op_type == 'QuantizeLinear' for node in network.graph.node):
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(network.SerializeToString(), options, providers=['CPUExecutionProvider'])
    except Exception as error:  # its exceptions have no base of their own
        text = (str(error).splitlines() or ['it does not say why'])[0]
        raise EngineError(f'ONNX Runtime cannot load it ({text})', where=str(where)) from error


def run(loaded: Any, feed: Feed) -> Outputs:
    """Run a loaded network once."""
    names = [output.name for output in loaded.get_outputs()]
    return dict(zip(names, loaded.run(names, dict(feed)), strict=True))


def some_feed(network: onnx.ModelProto, seed: int = 0) -> Feed:
    """Make random inputs for a network; open dimensions are 1 for the batch and 256 for the rest."""
    rng = np.random.default_rng(seed)
    return {value.name: _random(rng, value) for value in network.graph.input}


def _random(rng: np.random.Generator, value: onnx.ValueInfoProto) -> NDArray[Any]:
    kind = value.type.tensor_type
    shape = [side.dim_value or (1 if axis == 0 else _USUAL_SIDE) for axis, side in enumerate(kind.shape.dim)]
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    if dtype.kind in 'iu':
        return rng.integers(0, 256 if dtype.itemsize == 1 else 2, shape).astype(dtype)
    return rng.random(shape, np.float32).astype(dtype)
