"""The fault table: each fault in the running graph is noticed, marks advice where it must, and ends when it is undone.

How soon is measured by `surgical-guidance bench faults`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))
faults, fault_lab = (importlib.import_module(name) for name in ('faults', '_fault_lab'))
sys.path.pop(0)

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


@pytest.fixture(scope='module')
def running(domain):
    with fault_lab.lab(domain(), composed=True) as running:
        yield running


LEFT_OUT = {
    'kill_recorder',
    'stop_recorder',
    'stop_relay',
    'stop_watchdog',
}  # 30 s of restarts; the benchmark has them all
TABLE = [fault for fault in (*faults.QUICK, *faults.SLOW) if fault.name not in LEFT_OUT]


@pytest.mark.parametrize('fault', TABLE, ids=lambda fault: fault.name)
def test_every_fault_is_noticed_marked_and_over(running, fault, record_property):
    outcome = fault_lab.attempt(running, fault)
    record_property('outcome', str(outcome))
    assert outcome.noticed is not None
    assert (outcome.interrupted is not None) is fault.interrupts
    assert outcome.recovered is not None
