"""The sum of a run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surgical_guidance.session.collector import Collector, Latencies, ModelUse


def test_quantiles_agree_with_numpy_to_the_step():
    times = np.random.default_rng(1).gamma(4.0, 3.0, 5000)
    latencies = Latencies()
    for ms in times:
        latencies.add(float(ms))
    assert latencies.quantile(0.5) == pytest.approx(np.percentile(times, 50), abs=0.06)
    assert latencies.quantile(0.99) == pytest.approx(np.percentile(times, 99), abs=0.2)
    assert latencies.max == times.max()


def test_without_frames_there_are_no_times():
    assert math.isnan(Latencies().quantile(0.5))
    assert Latencies().summary() == {'p50': None, 'p99': None, 'max': None}


def test_what_takes_for_ever_is_counted_and_what_is_no_time_is_not():
    latencies = Latencies()
    for ms in (1e9, math.nan, -1.0):
        latencies.add(ms)
    assert latencies.quantile(0.5) == pytest.approx(2000.0)
    assert latencies.max == 1e9


def test_frames_are_counted_over_a_restart_of_the_guidance():
    collector = Collector()
    collector.frame(10, 9, {'inference': 5.0})
    collector.frame(12, 11, {'inference': 5.0})
    collector.frame(1, 1, {'unknown stage': 5.0})
    assert (collector.captured, collector.processed, collector.dropped) == (13, 12, 1)


def test_a_suggestion_is_counted_once_however_often_it_is_repeated():
    collector = Collector()
    for _ in range(3):
        collector.suggestion('hook_near_bowel', 1, 77, raised=True)
    collector.suggestion('hook_near_bowel', 1, 77, raised=False)  # interrupted
    collector.suggestion('blur', 2, 77, raised=True)
    collector.suggestion('blur', 2, 78, raised=True)  # a new process starts its numbers anew
    assert collector.summary()['suggestions'] == {'blur': 2, 'hook_near_bowel': 1}


def test_what_the_models_did_is_in_the_summary_and_an_unmeasured_time_is_none():
    collector = Collector(step=(2, 'a quarter as often'))
    collector.models = {'phase': ModelUse(60, 224, 128, 4, 2, 1, 3.14159, math.nan, '')}
    summary = collector.summary()
    assert summary['degradation_step'] == 2
    assert summary['models'] == {
        'phase': {
            'stride': 60, 'width': 224, 'height': 128, 'looks': 4, 'postponed': 2, 'forced': 1, 'cost_p50_ms': 3.142,
            'cost_p99_ms': None, 'problem': '',
        }
    }  # fmt: skip
