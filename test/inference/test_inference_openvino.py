"""OpenVINO, where it is installed, gives what ONNX Runtime gives; where it is not, it is refused plainly."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.engine import make_engine
from surgical_guidance.inference.manifest import load_manifest

HERE = importlib.util.find_spec('openvino') is not None


@pytest.mark.skipif(not HERE, reason='openvino is an optional extra')
@pytest.mark.parametrize('model', ['phantom_segmentation', 'phantom_phase'])
def test_it_gives_what_onnx_runtime_gives(model: str) -> None:
    manifest = load_manifest(model)
    engines = [make_engine(kind, manifest) for kind in ('onnxruntime', 'openvino')]
    random = np.random.default_rng(0)
    assert engines[0].inputs == engines[1].inputs
    assert engines[0].outputs == engines[1].outputs
    for name, tensor in engines[0].inputs.items():
        values = random.integers(0, 255, tensor.shape) if tensor.dtype == np.uint8 else random.random(tensor.shape)
        for engine in engines:
            engine.input(name)[...] = values
    ours, other = (engine.infer() for engine in engines)
    for name in ours:
        assert np.abs(ours[name].astype(float) - other[name].astype(float)).mean() < 1e-2
    assert engines[1].describe().startswith('OpenVINO ')
    engines[1].close()
    with pytest.raises(EngineError, match='the engine is closed'):
        engines[1].infer()


@pytest.mark.skipif(not HERE, reason='openvino is an optional extra')
def test_what_is_no_network_is_told_in_one_line(tmp_path: Path) -> None:
    import hashlib

    from surgical_guidance.inference.openvino import OpenVinoEngine

    path = tmp_path / 'x.onnx'
    path.write_bytes(b'this is no network')
    with pytest.raises(EngineError, match='OpenVINO .* cannot load this network') as refused:
        OpenVinoEngine(path, hashlib.sha256(path.read_bytes()).hexdigest(), 2, {})
    assert '\n' not in str(refused.value)


@pytest.mark.skipif(HERE, reason='openvino is here')
def test_where_it_is_not_installed_it_is_refused() -> None:
    with pytest.raises(EngineError, match='openvino does not run here: openvino is not installed; use auto'):
        make_engine('openvino', load_manifest('phantom_segmentation'))
