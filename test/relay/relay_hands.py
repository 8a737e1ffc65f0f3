"""Hands for the tests of the pages: they draw, and they look at what is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Page

Point = tuple[float, float]

# Colour of what is drawn at a place (shares of the picture), the lightest of a few pixels; null where nothing is.
INK = """([x, y]) => {
  const canvas = document.getElementById('marks');
  const left = Math.round(x * canvas.width) - 9, top = Math.round(y * canvas.height) - 9;
  const { data } = canvas.getContext('2d').getImageData(left, top, 19, 19); // more than a gap of a dashed line
  let best = null, most = 60;
  for (let i = 0; i < data.length; i += 4) {
    const light = Math.max(data[i], data[i + 1], data[i + 2]);
    if (data[i + 3] > 100 && light > most) { most = light; best = [...data.slice(i, i + 3)]; }
  }
  return best;
}"""

# Notes every tone that is started, by the audio clock: [start, end, pitch].
TONES = """() => {
  window.tones = [];
  const { start, stop } = OscillatorNode.prototype;
  OscillatorNode.prototype.start = function (at) { this.begins = at; start.call(this, at); };
  OscillatorNode.prototype.stop = function (at) {
    window.tones.push([this.begins, at, this.frequency.value]);
    stop.call(this, at);
  };
}"""


def place(page: Page, point: Point) -> Point:
    """Give where a place of the picture is on the page [px]."""
    box = page.locator('#frame').bounding_box()
    assert box is not None
    return box['x'] + point[0] * box['width'], box['y'] + point[1] * box['height']


def draw(page: Page, *points: Point) -> None:
    """Draw with the mouse, with the tool in hand."""
    page.mouse.move(*place(page, points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, point), steps=3)
    page.mouse.up()


def draw_with(page: Page, kind: str, *points: Point) -> None:
    """Draw with a finger (``touch``) or a ``pen``."""
    places = [place(page, point) for point in points]
    names = ['pointerdown', *['pointermove'] * (len(points) - 1), 'pointerup']
    page.evaluate(
        """([kind, events]) => {
          const canvas = document.getElementById('marks');
          const common = { pointerType: kind, pointerId: 7, isPrimary: true, button: 0, bubbles: true, pressure: 0.4 };
          for (const [name, x, y] of events) {
            canvas.dispatchEvent(new PointerEvent(name, { ...common, clientX: x, clientY: y }));
          }
        }""",
        [kind, [[name, *at] for name, at in zip(names, [*places, places[-1]], strict=True)]],
    )


def sees(page: Page, point: Point) -> Sequence[int]:
    """Wait until something is drawn at a place; give its colour (red, green, blue)."""
    page.wait_for_function(INK, arg=list(point))
    colour: list[int] = page.evaluate(INK, list(point))
    return colour


def sees_nothing(page: Page, point: Point) -> None:
    """Wait until nothing is drawn at a place."""
    page.wait_for_function(f'at => !({INK})(at)', arg=list(point))
