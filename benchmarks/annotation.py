"""The expert's hand: from the pen touching the picture on one page to the mark being drawn on the other.

Two pages in one headless Chromium, the expert's and the surgeon's, the whole guidance with all models beside them on
the same processor, and the camera's 1080p at 30 Hz as video on both pages. A mark goes from the page over the relay to
its ROS topic and from there to the pages.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from _processes import VIEWPORT, guidance, page
from glass import PARAMETERS
from surgical_guidance.bench import Measured, Tell

TRIALS = 100
FORGOTTEN_MS = 80  # nothing was drawn for so long: the mark is gone

PEN = """(() => {
  addEventListener('pointerdown', () => { window.down = performance.timeOrigin + performance.now(); }, true);
})()"""
INK = """(() => {
  const { prototype } = CanvasRenderingContext2D;
  const stroke = prototype.stroke;
  prototype.stroke = function (...args) {
    stroke.apply(this, args);
    if (this.canvas.id !== 'marks') return;
    window.inked ??= performance.timeOrigin + performance.now();
    window.last = performance.now();
  };
})()"""


def run(tell: Tell) -> Iterator[Measured]:
    """Draw again and again."""
    times = []
    with guidance(('watchdog', 'relay', 'guidance'), PARAMETERS) as running:
        url = running.url()
        with page(url, script=PEN) as expert:
            assert expert.context.browser is not None
            surgeon = expert.context.browser.new_context(viewport=VIEWPORT).new_page()
            surgeon.set_default_timeout(60_000)
            surgeon.add_init_script(INK)
            surgeon.goto(f'{url}/or')
            for one in (expert, surgeon):
                one.wait_for_selector('body[data-video=playing]')
            expert.click('#tool-freehand')
            box = expert.locator('#marks').bounding_box()
            assert box is not None
            for trial in range(TRIALS):
                tell(trial / TRIALS, 'drawing')
                surgeon.evaluate('window.inked = undefined')
                x, y = box['x'] + box['width'] * (0.3 + 0.004 * trial), box['y'] + box['height'] / 2
                expert.mouse.move(x, y)
                expert.mouse.down()
                expert.mouse.move(x + 12, y + 6)
                surgeon.wait_for_function('window.inked')
                times.append(surgeon.evaluate('window.inked') - expert.evaluate('window.down'))
                expert.mouse.up()
                expert.keyboard.press('x')
                surgeon.wait_for_function(f'performance.now() - window.last > {FORGOTTEN_MS}')
    for quantile in (50, 99):
        yield Measured(f'p{quantile}', float(np.percentile(times, quantile)), 'ms')
    yield Measured('max', max(times), 'ms')
