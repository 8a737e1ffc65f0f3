"""What is drawn over the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from advice_scenes import START_NS, scene, square, tool

from surgical_guidance.advice import fonts
from surgical_guidance.advice.fonts import Fonts, find_fonts
from surgical_guidance.advice.overlay import Style, draw
from surgical_guidance.advice.suggestion import Priority, Status, Suggestion
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import HostError
from surgical_guidance.scene.state import SceneState, Structure

PLAIN = Style(Fonts('', False), 'en')
GREY = 90
SHOWN = Suggestion(
    START_NS, 1, 1, 'r', Priority.HIGH, Status.VALID, '停止', 'Stop.', highlight_class='liver',
    highlight_path=(100.0, 900.0, 700.0, 900.0), highlight_arrow=(1500.0, 300.0, 1500.0, 100.0),
)  # fmt: skip
NOTHING = Suggestion(START_NS, 1)
LIVER = Structure('liver', 0.9, square(960.0, 540.0, 200.0), 0.1)
COVER = tool('grasper', x=1300.0)._replace(contour=square(1160.0, 540.0, 80.0))


def picture(one: SceneState | None, suggestion: Suggestion = NOTHING, style: Style = PLAIN, late_s: float = 0.0):
    image = np.full((540, 960, 3), GREY, np.uint8)
    draw(image, one, suggestion, style, START_NS + round(late_s * NS_PER_S))
    return image


def changed(image: np.ndarray, x: float, y: float, reach: int = 4) -> bool:
    """Whether anything is drawn about a place of the 1080p picture."""
    column, row = round(x / 2), round(y / 2)
    return bool((image[row - reach : row + reach, column - reach : column + reach] != GREY).any())


def test_structures_are_outlined_beneath_instruments() -> None:
    image = picture(scene(0, tools=[COVER], parts=[LIVER]))
    assert changed(image, 760.0, 540.0)  # the left side of the outline
    assert not changed(image, 960.0, 540.0)  # nothing is filled
    assert not changed(image, 1160.0, 540.0)  # where its right side runs under the instrument
    assert changed(image, 1300.0, 540.0)  # the tip


@pytest.mark.parametrize(('outlines', 'seen'), [('all', True), ('highlighted', True), ('none', False)])
def test_outlines_can_be_fewer(outlines: str, seen: bool) -> None:
    image = picture(scene(0, tools=[], parts=[LIVER]), SHOWN, replace(PLAIN, outlines=outlines))
    assert changed(image, 760.0, 540.0) is seen
    assert not changed(
        picture(scene(0, tools=[], parts=[LIVER]), NOTHING, replace(PLAIN, outlines='highlighted')), 760.0, 540.0
    )


def test_the_way_is_yellow_and_the_direction_white() -> None:
    image = picture(scene(0, tools=[]), SHOWN)
    blue, green, red = (image[450, 55:340, channel].astype(int) for channel in range(3))
    assert ((red > 200) & (green > 150) & (blue < 90)).sum() > 50
    assert (image[60:140, 750] == 255).all(axis=1).sum() > 30


def test_what_is_not_current_is_grey_tells_its_age_and_points_nowhere() -> None:
    interrupted = SHOWN._replace(status=Status.INTERRUPTED, interrupted_at_ns=START_NS)
    image = picture(scene(0, tools=[]), interrupted, late_s=2.0)
    assert not changed(image, 400.0, 900.0)
    text = image[480:535]
    assert (text != GREY).any()
    assert not np.ptp(text.astype(int), axis=2).max()  # no colour
    assert (image != picture(scene(0, tools=[]), interrupted, late_s=3.0)).any()


def test_the_mark_of_a_priority_has_its_colour() -> None:
    for priority, (red, green, blue) in (
        (Priority.HIGH, (True, False, False)),
        (Priority.MEDIUM, (True, True, False)),
        (Priority.LOW, (False, True, True)),
    ):  # fmt: skip
        text = picture(None, SHOWN._replace(priority=priority))[480:535]
        strongest = text[np.ptp(text.astype(int), axis=2) > 100].mean(axis=0)
        assert tuple(strongest[::-1] > 150) == (red, green, blue)


@pytest.mark.parametrize('status', [Status.NONE, Status.WITHDRAWN])
def test_what_is_no_advice_is_not_written(status: Status) -> None:
    assert not (picture(None, SHOWN._replace(status=status)) != GREY).any()


def test_a_scene_that_is_not_valid_is_not_drawn_but_the_text_is() -> None:
    image = picture(scene(0, parts=[LIVER], problem='x'), SHOWN)
    assert not changed(image, 760.0, 540.0)
    assert (image[480:535] != GREY).any()


def test_chinese_is_written_where_a_font_has_it_and_english_where_none_does(monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_fonts()
    english = picture(None, SHOWN, Style(found, 'en'))
    if found.chinese:
        assert (picture(None, SHOWN, Style(found, 'zh')) != english).any()
    monkeypatch.setattr(fonts, 'CJK_FILES', ('there-is-no-such-font.ttc',))
    without = find_fonts()
    assert without == Fonts('', False)
    assert (picture(None, SHOWN, Style(without, 'zh')) == picture(None, SHOWN, Style(without, 'en'))).all()


def test_a_font_that_cannot_be_used_is_told() -> None:
    with pytest.raises(HostError, match=r'none\.ttf'):
        find_fonts('/none.ttf')
