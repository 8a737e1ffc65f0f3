"""The seam to CUDA: two ways to drive a GPU, one set of operations, one thread; and the kernels."""

from __future__ import annotations

import ctypes
import hashlib
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from fake_cuda import FakeDriver, open_fake

from surgical_guidance.errors import EngineError
from surgical_guidance.inference import makers
from surgical_guidance.inference.cuda import arguments, graphs, kernels, reference
from surgical_guidance.inference.cuda.arguments import Encoding, Prepare, Type
from surgical_guidance.inference.cuda.bindings import CudaBindings
from surgical_guidance.inference.cuda.contexts import DriverContext, PyCudaContext
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.faults import CudaError, DeviceLost
from surgical_guidance.inference.cuda.libcuda import SIGNATURES, LibCuda
from surgical_guidance.inference.cuda.owner import CudaOwner
from surgical_guidance.inference.cuda.scratch import Scratch
from surgical_guidance.inference.cuda.seam import open_cuda


@pytest.fixture(scope='session')
def real_driver() -> Any:
    return pytest.importorskip('cuda.bindings.driver', exc_type=ImportError)


# The two ways


@pytest.mark.parametrize('name', SIGNATURES)
def test_every_call_has_the_form_that_cuda_bindings_has(real_driver: Any, name: str) -> None:
    form = getattr(real_driver, name).__doc__.splitlines()[0]
    inside = form[form.index('(') + 1 : form.rindex(')')]
    assert len([part for part in inside.split(',') if part.strip()]) == len(SIGNATURES[name][2]), form


class Library:
    """The driver's library: functions that take pointers for what they give."""

    def __init__(self, code: int = 0) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.code = code

    def __getattr__(self, symbol: str) -> Any:
        if symbol.startswith('_') or symbol == 'cuMemFree_v2':
            raise AttributeError(symbol)

        def function(*given: Any) -> int:
            self.calls.append((symbol, given))
            if symbol == 'cuGetErrorString':
                given[1]._obj.value = b'out of memory'
                return 0
            for number, place in enumerate(one for one in given if hasattr(one, '_obj')):
                place._obj.value = 40 + number
            return self.code

        setattr(self, symbol, function)
        return function


def test_libcuda_takes_pointers_for_what_it_gives() -> None:
    library = Library()
    call = LibCuda(library)
    assert call('cuMemGetInfo') == (40, 41)
    assert call('cuMemAlloc', 100) == 40
    assert call('cuStreamSynchronize', 7) is None
    assert [symbol for symbol, _ in library.calls] == ['cuMemGetInfo_v2', 'cuMemAlloc_v2', 'cuStreamSynchronize']
    assert library.cuMemAlloc_v2.argtypes == (ctypes.POINTER(ctypes.c_uint64), ctypes.c_size_t)


def test_libcuda_gives_the_pieces_of_a_graph_in_their_order() -> None:
    nodes, edges = [13, 11, 12], [(11, 12), (12, 13)]

    class Graphs:
        def cuGraphGetNodes(self, graph: Any, found: Any, count: Any) -> int:  # noqa: N802
            assert graph.value == 7
            count._obj.value = len(nodes)
            if found is not None:
                found[:] = nodes
            return 0

        def cuGraphGetEdges(self, graph: Any, before: Any, behind: Any, count: Any) -> int:  # noqa: N802
            count._obj.value = len(edges)
            if before is not None:
                before[:], behind[:] = zip(*edges, strict=True)
            return 0

    assert LibCuda(Graphs()).graph_order(7) == [11, 12, 13]


def test_cuda_bindings_gives_the_pieces_of_a_graph_in_their_order(real_driver: Any) -> None:
    ok, node = real_driver.CUresult.CUDA_SUCCESS, real_driver.CUgraphNode
    driver = SimpleNamespace(
        cuGraphGetNodes=lambda graph, count=0: (ok, [node(n) for n in (12, 11)[:count]], 2),
        cuGraphGetEdges=lambda graph, count=0: (ok, [node(11)][:count], [node(12)][:count], [][:count], 1),
    )
    assert CudaBindings(driver).graph_order(7) == [11, 12]


