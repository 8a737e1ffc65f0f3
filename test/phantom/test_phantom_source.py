"""The phantom is a source like any other."""

from __future__ import annotations

import numpy as np
import pytest

from surgical_guidance.errors import SourceError
from surgical_guidance.frames.source import Picture, Source
from surgical_guidance.phantom.source import phantom_source


def test_it_gives_pictures_of_the_size_and_pace_asked_for() -> None:
    source: Source = phantom_source('phantom:?size=320x180&rate=25&seed=3')
    info = source.open()
    assert (info.width, info.height, info.rate, info.live) == (320, 180, 25.0, False)
    pictures: list[Picture | None] = [source.read() for _ in range(3)]
    assert [picture.time_s for picture in pictures if picture] == [0.0, 0.04, 0.08]
    image = np.zeros((180, 320, 3), np.uint8)
    assert pictures[2] is not None
    pictures[2].draw(image)
    assert image.any()


def test_it_is_full_hd_at_30_hz_unless_told_otherwise() -> None:
    source = phantom_source('phantom:')
    assert (source._width, source._height, source._rate) == (1920, 1080, 30.0)


def test_it_ends_when_closed_and_begins_again_when_opened() -> None:
    source = phantom_source('phantom:?size=128x72')
    source.open()
    source.close()
    assert source.read() is None
    source.open()
    picture = source.read()
    assert picture is not None
    assert picture.time_s == 0.0


@pytest.mark.parametrize(
    ('uri', 'said'),
    [
        ('phantom:?size=huge', 'size=huge'),
        ('phantom:?size=1x1', 'size=1x1'),
        ('phantom:?size=99999x72', 'size=99999x72'),
        ('phantom:?rate=0', 'rate=0'),
        ('phantom:?rate=fast', 'rate=fast'),
        ('phantom:?seed=-1', 'seed=-1'),
        ('phantom:?colour=red', 'no colour'),
    ],
)
def test_what_it_cannot_be_is_refused_with_the_way_to_say_it(uri: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as refused:
        phantom_source(uri)
    assert 'write phantom:' in str(refused.value)
    assert '\n' not in str(refused.value)
