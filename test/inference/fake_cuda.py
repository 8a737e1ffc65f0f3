"""A GPU made of the host's memory: it takes the driver API's calls and runs the kernels' reference in NumPy.

Work is done when it is given; a recorded graph is the list of calls it was made of. Whatever is made must be given
back: ``open_things`` counts.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from surgical_guidance.inference.cuda import reference
from surgical_guidance.inference.cuda.arguments import (
    BOXES,
    MAX_BOXES,
    MAX_COMPONENTS,
    STATISTICS,
    Decode,
    Encoding,
    Flag,
    Map,
    Prepare,
    Reduce,
    Type,
)
from surgical_guidance.inference.cuda.contexts import DriverContext
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.faults import CudaError
from surgical_guidance.inference.cuda.libcuda import SIGNATURES

DTYPES = {Type.uint8: np.uint8, Type.float32: np.float32, Type.float16: np.float16}
IN_STREAM = {'cuMemcpyHtoDAsync', 'cuMemcpyDtoHAsync', 'cuMemsetD8Async', 'cuLaunchKernel'}
CHANNELS = {Encoding.bgr8: 3, Encoding.rgb8: 3, Encoding.mono8: 1, Encoding.nv12: 1, Encoding.yuyv: 2}


def memory(address: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """View memory by its address."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_uint8 * count).from_address(address), dtype).reshape(shape)


