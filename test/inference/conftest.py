"""A manifest to break, and one for an engine that is told what to say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from surgical_guidance.inference.manifest import MODELS, Manifest, load_manifest


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """Copies of models that come with the package: one of any size, one of a fixed size."""
    for name in ('phantom_segmentation.onnx', 'phantom_view.yaml', 'phantom_view.onnx'):
        shutil.copy(MODELS / name, tmp_path)
    content = yaml.safe_load((MODELS / 'phantom_segmentation.yaml').read_text())
    del content['processor']  # one file, as most models have
    (tmp_path / 'phantom_segmentation.yaml').write_text(yaml.safe_dump(content))
    return tmp_path


@pytest.fixture
def edit(model_folder: Path) -> Callable[[Callable[[dict[str, Any]], None]], str]:
    """Change the copied manifest and give its path."""

    def change(how: Callable[[dict[str, Any]], None]) -> str:
        path = model_folder / 'phantom_segmentation.yaml'
        content = yaml.safe_load(path.read_text())
        how(content)
        path.write_text(yaml.safe_dump(content))
        return str(path)

    return change


@pytest.fixture
def told_manifest() -> Manifest:
    manifest = load_manifest('phantom_segmentation')
    small = manifest.input.model_copy(update={'width': 16, 'height': 16})
    return manifest.model_copy(update={'input': small})
