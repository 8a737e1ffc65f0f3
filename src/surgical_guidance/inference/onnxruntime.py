"""ONNX Runtime on the processor: the engine that every host has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.engine import Tensor

TYPES = {
    'tensor(uint8)': np.uint8,
    'tensor(float)': np.float32,
    'tensor(float16)': np.float16,
    'tensor(int64)': np.int64,
    'tensor(int32)': np.int32,
}
_PROVIDERS = ['CPUExecutionProvider']
ERRORS_ONLY = 3  # ONNX Runtime's own log goes to stderr; what matters comes as an exception


class OnnxRuntimeEngine:
    """A network in ONNX Runtime, its inputs and outputs bound to fixed memory. See :class:`Engine`.

    :param path: of the ONNX file.
    :param sha256: what the file must be.
    :param threads: that one run may use. They sleep between runs: spinning would take the time of everything else on a
        small host.
    :param shapes: what the inputs shall be, for those that the network leaves open; an open batch of any other is 1.
    :raises EngineError: if the file is not there, not the right one, or not a network this version can run.
    """

    def __init__(
        self, path: Path, sha256: str, threads: int, shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> None:
        self.passed_over: tuple[tuple[str, str], ...] = ()
        self._where = str(path)
        self._threads = threads
        self._session = self._load(read_network(path, sha256), sha256, threads, shapes or {})
        self.inputs: Mapping[str, Tensor] = {
            node.name: tensor_of(node, self._where) for node in self._session.get_inputs()
        }
        self.outputs: Mapping[str, Tensor] = outputs_of(self._session, self.inputs, self._where)
        self._memory = {t.name: np.zeros(t.shape, t.dtype) for t in (*self.inputs.values(), *self.outputs.values())}
        self._results = {name: self._memory[name] for name in self.outputs}
        self._binding = self._session.io_binding()
        for bind, tensors in ((self._binding.bind_input, self.inputs), (self._binding.bind_output, self.outputs)):
            for tensor in tensors.values():
                pointer = self._memory[tensor.name].ctypes.data
                bind(tensor.name, 'cpu', 0, tensor.dtype.type, tensor.shape, pointer)

    def input(self, name: str) -> NDArray[Any]:
        """Give the memory of an input."""
        return self._memory[name]

    def infer(self) -> Mapping[str, NDArray[Any]]:
        """Run on what lies in the inputs."""
        if self._session is None:
            raise EngineError('the engine is closed', where=self._where)
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise EngineError(f'the network cannot be run ({first_line(error)})', where=self._where) from error
        return self._results

    def describe(self) -> str:
        """Tell in one line what runs it and on what."""
        return f'ONNX Runtime {ort.__version__} CPU, {self._threads} thread{"s" * (self._threads > 1)}'

    def close(self) -> None:
        """Let the session go."""
        self._binding = self._session = None

    def _load(self, model: bytes, sha256: str, threads: int, shapes: Mapping[str, tuple[int, ...]]) -> Any:
        try:
            sides = open_sides(model, sha256, shapes, self._where)
            options = _options(threads)
            for side, size in sides.items():  # bound before the graph is optimised: what hangs on shapes is folded away
                options.add_free_dimension_override_by_name(side, size)
            return ort.InferenceSession(model, options, providers=_PROVIDERS)
        except EngineError:
            raise
        except Exception as error:  # its exceptions have no base of their own
            raise EngineError(
                f'ONNX Runtime {ort.__version__} cannot load this network ({first_line(error)})',
                where=self._where,
                remedy='export it again, as a whole ONNX file of an opset this version knows',
            ) from error


def outputs_of(session: Any, inputs: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Give the outputs of a loaded network; shapes that only a run can tell are told by one.

    :param where: the network's file, for errors.
    :raises EngineError: if one has a type that nobody here reads, or the run fails.
    """
    nodes = session.get_outputs()
    if all(_fixed(node.shape) for node in nodes):
        return {node.name: tensor_of(node, where) for node in nodes}
    blank = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in inputs.values()}
    try:
        values = session.run(None, blank)
    except Exception as error:
        raise EngineError(f'the network cannot be run ({first_line(error)})', where=where) from error
    return {node.name: Tensor(node.name, value.dtype, value.shape) for node, value in zip(nodes, values, strict=True)}


