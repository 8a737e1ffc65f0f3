"""The house keeps its shape: format, lint, types, the rooms' rules, and what is made from code is up to date."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from surgical_guidance import contract
from surgical_guidance.session.parameters import as_yaml

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    'command',
    [('ruff', 'format', '--check', '.'), ('ruff', 'check', '.'), ('mypy',), ('lint-imports', '--no-cache')],
    ids=lambda command: ' '.join(command),
)
def test_tools_find_nothing(command):
    name, *arguments = command
    done = subprocess.run(
        [BIN / name, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'NO_COLOR': '1'},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_of_topics_is_the_contract():
    assert (ROOT / 'docs/topics.md').read_text(encoding='utf-8') == contract.as_markdown()


def test_the_parameters_file_is_what_the_nodes_declare():
    assert (ROOT / 'config/guidance.yaml').read_text(encoding='utf-8') == as_yaml()


def test_nothing_can_move_an_arm():
    """The system advises: no source names a CRTK motion command as something to publish."""
    words = ('servo_' + 'cp', 'servo_' + 'cv', 'servo_' + 'jp', 'move_' + 'cp', 'move_' + 'jp', 'state_' + 'command')
    for path in [*(ROOT / 'src').rglob('*.py'), *(ROOT / 'launch').rglob('*.py'), *(ROOT / 'config').rglob('*.yaml')]:
        text = path.read_text(encoding='utf-8')
        assert not any(word in text for word in words), path