@pytest.mark.parametrize('count', [1, 10, 39, 40, 61, 218, 1000])
def test_a_graph_is_divided_into_parts_that_grow(count: int) -> None:
    parts = graphs.parts_of(count)
    assert [piece for part in parts for piece in part] == list(range(count))
    assert [len(part) for part in parts] == sorted(len(part) for part in parts)
    assert len(parts) == 1 or len(parts[0]) == 16


def test_a_failed_call_says_which_and_what_to_do() -> None:
    with pytest.raises(CudaError) as failed:
        LibCuda(Library(2))('cuMemAlloc', 100)
    assert str(failed.value).startswith('GPU: cuMemAlloc failed: out of memory (CUDA error 2); give the GPU back')
    assert not failed.value.device_lost
    with pytest.raises(EngineError, match=r'the NVIDIA driver does not have cuMemFree_v2; update it'):
        LibCuda(Library())('cuMemFree', 1)


def test_a_host_without_a_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('surgical_guidance.inference.cuda.libcuda.LIBRARY', 'libno_such_driver.so.1')
    with pytest.raises(EngineError, match=r'there is no NVIDIA driver .*; install the driver'):
        LibCuda()


def test_cuda_bindings_gets_its_own_types(real_driver: Any) -> None:
    seen = []

    def answer(name: str, *values: Any) -> Any:
        def function(*given: Any) -> tuple[Any, ...]:
            seen.append((name, given))
            return (real_driver.CUresult.CUDA_SUCCESS, *values)

        return function

    driver = SimpleNamespace(
        CUdevice_attribute=real_driver.CUdevice_attribute,
        CUstreamCaptureMode=real_driver.CUstreamCaptureMode,
        CUdevice=real_driver.CUdevice,
        cuDeviceGetAttribute=answer('attribute', 8),
        cuStreamBeginCapture=answer('capture'),
        cuMemAlloc=answer('alloc', real_driver.CUdeviceptr(4096)),
        cuDeviceGetName=answer('name', b'Some GPU\0\0\0'),
    )
    call = CudaBindings(driver)
    assert call('cuDeviceGetAttribute', 75, 0) == 8
    assert call('cuStreamBeginCapture', 9, 1) is None
    assert call('cuMemAlloc', 100) == 4096
    assert call.device_name(0) == 'Some GPU'
    attribute = seen[0][1][0]
    assert attribute == real_driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    assert seen[1][1][1] == real_driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL


def test_cuda_bindings_without_a_driver_is_told(real_driver: Any) -> None:
    if not makers.gpu_missing():
        pytest.skip('there is a GPU here')
    with pytest.raises(EngineError, match='^GPU: cuInit failed: .*') as failed:
        CudaBindings()('cuInit', 0)
    assert '\n' not in str(failed.value)


class PyCuda:
    """Of ``pycuda.driver`` what is used. Its own classes are compiled and do not load without a GPU's driver."""

    class Error(Exception):
        pass

    class RuntimeError(Error):  # noqa: A001
        pass

    class MemoryError(Error):  # noqa: A001
        pass

    def __init__(self, fail: bool = False) -> None:
        self.log: list[str] = []
        self._fail = fail

    def init(self) -> None:
        if self._fail:
            raise self.RuntimeError('cuInit failed: no CUDA-capable device is detected')

    def get_version(self) -> tuple[int, int, int]:
        return 13, 0, 0

    def Device(self, ordinal: int) -> Any:  # noqa: N802
        log = self.log
        context = SimpleNamespace(
            push=lambda: log.append('push'), pop=lambda: log.append('pop'), detach=lambda: log.append('detach')
        )
        return SimpleNamespace(retain_primary_context=lambda: context)

    def mem_alloc(self, size: int) -> Any:
        if size > 1 << 30:
            raise self.MemoryError('cuMemAlloc failed: out of memory')
        log = self.log

        class Allocation:
            def __int__(self) -> int:
                return 512

            def free(self) -> None:
                log.append('free')

        return Allocation()

    def pagelocked_empty(self, shape: int, dtype: Any) -> np.ndarray:
        return np.empty(shape, dtype)


