"""Which engine is taken, and what is said of those that are not."""

from __future__ import annotations

import pytest
from inference_helpers import ToldEngine

from surgical_guidance.errors import EngineError, ModelError
from surgical_guidance.inference import makers
from surgical_guidance.inference.engine import ENGINES, make_engine
from surgical_guidance.inference.manifest import Manifest, load_manifest
from surgical_guidance.inference.onnxruntime_gpu import OnnxRuntimeGpuEngine
from surgical_guidance.inference.selection import Backend, backends, choose, surveyed


def backend(missing: str = '', fails: ModelError | None = None, by_auto: bool = True) -> Backend:
    def make(manifest: Manifest, threads: int) -> ToldEngine:
        if fails is not None:
            raise fails
        return ToldEngine()

    return Backend(lambda: missing, make, by_auto)


BROKEN = EngineError('the plan is damaged', where='x.plan', remedy='build it again')


@pytest.mark.parametrize(
    ('known', 'taken', 'passed_over'),
    [
        ({'best': backend(), 'good': backend()}, 'best', ()),
        ({'best': backend('no GPU'), 'good': backend()}, 'good', (('best', 'no GPU'),)),
        ({'best': backend(fails=BROKEN), 'good': backend()}, 'good', (('best', 'the plan is damaged'),)),
        ({'best': backend(by_auto=False), 'good': backend()}, 'good', ()),
        (
            {'a': backend('no GPU'), 'b': backend(fails=BROKEN), 'c': backend()},
            'c',
            (('a', 'no GPU'), ('b', 'the plan is damaged')),
        ),
    ],
)
def test_auto_takes_the_first_that_really_loads_the_model_and_says_why_not_the_others(
    known: dict[str, Backend], taken: str, passed_over: tuple[tuple[str, str], ...]
) -> None:
    choice = choose('auto', load_manifest('phantom_segmentation'), 2, known)
    assert (choice.name, choice.passed_over) == (taken, passed_over)


def test_what_is_asked_for_is_taken_or_refused_never_replaced() -> None:
    manifest = load_manifest('phantom_segmentation')
    known = {'best': backend('no GPU'), 'broken': backend(fails=BROKEN), 'slow': backend(by_auto=False)}
    assert choose('slow', manifest, 2, known).name == 'slow'
    with pytest.raises(EngineError, match='best does not run here: no GPU; use auto'):
        choose('best', manifest, 2, known)
    with pytest.raises(EngineError, match='the plan is damaged'):
        choose('broken', manifest, 2, known)
    with pytest.raises(EngineError, match="there is no engine 'abacus'; use auto, best, broken, slow"):
        choose('abacus', manifest, 2, known)


def test_where_nothing_loads_the_last_reason_is_told_and_where_nothing_runs_all_are() -> None:
    manifest = load_manifest('phantom_segmentation')
    with pytest.raises(EngineError, match='the plan is damaged; build it again'):
        choose('auto', manifest, 2, {'a': backend('no GPU'), 'b': backend(fails=BROKEN)})
    with pytest.raises(EngineError, match='no engine runs here; a: no GPU; b: not installed'):
        choose('auto', manifest, 2, {'a': backend('no GPU'), 'b': backend('not installed')})


def test_every_engine_that_can_be_asked_for_is_there() -> None:
    assert ('auto', *backends()) == ENGINES
    assert [name for name, known in backends().items() if known.by_auto] == [
        'tensorrt', 'tensorrt-rtx', 'onnxruntime-cuda', 'onnxruntime',
    ]  # fmt: skip


def test_a_host_without_a_gpu_runs_on_the_processor_and_says_why() -> None:
    if not makers.gpu_missing():
        pytest.skip('there is a GPU here')
    reasons = dict(surveyed())
    assert reasons['onnxruntime'] == ''
    assert all(reasons[name] for name in reasons if name not in ('onnxruntime', 'openvino'))
    engine = make_engine('auto', load_manifest('phantom_segmentation'))
    assert [name for name, _ in engine.passed_over] == ['tensorrt', 'tensorrt-rtx', 'onnxruntime-cuda']
    engine.close()


def test_a_provider_that_onnx_runtime_lacks_is_refused_with_what_to_install() -> None:
    import onnxruntime

    if 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        pytest.skip('ONNX Runtime has it here')
    manifest = load_manifest('phantom_segmentation')
    with pytest.raises(EngineError, match='onnxruntime-cuda does not run here: .* has no CUDAExecutionProvider'):
        make_engine('onnxruntime-cuda', manifest)
    with pytest.raises(EngineError, match='pip install onnxruntime-gpu in place of onnxruntime'):
        OnnxRuntimeGpuEngine('onnxruntime-cuda', manifest, 7)


def test_a_model_without_a_deployed_plan_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv('SURGICAL_GUIDANCE_ENGINES', str(tmp_path_factory.mktemp('engines')))
    with pytest.raises(EngineError, match=r'no verified plan of phantom_segmentation is deployed for tensorrt 11\.4'):
        makers.deployed_plan(load_manifest('phantom_segmentation'), 'tensorrt', '11.4')
