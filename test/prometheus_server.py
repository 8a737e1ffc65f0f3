"""The real Prometheus, where it is installed or was unpacked by the set-up, with our own configuration."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / 'deploy/prometheus'


def program(name: str) -> str:
    """Find ``prometheus`` or ``promtool``; skip the test where there is none."""
    found = shutil.which(name) or shutil.which(name, path=str(ROOT / 'build/debian/usr/bin'))
    if found is None:
        pytest.skip(f'no {name} here: apt-get install prometheus')
    return found


class Prometheus:
    """A server with the configuration of ``deploy/``, but scraping one target every second."""

    def __init__(self, folder: Path, target: str) -> None:
        binary = program('prometheus')
        config = yaml.safe_load((DEPLOY / 'prometheus.yml').read_text())
        config['global'] = {'scrape_interval': '1s', 'evaluation_interval': '1s'}
        config['rule_files'] = [str(DEPLOY / name) for name in config['rule_files']]
        config['scrape_configs'][0]['static_configs'] = [{'targets': [target]}]
        folder.mkdir()
        (folder / 'prometheus.yml').write_text(yaml.safe_dump(config))
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self._address = f'127.0.0.1:{probe.getsockname()[1]}'
        self._log = (folder / 'log').open('wb')
        self._process = subprocess.Popen(
            [
                binary,
                f'--config.file={folder}/prometheus.yml',
                f'--storage.tsdb.path={folder}/data',
                f'--web.listen-address={self._address}',
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def query(self, expression: str) -> list[dict]:
        """Give the samples of an instant query."""
        return self._ask(f'query?query={urllib.request.quote(expression)}')['result']

    def firing(self) -> dict[str, dict]:
        """Give the alerts that fire, by name."""
        return {a['labels']['alertname']: a for a in self._ask('alerts')['alerts'] if a['state'] == 'firing'}

    def wait_for(self, condition, timeout_s: float = 40.0):
        """Ask until something holds; what it was at last if it never did."""
        deadline = time.monotonic() + timeout_s
        last = None
        while time.monotonic() < deadline:
            try:
                last = condition()
            except urllib.error.URLError:  # it starts
                last = None
            if last:
                return last
            if self._process.poll() is not None:
                raise AssertionError(Path(self._log.name).read_text())
            time.sleep(0.05)  # between two questions, not for an answer
        return last

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def _ask(self, what: str) -> dict:
        with urllib.request.urlopen(f'http://{self._address}/api/v1/{what}', timeout=10) as answer:
            return json.load(answer)['data']
