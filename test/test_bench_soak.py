"""The soak's own machinery, for seconds: `bench soak --minutes 1` is what CI may run, 20 minutes what must hold."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes


def test_a_soak_looks_at_every_process_and_at_both_ends_and_draws_itself(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / 'benchmarks'))
    monkeypatch.setenv('ROS_DOMAIN_ID', '0')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    import soak

    monkeypatch.setattr(soak, 'QUICK_MINUTES', 0.1)
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
    assert '</svg>' in drawn.read_text(encoding='utf-8')
    assert rows['frames'].value > 20
    assert 0 < rows['first_minute_p50'].value <= rows['first_minute_p99'].value
    assert all(row.value > 10 for name, row in rows.items() if name.endswith('_rss'))
