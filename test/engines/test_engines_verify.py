"""Engines are held against the FP32 network; one that is refused is deployed by nobody."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from engines_helpers import SIDE, foreign_source, picture, picture_set, tiny_source
from onnx import numpy_helper

from surgical_guidance.contract import CLASSES
from surgical_guidance.engines import shapes
from surgical_guidance.engines.agreement import Choices, Levels, Numbers, agreement_for
from surgical_guidance.engines.artefact import read_artefact, write_artefact
from surgical_guidance.engines.deploy import deploy, withdraw
from surgical_guidance.engines.inspection import inputs_of
from surgical_guidance.engines.make import make
from surgical_guidance.engines.options import Options
from surgical_guidance.engines.pictures import from_folder, from_phantom
from surgical_guidance.engines.source import open_source
from surgical_guidance.engines.store import network_of, write_sidecar
from surgical_guidance.engines.verify import open_subject, verify
from surgical_guidance.errors import EngineError
from surgical_guidance.evaluation.example import Example
from surgical_guidance.inference.manifest import load_manifest
from surgical_guidance.inference.plan import deployed, read_plan, read_sidecar


def examples(count=4, labelled=False):
    for number in range(count):
        labels = np.full((SIDE, SIDE), CLASSES.index('liver'), np.uint8) if labelled else None
        yield Example(number, str(number), picture(number), labels)


def spoilt(source, folder, change):
    """Write the source's network, changed, as if it had been calibrated from it."""
    network = onnx.ModelProto()
    network.CopyFrom(source.graph)
    for weight in network.graph.initializer:
        if weight.name == 'second':
            weight.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(weight)), 'second'))
    path = folder / 'spoilt.onnx'
    write_artefact(path, network, source, 'int8', {})
    return path


def passed(place, *, ran=True):
    """Mark a plan as verified."""
    plan, _ = read_plan(place)
    facts = {
        'engine_ran': ran, 'ran_on': 'a test', 'passed': True, 'metric': 'mIoU', 'reference': 1.0, 'value': 1.0,
        'drop': 0.0, 'limit': 1.0, 'inputs': 1, 'inputs_sha256': '', 'outputs': {}, 'at': '',
    }  # fmt: skip
    write_sidecar(place, type(plan).model_validate(plan.model_dump() | {'verification': facts}))


def test_a_faithful_network_passes_and_its_sidecar_says_so(tmp_path):
    source = tiny_source(tmp_path)
    path = spoilt(source, tmp_path, lambda weights: weights * np.float32(1.0001))
    seen = []
    result = verify(source, open_subject(path, source), examples(), seen=seen.append)
    assert result.passed
    assert result.engine_ran
    assert result.reference == 1.0
    assert 0.0 <= result.drop < 1.0
    assert set(result.outputs) == {'labels', 'confidence'}
    assert result.outputs['confidence']['largest'] > 0.0
    assert seen == [1, 2, 3, 4]
    assert read_artefact(path).verification == result


def test_a_network_that_lost_the_task_is_refused(tmp_path):
    source = tiny_source(tmp_path)
    path = spoilt(source, tmp_path, lambda weights: weights[::-1].copy())
    result = verify(source, open_subject(path, source), examples())
    assert not result.passed
    assert result.drop > 1.0
    assert not read_artefact(path).verification.passed


def test_a_network_that_gives_no_numbers_is_refused(tmp_path):
    source = tiny_source(tmp_path)
    path = spoilt(source, tmp_path, lambda weights: weights * np.float32('nan'))
    result = verify(source, open_subject(path, source), examples())
    assert not result.passed
    assert 'confidence' in result.metric


def test_with_truth_the_metric_is_against_the_truth(tmp_path):
    source = tiny_source(tmp_path)
    path = spoilt(source, tmp_path, lambda weights: weights * np.float32(1.0001))
    result = verify(source, open_subject(path, source), examples(labelled=True))
    assert result.metric == 'mean IoU against the truth'
    assert 0.0 < result.reference < 1.0


def test_the_limit_is_what_was_asked_for(tmp_path):
    source = tiny_source(tmp_path)
    path = spoilt(source, tmp_path, lambda weights: weights[::-1].copy())
    assert verify(source, open_subject(path, source), examples(), limit=100.1).passed


def test_a_plan_that_cannot_run_here_is_not_said_to_have_run(library, store, tmp_path):
    source = tiny_source(tmp_path)
    place = make(source, Options(precision='fp16'), library, store=store).path
    subject = open_subject(place, source)
    if subject.engine_ran:
        pytest.skip('here it runs')
    result = verify(source, subject, examples())
    assert not result.engine_ran
    assert 'network the plan was built from' in result.ran_on
    assert subject.why_not
    assert read_sidecar(place).verification == result
    with pytest.raises(EngineError, match='the plan itself was never run'):
        deploy(place)
    marker = deploy(place, 'the device has no pictures')
    assert read_sidecar(marker).options['accepted_unrun'] == 'the device has no pictures'