def test_pycuda_keeps_context_and_memory() -> None:
    driver = PyCuda()
    context = PyCudaContext(0, driver)
    assert context.name == 'PyCUDA, CUDA 13.0'
    assert context.allocate(100) == 512
    with pytest.raises(CudaError, match=r'mem_alloc failed: 2048 MiB'):
        context.allocate(2 << 30)
    context.free(512)
    context.close()
    assert driver.log == ['push', 'free', 'pop', 'detach']


def test_pycuda_without_a_gpu_is_told() -> None:
    with pytest.raises(EngineError, match='PyCUDA finds no GPU .*no CUDA-capable device'):
        PyCudaContext(0, PyCuda(fail=True))


def test_the_first_way_that_works_is_taken_and_the_reasons_of_the_others_told() -> None:
    def no(reason: str) -> Any:
        def fail(ordinal: int) -> Cuda:
            raise EngineError(reason, where='GPU', remedy='do something')

        return fail

    opened = open_cuda(seams={'first': no('not here'), 'second': lambda ordinal: open_fake(FakeDriver())})
    assert opened.describe() == 'Fake GPU (8.9) by a fake'
    with pytest.raises(EngineError, match='not here; nor here; do something'):
        open_cuda(seams={'first': no('not here'), 'second': no('nor here')})
    with pytest.raises(EngineError, match='nor here'):
        open_cuda(choice='second', seams={'first': lambda _: opened, 'second': no('nor here')})
    with pytest.raises(EngineError, match="no way 'opencl' to drive a GPU; use pycuda, cuda-bindings"):
        open_cuda(choice='opencl')


# The operations


def test_a_context_that_cannot_be_used_is_taken_from_the_thread_again() -> None:
    driver = FakeDriver()
    driver.fail['cuCtxGetStreamPriorityRange'] = 1
    with pytest.raises(CudaError):
        open_fake(driver)
    assert not +driver.open_things


@pytest.mark.parametrize(('code', 'locked'), [(712, True), (1, False), (801, False)])
def test_memory_that_cannot_be_page_locked_is_only_slower(code: int, locked: bool) -> None:
    driver = FakeDriver()
    cuda = open_fake(driver)
    driver.fail['cuMemHostRegister'] = code
    assert cuda.lock(np.zeros(4096, np.uint8)) is locked
    driver.fail['cuMemHostRegister'] = 700
    with pytest.raises(CudaError):
        cuda.lock(np.zeros(4096, np.uint8))


def test_engines_that_need_more_scratch_get_a_block_of_their_own() -> None:
    driver = FakeDriver()
    scratch = Scratch(open_fake(driver))
    small, same, large = scratch.join(1, 100), scratch.join(1, 80), scratch.join(1, 500)
    assert small == same != large
    assert scratch.join(2, 100) not in (small, large)
    for stream in (1, 1, 1, 2):
        scratch.leave(stream)
    assert not driver.open_things['memory']
    scratch.join(3, 10)
    scratch.close()
    assert not driver.open_things['memory']


# The one thread


def test_jobs_are_done_in_one_thread_and_their_errors_come_back() -> None:
    owner = CudaOwner(lambda: open_fake(FakeDriver()))
    names = {owner.call(lambda _: threading.current_thread().name) for _ in range(3)}
    assert names == {'cuda'}
    with pytest.raises(ZeroDivisionError):
        owner.call(lambda _: 1 / 0)
    with pytest.raises(EngineError, match='cannot wait for itself'):
        owner.call(lambda _: owner.call(lambda _: None))
    owner.close()
    owner.close()
    with pytest.raises(EngineError, match='the GPU is closed'):
        owner.call(lambda _: None)


def test_the_context_is_taken_from_the_thread_whatever_happens() -> None:
    driver = FakeDriver()
    owner = CudaOwner(lambda: open_fake(driver))
    driver.fail['cuStreamSynchronize'] = 719
    with pytest.raises(DeviceLost):
        owner.call(lambda cuda: cuda.synchronise(1))
    assert 'CUDA error 719' in owner.lost
    owner.close()
    assert not +driver.open_things