class FakeDriver:
    """See :class:`surgical_guidance.inference.cuda.driver.Call`."""

    name = 'a fake'

    def __init__(self, capability: tuple[int, int] = (8, 9)) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.open_things: Counter[str] = Counter()
        self.fail: dict[str, int] = {}
        self.capability = capability
        self.locked: dict[int, int] = {}
        self.copied_in: list[tuple[int, int]] = []
        self._memory: dict[int, Any] = {}
        self._names: dict[int, str] = {}
        self._next = 1000
        self._capture: list[Callable[[], None]] | None = None
        self._graphs: dict[int, list[Callable[[], None]]] = {}
        self._nodes: dict[int, int] = {}
        self._clone = 0

    def device_name(self, device: int) -> str:
        return 'Fake GPU'

    def __call__(self, name: str, *arguments: Any) -> Any:
        _, _, taken = SIGNATURES[name]
        assert len(arguments) == len(taken), f'{name} takes {len(taken)} arguments'
        self.calls.append((name, *arguments))
        if name in self.fail:
            raise CudaError(name, self.fail[name], 'told to fail')
        do = getattr(self, name, None)
        if name in IN_STREAM and self._capture is not None:
            copied = (*arguments[:-3], self._argument(arguments), None, 0) if name == 'cuLaunchKernel' else arguments
            self._capture.append(lambda: do(*copied))  # type: ignore[misc]
            return None
        return do(*arguments) if do is not None else None

    def count(self, name: str) -> int:
        return sum(call[0] == name for call in self.calls)

    def _handle(self, kind: str) -> int:
        self._next += 1
        self.open_things[kind] += 1
        return self._next

    def _drop(self, kind: str) -> None:
        self.open_things[kind] -= 1
        assert self.open_things[kind] >= 0, f'a {kind} was given back twice'

    def _take(self, kind: str, size: int) -> int:
        buffer = (ctypes.c_uint8 * (size + 256))()
        address = ctypes.addressof(buffer) + 255 & ~255
        ctypes.memset(address, 0xA5, size)  # nobody may rely on zeros
        self._memory[address] = buffer
        self.open_things[kind] += 1
        return address

    # What the driver API has; the names are its own.
    def cuDeviceGet(self, ordinal: int) -> int:  # noqa: N802
        return ordinal

    def cuDeviceGetAttribute(self, which: int, device: int) -> int:  # noqa: N802
        return {75: self.capability[0], 76: self.capability[1]}.get(which, 1)

    def cuDevicePrimaryCtxRetain(self, device: int) -> int:  # noqa: N802
        return self._handle('context')

    def cuDevicePrimaryCtxRelease(self, device: int) -> None:  # noqa: N802
        self._drop('context')

    def cuCtxPushCurrent(self, context: int) -> None:  # noqa: N802
        self.open_things['pushed'] += 1

    def cuCtxPopCurrent(self) -> int:  # noqa: N802
        self._drop('pushed')
        return 1

    def cuCtxGetStreamPriorityRange(self) -> tuple[int, int]:  # noqa: N802
        return 0, -5

    def cuMemGetInfo(self) -> tuple[int, int]:  # noqa: N802
        return 1 << 30, 2 << 30

    def cuMemAlloc(self, size: int) -> int:  # noqa: N802
        return self._take('memory', size)

    def cuMemFree(self, address: int) -> None:  # noqa: N802
        del self._memory[address]
        self._drop('memory')

    def cuMemHostAlloc(self, size: int, flags: int) -> int:  # noqa: N802
        return self._take('host memory', size)

    def cuMemFreeHost(self, address: int) -> None:  # noqa: N802
        del self._memory[address]
        self._drop('host memory')

    def cuMemHostRegister(self, address: int, size: int, flags: int) -> None:  # noqa: N802
        assert address not in self.locked
        self.locked[address] = size

    def cuMemHostUnregister(self, address: int) -> None:  # noqa: N802
        del self.locked[address]

    def cuStreamCreateWithPriority(self, flags: int, priority: int) -> int:  # noqa: N802
        return self._handle('stream')

    def cuStreamDestroy(self, stream: int) -> None:  # noqa: N802
        self._drop('stream')

    def cuEventCreate(self, flags: int) -> int:  # noqa: N802
        return self._handle('event')

    def cuEventDestroy(self, event: int) -> None:  # noqa: N802
        self._drop('event')

    def cuModuleLoadData(self, image: int) -> int:  # noqa: N802
        return self._handle('module')

    def cuModuleUnload(self, module: int) -> None:  # noqa: N802
        self._drop('module')

    def cuModuleGetFunction(self, module: int, name: bytes) -> int:  # noqa: N802
        self._next += 1
        self._names[self._next] = name.decode()
        return self._next

    def cuStreamBeginCapture(self, stream: int, mode: int) -> None:  # noqa: N802
        assert self._capture is None
        self._capture = []

    def cuStreamEndCapture(self, stream: int) -> int:  # noqa: N802
        graph = self._handle('graph')
        assert self._capture is not None
        self._graphs[graph], self._capture = self._capture, None
        return graph

    def graph_order(self, graph: int) -> list[int]:
        return [self._node(piece) for piece in self._graphs[graph]]

    def _node(self, piece: Callable[[], None]) -> int:
        return self._nodes.setdefault(id(piece), 10**6 + len(self._nodes))

    def cuGraphClone(self, graph: int) -> int:  # noqa: N802
        handle = self._handle('graph')
        self._graphs[handle] = list(self._graphs[graph])
        self._clone = handle
        return handle

    def cuGraphNodeFindInClone(self, node: int, clone: int) -> int:  # noqa: N802
        assert clone == self._clone
        return node

    def cuGraphDestroyNode(self, node: int) -> None:  # noqa: N802
        pieces = self._graphs[self._clone]
        pieces.remove(next(piece for piece in pieces if self._node(piece) == node))

    def cuGraphInstantiate(self, graph: int, flags: int) -> int:  # noqa: N802
        handle = self._handle('graph')
        self._graphs[handle] = self._graphs[graph]
        return handle

    def cuGraphDestroy(self, graph: int) -> None:  # noqa: N802
        self._drop('graph')

    def cuGraphExecDestroy(self, graph: int) -> None:  # noqa: N802
        del self._graphs[graph]
        self._drop('graph')

    def cuGraphLaunch(self, graph: int, stream: int) -> None:  # noqa: N802
        for do in self._graphs[graph]:
            do()

    def cuMemcpyHtoDAsync(self, device: int, host: int, size: int, stream: int) -> None:  # noqa: N802
        self.copied_in.append((host, size))
        ctypes.memmove(device, host, size)

    def cuMemcpyDtoHAsync(self, host: int, device: int, size: int, stream: int) -> None:  # noqa: N802
        ctypes.memmove(host, device, size)

    def cuMemsetD8Async(self, address: int, value: int, size: int, stream: int) -> None:  # noqa: N802
        ctypes.memset(address, value, size)

    def _argument(self, arguments: tuple[Any, ...]) -> Any:
        """Read the structure that a kernel is given, as the driver does when a launch is recorded."""
        kinds = {'prepare': Prepare, 'reduce_logits': Reduce, 'decode_boxes': Decode}
        kind = kinds.get(self._names[arguments[0]], Map)
        pointer = ctypes.c_void_p.from_address(arguments[9]).value
        assert pointer is not None
        return kind.from_buffer_copy((ctypes.c_uint8 * ctypes.sizeof(kind)).from_address(pointer))

    def cuLaunchKernel(self, function: int, *arguments: Any) -> None:  # noqa: N802
        given = arguments[-3]
        argument = given if isinstance(given, ctypes.Structure) else self._argument((function, *arguments))
        if isinstance(given, ctypes.Structure) is False and not isinstance(arguments[-2], int):
            raise AssertionError
        run = getattr(self, f'_{self._names[function]}', None)
        if run is not None:
            run(argument)

    @staticmethod
    def _prepare(p: Prepare) -> None:
        encoding = Encoding(p.encoding)
        rows = p.source_height * 3 // 2 if encoding == Encoding.nv12 else p.source_height
        channels = CHANNELS[encoding]
        raw = memory(p.source, (rows, p.source_step), np.uint8)[:, : p.source_width * channels]
        source = raw if channels == 1 else raw.reshape(rows, p.source_width, channels)
        value = reference.prepare(p, np.ascontiguousarray(source))
        memory(p.target, value.shape, value.dtype)[...] = value

    @staticmethod
    def _reduce_logits(r: Reduce) -> None:
        logits = memory(r.logits, (r.classes, r.height, r.width), DTYPES[Type(r.type)])
        labels, confidence, flags = reference.reduce_logits(logits)
        memory(r.labels, labels.shape, np.uint8)[...] = labels
        memory(r.confidence, confidence.shape, np.uint8)[...] = confidence
        memory(r.statistics, (1,), STATISTICS)['flags'] |= np.uint32(flags)

    @staticmethod
    def _class_statistics(m: Map) -> None:
        shape = (m.height, m.width)
        labels = memory(m.labels, shape, np.uint8)
        confidence = memory(m.confidence, shape, DTYPES[Type(m.type)])
        statistics = memory(m.statistics, (1,), STATISTICS)
        if confidence.dtype != np.uint8:
            if not np.isfinite(confidence).all():
                statistics['flags'] |= np.uint32(Flag.NOT_FINITE)
            levels = np.clip(np.nan_to_num(confidence) * 255.0, 0, 255).astype(np.uint8)
            memory(m.confidence_levels, shape, np.uint8)[...] = levels
        if labels.max() >= m.classes:
            statistics['flags'] |= np.uint32(Flag.UNKNOWN_CLASS)
        areas = np.bincount(labels.reshape(-1), minlength=256)[:256]
        statistics['classes']['area'][0, : m.classes] += areas[: m.classes].astype(np.uint32)

    @staticmethod
    def _measure_components(m: Map) -> None:
        shape = (m.height, m.width)
        found = reference.components(
            memory(m.labels, shape, np.uint8), memory(m.confidence_levels, shape, np.uint8), m.smallest
        )
        statistics = memory(m.statistics, (1,), STATISTICS)
        statistics['components'] = len(found)
        if len(found) > MAX_COMPONENTS:
            statistics['flags'] |= np.uint32(Flag.TOO_MANY)
        statistics['component'][0, : min(len(found), MAX_COMPONENTS)] = found[:MAX_COMPONENTS]

    @staticmethod
    def _decode_boxes(d: Decode) -> None:
        raw = memory(d.raw, (4 + d.classes + d.extras, d.anchors), DTYPES[Type(d.type)])
        boxes = memory(d.boxes, (1,), BOXES)
        if not np.isfinite(raw.astype(np.float32)).all():
            boxes['flags'] |= np.uint32(Flag.NOT_FINITE)
        found = reference.boxes(raw, d.classes, d.threshold)
        boxes['count'] += len(found)
        if len(found) > MAX_BOXES:
            boxes['flags'] |= np.uint32(Flag.TOO_MANY)
        boxes['box'][0, : min(len(found), MAX_BOXES)] = found[:MAX_BOXES]


def open_fake(driver: FakeDriver) -> Cuda:
    """Open CUDA on a fake GPU."""
    context = DriverContext(driver, 0)
    try:
        return Cuda(driver, context, 0)
    except BaseException:
        context.close()
        raise
