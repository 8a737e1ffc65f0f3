"""The benchmark runner: goals hold or do not, and nothing is passed over."""

from __future__ import annotations

import pytest

from surgical_guidance import bench
from surgical_guidance.errors import HostError

BENCHMARK = '''
"""A benchmark."""
from surgical_guidance.bench import Measured
def run(tell):
    tell(1.0, 'all')
    yield Measured('fast', 2.0, 'ms')
    yield Measured('times', 3.0, 'x')
    yield Measured('other', 1.0, '')
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / 'benchmarks'
    folder.mkdir()
    (folder / 'demo.py').write_text(BENCHMARK)
    (folder / '_helper.py').write_text('')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, '__file__', str(tmp_path / 'a/b/bench.py'))
    return folder


def test_values_are_held_against_their_goals(folder):
    (folder / 'goals.yaml').write_text('demo: {fast: {at_most: 1.5}, times: {at_least: 3}}')
    rows = bench.measure('demo', lambda share, what: None)
    assert [(row['measure'], row['goal'], row['holds']) for row in rows] == [
        ('fast', '<= 1.5', False),
        ('times', '>= 3', True),
        ('other', '', None),
    ]


def test_a_goal_without_a_value_is_an_error(folder):
    (folder / 'goals.yaml').write_text('demo: {forgotten: {at_most: 1}}')
    with pytest.raises(HostError, match='no value for forgotten'):
        bench.measure('demo', lambda share, what: None)


def test_an_option_is_for_benchmarks_that_have_it(folder):
    (folder / 'demo.py').write_text(
        BENCHMARK.replace('run(tell)', 'run(tell, stock=None)') + "    yield Measured('stock', stock or 0, '')\n"
    )
    (folder / 'plain.py').write_text(BENCHMARK)
    (folder / 'goals.yaml').write_text('{}')
    assert bench.measure('demo', lambda share, what: None, stock=5)[-1]['value'] == 5
    assert bench.measure('plain', lambda share, what: None, stock=None)
    with pytest.raises(HostError, match='no option --stock'):
        bench.measure('plain', lambda share, what: None, stock=5)


def test_an_unknown_benchmark_is_answered_with_the_known_ones(folder):
    (folder / 'goals.yaml').write_text('{}')
    with pytest.raises(HostError, match='there are: demo$'):
        bench.measure('nothing', lambda share, what: None)


def test_every_benchmark_of_the_project_has_goals():
    import yaml

    known = bench.benchmarks()
    goals = yaml.safe_load((next(iter(known.values())).parent / 'goals.yaml').read_text())
    assert goals.keys() == known.keys()
