"""The engine tools are tested with the real TensorRT-RTX, which builds without a GPU."""

from __future__ import annotations

import pytest

pytest.importorskip('tensorrt_rtx', reason='TensorRT-RTX is not installed (requirements/dev.lock)')

from surgical_guidance.engines.store import Store
from surgical_guidance.inference.trt_library import TrtLibrary, load


@pytest.fixture(scope='session')
def library() -> TrtLibrary:
    return load('tensorrt_rtx')


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / 'cache')


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg-cache'))
    monkeypatch.setenv('SURGICAL_GUIDANCE_ENGINES', str(tmp_path / 'deployed'))
