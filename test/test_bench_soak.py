"""A minute of soak with a small picture, for CI: nothing grows, nothing starts again. `bench soak` takes twenty."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

# In a minute after 12 s in which buffers still fill, on a machine that does other things and may call for evidence.
MOST_GROWTH = 10.0  # %; a picture that leaks with each frame would be 40
MOST_MORE = 5  # threads or files of a process; one that leaks each second would be 48


def test_a_soak_looks_at_every_process_and_at_both_ends_and_draws_itself(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / 'benchmarks'))
    monkeypatch.setenv('ROS_DOMAIN_ID', '0')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    import soak

    monkeypatch.setattr(soak, 'QUICK_MINUTES', 1.0)
    told, drawn = [], tmp_path / 'soak.svg'
    rows = {row.measure: row for row in soak.run(lambda share, what: told.append(share), quick=True, picture=drawn)}
    for module in ('soak', '_run', '_soak_chart'):
        sys.modules.pop(module)
    assert told == sorted(told)
    assert {name.removesuffix('_rss_growth') for name in rows if name.endswith('_rss_growth')} == {
        'guidance',
        'watchdog',
        'relay',
        'recorder',
    }
    assert rows['processes_started_again'].value == rows['seconds_missing'].value == 0
    grown = {name: row.value for name, row in rows.items() if name.endswith(('_threads_growth', '_files_growth'))}
    assert not any(value > MOST_MORE for value in grown.values()), grown
    assert rows['rss_growth'].value < MOST_GROWTH
    assert '</svg>' in drawn.read_text(encoding='utf-8')
    assert rows['frames'].value > 20
    assert 0 < rows['first_minute_p50'].value <= rows['first_minute_p99'].value
    assert all(row.value > 10 for name, row in rows.items() if name.endswith('_rss'))
