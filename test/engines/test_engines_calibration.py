"""Calibration sets are audited, what they lack is refused by name, and networks are quantised as TensorRT takes it."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest
from engines_helpers import picture, picture_set, tiny_source
from onnx import TensorProto, numpy_helper

from surgical_guidance.engines.artefact import read_artefact, write_artefact
from surgical_guidance.engines.calibrate import METHODS, calibrate, facts
from surgical_guidance.engines.calibration_set import KINDS, open_set
from surgical_guidance.engines.feeds import Feeder
from surgical_guidance.engines.likeness import NEAR_BITS, perceptual_hash, repeats
from surgical_guidance.engines.reference import run, session
from surgical_guidance.engines.rendered_set import render_set
from surgical_guidance.errors import EngineError, ModelError

FULL = dict.fromkeys(KINDS, 200)


@pytest.fixture(scope='module')
def full_set(tmp_path_factory):
    return picture_set(tmp_path_factory.mktemp('full'), FULL)


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    return open_set(picture_set(tmp_path_factory.mktemp('few'), {'smoke': 8})).pictures


def test_a_set_with_every_kind_from_several_vendors_may_be_used(full_set):
    found = open_set(full_set)
    assert found.audit.missing == ()
    assert found.audit.repeated == 0
    assert {name: kind.distinct for name, kind in found.audit.kinds.items()} == FULL
    found.demand()


def test_what_is_missing_is_refused_by_name(tmp_path):
    picture_set(tmp_path, {'heavy_bleeding': 3, 'low_light': 2})
    with pytest.raises(ModelError) as caught:
        open_set(tmp_path).demand()
    for words in (
        'heavy_bleeding has 3 different pictures of 200',
        'low_light has 2 different pictures of 200',
        'smoke has 0 different pictures of 200',
        'lens_contamination has 0',
        'strong_specular has 0',
    ):
        assert words in caught.value.what
    assert '--override' in caught.value.remedy


def test_one_vendor_is_not_several(tmp_path):
    found = open_set(picture_set(tmp_path, {'smoke': 4}, vendors=('only',)))
    assert 'smoke has one vendor only (only)' in found.audit.missing


def test_an_override_is_kept(tmp_path, pictures):
    source = tiny_source(tmp_path)
    found = open_set(picture_set(tmp_path / 'set', {'smoke': 4}))
    found.demand('there is no smoke in the laboratory')
    kept = facts('minmax', found.pictures, (), found.audit.facts(), 'there is no smoke in the laboratory')
    path = tmp_path / 'out.onnx'
    write_artefact(path, calibrate(source, found.pictures, 'minmax'), source, 'int8', kept)
    noted = read_artefact(path).calibration
    assert noted['override'] == 'there is no smoke in the laboratory'
    assert noted['set']['missing']
    assert noted['set']['kinds']['smoke']['vendors'] == ['one', 'two']


def test_the_same_picture_again_does_not_count(tmp_path):
    picture_set(tmp_path, {'smoke': 3})
    original = cv2.imread(str(tmp_path / 'smoke/one/0000.png'))
    rng = np.random.default_rng(0)
    (tmp_path / 'low_light/two').mkdir(parents=True)
    again = {
        'exact.png': original,
        'compressed.jpg': original,
        'scaled.png': cv2.resize(original, (48, 36)),
        'noisy.png': np.clip(original + rng.normal(0, 4, original.shape), 0, 255).astype(np.uint8),
    }
    for name, image in again.items():
        cv2.imwrite(str(tmp_path / 'low_light/two' / name), image)
    found = open_set(tmp_path)
    assert found.audit.repeated == 4  # low_light goes first: of its four one counts, and the original not any more
    assert len(found.pictures) == 3


def test_different_pictures_are_told_apart():
    hashes = [perceptual_hash(picture(seed)) for seed in range(40)]
    assert repeats(hashes) == [None] * 40
    assert repeats([hashes[0], hashes[1], hashes[0]]) == [None, None, 0]
    off = hashes[0].copy()
    off[:NEAR_BITS] = ~off[:NEAR_BITS]
    assert repeats([hashes[0], off]) == [None, 0]
    off[NEAR_BITS] = ~off[NEAR_BITS]
    assert repeats([hashes[0], off]) == [None, None]
    assert repeats([]) == []


def test_a_file_that_is_no_picture_is_named(tmp_path):
    picture_set(tmp_path, {'smoke': 1})
    (tmp_path / 'smoke/one/broken.png').write_bytes(b'no picture')
    assert open_set(tmp_path).audit.unreadable == ('smoke/one/broken.png',)


def test_few_pictures_are_taken_from_every_shelf(full_set):
    chosen = open_set(full_set).spread(20)
    assert len(chosen) == len(set(chosen)) == 20
    assert {path.parts[-3:-1] for path in chosen} == {(kind, vendor) for kind in KINDS for vendor in ('one', 'two')}
    assert open_set(full_set).spread(20) == chosen


@pytest.mark.parametrize('method', METHODS)
def test_quantised_networks_are_symmetric_and_say_much_the_same(method, tmp_path, pictures):
    source = tiny_source(tmp_path)
    seen = []
    network = calibrate(source, pictures, method, seen=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)
    weights = {weight.name: weight for weight in network.graph.initializer}
    pairs = [node for node in network.graph.node if node.op_type in ('QuantizeLinear', 'DequantizeLinear')]
    assert pairs
    for node in pairs:
        zero = weights[node.input[2]]
        assert zero.data_type == TensorProto.INT8
        assert not numpy_helper.to_array(zero).any()
    assert 'conv_1' in {node.name for node in network.graph.node}
    per_channel = [w for w in weights.values() if w.name.startswith('first') and w.name.endswith('scale')]
    assert per_channel[0].dims == [8]
    assert _agreement(source, network, pictures) > 0.9


def test_fp8_has_the_same_ranges(tmp_path, pictures):
    source = tiny_source(tmp_path)
    network = calibrate(source, pictures, 'minmax', 'fp8')
    weights = {weight.name: weight for weight in network.graph.initializer}
    zeros = {node.input[2] for node in network.graph.node if node.op_type == 'QuantizeLinear'}
    assert {weights[name].data_type for name in zeros} == {TensorProto.FLOAT8E4M3FN}
    assert max(entry.version for entry in network.opset_import) >= 19
    onnx.checker.check_model(network)
    assert _agreement(source, network, pictures) > 0.8


def test_excluded_nodes_stay_as_they_are(tmp_path, pictures):
    source = tiny_source(tmp_path)
    network = calibrate(source, pictures, 'minmax', exclude=['conv_2$'])
    second = next(node for node in network.graph.node if node.name == 'conv_2')
    assert second.input[1] == 'second'
    with pytest.raises(EngineError, match=r"no node is called like 'conv_9'"):
        calibrate(source, pictures, exclude=['conv_9'])
    with pytest.raises(EngineError, match='no regular expression'):
        calibrate(source, pictures, exclude=['('])


def test_a_changed_artefact_is_refused(tmp_path, pictures):
    source = tiny_source(tmp_path)
    path = tmp_path / 'out.onnx'
    write_artefact(path, calibrate(source, pictures, 'minmax'), source, 'int8', {})
    path.write_bytes(path.read_bytes() + b' ')
    with pytest.raises(EngineError, match='the network was changed'):
        read_artefact(path)


def test_the_phantom_renders_a_set_and_goes_on_with_it(tmp_path):
    seen = []
    assert render_set(tmp_path, 2, (128, 72), seen=lambda done, total: seen.append((done, total))) == 10
    assert seen[-1] == (10, 10)
    found = open_set(tmp_path)
    assert {name: kind.distinct for name, kind in found.audit.kinds.items()} == dict.fromkeys(KINDS, 2)
    assert render_set(tmp_path, 2, (128, 72)) == 0
    dark = [cv2.imread(str(path)).mean() for path in tmp_path.glob('low_light/*/*')]
    assert max(dark) < 60


def _agreement(source, network, pictures):
    """Give the share of pixels with the same label."""
    feeder = Feeder(source.manifest, source.graph)
    one, other = session(source.graph, source.path), session(network, source.path)
    same = []
    for path in pictures:
        feed = feeder(cv2.imread(str(path)))
        same.append(np.mean(run(one, feed)['labels'] == run(other, feed)['labels']))
    return np.mean(same)