def test_without_its_network_a_plan_that_cannot_run_is_not_verified(library, store, tmp_path):
    source = tiny_source(tmp_path)
    place = make(source, Options(), library, store=store).path
    if open_subject(place, source).engine_ran:
        pytest.skip('here it runs')
    network_of(place).unlink()
    with pytest.raises(EngineError, match='the plan cannot run here .* is not beside it'):
        open_subject(place, source)


def test_another_models_engine_is_refused(library, store, tmp_path):
    (tmp_path / 'other').mkdir()
    place = make(tiny_source(tmp_path / 'other', seed=1), Options(), library, store=store).path
    with pytest.raises(EngineError, match='made from another network'):
        open_subject(place, tiny_source(tmp_path))


def test_only_what_was_verified_is_deployed(library, store, tmp_path):
    source = tiny_source(tmp_path)
    place = make(source, Options(), library, store=store).path
    with pytest.raises(EngineError, match='the plan was not verified'):
        deploy(place)
    passed(place)
    marker = deploy(place)
    found = list(deployed('tiny', source.sha256, library.name, library.version))
    assert found == [marker]
    assert read_plan(marker)[1] == place.read_bytes()
    assert list(deployed('tiny', '0' * 64, library.name, library.version)) == []
    assert list(deployed('tiny', source.sha256, library.name, 'another')) == []


def test_a_refused_plan_is_not_deployed(library, store, tmp_path):
    source = tiny_source(tmp_path)
    place = make(source, Options(), library, store=store).path
    passed(place)
    plan = read_sidecar(place)
    refused = plan.verification.model_copy(update={'passed': False, 'drop': 7.5})
    write_sidecar(place, plan.model_copy(update={'verification': refused}))
    with pytest.raises(EngineError, match='drops by 7.50 points'):
        deploy(place)
    assert list(deployed('tiny', source.sha256, library.name, library.version)) == []


def test_deploying_replaces_and_withdrawing_leaves_nothing(library, store, tmp_path):
    source = tiny_source(tmp_path)
    first = make(source, Options(), library, store=store).path
    second = make(source, Options(precision='fp16'), library, store=store).path
    for place in (first, second):
        passed(place)
        marker = deploy(place)
    assert read_sidecar(marker).precision == 'fp16'
    assert len(list(marker.parent.glob('*.plan'))) == 1
    assert not withdraw(first)  # it is not the one that is there
    assert withdraw(second)
    assert list(marker.parent.iterdir()) == []


@pytest.mark.parametrize(
    ('task', 'kind'), [('classification', Choices), ('multilabel', Levels), ('something_else', Numbers)]
)
def test_every_task_has_a_metric(task, kind, tmp_path):
    manifest = load_manifest(
        {'classification': 'phantom_phase', 'multilabel': 'phantom_view'}.get(task, 'phantom_view')
    )
    agreement = agreement_for(manifest.model_copy(update={'task': task}))
    assert isinstance(agreement, kind)
    names = list(manifest.outputs.values()) or ['a']
    good = {name: np.array([[0.9, 0.05, 0.05]], np.float32) for name in names}
    bad = {name: np.array([[0.05, 0.9, 0.9]], np.float32) for name in names}
    example = Example(0, '0', picture(0))
    agreement.add(example, good, good)
    assert agreement.scores().value == 1.0
    agreement.add(example, good, bad)
    assert agreement.scores().value < 1.0


def test_a_foreign_layout_is_verified_by_its_numbers(tmp_path):
    source = foreign_source(tmp_path, 'deeplab')
    path = tmp_path / 'same.onnx'
    write_artefact(path, source.graph, source, 'fp16', {})
    result = verify(source, open_subject(path, source), examples(2))
    assert result.passed
    assert result.metric == 'likeness of the outputs'


def test_pictures_come_from_a_set_or_from_the_phantom(tmp_path):
    picture_set(tmp_path, {'smoke': 3, 'low_light': 3})
    assert len(list(from_folder(tmp_path, 4))) == 4
    rendered = list(from_phantom(3))
    assert len(rendered) == 3
    assert all(example.labels is not None for example in rendered)


def test_no_picture_is_no_verification(tmp_path):
    source = tiny_source(tmp_path)
    path = spoilt(source, tmp_path, lambda weights: weights)
    with pytest.raises(EngineError, match='no picture to verify on'):
        verify(source, open_subject(path, source), [])


def test_a_bare_network_cannot_be_verified(tmp_path):
    source = tiny_source(tmp_path)
    bare = open_source(str(source.path))
    path = spoilt(source, tmp_path, lambda weights: weights)
    with pytest.raises(Exception, match='write a manifest'):
        verify(bare, open_subject(path, bare), examples())


def test_shipped_models_pass_in_half_precision(library, store):
    source = open_source('phantom_view')
    profiles = shapes.live(inputs_of(source.graph), source.sizes, '')
    options = Options(precision='fp16', effort=0, profiles=profiles)
    place = make(source, options, library, store=store).path
    result = verify(source, open_subject(place, source), examples(3))
    assert result.passed
    assert json.loads(result.model_dump_json())['inputs'] == 3
