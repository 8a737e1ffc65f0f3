"""The driver API through NVIDIA's cuda-bindings."""

from __future__ import annotations

import importlib
from typing import Any

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.faults import CudaError
from surgical_guidance.inference.cuda.graphs import in_order

_ENUMS = {('cuDeviceGetAttribute', 0): 'CUdevice_attribute', ('cuStreamBeginCapture', 1): 'CUstreamCaptureMode'}
_RUN_OUT = -1  # no CUresult


class CudaBindings:
    """Calls functions of the driver API by name. See :class:`surgical_guidance.inference.cuda.driver.Call`.

    :param driver: in place of the module ``cuda.bindings.driver``; for tests.
    :raises EngineError: if cuda-bindings or the driver is not there.
    """

    name = 'cuda-bindings'

    def __init__(self, driver: Any = None) -> None:
        if driver is None:
            try:
                driver = importlib.import_module('cuda.bindings.driver')
            except ImportError as error:
                raise EngineError(
                    f'cuda-bindings does not load ({error})', where='GPU', remedy='pip install cuda-bindings'
                ) from error
        self._driver = driver

    def __call__(self, name: str, *arguments: Any) -> Any:
        """Call a function; give what it gives: nothing, a number, or several."""
        enum = [_ENUMS.get((name, index)) for index in range(len(arguments))]
        cast = [getattr(self._driver, e)(a) if e else a for e, a in zip(enum, arguments, strict=True)]
        if name == 'cuDeviceGetAttribute':
            cast[1] = self._driver.CUdevice(cast[1])
        try:
            code, *values = getattr(self._driver, name)(*cast)
        except RuntimeError as error:  # among them: the driver's library is not there, or lacks the function
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CudaError(name, _RUN_OUT, text) from error
        if int(code):
            raise CudaError(name, int(code), self._text(code))
        numbers = [value if isinstance(value, int | float) else int(value) for value in values]
        return numbers[0] if len(numbers) == 1 else tuple(numbers) if numbers else None

    def device_name(self, device: int) -> str:
        """Name a device."""
        _, text = self._driver.cuDeviceGetName(256, self._driver.CUdevice(device))
        return bytes(text).split(b'\0')[0].decode('utf-8', 'replace')

    def graph_order(self, graph: int) -> list[int]:
        """Give a graph's pieces of work, each after all those it waits for."""
        (nodes,) = self._lists('cuGraphGetNodes', graph, 1)
        before, behind = self._lists('cuGraphGetEdges', graph, 2)
        return in_order(nodes, zip(before, behind, strict=True))

    def _lists(self, name: str, graph: int, count: int) -> list[list[int]]:
        """Call a function of a graph that gives lists of one length: first for the length, then for them."""
        function = getattr(self._driver, name)
        length = 0
        for _ in range(2):
            code, *values, length = function(graph, length)
            if int(code):
                raise CudaError(name, int(code), self._text(code))
        return [[int(handle) for handle in one] for one in values[:count]]

    def _text(self, code: Any) -> str:
        _, text = self._driver.cuGetErrorString(code)
        return bytes(text or b'unknown error').decode('utf-8', 'replace')
