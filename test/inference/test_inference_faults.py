"""A model or manifest that cannot be used is refused before the stage is active, with one line that says why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from surgical_guidance.errors import EngineError, ModelError
from surgical_guidance.inference.pipeline import Pipeline

Edit = Callable[[Callable[[dict[str, Any]], None]], str]


def one_line(error: pytest.ExceptionInfo[ModelError]) -> str:
    text = str(error.value)
    assert '\n' not in text
    return text


@pytest.mark.parametrize(
    ('field', 'value', 'said'),
    [
        ('classes', ['background', 'spleen'], "'spleen' is not a class of the contract"),
        ('classes', ['liver', 'background'], "first class must be 'background'"),
        ('classes', ['background', 'liver', 'liver'], "'liver' is there twice"),
        ('budget_ms', -1, 'greater than 0'),
        ('stride', 'two', 'valid integer'),
        ('sha256', '123', 'pattern'),
        ('task', 'depth', "no task 'depth'"),
        ('colour', 'bgr', 'no such field'),
        ('outputs', {'labels': 'labels', 'confidence': 'certainty'}, "no output 'certainty'"),
        ('outputs', {'labels': 'labels'}, 'this field is missing'),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused_by_its_name(edit: Edit, field: str, value: Any, said: str) -> None:
    path = edit(lambda content: content.update({field: value}))
    with pytest.raises(ModelError) as refused:
        Pipeline.load(path)
    assert said in one_line(refused)
    assert f'{path}: {field}' in one_line(refused)


@pytest.mark.parametrize(
    ('field', 'value', 'said'),
    [
        ('width', 320, 'the network takes uint8 (1, 288, 512, 3), the manifest says uint8 (1, 288, 320, 3)'),
        ('layout', 'nchw', 'the manifest says uint8 (1, 3, 288, 512)'),
        ('name', 'picture', 'the network takes image'),
        ('layout', 'hwc', "'nhwc' or 'nchw'"),
        ('normalisation', {'mean': [0, 0, 0], 'scale': [1, 0, 1]}, 'above 0'),
    ],
)
def test_an_input_that_is_not_the_networks_is_refused(edit: Edit, field: str, value: Any, said: str) -> None:
    path = edit(lambda content: content['input'].update({field: value}))
    with pytest.raises(ModelError) as refused:
        Pipeline.load(path)
    assert said in one_line(refused)


def test_a_missing_field_is_named(edit: Edit) -> None:
    path = edit(lambda content: content.pop('file'))
    with pytest.raises(ModelError, match='file: this field is missing'):
        Pipeline.load(path)


def test_broken_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / 'broken.yaml'
    path.write_text('name: x\nclasses: [a, b\ntask: y\n')
    with pytest.raises(ModelError, match=r'broken\.yaml:3: this is not YAML'):
        Pipeline.load(str(path))


def test_yaml_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'list.yaml'
    path.write_text('- a\n- b\n')
    with pytest.raises(ModelError, match='a table of fields'):
        Pipeline.load(str(path))


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    with pytest.raises(ModelError, match='one of: phantom_demo, phantom_phase, phantom_segmentation, phantom_view'):
        Pipeline.load('lung_segmentation')


def test_a_missing_network_is_told(model_folder: Path) -> None:
    (model_folder / 'phantom_segmentation.onnx').unlink()
    with pytest.raises(EngineError) as refused:
        Pipeline.load(str(model_folder / 'phantom_segmentation.yaml'))
    assert 'No such file' in one_line(refused)


def test_a_network_other_than_the_one_meant_is_refused(model_folder: Path) -> None:
    network = model_folder / 'phantom_segmentation.onnx'
    content = bytearray(network.read_bytes())
    content[1000] ^= 1
    network.write_bytes(content)
    with pytest.raises(EngineError, match='another file than the manifest speaks of'):
        Pipeline.load(str(model_folder / 'phantom_segmentation.yaml'))


def _old_opset(content: bytes) -> bytes:
    """Ask for an operator set that no version knows: the field ``opset_import { version: 17 }``."""
    at = content.rindex(b'\x42\x02\x10\x11')
    return content[:at] + b'\x42\x03\x10\xe7\x07' + content[at + 4 :]


@pytest.mark.parametrize(
    'damage',
    [
        pytest.param(lambda content: b'this is no network', id='garbage'),
        pytest.param(lambda content: b'', id='empty'),
        pytest.param(lambda content: content[: len(content) // 2], id='truncated'),
        pytest.param(_old_opset, id='unknown opset'),
    ],
)
def test_a_network_that_cannot_be_loaded_is_told_in_one_line(
    model_folder: Path, edit: Edit, damage: Callable[[bytes], bytes]
) -> None:
    network = model_folder / 'phantom_segmentation.onnx'
    damaged = damage(network.read_bytes())
    network.write_bytes(damaged)
    path = edit(lambda content: content.update(sha256=hashlib.sha256(damaged).hexdigest()))
    with pytest.raises(EngineError) as refused:
        Pipeline.load(path)
    assert 'cannot load this network' in one_line(refused)
    assert 'export it again' in one_line(refused)


def test_an_engine_that_is_not_known_is_refused_plainly() -> None:
    with pytest.raises(EngineError, match="there is no engine 'abacus'"):
        Pipeline.load('phantom_segmentation', engine='abacus')


def test_the_engine_says_what_it_is() -> None:
    pipeline = Pipeline.load('phantom_segmentation')
    assert pipeline.describe().startswith('ONNX Runtime ')
    assert pipeline.describe().endswith('CPU, 2 threads, phantom_segmentation')
