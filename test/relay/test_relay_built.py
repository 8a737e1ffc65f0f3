"""The pages in the package are those that the sources in console/ make, and know in Chinese what they are told."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / 'console'
BUILT = ROOT / 'src/surgical_guidance/relay/web'
SCRIPTS = ('console.js', 'or.js', 'shared.js')


def sources_hash() -> str:
    """Hash the sources as console/build.mjs does."""
    digest = hashlib.sha256()
    modules = sorted(f'src/{file.name}' for file in (SOURCES / 'src').iterdir())
    for name in ['build.mjs', 'package-lock.json', 'tsconfig.json', *modules]:
        digest.update(name.encode() + b'\0' + (SOURCES / name).read_bytes() + b'\0')
    return digest.hexdigest()


@pytest.mark.parametrize('script', SCRIPTS)
def test_the_scripts_were_made_from_the_sources_that_are_here(script: str) -> None:
    first = (BUILT / script).read_text(encoding='utf-8').partition('\n')[0]
    found = re.search('sources ([0-9a-f]{64})', first)
    assert found is not None
    assert found[1] == sources_hash(), 'run `npm run build` in console/'


def test_all_else_is_as_it_is_in_the_sources() -> None:
    static = {file.name: file.read_bytes() for file in (SOURCES / 'static').iterdir()}
    built = {file.name: file.read_bytes() for file in BUILT.iterdir() if file.is_file() and file.suffix != '.py'}
    assert set(built) == {*static, *SCRIPTS}
    assert all(built[name] == content for name, content in static.items())


@pytest.mark.parametrize('module', ['judgement', 'surroundings', 'picture', 'growth', 'clock_steps', 'gpu', 'facts'])
def test_the_chinese_page_knows_what_the_watchdog_may_say(module: str) -> None:
    known = json.loads((SOURCES / 'src/reasons.json').read_text(encoding='utf-8'))
    assert all(english.count('{}') == chinese.count('{}') for english, chinese in known.items())
    tree = ast.parse((ROOT / f'src/surgical_guidance/watchdog/{module}.py').read_text(encoding='utf-8'))
    texts = (text_of(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))
    sentences = [text for text in texts if text.count(' ') > 1]
    assert sentences
    assert [text for text in sentences if text not in known] == [], 'write them into console/src/reasons.json'


def text_of(node: ast.JoinedStr) -> str:
    """Give a text with ``{}`` for what is put in."""
    return ''.join(str(part.value) if isinstance(part, ast.Constant) else '{}' for part in node.values)


def test_the_lock_file_names_no_host() -> None:
    lock = (SOURCES / 'package-lock.json').read_text(encoding='utf-8')
    assert '"integrity": "sha512-' in lock
    assert not re.search(r'"resolved"|registry', lock)


@pytest.mark.skipif(
    not (SOURCES / 'node_modules/esbuild').is_dir() or shutil.which('node') is None,
    reason='no node_modules: npm ci in console/',
)
def test_a_build_gives_the_same_files_and_the_types_hold(tmp_path: Path) -> None:
    subprocess.run(['node', 'build.mjs', tmp_path], cwd=SOURCES, check=True)
    for script in SCRIPTS:
        assert (tmp_path / script).read_bytes() == (BUILT / script).read_bytes()
    done = subprocess.run(
        ['node', 'node_modules/typescript/bin/tsc', '--noEmit'],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
