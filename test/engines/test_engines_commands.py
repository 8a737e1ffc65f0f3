"""The commands ``surgical-guidance engine ...`` from end to end."""

from __future__ import annotations

import json

import pytest
from engines_helpers import picture_set, tiny_source
from typer.testing import CliRunner

from surgical_guidance.cli import app
from surgical_guidance.errors import GuidanceError
from surgical_guidance.inference.plan import read_plan

WIDE = {'COLUMNS': '300', 'TERM': 'dumb'}


@pytest.fixture
def engine(tmp_path):
    """Run a command on the tiny model."""
    tiny_source(tmp_path)

    def command(*arguments: object, status: int = 0) -> str:
        result = CliRunner().invoke(app, ['engine', *map(str, arguments)], env=WIDE)
        if isinstance(result.exception, GuidanceError):
            raise result.exception
        assert result.exit_code == status, result.output
        return result.output

    return command


@pytest.fixture
def model(tmp_path):
    return tmp_path / 'tiny.yaml'


def test_from_a_network_to_a_deployed_engine(engine, model, tmp_path):
    pictures = picture_set(tmp_path / 'pictures', {'smoke': 6, 'low_light': 6})
    ranges, plan = tmp_path / 'tiny.int8.onnx', tmp_path / 'tiny.plan'
    with pytest.raises(GuidanceError, match='smoke has 6 different pictures of 200'):
        engine('calibrate', model, '--set', pictures, '--out', ranges)
    assert not ranges.exists()
    said = engine('calibrate', model, '--set', pictures, '--out', ranges, '--method', 'minmax', '--override', 'a test')
    assert '12 pictures' in said
    assert 'passed' in engine('verify', model, ranges, '--data', pictures, '--limit', 50, '--pictures', 6)
    said = engine('build', model, '--precision', 'int8', '--calibrated', ranges, '--out', plan)
    assert 'built' in said
    assert 'override: a test' in said
    assert 'from the cache' in engine('build', model, '--precision', 'int8', '--calibrated', ranges)
    assert read_plan(plan)[0].calibration['override'] == 'a test'
    engine('verify', model, plan, '--data', pictures, '--limit', 50, '--pictures', 6)
    said = engine('deploy', plan, '--accept-unrun', 'a test')
    assert 'tensorrt_rtx-any.json' in said
    refused = engine('verify', model, plan, '--data', pictures, '--limit', 0, '--pictures', 6, status=1)
    assert 'REFUSED' in refused
    assert 'was withdrawn' in refused
    assert not list((tmp_path / 'deployed').rglob('*.*'))


def test_inspect_shows_a_plan_and_writes_json(engine, model, tmp_path):
    plan, facts = tmp_path / 'tiny.plan', tmp_path / 'facts.json'
    engine('build', model, '--out', plan)
    said = engine('inspect', plan, '--json', facts, '--layers', 3)
    assert 'conv_1' not in said
    assert 'more (--layers, --json)' in said
    assert 'weights' in said
    assert len(json.loads(facts.read_text())['layers']) > 9
    assert 'conv_1' in engine('inspect', model)


def test_optimise_tells_what_it_saved(engine, model, tmp_path):
    said = engine('optimise', model, '--out', tmp_path / 'clean.onnx')
    assert 'operators' in said
    assert (tmp_path / 'clean.onnx').stat().st_size > 100


def test_bench_compares_and_draws(engine, model, tmp_path):
    said = engine('bench', model, '--runs', 10, '--json', tmp_path / 'rows.json', '--plot', tmp_path / 'rows.png')
    assert 'ONNX Runtime CPU, 1 thread' in said
    rows = json.loads((tmp_path / 'rows.json').read_text())
    assert any(row['p50_ms'] for row in rows)
    assert (tmp_path / 'rows.png').stat().st_size > 1000


def test_the_phantom_makes_a_set(engine, tmp_path):
    said = engine('calibration-set', '--out', tmp_path / 'set', '--count', 1, '--size', '64x36')
    assert '5 rendered, 5 count' in said


@pytest.mark.parametrize(
    ('arguments', 'cause'),
    [
        (('--precision', 'int4'), "there is no 'int4'"),
        (('--profile', 'live', '--size', 'large'), "'large' is no size"),
        (('--profile', 'graded'), 'has fixed shapes'),
        (('--profile', 'imgae=1x32x32x3'), "the profile is for 'imgae'"),
        (('--library', 'tensorflow'), 'there is no library'),
        (('--calibrated', 'nowhere.onnx', '--precision', 'int8'), 'there is no such network'),
    ],
)
def test_what_cannot_be_built_is_one_line(engine, model, arguments, cause):
    with pytest.raises(GuidanceError) as caught:
        engine('build', model, *arguments)
    assert cause in str(caught.value)
    assert '\n' not in str(caught.value)


def test_calibrate_refuses_what_it_does_not_know(engine, model, tmp_path):
    for arguments in (('--method', 'guess'), ('--precision', 'fp16')):
        with pytest.raises(GuidanceError):
            engine('calibrate', model, '--set', tmp_path, '--out', tmp_path / 'x.onnx', *arguments)
