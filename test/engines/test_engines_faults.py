"""Malformed networks and plans: each gives one line with its cause and what to do, and nothing is built of it."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import onnx
import pytest
from engines_helpers import picture_set, tiny, tiny_source
from onnx import TensorProto, helper, numpy_helper

from surgical_guidance.engines import shapes
from surgical_guidance.engines.inspection import inputs_of
from surgical_guidance.engines.make import make
from surgical_guidance.engines.options import Options
from surgical_guidance.engines.source import open_source
from surgical_guidance.errors import GuidanceError
from surgical_guidance.inference.plan import read_plan, sidecar_of
from surgical_guidance.inference.trt_library import load
from surgical_guidance.inference.trt_words import explain, one_line


def rewritten(path, change):
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())


def missing(path):
    path.unlink()


def empty_file(path):
    path.write_bytes(b'')


def garbage(path):
    path.write_bytes(b'this is not a network' * 100)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-400])


def opset_of_the_future(path):
    rewritten(path, lambda model: setattr(model.opset_import[0], 'version', 99))


def ir_of_the_future(path):
    rewritten(path, lambda model: setattr(model, 'ir_version', 30))


def no_nodes(path):
    def change(model):
        del model.graph.node[:]
        del model.graph.output[:]

    rewritten(path, change)


def no_outputs(path):
    rewritten(path, lambda model: model.graph.output.__delitem__(slice(None)))


def double_weights(path):
    def change(model):
        weight = model.graph.initializer[0]
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float64), weight.name))

    rewritten(path, change)


def double_input(path):
    rewritten(path, lambda model: setattr(model.graph.input[0].type.tensor_type, 'elem_type', TensorProto.DOUBLE))


def unknown_operator(path):
    rewritten(path, lambda model: setattr(model.graph.node[4], 'op_type', 'Relux'))


def operator_of_somebody_else(path):
    def change(model):
        model.graph.node[4].domain = 'somebody.else'
        model.opset_import.append(helper.make_opsetid('somebody.else', 1))

    rewritten(path, change)


def wrong_shapes(path):
    def change(model):
        weight = next(one for one in model.graph.initializer if one.name == 'second')
        weight.CopyFrom(numpy_helper.from_array(np.zeros((4, 5, 3, 3), np.float32), 'second'))

    rewritten(path, change)


def asymmetric_quantisation(path):
    def change(model):
        graph = model.graph
        graph.initializer.append(numpy_helper.from_array(np.float32(0.1), 'scale'))
        graph.initializer.append(numpy_helper.from_array(np.uint8(7), 'zero'))
        graph.node[3].input[0] = 'unit_back'
        for position, node in enumerate(
            (
                helper.make_node('QuantizeLinear', ['unit', 'scale', 'zero'], ['unit_small']),
                helper.make_node('DequantizeLinear', ['unit_small', 'scale', 'zero'], ['unit_back']),
            )
        ):
            graph.node.insert(3 + position, node)

    rewritten(path, change)


@pytest.mark.parametrize(
    ('spoil', 'cause'),
    [
        (missing, 'there is no such network'),
        (empty_file, 'the file is empty'),
        (garbage, 'this is no ONNX file'),
        (cut_short, 'cut short'),
        (opset_of_the_future, 'opset 99 is not one of those known here'),
        (ir_of_the_future, 'IR version 30 is newer than any known here'),
        (no_nodes, 'the network has no nodes'),
        (no_outputs, 'the network has no outputs'),
        (double_weights, 'weight first is float64'),
        (double_input, 'image is float64'),
        (unknown_operator, 'node 4 (relu) is a Relux, which ONNX does not have'),
        (operator_of_somebody_else, 'node 4 (relu, Relux)'),
        (wrong_shapes, 'conv_2'),
        (asymmetric_quantisation, 'TensorRT cannot read the network: node'),
    ],
    ids=lambda value: value.__name__ if callable(value) else '',
)
def test_a_malformed_network_is_refused_in_one_line(spoil, cause, library, store, tmp_path):
    path = tiny(tmp_path / 'broken.onnx')
    spoil(path)
    if spoil is operator_of_somebody_else:
        rewritten(path, lambda model: setattr(model.graph.node[4], 'op_type', 'Relux'))
    with pytest.raises(GuidanceError) as caught:
        make(open_source(str(path)), Options(), library, store=store)
    line = str(caught.value)
    assert cause in line
    assert '\n' not in line
    assert str(path) in line
    assert caught.value.remedy
    assert not list(tmp_path.rglob('*.plan*'))


def flip_a_byte(place):
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)


def cut_plan(place):
    place.write_bytes(place.read_bytes()[:1000])


def swap_for_garbage(place):
    place.write_bytes(b'x' * place.stat().st_size)


def remove_plan(place):
    place.unlink()


def remove_sidecar(place):
    sidecar_of(place).unlink()


def break_sidecar(place):
    sidecar_of(place).write_text('{"format": 1, "file": "../elsewhere"}')


@pytest.mark.parametrize(
    ('spoil', 'cause'),
    [
        (flip_a_byte, 'the plan is not the one that was built: its SHA-256 is another'),
        (swap_for_garbage, 'the plan is not the one that was built'),
        (cut_plan, 'the plan has 1000 bytes and was built with'),
        (remove_plan, 'there is no such plan'),
        (remove_sidecar, 'the plan has no sidecar'),
        (break_sidecar, 'the sidecar is broken'),
    ],
    ids=lambda value: value.__name__ if callable(value) else '',
)
def test_a_plan_that_is_not_whole_is_never_read(spoil, cause, library, store, tmp_path):
    place = make(tiny_source(tmp_path), Options(), library, store=store).path
    spoil(place)
    with pytest.raises(GuidanceError) as caught:
        read_plan(place)
    assert cause in str(caught.value)
    assert 'engine build' in caught.value.remedy


@pytest.mark.parametrize(
    ('content', 'meaning'),
    [
        (b'garbage' * 100, 'this is no plan of this library'),
        (None, 'the plan is cut short or longer than it says'),
        ('whole', 'there is no NVIDIA GPU with a driver here'),
    ],
    ids=['garbage', 'cut', 'no GPU'],
)
def test_what_the_library_says_of_a_plan_is_told_with_a_remedy(content, meaning, library, store, tmp_path):
    if content == 'whole' and _has_gpu():
        pytest.skip('here is a GPU')
    plan = make(tiny_source(tmp_path), Options(), library, store=store).path.read_bytes()
    blob = content if isinstance(content, bytes) else plan if content == 'whole' else plan[:2000]
    with library.listening() as said:
        runtime = library.module.Runtime(library.logger)
        runtime.error_recorder = recorder = library.recorder(said)
        assert runtime.deserialize_cuda_engine(blob) is None
        assert recorder.num_errors() > 0
        del runtime
    what, remedy = explain(said.cause())
    assert what.startswith(meaning)
    assert remedy


@pytest.mark.parametrize(
    ('said', 'meaning'),
    [
        ('[x.cpp::y::1] Error Code 1: Cuda Runtime (no CUDA-capable device is detected)', 'there is no NVIDIA GPU'),
        ('The engine plan file is generated on a device with Compute Capability 8.6', 'another kind of GPU'),
        (
            'Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed.Version tag does not match',
            'version',
        ),
        ('Non-zero zero point is not supported', 'not symmetric'),
        (
            'I::b: Error Code 4: API Usage Error (Add: broadcast dimensions must be conformable In op at /x.cpp:1)',
            'of this shape',
        ),
        ('Requested amount of GPU memory could not be allocated: out of memory', 'the memory of the device'),
    ],
)
def test_the_words_of_the_library_are_known(said, meaning):
    what, remedy = explain(one_line(said))
    assert meaning in what
    assert remedy


@pytest.mark.parametrize(
    ('texts', 'cause'),
    [
        (['imgae=1x32x32x3'], "the profile is for 'imgae', and the network has no such input"),
        (['image=1x32x32'], 'the profile gives image the shape (1, 32, 32), the network takes (?, 32, 32, 3)'),
        (['image=1x64x64x3'], 'the network takes (?, 32, 32, 3)'),
        (['image=4x32x32x3,2x32x32x3,8x32x32x3'], 'does not grow from (4, 32, 32, 3)'),
        ([], 'image has open dimensions and there is no profile'),
    ],
)
def test_a_profile_that_does_not_fit_is_refused_before_the_build(texts, cause, library, store, tmp_path):
    source = open_source(str(tiny(tmp_path / 'open.onnx', batch='n')))
    profiles = (dict(shapes.written(text) for text in texts),) if texts else ()
    with pytest.raises(GuidanceError) as caught:
        make(source, Options(profiles=profiles), library, store=store)
    assert cause in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize('text', ['image', 'image=', '=1x2', 'image=1x2,3x4', 'image=axb', 'image=1x2,3x4,5x6,7x8'])
def test_a_profile_nobody_understands_is_refused(text):
    with pytest.raises(GuidanceError, match='is no profile'):
        shapes.written(text)


def test_open_axes_that_are_no_picture_must_be_told(tmp_path):
    source = open_source(str(tiny(tmp_path / 'open.onnx', batch='n')))
    one = inputs_of(source.graph)[0].model_copy(update={'shape': (-1, 12, -1)})
    with pytest.raises(GuidanceError, match='neither batch, rows nor columns'):
        shapes.graded([one], '')


@pytest.mark.parametrize(
    ('options', 'cause'),
    [
        ({'target': 'sm90'}, "does not build for 'sm90'; use"),
        ({'dla': 0}, 'there is no DLA core 0'),
        ({'version_compatible': True}, 'makes no version-compatible plans'),
        ({'precision': 'int8'}, 'int8 needs the ranges of every value'),
    ],
)
def test_what_the_library_cannot_do_is_said_and_not_left_out(options, cause, library, store, tmp_path):
    with pytest.raises(GuidanceError, match=cause):
        make(tiny_source(tmp_path), Options(**options), library, store=store)


def test_a_size_the_network_cannot_take_is_told_as_such(library, store):
    source = open_source('phantom_segmentation')
    profiles = shapes.live(inputs_of(source.graph), [(384, 216)], '')
    with pytest.raises(GuidanceError, match='cannot take pictures of this shape .*; give sizes that it can halve'):
        make(source, Options(profiles=profiles), library, store=store)


def test_a_weight_too_large_for_half_precision_is_named(library, store, tmp_path):
    with pytest.raises(GuidanceError, match='weight first reaches .* more than FP16 can hold'):
        make(tiny_source(tmp_path, scale=1e6), Options(precision='fp16'), library, store=store)


def test_a_library_that_is_not_there_says_how_to_get_it():
    if find_spec('tensorrt') is not None:
        pytest.skip('TensorRT is here')
    with pytest.raises(GuidanceError, match='tensorrt does not load'):
        load('tensorrt')
    with pytest.raises(GuidanceError, match='there is no library'):
        load('tensorflow')


def test_a_manifest_of_another_file_is_refused(tmp_path):
    tiny_source(tmp_path)
    tiny(tmp_path / 'tiny.onnx', seed=9)
    with pytest.raises(GuidanceError, match='not the one the manifest means'):
        open_source(str(tmp_path / 'tiny.yaml'))


def test_a_set_without_pictures_is_no_set(tmp_path):
    from surgical_guidance.engines.calibration_set import open_set

    with pytest.raises(GuidanceError, match='there is no such folder'):
        open_set(tmp_path / 'nowhere')
    with pytest.raises(GuidanceError, match='there is not one picture'):
        open_set(picture_set(tmp_path, {})).demand('whatever')


def _has_gpu() -> bool:
    from surgical_guidance.engines.device import device

    return device() is not None