def tensor_of(node: Any, where: str) -> Tensor:
    """Tell what an input or output of a loaded network is.

    :param where: the network's file, for errors.
    :raises EngineError: if it has a type that nobody here reads, or no fixed shape.
    """
    if node.type not in TYPES:
        raise EngineError(f'{node.name} is a {node.type}', where=where, remedy=f'use {", ".join(TYPES)}')
    if not _fixed(node.shape):
        raise EngineError(
            f'{node.name} has a side of no size and no name ({node.shape})',
            where=where,
            remedy='export it with fixed sides, or with names for the open ones',
        )
    return Tensor(node.name, np.dtype(TYPES[node.type]), tuple(node.shape))


_taken: dict[str, dict[str, tuple[int | str | None, ...]]] = {}  # SHA-256 -> input -> its shape, as it is declared


def open_sides(model: bytes, sha256: str, shapes: Mapping[str, tuple[int, ...]], where: str = '') -> dict[str, int]:
    """Give a size to every side of the inputs that a network leaves open and calls by a name.

    :param sha256: of the network, which is asked once in a process however many sizes it is loaded for.
    :param shapes: what the inputs shall be; an open batch of any other is 1.
    :param where: the network's file, for errors.
    :raises EngineError: if an input with open sides cannot be what it shall be.
    """
    if sha256 not in _taken:
        options = _options(1)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # only asked, never run
        nodes = ort.InferenceSession(model, options, providers=_PROVIDERS).get_inputs()
        _taken[sha256] = {node.name: tuple(node.shape) for node in nodes}
    taken = _taken[sha256]
    sides: dict[str, int] = {}
    if any(not _fixed(shape) for shape in taken.values()):
        _check_shapes(taken, shapes, where)
    for name in sorted(taken, key=lambda name: name not in shapes):  # the picture first: it binds the names
        wanted = shapes.get(name, (1,))
        for axis, side in enumerate(taken[name]):
            if isinstance(side, str) and side not in sides and axis < len(wanted):
                sides[side] = wanted[axis]
    return sides


def _check_shapes(
    taken: Mapping[str, tuple[int | str | None, ...]], shapes: Mapping[str, tuple[int, ...]], where: str
) -> None:
    for name, wanted in shapes.items():
        shape = taken.get(name)
        if shape is None:
            raise EngineError(
                f'the network takes {", ".join(taken)}', where=where, remedy=f'there is no {name!r}: mend input.name'
            )
        if len(shape) != len(wanted) or any(
            isinstance(side, int) and side != size for side, size in zip(shape, wanted, strict=True)
        ):
            told = ', '.join(str(side) for side in shape)
            raise EngineError(
                f'the network takes ({told}), the manifest says {wanted}',
                where=where,
                remedy='mend width, height or layout',
            )


def _options(threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.log_severity_level = ERRORS_ONLY
    return options


def _fixed(shape: Sequence[int | str | None]) -> bool:
    return all(isinstance(side, int) and side > 0 for side in shape)


def read_network(path: Path, sha256: str) -> bytes:
    """Read a file once and make sure that what was read is what was meant."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EngineError(
            f'the network cannot be read ({error.strerror})',
            where=str(path),
            remedy='the manifest names it: mend "file"',
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise EngineError(
            f'this is another file than the manifest speaks of (its SHA-256 is {found})',
            where=str(path),
            remedy='fetch the right file again, or mend "sha256" if the new one is meant',
        )
    return content


def first_line(error: Exception) -> str:
    """Give what an exception of ONNX Runtime says, in one line."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].removeprefix('[ONNXRuntimeError] : ')[:200]
