"""The build speaks to TensorRT 11 in calls that exist there: its real classes, without libraries, take every one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
from engines_helpers import tiny_source

from tensorrt_classes import tensorrt_classes

sys.path.append(str(Path(__file__).parent.parent / 'inference'))
from trt_doubles import double

from surgical_guidance.engines import trt_build
from surgical_guidance.engines.convert import network_for
from surgical_guidance.engines.device import Device
from surgical_guidance.engines.options import Options
from surgical_guidance.engines.progress import Progress, silent
from surgical_guidance.errors import EngineError, HostError
from surgical_guidance.inference.plan import Range
from surgical_guidance.inference.trt_library import TrtLibrary

PROFILE = {'image': Range(min=(1, 32, 32, 3), opt=(1, 32, 32, 3), max=(1, 32, 32, 3))}


@pytest.fixture(scope='module')
def real(tmp_path_factory):
    return tensorrt_classes(tmp_path_factory.mktemp('tensorrt'))


class Builds:
    """A TensorRT 11 that builds what a test says; see ``trt_doubles.double``."""

    def __init__(self, real, *, parses=True, plan=b'plan', dla_cores=0) -> None:
        tensor = double(real.ITensor)
        tensor.name, tensor.dtype, tensor.shape = 'image', SimpleNamespace(name='UINT8'), (1, 32, 32, 3)
        network = double(real.INetworkDefinition, get_input=tensor, get_output=tensor)
        network.num_inputs = network.num_outputs = 1
        network.num_layers = 9
        fault = double(
            real.ParserError, node=3, node_name='relu', node_operator='Relux', desc='no importer for Relux', code=None
        )
        parser = double(real.OnnxParser, parse=parses, get_error=fault)
        parser.num_errors = 0 if parses else 1
        self.config = double(real.IBuilderConfig, add_optimization_profile=0, set_flag=None)
        self.profile = double(real.IOptimizationProfile)
        self.builder = double(
            real.Builder,
            create_network=network,
            create_builder_config=self.config,
            create_optimization_profile=self.profile,
            build_serialized_network=plan,
        )
        self.builder.num_DLA_cores = dla_cores
        module = create_autospec(real)
        for name in ('ILogger', 'IErrorRecorder', 'IProgressMonitor', 'BuilderFlag', 'DeviceType', 'IBuilderConfig',
                     'NetworkDefinitionCreationFlag', 'ProfilingVerbosity', 'MemoryPoolType'):  # fmt: skip
            setattr(module, name, getattr(real, name))
        module.__name__, module.__version__ = 'tensorrt', real.__version__
        module.Builder = lambda logger: self.builder
        module.OnnxParser = lambda definition, logger: parser
        del module.ComputeCapability
        self.library = TrtLibrary(module)


@pytest.fixture(autouse=True)
def _a_gpu(monkeypatch):
    monkeypatch.setattr(trt_build, 'need_device', lambda _what: Device('Orin', 'sm87'))


def build(builds, source, **options):
    network = network_for(source, 'fp32', None)
    return trt_build.build(builds.library, network, Options(**options), Progress(silent), source.path)


def test_every_option_is_a_call_that_tensorrt_11_has(real, tmp_path):
    builds = Builds(real, dla_cores=2)
    built = build(
        builds, tiny_source(tmp_path), profiles=(PROFILE,), workspace_mb=64, dla=1, version_compatible=True,
        target='sm87', effort=2,
    )  # fmt: skip
    assert built.plan == b'plan'
    assert built.inputs[0].dtype == 'uint8'
    assert builds.config.builder_optimization_level == 2
    assert builds.config.DLA_core == 1
    flags = {call.args[0] for call in builds.config.set_flag.call_args_list}
    assert flags == {real.BuilderFlag.GPU_FALLBACK, real.BuilderFlag.VERSION_COMPATIBLE}
    builds.profile.set_shape.assert_called_once_with('image', (1, 32, 32, 3), (1, 32, 32, 3), (1, 32, 32, 3))
    builds.config.set_memory_pool_limit.assert_called_once_with(real.MemoryPoolType.WORKSPACE, 64 << 20)


def test_tensorrt_11_is_known_for_what_it_is(real):
    library = Builds(real).library
    assert not library.rtx
    assert library.always_strongly_typed
    assert library.describe() == f'TensorRT {real.__version__}'


def test_the_parsers_error_names_the_node(real, tmp_path):
    with pytest.raises(EngineError, match=r'node 3 \(relu, Relux\): no importer for Relux'):
        build(Builds(real, parses=False), tiny_source(tmp_path))


def test_a_build_that_gives_nothing_is_an_error(real, tmp_path):
    with pytest.raises(EngineError, match='cannot build it: the library says nothing of why'):
        build(Builds(real, plan=None), tiny_source(tmp_path))


def test_tensorrt_builds_for_the_gpu_it_has(real, tmp_path):
    with pytest.raises(EngineError, match='builds for the GPU of this host, which is sm87, not for sm86'):
        build(Builds(real), tiny_source(tmp_path), target='sm86')


def test_a_dla_core_that_is_not_there_is_refused(real, tmp_path):
    with pytest.raises(HostError, match='there is no DLA core 1: this device has 1'):
        build(Builds(real, dla_cores=1), tiny_source(tmp_path), dla=1)


def test_before_strong_typing_precision_is_a_flag(real, tmp_path):
    """As in 8.6: no STRONGLY_TYPED, flags for precisions, an explicit batch that must be asked for."""
    old = SimpleNamespace(
        NetworkDefinitionCreationFlag=SimpleNamespace(EXPLICIT_BATCH=0),
        BuilderFlag=SimpleNamespace(FP16='fp16', INT8='int8'),
    )
    assert trt_build._network_flags(old) == 1
    flags = []
    config = SimpleNamespace(set_flag=flags.append)
    trt_build._set_precision(old, config, Options(precision='int8'))
    assert flags == ['fp16', 'int8']
    with pytest.raises(EngineError, match='has no FP8'):
        trt_build._set_precision(old, config, Options(precision='fp8'))
    flags.clear()
    trt_build._set_precision(real, config, Options(precision='fp16'))
    assert flags == []
