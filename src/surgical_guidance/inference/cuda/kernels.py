"""Finds the kernels of ``frame.cu`` for a GPU: the binary that is shipped, else compiled here by NVRTC."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from pathlib import Path

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.faults import CudaError

HERE = Path(__file__).parent
SOURCE = HERE / 'frame.cu'
BINARY = HERE / 'frame.fatbin'
MADE_FROM = HERE / 'frame.fatbin.sha256'
"""Holds the SHA-256 of the source that the binary was built from, and of the binary; by scripts/build_kernels."""

NAMES = (
    'prepare', 'reduce_logits', 'class_statistics', 'join_neighbours', 'count_components', 'keep_components',
    'measure_components', 'decode_boxes',
)  # fmt: skip

LINE = 256  # threads of a block of kernels that go along a line
ROWS = (32, 8)  # threads of a block of kernels that go over rows: a warp is a piece of one row


class Kernels:
    """The kernels, loaded. Used by the thread of CUDA.

    :param compile_source: compiles source for a compute capability; for where the binary does not fit.
    :raises EngineError: if there is no way to get them for this GPU.
    """

    def __init__(self, cuda: Cuda, compile_source: Callable[[str, tuple[int, int]], bytes] | None = None) -> None:
        self._cuda = cuda
        try:
            self._module = cuda.load_module(_binary())
            self.origin = 'shipped'
        except EngineError as error:
            if isinstance(error, CudaError) and error.device_lost:
                raise
            compiled = (compile_source or compile_with_nvrtc)(SOURCE.read_text(), cuda.device.capability)
            self._module = cuda.load_module(compiled)
            self.origin = 'compiled here'
        self._functions = {name: cuda.function(self._module, name) for name in NAMES}

    def over_pixels(self, name: str, width: int, height: int, stream: int, argument: ctypes.Structure) -> None:
        """Run a kernel with one thread for each pixel of a map."""
        grid = (-(-width // ROWS[0]), -(-height // ROWS[1]))
        self._cuda.launch(self._functions[name], grid, ROWS, stream, argument)

    def over_line(self, name: str, length: int, stream: int, argument: ctypes.Structure) -> None:
        """Run a kernel with one thread for each of so many things."""
        self._cuda.launch(self._functions[name], (-(-length // LINE), 1), (LINE, 1), stream, argument)

    def close(self) -> None:
        """Unload them."""
        self._cuda.unload_module(self._module)


def _binary() -> bytes:
    """Read the shipped binary and make sure that it is whole."""
    try:
        binary = BINARY.read_bytes()
        _, meant = MADE_FROM.read_text(encoding='ascii').split()
    except (OSError, ValueError) as error:
        raise EngineError(f'the compiled kernels cannot be read ({error})', where=str(BINARY)) from error
    if hashlib.sha256(binary).hexdigest() != meant:
        raise EngineError('the compiled kernels are damaged', where=str(BINARY))
    return binary


def compile_with_nvrtc(source: str, capability: tuple[int, int]) -> bytes:
    """Compile kernels to a binary for a compute capability; takes about a second.

    (To a binary, not to PTX: that of a newer NVRTC may be too new for the driver.)

    :raises EngineError: if NVRTC is not here, or does not take them.
    """
    try:
        from cuda.bindings import nvrtc

        _, program = nvrtc.nvrtcCreateProgram(source.encode(), SOURCE.name.encode(), 0, [], [])
        options = [f'--gpu-architecture=sm_{capability[0]}{capability[1]}'.encode(), b'--std=c++17']
        (result,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    except (ImportError, RuntimeError) as error:
        raise EngineError(
            f'the compiled kernels do not fit this GPU, and NVRTC is not here ({error})',
            where='GPU',
            remedy='pip install cuda-bindings nvidia-cuda-nvrtc',
        ) from error
    if int(result):
        _, size = nvrtc.nvrtcGetProgramLogSize(program)
        log = b' ' * size
        nvrtc.nvrtcGetProgramLog(program, log)
        first = next((line for line in log.decode('utf-8', 'replace').splitlines() if 'error' in line), str(result))
        raise EngineError(f'NVRTC cannot compile the kernels: {first}', where=SOURCE.name)
    _, size = nvrtc.nvrtcGetCUBINSize(program)
    binary = b' ' * size
    nvrtc.nvrtcGetCUBIN(program, binary)
    nvrtc.nvrtcDestroyProgram(program)
    return binary
