"""A take is written whole or not at all, kept in a cache of limited size, and played from there."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest

from surgical_guidance.errors import SourceError, SourceLost
from surgical_guidance.frames.source import TruePicture
from surgical_guidance.phantom import cache
from surgical_guidance.phantom.render import write
from surgical_guidance.phantom.source import phantom_source, take_of
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import FrameTruth

URI = 'phantom:unidentified_tube?size=128x72&seed=4&vendor=borealis'


@pytest.fixture(scope='module')
def take() -> Take:
    return Take('unidentified_tube', 4, 128, 72, 'borealis')


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('cache')


@pytest.fixture
def cache_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One cache for all of these tests: rendering takes its time."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(home))
    return home


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache into which next to nothing is written."""

    def write_little(take: Take, clip: Path, truth: Path, tell: object) -> None:
        clip.write_bytes(b'clip')
        truth.write_bytes(b'truth')

    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(cache, 'write', write_little)


def test_the_first_use_renders_every_frame_and_its_truth(take: Take, cache_home: Path) -> None:
    told: list[tuple[int, int]] = []
    found = cache.rendered(take, lambda done, total: told.append((done, total)))
    assert told == [(number + 1, take.frames) for number in range(take.frames)]
    with av.open(str(found.clip)) as container:
        frames = [frame.to_ndarray(format='bgr24') for frame in container.decode(video=0)]
    assert len(frames) == take.frames
    image = np.empty((72, 128, 3), np.uint8)
    take.render(40, image)
    assert np.abs(frames[40].astype(int) - image).mean() < 8
    lines = found.truth.read_text(encoding='utf-8').splitlines()
    assert [FrameTruth.from_json(line).index for line in lines] == list(range(take.frames))
    assert FrameTruth.from_json(lines[40]) == take.truth(40)
    assert sorted(path.suffix for path in found.clip.parent.iterdir()) == ['.jsonl', '.mp4']
    assert found.clip.is_relative_to(cache_home)


def test_what_was_rendered_is_used_again(take: Take, cache_home: Path) -> None:
    first = cache.rendered(take)
    made = first.clip.stat().st_ino
    told: list[int] = []
    assert cache.rendered(take, lambda done, total: told.append(done)) == first
    assert first.clip.stat().st_ino == made
    assert not told
    assert cache.find(Take('unidentified_tube', 5, 128, 72, 'borealis')) is None


def test_what_is_interrupted_leaves_nothing(take: Take, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(take, tmp_path / 'clip.mp4', tmp_path / 'truth.jsonl', interrupt)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_told(take: Take, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r'clip\.mp4: it cannot be written'):
        write(take, tmp_path / 'not there' / 'clip.mp4')
    with pytest.raises(SourceError, match='even sides'):
        write(Take('smoke', 0, 129, 72), tmp_path / 'clip.mp4')


@pytest.mark.usefixtures('empty_cache')
def test_what_was_used_longest_ago_makes_room(take: Take) -> None:
    old = cache.rendered(take)
    os.utime(old.clip, (1.0, 1.0))
    new = cache.rendered(Take('unidentified_tube', 5, 128, 72), limit_bytes=1)
    assert not old.clip.exists()
    assert not old.truth.exists()
    assert new.clip.exists()


def test_a_cache_that_cannot_be_made_is_told(take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'file').write_text('in the way')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    with pytest.raises(SourceError, match='set XDG_CACHE_HOME'):
        cache.rendered(take)


def test_the_first_use_of_a_source_tells_how_far_it_is(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(cache, 'write', lambda take, clip, truth, tell: [tell(done, 40) for done in range(1, 41)])
    phantom_source(URI).open()
    assert capfd.readouterr().err.splitlines()[-1] == 'phantom: rendering unidentified_tube, 100 %'


def test_a_scenario_is_a_source_with_its_truth(take: Take, cache_home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cache.rendered(take)
    source = phantom_source(URI)
    info = source.open()
    assert (info.width, info.height, info.rate, info.live) == (128, 72, 30.0, False)
    assert not capfd.readouterr().err  # played from the cache
    image = np.zeros((72, 128, 3), np.uint8)
    for index in range(take.frames):
        picture = source.read()
        assert picture is not None
        assert picture.time_s == pytest.approx(index / 30)
        if index == 40:
            picture.draw(image)
            assert isinstance(picture, TruePicture)
            assert FrameTruth.from_json(picture.truth()) == take.truth(40)
    assert image.any()
    assert source.read() is None  # it ends
    source.open()
    source.close()
    assert source.read() is None


def test_a_loop_begins_again_without_going_back_in_time(take: Take, cache_home: Path) -> None:
    source = phantom_source(URI + '&loop=1')
    source.open()
    times = [picture.time_s for picture in (source.read() for _ in range(take.frames + 2)) if picture]
    assert np.diff(times) == pytest.approx(1 / 30)


@pytest.mark.usefixtures('empty_cache')
def test_a_broken_cache_is_told(take: Take) -> None:
    cache.rendered(take)
    source = phantom_source(URI)
    source.open()
    with pytest.raises(SourceLost, match='remove it'):
        source.read()


@pytest.mark.parametrize(
    ('uri', 'said'),
    [
        ('phantom:lunch', "no scenario 'lunch'"),
        ('phantom:smoke?vendor=acme', "no vendor 'acme'"),
        ('phantom:smoke?loop=2', 'loop=2'),
        ('phantom:smoke?size=129x72', 'even sides'),
        ('phantom:smoke?rate=25', 'no rate'),
        ('phantom:smoke?seed=x', 'seed=x'),
    ],
)
def test_a_scenario_that_cannot_be_is_refused_before_anything_is_rendered(uri: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        phantom_source(uri)


def test_only_a_scenario_has_a_take() -> None:
    assert take_of('phantom:') is None
    assert take_of('file:clip.mp4') is None
    found = take_of(URI)
    assert found is not None
    assert (found.scenario.name, found.seed, found.vendor) == ('unidentified_tube', 4, 'borealis')
