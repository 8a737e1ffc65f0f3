"""The driver's own library, called through ctypes: for what PyCUDA does not have."""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_float, c_int, c_size_t, c_ubyte, c_uint, c_uint64, c_void_p
from typing import Any

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.faults import CudaError
from surgical_guidance.inference.cuda.graphs import in_order

LIBRARY = 'libcuda.so.1'

SIGNATURES: dict[str, tuple[str, tuple[Any, ...], tuple[Any, ...]]] = {
    'cuInit': ('cuInit', (), (c_uint,)),
    'cuDriverGetVersion': ('cuDriverGetVersion', (c_int,), ()),
    'cuDeviceGet': ('cuDeviceGet', (c_int,), (c_int,)),
    'cuDeviceGetAttribute': ('cuDeviceGetAttribute', (c_int,), (c_int, c_int)),
    'cuDevicePrimaryCtxRetain': ('cuDevicePrimaryCtxRetain', (c_void_p,), (c_int,)),
    'cuDevicePrimaryCtxRelease': ('cuDevicePrimaryCtxRelease_v2', (), (c_int,)),
    'cuCtxPushCurrent': ('cuCtxPushCurrent_v2', (), (c_void_p,)),
    'cuCtxPopCurrent': ('cuCtxPopCurrent_v2', (c_void_p,), ()),
    'cuCtxGetStreamPriorityRange': ('cuCtxGetStreamPriorityRange', (c_int, c_int), ()),
    'cuMemGetInfo': ('cuMemGetInfo_v2', (c_size_t, c_size_t), ()),
    'cuMemAlloc': ('cuMemAlloc_v2', (c_uint64,), (c_size_t,)),
    'cuMemFree': ('cuMemFree_v2', (), (c_uint64,)),
    'cuMemHostAlloc': ('cuMemHostAlloc', (c_void_p,), (c_size_t, c_uint)),
    'cuMemFreeHost': ('cuMemFreeHost', (), (c_void_p,)),
    'cuMemHostRegister': ('cuMemHostRegister_v2', (), (c_void_p, c_size_t, c_uint)),
    'cuMemHostUnregister': ('cuMemHostUnregister', (), (c_void_p,)),
    'cuMemcpyHtoDAsync': ('cuMemcpyHtoDAsync_v2', (), (c_uint64, c_void_p, c_size_t, c_void_p)),
    'cuMemcpyDtoHAsync': ('cuMemcpyDtoHAsync_v2', (), (c_void_p, c_uint64, c_size_t, c_void_p)),
    'cuMemsetD8Async': ('cuMemsetD8Async', (), (c_uint64, c_ubyte, c_size_t, c_void_p)),
    'cuStreamCreateWithPriority': ('cuStreamCreateWithPriority', (c_void_p,), (c_uint, c_int)),
    'cuStreamDestroy': ('cuStreamDestroy_v2', (), (c_void_p,)),
    'cuStreamSynchronize': ('cuStreamSynchronize', (), (c_void_p,)),
    'cuStreamWaitEvent': ('cuStreamWaitEvent', (), (c_void_p, c_void_p, c_uint)),
    'cuStreamBeginCapture': ('cuStreamBeginCapture_v2', (), (c_void_p, c_int)),
    'cuStreamEndCapture': ('cuStreamEndCapture', (c_void_p,), (c_void_p,)),
    'cuEventCreate': ('cuEventCreate', (c_void_p,), (c_uint,)),
    'cuEventDestroy': ('cuEventDestroy_v2', (), (c_void_p,)),
    'cuEventRecord': ('cuEventRecord', (), (c_void_p, c_void_p)),
    'cuEventSynchronize': ('cuEventSynchronize', (), (c_void_p,)),
    'cuEventElapsedTime': ('cuEventElapsedTime', (c_float,), (c_void_p, c_void_p)),
    'cuGraphClone': ('cuGraphClone', (c_void_p,), (c_void_p,)),
    'cuGraphNodeFindInClone': ('cuGraphNodeFindInClone', (c_void_p,), (c_void_p, c_void_p)),
    'cuGraphDestroyNode': ('cuGraphDestroyNode', (), (c_void_p,)),
    'cuGraphInstantiate': ('cuGraphInstantiateWithFlags', (c_void_p,), (c_void_p, c_uint64)),
    'cuGraphLaunch': ('cuGraphLaunch', (), (c_void_p, c_void_p)),
    'cuGraphExecDestroy': ('cuGraphExecDestroy', (), (c_void_p,)),
    'cuGraphDestroy': ('cuGraphDestroy', (), (c_void_p,)),
    'cuModuleLoadData': ('cuModuleLoadData', (c_void_p,), (c_void_p,)),
    'cuModuleUnload': ('cuModuleUnload', (), (c_void_p,)),
    'cuModuleGetFunction': ('cuModuleGetFunction', (c_void_p,), (c_void_p, c_char_p)),
    'cuLaunchKernel': ('cuLaunchKernel', (), (c_void_p, *(c_uint,) * 7, c_void_p, c_void_p, c_void_p)),
}
"""Function -> its symbol in the library, the values it gives through pointers (first of all), the values it takes."""