def test_a_gpu_that_cannot_be_opened_is_told_to_who_asked() -> None:
    def fail() -> Cuda:
        raise EngineError('no GPU', where='GPU')

    before = threading.active_count()
    with pytest.raises(EngineError, match='no GPU'):
        CudaOwner(fail)
    with pytest.raises(EngineError, match='OSError: strange'):
        CudaOwner(lambda: (_ for _ in ()).throw(OSError('strange')))
    assert threading.active_count() == before


def test_a_process_that_ends_without_closing_closes_cuda(tmp_path: Path) -> None:
    script = (
        'from fake_cuda import FakeDriver, open_fake\n'
        'from surgical_guidance.inference.cuda.owner import CudaOwner\n'
        'class Told(FakeDriver):\n'
        '    def cuCtxPopCurrent(self): print("popped", flush=True); return 1\n'
        'owner = CudaOwner(lambda: open_fake(Told()))\n'
    )
    ended = subprocess.run(
        [sys.executable, '-c', script],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, 'popped\n'), ended.stderr


# The kernels


def test_the_shipped_binary_was_built_from_this_source() -> None:
    source, binary = kernels.MADE_FROM.read_text().split()
    assert hashlib.sha256(kernels.SOURCE.read_bytes()).hexdigest() == source, 'run scripts/build_kernels'
    assert hashlib.sha256(kernels.BINARY.read_bytes()).hexdigest() == binary


def test_a_damaged_binary_is_not_loaded_but_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / 'frame.fatbin'
    damaged.write_bytes(kernels.BINARY.read_bytes()[:-1] + b'?')
    monkeypatch.setattr(kernels, 'BINARY', damaged)
    asked = []
    made = kernels.Kernels(open_fake(FakeDriver()), lambda source, capability: asked.append(capability) or b'binary')
    assert made.origin == 'compiled here'
    assert asked == [(8, 9)]


def test_a_gpu_that_the_binary_does_not_know_gets_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver((13, 0))
    cuda = open_fake(driver)
    refused = iter([CudaError('cuModuleLoadData', 209, 'no kernel image')])
    load = cuda.load_module

    def once_refused(image: bytes) -> int:
        for error in refused:
            raise error
        return load(image)

    monkeypatch.setattr(cuda, 'load_module', once_refused)
    assert kernels.Kernels(cuda, lambda *_: b'binary').origin == 'compiled here'


@pytest.mark.parametrize('capability', [(7, 5), (9, 0), (12, 0)])
def test_nvrtc_compiles_the_source(capability: tuple[int, int]) -> None:
    pytest.importorskip('cuda.bindings.nvrtc', exc_type=ImportError)
    if not _has_nvrtc():
        pytest.skip('nvidia-cuda-nvrtc is not installed')
    binary = kernels.compile_with_nvrtc(kernels.SOURCE.read_text(), capability)
    assert binary.startswith(b'\x7fELF')
    assert all(name.encode() in binary for name in kernels.NAMES)


def test_nvrtc_tells_the_line_of_a_mistake() -> None:
    pytest.importorskip('cuda.bindings.nvrtc', exc_type=ImportError)
    if not _has_nvrtc():
        pytest.skip('nvidia-cuda-nvrtc is not installed')
    with pytest.raises(EngineError, match=r'NVRTC cannot compile the kernels: frame.cu\(2\): error'):
        kernels.compile_with_nvrtc('\nint mistake(', (8, 9))


def _has_nvrtc() -> bool:
    from cuda.bindings import nvrtc

    try:
        nvrtc.nvrtcVersion()
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize('name', ['Prepare', 'Reduce', 'Map', 'Decode'])
def test_what_a_kernel_is_given_has_the_fields_of_its_source(name: str) -> None:
    assert _fields_in_source(name) == [field for field, *_ in getattr(arguments, name)._fields_]


@pytest.mark.parametrize(
    ('name', 'dtype'),
    [('ClassStatistics', arguments.CLASS), ('Box', arguments.BOX), ('Statistics', arguments.STATISTICS)],
)
def test_what_a_kernel_gives_has_the_fields_of_its_source(name: str, dtype: np.dtype) -> None:
    assert _fields_in_source(name) == list(dtype.names or ())


