"""The classes of TensorRT 11, as its wheel has them, without its libraries: to hold our calls against their signatures.

The wheel of the bindings (``tensorrt-cu13-bindings``) wants three huge shared libraries. They are only called when
something is made, so three empty ones of the same names let it load; what is made with it then fails, which is enough
for ``create_autospec`` and ``inspect``. TensorRT-RTX beside it in the same process stays the real one.
"""

from __future__ import annotations

import ctypes
import importlib
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

_LIBRARIES = ('libnvinfer', 'libnvinfer_plugin', 'libnvonnxparser')
_FUNCTIONS = (
    'createInferBuilder_INTERNAL', 'createInferRefitter_INTERNAL', 'createInferRuntime_INTERNAL',
    'createNvOnnxParserRefitter_INTERNAL', 'createNvOnnxParser_INTERNAL', 'getBuilderPluginRegistry',
    'getNvOnnxParserVersion', 'getPluginRegistry', 'initLibNvInferPlugins',
)  # fmt: skip


def tensorrt_classes(folder: Path) -> ModuleType:
    """Import ``tensorrt_bindings``; skips where its wheel or a C compiler is not there."""
    pytest.importorskip('tensorrt_rtx')  # the bindings must not be the first to register types
    source = folder / 'empty.c'
    source.write_text(''.join(f'void *{name}(void) {{ return 0; }}\n' for name in _FUNCTIONS))
    for name in _LIBRARIES:
        library = folder / f'{name}.so.11'
        try:
            subprocess.run(['cc', '-shared', '-fPIC', f'-Wl,-soname,{library.name}', '-o', library, source], check=True)
        except FileNotFoundError:
            pytest.skip('no C compiler')
        ctypes.CDLL(str(library))  # local: nobody else may find these functions
    try:
        return importlib.import_module('tensorrt_bindings')
    except ModuleNotFoundError:
        pytest.skip('tensorrt-cu13-bindings is not installed')
