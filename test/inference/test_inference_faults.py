"""A model or manifest that cannot be used is refused before the stage is active, with one line that says why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from onnx import TensorProto, helper

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
        ('layout', 'nchw', 'the network takes (batch, height, width, 3), the manifest says (1, 3, 288, 512)'),
        ('name', 'picture', 'the network takes image'),
        ('layout', 'hwc', "'nhwc' or 'nchw'"),
        ('normalisation', {'mean': [0, 0, 0], 'scale': [1, 0, 1]}, 'above 0'),
        ('cameras', {'720x576': [450, 352]}, '450 x 352 for 720x576 is no multiple of size_step 32'),
        ('cameras', {'PAL': [448, 352]}, 'input.cameras'),
        ('size_step', 0, 'the network takes one size alone: say in size_step which others'),
    ],
)
def test_an_input_that_is_not_the_networks_is_refused(edit: Edit, field: str, value: Any, said: str) -> None:
    path = edit(lambda content: content['input'].update({field: value}))
    with pytest.raises(ModelError) as refused:
        Pipeline.load(path)
    assert said in one_line(refused)


def test_a_size_that_a_network_of_fixed_size_does_not_take_is_refused(model_folder: Path) -> None:
    path = model_folder / 'phantom_view.yaml'
    content = yaml.safe_load(path.read_text())
    content['input']['width'] = 320
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ModelError, match=r'the network takes .*160, 288, 3\), the manifest says .*\(1, 160, 320, 3\)'):
        Pipeline.load(str(path))


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
    with pytest.raises(ModelError, match='one of: phantom_phase, phantom_segmentation, phantom_view'):
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
    """Ask for an operator set that no version knows."""
    model = onnx.load_from_string(content)
    model.opset_import[0].version = 999
    return model.SerializeToString()


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


def _damaged(damage: Callable[[bytes], bytes]) -> Callable[[Path, dict[str, Any]], None]:
    def change(folder: Path, content: dict[str, Any]) -> None:
        network = folder / 'phantom_segmentation.onnx'
        damaged = damage(network.read_bytes())
        network.write_bytes(damaged)
        content['sha256'] = hashlib.sha256(damaged).hexdigest()

    return change


def _another_network(element: int, *names: str) -> Callable[[Path, dict[str, Any]], None]:
    """Put a network in place that hands its inputs on as they are."""

    def change(folder: Path, content: dict[str, Any]) -> None:
        shape = [1, 288, 512, 3]
        inputs = [helper.make_tensor_value_info(name, element, shape) for name in names]
        outputs = [helper.make_tensor_value_info(f'{name}_out', element, shape) for name in names]
        nodes = [helper.make_node('Identity', [name], [f'{name}_out']) for name in names]
        graph = helper.make_graph(nodes, 'handed_on', inputs, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
        _damaged(lambda _: model.SerializeToString())(folder, content)

    return change


def _set(**fields: Any) -> Callable[[Path, dict[str, Any]], None]:
    return lambda folder, content: content.update(fields)


MALFORMED: dict[str, tuple[Callable[[Path, dict[str, Any]], object], str]] = {
    'garbage': (_damaged(lambda content: b'this is no network'), 'cannot load this network'),
    'empty network': (_damaged(lambda content: b''), 'cannot load this network'),
    'truncated network': (_damaged(lambda content: content[: len(content) // 2]), 'cannot load this network'),
    'unknown opset': (_damaged(_old_opset), 'cannot load this network'),
    'network of doubles': (_another_network(TensorProto.DOUBLE, 'image'), 'image is a tensor(double)'),
    'network of two pictures': (
        _another_network(TensorProto.UINT8, 'image', 'other'),
        'the network takes image, other',
    ),
    'network without labels': (_another_network(TensorProto.UINT8, 'image'), "the network has no output 'labels'"),
    'another network': (_set(sha256='0' * 64), 'another file than the manifest speaks of'),
    'missing network': (_set(file='none_such.onnx'), 'the network cannot be read (No such file or directory)'),
    'class of none': (_set(classes=['background', 'spleen']), "'spleen' is not a class of the contract"),
    'too few classes': (_set(classes=['background']), 'classes: there are 1'),
    'unknown task': (_set(task='depth'), "there is no task 'depth'"),
    'unknown field': (_set(colour='bgr'), 'colour: there is no such field'),
    'missing field': (lambda folder, content: content.pop('input'), 'input: this field is missing'),
    'wrong layout': (
        lambda folder, content: content['input'].update(layout='nchw'),
        'the manifest says (1, 3, 288, 512)',
    ),
    'no memory': (_set(memory={'state': 'next_state'}), 'it must take image, state and nothing else'),
}


@pytest.mark.parametrize('name', MALFORMED)
def test_what_is_malformed_is_told_with_cause_place_and_remedy_in_one_line(model_folder: Path, name: str) -> None:
    path = model_folder / 'phantom_segmentation.yaml'
    content = yaml.safe_load(path.read_text())
    change, said = MALFORMED[name]
    change(model_folder, content)
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ModelError) as refused:
        Pipeline.load(str(path))
    assert said in one_line(refused)
    assert refused.value.where.startswith(str(model_folder))
    assert refused.value.remedy
    assert len(one_line(refused)) < 500
