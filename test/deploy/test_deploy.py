"""What is meant for a hospital's host holds: rules, dashboard, units, page of operations."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from prometheus_server import DEPLOY, program
from surgical_guidance.contract import STAGES
from surgical_guidance.watchdog.alarm_table import alarm_table, as_markdown
from surgical_guidance.watchdog.exposition import serve
from surgical_guidance.watchdog.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / 'docs/operations.md'


def promtool(*words: str) -> None:
    done = subprocess.run([program('promtool'), *words], cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration():
    promtool('check', 'config', 'prometheus.yml')


def test_the_rules_do_what_their_tests_say():
    promtool('test', 'rules', 'rules_test.yml')


def alerts() -> list[dict]:
    return yaml.safe_load((DEPLOY / 'alerts.yml').read_text())['groups'][0]['rules']


def test_every_alert_is_tested():
    tests = yaml.safe_load((DEPLOY / 'rules_test.yml').read_text())['tests']
    fired = {case['alertname'] for test in tests for case in test.get('alert_rule_test', ()) if case['exp_alerts']}
    assert fired == {rule['alert'] for rule in alerts()}


def expressions() -> list[str]:
    rules = [*alerts(), *yaml.safe_load((DEPLOY / 'recording.yml').read_text())['groups'][0]['rules']]
    return [*(rule['expr'] for rule in rules), (ROOT / 'deploy/grafana/dashboard.json').read_text()]


@pytest.fixture(scope='module')
def metrics_served() -> set[str]:
    """The names of all metrics, as Prometheus gets them, and those that wait for a relay or a GPU."""
    metrics = Metrics(tuple(alarm_table(STAGES).values()))
    metrics.suggestion('rule', 1, 1)
    _, end = serve(metrics, lambda: None, 0)
    end()
    names = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    source = (ROOT / 'src/surgical_guidance/watchdog/exposition.py').read_text()
    later = re.findall(r"'((?:relay|gpu|host)_\w+)',\s*(CounterMetricFamily)?", source)
    return names | {f'surgical_guidance_{name}{"_total" if counter else ""}' for name, counter in later}


def test_rules_and_dashboard_ask_for_metrics_that_there_are(metrics_served):
    recorded = {rule['record'] for rule in yaml.safe_load((DEPLOY / 'recording.yml').read_text())['groups'][0]['rules']}
    for expression in expressions():
        asked = set(re.findall(r'surgical_guidance[_:]\w[\w:]*', expression)) - {'surgical_guidance_state, instance'}
        assert asked <= metrics_served | recorded, asked - metrics_served - recorded


def test_the_dashboard_is_what_its_program_writes(capsys):
    pytest.importorskip('grafana_foundation_sdk')
    runpy.run_path(str(ROOT / 'deploy/grafana/dashboard.py'), run_name='__main__')
    assert capsys.readouterr().out == (ROOT / 'deploy/grafana/dashboard.json').read_text()


def test_the_dashboard_shows_everything_on_one_host():
    panels = json.loads((ROOT / 'deploy/grafana/dashboard.json').read_text())['panels']
    for panel in panels:
        for target in panel.get('targets', ()):
            assert 'instance="$host"' in target['expr'], target
    assert len(panels) > 15


def test_every_alarm_is_on_the_page_of_operations_and_every_alert_leads_to_it():
    page = OPERATIONS.read_text()
    assert as_markdown().rstrip() in page
    titles = re.findall(r'^#+ (.+)$', page, re.MULTILINE)
    anchors = {re.sub(r'[^\w -]', '', title.lower()).strip().replace(' ', '-') for title in titles}  # as GitHub does
    for rule in alerts():
        file, _, anchor = rule['annotations']['runbook'].partition('#')
        assert file == 'docs/operations.md'
        assert not anchor or anchor in anchors, anchor


@pytest.mark.parametrize('unit', sorted((ROOT / 'deploy/systemd').glob('*.service')), ids=lambda path: path.name)
def test_systemd_takes_the_units(unit, tmp_path):
    if shutil.which('systemd-analyze') is None:
        pytest.skip('no systemd-analyze here')
    text = unit.read_text()
    local = tmp_path / unit.name
    local.write_text(re.sub(r'^ExecStart=\S+', 'ExecStart=/bin/true', text, flags=re.MULTILINE))
    done = subprocess.run(['systemd-analyze', 'verify', local], capture_output=True, text=True, check=False)
    if 'Failed to initialize manager' in done.stderr or 'Failed to set up' in done.stderr:
        pytest.skip(f'systemd-analyze does not work here: {done.stderr.strip()}')
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not ours, done.stderr


@pytest.mark.parametrize('unit', sorted((ROOT / 'deploy/systemd').glob('*.service')), ids=lambda path: path.name)
def test_what_a_unit_may_do_is_little(unit, tmp_path):
    if shutil.which('systemd-analyze') is None:
        pytest.skip('no systemd-analyze here')
    done = subprocess.run(
        ['systemd-analyze', 'security', '--offline=true', '--threshold=40', unit],
        capture_output=True,
        text=True,
        check=False,
    )
    if 'Overall exposure level' not in done.stdout:
        pytest.skip(f'systemd-analyze does not work here: {done.stderr.strip()}')
    assert done.returncode == 0, done.stdout


def test_logs_are_rotated_by_a_configuration_that_logrotate_takes(tmp_path):
    config = (ROOT / 'deploy/logrotate/surgical-guidance').read_text()
    assert 'alarms.jsonl' not in config, 'the alarm log is append-only and never rewritten'
    if shutil.which('logrotate') is None:
        pytest.skip('no logrotate here')
    local = tmp_path / 'conf'
    local.write_text(
        config.replace('/var/lib/surgical-guidance', str(tmp_path)).replace(
            'su surgical-guidance surgical-guidance', ''
        )
    )
    done = subprocess.run(
        ['logrotate', '-d', '-s', tmp_path / 'state', local], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'error:' not in done.stderr, done.stderr
