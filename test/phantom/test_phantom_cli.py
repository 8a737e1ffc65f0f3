"""The commands of the phantom write what they say, and say in one line what they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from surgical_guidance import cli_phantom
from surgical_guidance.errors import SourceError
from surgical_guidance.phantom import cache
from surgical_guidance.phantom.scenarios import SCENARIOS
from surgical_guidance.phantom.truth import FrameTruth
from surgical_guidance.phantom.vendors import VENDORS


def call(*words: str) -> str:
    return CliRunner().invoke(cli_phantom.app, words, catch_exceptions=False, env={'COLUMNS': '200'}).output


def test_list_names_every_scenario_and_camera() -> None:
    said = call('list')
    assert all(name in said for name in (*SCENARIOS, *VENDORS))


def test_render_writes_clip_and_truth(tmp_path: Path) -> None:
    clip, truth = tmp_path / 'clip.mp4', tmp_path / 'truth.jsonl'
    said = call('render', '--scenario', 'glare', '--seed', '2', '--size', '64x64', '--vendor', 'cassia',
                '--out', str(clip), '--truth', str(truth))  # fmt: skip
    assert '150 frames, 5.0 s' in said.replace('\n', ' ')
    first = FrameTruth.from_json(truth.read_text(encoding='utf-8').splitlines()[0])
    assert (first.scenario, first.seed, first.vendor, first.width) == ('glare', 2, 'cassia', 64)
    assert clip.stat().st_size > 1000


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('--scenario', 'lunch'), "no scenario 'lunch'"),
        (('--vendor', 'acme'), "no vendor 'acme'"),
        (('--size', 'huge'), 'huge is no size'),
        (('--size', '65x64'), 'even sides'),
        (('--out', '/not/there/clip.mp4'), 'the folder is not there'),
    ],
)
def test_what_cannot_be_rendered_is_refused(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    out = ('--out', str(tmp_path / 'clip.mp4')) if '--out' not in words else ()
    with pytest.raises(SourceError, match=said):
        call('render', *words, *out)
    assert not list(tmp_path.iterdir())


def test_a_scenario_is_rendered_before_it_is_played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rendered: list[str] = []
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(cache, 'rendered', lambda take, tell: rendered.append(take.scenario.name))
    for uri in ('phantom:', 'file:clip.mp4', 'phantom:smoke?size=64x64'):
        cli_phantom.prepare(uri)
    assert rendered == ['smoke']