_GIVES_LAST = frozenset({'cuStreamEndCapture'})  # takes its pointer after the rest


class LibCuda:
    """Calls functions of the driver API by name. See :class:`surgical_guidance.inference.cuda.driver.Call`.

    :param library: in place of the driver's; for tests.
    :raises EngineError: if there is no NVIDIA driver.
    """

    name = 'libcuda'

    def __init__(self, library: Any = None) -> None:
        try:
            self._library = library or ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise EngineError(
                f'there is no NVIDIA driver ({LIBRARY} does not load)', where='GPU', remedy='install the driver'
            ) from error
        self._functions: dict[str, Any] = {}

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Call a function; give what it gives: nothing, a number, or several."""
        _, given, _ = SIGNATURES[name]
        function = self._functions.get(name) or self._prepare(name)
        places = [kind() for kind in given]
        pointers = [ctypes.byref(place) for place in places]
        code = function(*arguments, *pointers) if name in _GIVES_LAST else function(*pointers, *arguments)
        if code:
            raise CudaError(name, code, self._text(code))
        values = [place.value or 0 for place in places]
        return values[0] if len(values) == 1 else tuple(values) if values else None

    def device_name(self, device: int) -> str:
        """Name a device."""
        text = ctypes.create_string_buffer(256)
        self._library.cuDeviceGetName(text, c_int(len(text)), c_int(device))
        return text.value.decode('utf-8', 'replace')

    def graph_order(self, graph: int) -> list[int]:
        """Give a graph's pieces of work, each after all those it waits for."""
        (nodes,) = self._lists('cuGraphGetNodes', graph, 1)
        before, behind = self._lists('cuGraphGetEdges', graph, 2)
        return in_order(nodes, zip(before, behind, strict=True))

    def _lists(self, symbol: str, graph: int, count: int) -> list[list[int]]:
        """Call a function of a graph that fills lists of one length: first without them, for the length."""
        try:
            function = getattr(self._library, symbol)
        except AttributeError as error:
            raise EngineError(f'the NVIDIA driver does not have {symbol}', where='GPU') from error
        length, filled = c_size_t(), list[Any]()
        for lists in (False, True):
            filled = [(c_void_p * length.value)() if lists else None for _ in range(count)]
            code = function(c_void_p(graph), *filled, ctypes.byref(length))
            if code:
                raise CudaError(symbol, code, self._text(code))
        return [[handle or 0 for handle in one] for one in filled]

    def _prepare(self, name: str) -> Any:
        symbol, given, taken = SIGNATURES[name]
        try:
            function = getattr(self._library, symbol)
        except AttributeError as error:
            raise EngineError(
                f'the NVIDIA driver does not have {symbol}', where='GPU', remedy='update it: CUDA 11.4 is the oldest'
            ) from error
        pointers = tuple(ctypes.POINTER(kind) for kind in given)
        function.argtypes = (*taken, *pointers) if name in _GIVES_LAST else (*pointers, *taken)
        function.restype = c_int
        self._functions[name] = function
        return function

    def _text(self, code: int) -> str:
        text = c_char_p()
        self._library.cuGetErrorString(c_int(code), ctypes.byref(text))
        return (text.value or b'unknown error').decode('utf-8', 'replace')
