"""The TensorRT engine, against the real classes of TensorRT 11 and TensorRT-RTX; and against TensorRT-RTX itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_cuda import FakeDriver, open_fake
from inference_helpers import as_frame, noise
from trt_doubles import Double, argument_counts, trt

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.driver import Cuda
from surgical_guidance.inference.cuda.scratch import Scratch
from surgical_guidance.inference.gpu_engine import GpuEngine
from surgical_guidance.inference.gpu_host import GpuHost
from surgical_guidance.inference.manifest import Manifest
from surgical_guidance.inference.pipeline import Pipeline
from surgical_guidance.inference.plan import Plan, sidecar_of
from surgical_guidance.inference.profiles import choose_profile
from surgical_guidance.inference.tensorrt import TensorRtEngine
from surgical_guidance.inference.trt_plans import LoadedPlans

__all__ = ['trt']
CONTENT = b'a plan of bytes' * 40
MANIFEST = Manifest.model_validate({
    'name': 'model', 'task': 'semantic_segmentation', 'file': 'model.onnx', 'sha256': '0' * 64,
    'input': {
        'name': 'image', 'width': 512, 'height': 288, 'layout': 'nchw', 'colour': 'rgb', 'size_step': 32,
        'cameras': {'720x576': (448, 352)},
        'normalisation': {'mean': (0, 0, 0), 'scale': (255, 255, 255)},
    },
    'outputs': {'scores': 'logits'}, 'scores': 'logits',
    'classes': ['background', 'liver', 'gallbladder', 'fat'], 'priority': 100, 'budget_ms': 5,
})  # fmt: skip


class Device:
    """A fake GPU and its scratch memory."""

    def __init__(self, capability: tuple[int, int] = (8, 9)) -> None:
        self.driver = FakeDriver(capability)
        self.cuda = open_fake(self.driver)
        self.scratch = Scratch(self.cuda)
        self.plans = LoadedPlans(self.cuda)


@pytest.fixture
def device() -> Device:
    return Device()


def write_plan(folder: Path, name: str, number: str, content: bytes = CONTENT, **changes: Any) -> Path:
    path = folder / 'model.plan'
    path.write_bytes(content)
    plan = Plan(
        **(
            {
                'file': path.name, 'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content), 'key': 'k',
                'model': 'm', 'model_sha256': '0' * 64, 'onnx_sha256': '0' * 64, 'precision': 'fp16',
                'library': name, 'library_version': number, 'target': 'any', 'platform': 'linux', 'options': {},
                'profiles': (), 'inputs': (), 'outputs': (), 'layers': 1,
            }
            | changes
        )
    )  # fmt: skip
    sidecar_of(path).write_text(plan.model_dump_json())
    return path


@pytest.fixture
def load(trt: Double, tmp_path: Path, device: Device) -> Callable[..., TensorRtEngine]:
    library = trt.library()

    def do(
        wanted: dict[str, tuple[int, ...]] | None = None, stream: int = 7, plan: str = '', **changes: Any
    ) -> TensorRtEngine:
        (tmp_path / plan).mkdir(exist_ok=True)
        path = write_plan(tmp_path / plan, library.name, library.version, **changes)
        return TensorRtEngine(library, path, device.cuda, device.plans, device.scratch, stream, wanted or {})

    return do


def refusal(do: Callable[[], object]) -> str:
    with pytest.raises(EngineError) as refused:
        do()
    text = str(refused.value)
    assert '\n' not in text
    return text


def test_the_engine_itself_tells_its_inputs_and_outputs(load: Callable[..., TensorRtEngine]) -> None:
    engine = load()
    assert {n: (t.dtype, t.shape) for n, t in engine.inputs.items()} == {'image': (np.float16, (1, 3, 32, 32))}
    assert {n: (t.dtype, t.shape) for n, t in engine.outputs.items()} == {'logits': (np.float32, (1, 4, 32, 32))}
    assert engine.capturable


def test_it_runs_on_the_stream_with_memory_where_it_is_told(trt: Double, load: Callable[..., TensorRtEngine]) -> None:
    engine = load()
    engine.bind('image', 1024)
    engine.bind('logits', 2048)
    engine.enqueue(7)
    assert trt.addresses == {'image': 1024, 'logits': 2048}
    assert trt.given['streams'] == [7]
    engine.close()
    assert 'closed' in refusal(lambda: engine.enqueue(7))


def test_engines_of_one_stream_share_their_scratch_memory_and_those_of_two_do_not(
    trt: Double, load: Callable[..., TensorRtEngine], device: Device
) -> None:
    places = []
    engines = []
    for plan, stream, size in (('a', 7, 5000), ('b', 7, 3000), ('c', 8, 5000)):
        trt.scratch = size
        engines.append(load(stream=stream, plan=plan))
        places.append(trt.given['scratch'])
        assert trt.given['scratch_size'] == size
    assert places[0] == places[1] != places[2]
    assert device.driver.open_things['memory'] == 2
    for engine in engines:
        engine.close()
    assert device.driver.open_things['memory'] == 0


def exactly(*side: int) -> tuple[tuple[int, ...], ...]:
    return ((1, 3, side[0], side[-1]),) * 3


def test_a_plan_of_several_sizes_runs_with_the_profile_that_is_nearest(
    trt: Double, load: Callable[..., TensorRtEngine]
) -> None:
    graded = ((1, 3, 224, 224), (4, 3, 384, 384), (8, 3, 512, 512))
    trt.tensors['image'] = (True, 'HALF', (-1, 3, -1, -1), [graded, exactly(256), exactly(512)])
    trt.tensors['logits'] = (False, 'FLOAT', (-1, 4, 64, 64), [])
    engine = load({'image': (1, 3, 512, 512)})
    assert trt.profile == 2
    assert trt.shapes == {'image': (1, 3, 512, 512)}
    assert engine.inputs['image'].shape == (1, 3, 512, 512)
    assert engine.outputs['logits'].shape == (1, 4, 64, 64)
    load({'image': (2, 3, 300, 300)})
    assert trt.shapes == {'image': (2, 3, 300, 300)}
    assert trt.chosen == [(2, 7), (0, 7)], 'another context of the plan has no profile until one is chosen'
    trt.chosen.clear()
    load({'image': (2, 3, 300, 300)}, plan='other')
    assert trt.chosen == [], 'the first context of a plan has the first profile'


def test_sizes_of_one_plan_share_it_and_its_memory_and_each_has_a_context(
    trt: Double, load: Callable[..., TensorRtEngine], device: Device
) -> None:
    trt.tensors['image'] = (True, 'HALF', (-1, 3, -1, -1), [exactly(288, 512), exactly(352, 448)])
    trt.tensors['logits'] = (False, 'FLOAT', (1, 4, -1, -1), [])
    wide, high = (load({'image': (1, 3, *size)}) for size in ((288, 512), (352, 448)))
    assert [engine.outputs['logits'].shape for engine in (wide, high)] == [(1, 4, 288, 512), (1, 4, 352, 448)]
    assert (trt.loaded, len(trt.contexts)) == (1, 2)
    assert trt.chosen == [(1, 7)]
    assert device.driver.open_things['memory'] == 1
    wide.close()
    high.enqueue(7)
    assert trt.given['ran'] == [1]
    high.close()
    load({'image': (1, 3, 352, 448)})
    assert trt.loaded == 2, 'with its last size a plan is unloaded'


def test_a_camera_that_changes_its_resolution_goes_on_with_another_profile_at_once(trt: Double, tmp_path: Path) -> None:
    trt.tensors['image'] = (True, 'HALF', (-1, 3, -1, -1), [exactly(288, 512), exactly(352, 448)])
    trt.tensors['logits'] = (False, 'FLOAT', (1, 4, -1, -1), [])
    library, driver = trt.library(), FakeDriver((8, 9))
    path = write_plan(tmp_path, library.name, library.version)
    host = GpuHost(lambda: open_fake(driver))

    def at(size: tuple[int, int]) -> tuple[Manifest, GpuEngine]:
        manifest = MANIFEST.model_copy(update={'input': MANIFEST.input.at(size)})

        def make(cuda: Cuda, host: GpuHost, stream: int) -> TensorRtEngine:
            wanted = {'image': manifest.input.shape}
            return TensorRtEngine(library, path, cuda, host.plans, host.scratch, stream, wanted)

        return manifest, GpuEngine(manifest, make, join=lambda: host, leave=lambda: None)

    main, *others = (at(size) for size in MANIFEST.input.sizes)
    pipeline = Pipeline(*main, others)
    pipeline.warm_up()
    pipeline.run(as_frame(noise(0, 1080, 1920)))
    driver.calls.clear()
    trt.given['ran'].clear()
    sizes = []
    for width, height in ((1920, 1080), (720, 576), (640, 480), (3840, 2160), (720, 576)):
        pipeline.run(as_frame(noise(0, height, width)))
        sizes.append(pipeline.size)
    assert sizes == [(512, 288), (448, 352), (448, 352), (512, 288), (448, 352)]
    assert not [call for call in driver.calls if 'Alloc' in call[0]], 'nothing is allocated at a switch'
    assert (trt.loaded, len(trt.contexts), [index for index, _ in trt.chosen]) == (1, 2, [1])
    pipeline.close()
    host.close()
    assert not +driver.open_things


def test_shapes_that_no_profile_allows_are_refused_with_those_it_does(
    trt: Double, load: Callable[..., TensorRtEngine]
) -> None:
    trt.tensors['image'] = (True, 'HALF', (-1, 3, -1, -1), [((1, 3, 224, 224), (1, 3, 384, 384), (1, 3, 512, 512))])
    said = refusal(lambda: load({'image': (1, 3, 640, 640)}))
    assert 'other shapes than image 1x3x640x640; it allows image 1x3x224x224 to 1x3x512x512' in said


def test_what_the_library_reports_becomes_the_error(trt: Double, load: Callable[..., TensorRtEngine]) -> None:
    trt.engine_says = 'Serialization assertion stdVersionRead == kVERSION failed.Version tag does not match.'
    said = refusal(load)
    assert 'the plan was built by another version of the library' in said
    assert 'build it again' in said


def test_a_run_that_fails_tells_what_the_library_said(trt: Double, load: Callable[..., TensorRtEngine]) -> None:
    engine = load()
    trt.run_says = 'IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (an illegal memory access was encountered)'
    assert 'an illegal memory access was encountered' in refusal(lambda: engine.enqueue(7))


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'library': 'abacus'}, 'the plan is for abacus, and this is TensorRT'),
        ({'library_version': '7.0'}, 'the plan was built by version 7.0'),
        ({'target': 'sm75,sm86'}, 'the plan was built for sm75,sm86, and the GPU here is sm89 (Fake GPU)'),
        ({'sha256': 'f' * 64}, 'the plan is not the one that was built: its SHA-256 is another'),
        ({'bytes': 7}, 'it was cut short or written over'),
    ],
)
def test_a_plan_that_is_not_for_this_host_is_refused_before_it_is_loaded(
    trt: Double, load: Callable[..., TensorRtEngine], changes: dict[str, Any], said: str
) -> None:
    assert said in refusal(lambda: load(**changes))
    assert trt.runtime is None


def test_a_plan_for_this_gpu_among_others_is_loaded(load: Callable[..., TensorRtEngine]) -> None:
    load(target='sm86,sm89')
    load(library_version='7.0', options={'version_compatible': True})


def test_a_plan_without_a_sidecar_or_without_itself_is_refused(
    trt: Double, tmp_path: Path, device: Device, load: Callable[..., TensorRtEngine]
) -> None:
    def again() -> None:
        TensorRtEngine(trt.library(), tmp_path / 'model.plan', device.cuda, device.plans, device.scratch, 7, {})

    assert 'has no sidecar' in refusal(again)
    load().close()
    (tmp_path / 'model.plan').unlink()
    assert 'there is no such plan' in refusal(again)


@pytest.mark.parametrize(
    ('tensor', 'said'),
    [
        ((False, 'BF16', (1, 4), []), 'scores is BF16; keep inputs and outputs FP32 or FP16'),
        ((False, 'FLOAT', (1, -1), []), 'the shape of scores depends on its values (1x-1)'),
    ],
)
def test_outputs_that_cannot_be_read_are_refused(
    trt: Double, load: Callable[..., TensorRtEngine], device: Device, tensor: Any, said: str
) -> None:
    trt.tensors['scores'] = tensor
    assert said in refusal(load)
    assert device.driver.open_things['memory'] == 0, 'what was taken is given back'


def test_shapes_that_stay_unknown_are_told(trt: Double, load: Callable[..., TensorRtEngine]) -> None:
    trt.missing = ['image']
    assert 'the shapes of image are not known' in refusal(load)


def test_the_rtx_library_says_itself_that_the_gpu_is_another(trt: Double, load: Callable[..., TensorRtEngine]) -> None:
    if not hasattr(trt.real, 'EngineValidity'):
        pytest.skip('only TensorRT-RTX can tell')
    trt.validity = (trt.real.EngineValidity.INVALID, int(trt.real.EngineInvalidityDiagnostics.UNSUPPORTED_CC))
    said = refusal(load)
    assert 'cannot run this plan on Fake GPU (8.9): it was built for GPUs of another compute capability' in said
    assert 'or set engine to onnxruntime-cuda' in said


def test_the_doubles_do_not_take_what_the_real_ones_would_not(trt: Double, load: Callable[..., TensorRtEngine]) -> None:
    load()
    with pytest.raises(AssertionError, match=r'execute_async_v3 takes \[\(1, 1\)\] arguments'):
        trt.context.execute_async_v3(7, 8)
    with pytest.raises(AttributeError):
        trt.context.execute_async_v2(7)
    with pytest.raises(AttributeError):
        trt.context.scratch_memory = 7
    assert argument_counts('f(self: a.B, x: list[tuple[int, int]], y: int = <C.D: 0>) -> None') == [(1, 2)]


def test_8_6_gets_its_scratch_memory_by_a_property(
    trt: Double, tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trt.real.__name__ == 'tensorrt_rtx':
        pytest.skip('there is no 8.6 of it')
    library = trt.library()
    del library.module.ExecutionContextAllocationStrategy
    load_new = trt._load

    class Context:
        device_memory = 0

        def __getattr__(self, name: str) -> Any:
            if name == 'set_device_memory':
                raise AttributeError(name)
            return getattr(trt.context, name)

    context = Context()

    class OldEngine:
        device_memory_size = 4000

        def __init__(self, new: Any) -> None:
            self._new = new

        def create_execution_context_without_device_memory(self) -> Any:
            strategies = trt.real.ExecutionContextAllocationStrategy
            trt._make_context(strategies.USER_MANAGED)
            return context

        def __getattr__(self, name: str) -> Any:
            if name.endswith('_v2'):
                raise AttributeError(name)
            return getattr(self._new, name)

    monkeypatch.setattr(trt, '_load', lambda content: OldEngine(load_new(content)))
    path = write_plan(tmp_path, library.name, library.version)
    engine = TensorRtEngine(library, path, device.cuda, device.plans, device.scratch, 7, {})
    assert context.device_memory
    assert 'scratch' not in trt.given
    engine.close()


@pytest.mark.parametrize(
    ('wanted', 'index'), [((1, 3, 384, 384), 0), ((1, 3, 500, 512), 2), ((1, 3, 256, 256), 1), ((4, 3, 300, 300), 0)]
)
def test_the_nearest_profile_is_chosen(wanted: tuple[int, ...], index: int) -> None:
    profiles = [
        {'image': ((1, 3, 224, 224), (4, 3, 384, 384), (8, 3, 512, 512))},
        {'image': ((1, 3, 224, 224), (1, 3, 256, 256), (1, 3, 300, 300))},
        {'image': ((1, 3, 448, 448), (1, 3, 512, 512), (1, 3, 512, 512))},
    ]
    assert choose_profile(profiles, {'image': wanted}, 'plan') == index


def small_plan() -> tuple[Any, bytes]:
    """Build a plan with the real TensorRT-RTX; it needs no GPU for that."""
    rtx = pytest.importorskip('tensorrt_rtx')
    from surgical_guidance.inference.trt_library import load as load_library

    library = load_library('tensorrt_rtx')
    builder = rtx.Builder(library.logger)
    network = builder.create_network(0)
    image = network.add_input('image', rtx.float32, (1, 3, 8, 8))
    layer = network.add_activation(image, rtx.ActivationType.RELU)
    layer.get_output(0).name = 'positive'
    network.mark_output(layer.get_output(0))
    return library, bytes(builder.build_serialized_network(network, builder.create_builder_config()))


def test_the_real_library_refuses_to_run_without_a_gpu_in_one_line(tmp_path: Path, device: Device) -> None:
    library, content = small_plan()
    path = write_plan(tmp_path, library.name, library.version, content)
    said = refusal(lambda: TensorRtEngine(library, path, device.cuda, device.plans, device.scratch, 7, {}))
    assert 'no NVIDIA GPU' in said or 'driver' in said
    assert device.driver.open_things['memory'] == 0


@pytest.mark.parametrize('damage', [b'', b'this is no plan', b'\0' * 4096])
def test_the_real_library_tells_of_bytes_that_are_no_plan(tmp_path: Path, device: Device, damage: bytes) -> None:
    pytest.importorskip('tensorrt_rtx')
    from surgical_guidance.inference.trt_library import load as load_library

    library = load_library('tensorrt_rtx')
    path = write_plan(tmp_path, library.name, library.version, damage)
    said = refusal(lambda: TensorRtEngine(library, path, device.cuda, device.plans, device.scratch, 7, {}))
    assert 'TensorRT-RTX' in said
    assert ';' in said, 'it says what to do'