def _fields_in_source(name: str) -> list[str]:
    body = re.search(rf'struct {name} {{(.*?)\n}};', kernels.SOURCE.read_text(), re.DOTALL)
    assert body is not None
    lines = [line.split('//')[0] for line in body[1].splitlines()]
    declarations = ' '.join(lines).split(';')
    fields = []
    for declaration in declarations:
        parts = declaration.split(',')
        fields += [re.sub(r'\[.*?\]', '', part).split()[-1].lstrip('*') for part in parts if part.strip()]
    return fields


# What the kernels must compute is what the processor's way computes


def prepare_of(size: tuple[int, int], kind: Type, **more: Any) -> Prepare:
    argument = Prepare(
        source_width=64, source_height=48, width=size[0], height=size[1], inner_width=size[0], inner_height=size[1],
        scale_x=64 / size[0], scale_y=48 / size[1], type=kind, **more,
    )  # fmt: skip
    for channel in range(3):
        argument.gain[channel], argument.offset[channel] = 0.5, channel
    return argument


def picture() -> np.ndarray:
    return cv2.resize(np.random.default_rng(0).integers(80, 176, (6, 8, 3), np.uint8), (64, 48))


def test_the_reference_scales_as_opencv_does_and_normalises_by_channel() -> None:
    found = reference.prepare(prepare_of((32, 24), Type.float32, rgb=1, nchw=1), picture())
    small = cv2.resize(picture(), (32, 24))[..., ::-1].astype(np.float32)
    assert found.shape == (3, 24, 32)
    assert np.allclose(found, small.transpose(2, 0, 1) * 0.5 + np.arange(3)[:, None, None])


def test_every_encoding_shows_the_same_picture() -> None:
    bgr = picture()
    yuv = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    chroma = yuv[48:].reshape(2, 24, 32).transpose(1, 2, 0).reshape(24, 64)
    nv12 = np.ascontiguousarray(np.vstack([yuv[:48], chroma]))
    yuyv = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_YUYV)
    seen = {
        Encoding.bgr8: bgr,
        Encoding.rgb8: np.ascontiguousarray(bgr[..., ::-1]),
        Encoding.nv12: nv12,
        Encoding.yuyv: yuyv,
    }
    pictures = [
        reference.prepare(prepare_of((32, 24), Type.uint8, encoding=encoding), source).astype(int)
        for encoding, source in seen.items()
    ]
    for other in pictures[1:]:
        assert np.abs(other - pictures[0]).mean() < 3.0  # chroma has half the resolution


def test_the_reference_of_logits_tells_what_is_no_number() -> None:
    logits = np.array([0.0, 2.0, -1.0], np.float32).reshape(3, 1, 1)
    labels, confidence, flags = reference.reduce_logits(logits)
    assert (labels.item(), flags) == (1, 0)
    assert confidence.item() == int(255 * np.exp(2) / (1 + np.exp(2) + np.exp(-1)))
    logits[2] = np.nan
    assert reference.reduce_logits(logits)[2] == arguments.Flag.NOT_FINITE


def test_the_reference_of_components_joins_corners_and_drops_specks() -> None:
    labels = np.zeros((8, 10), np.uint8)
    labels[0:2, 0:3], labels[2:4, 3:5] = 1, 1  # touch at a corner
    labels[5:7, 6:9] = 2
    labels[7, 0] = 2
    found = reference.components(labels, np.full(labels.shape, 10, np.uint8), smallest=2)
    assert [(int(c['label']), int(c['area'])) for c in found] == [(1, 10), (2, 6)]
    assert (10 - found[0]['from_left'], 8 - found[0]['from_top'], found[0]['right'], found[0]['bottom']) == (0, 0, 5, 4)
    assert found[0]['confidence'] == 100


def test_a_driver_context_gives_back_what_it_took() -> None:
    driver = FakeDriver()
    context = DriverContext(driver, 0)
    memory = context.host_memory(100)
    memory[:] = 7
    context.free_host(memory)
    context.free(context.allocate(10))
    context.close()
    assert not +driver.open_things
