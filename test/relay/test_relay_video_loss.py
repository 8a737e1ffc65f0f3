"""A bad network between two network namespaces: packets lost and late (`bench loss` measures how late)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chromium import need_chromium

pytestmark = pytest.mark.browser

need_chromium()

sys.path.append(str(Path(__file__).parents[2] / 'benchmarks'))

from _lossy import can, lossy_console  # noqa: E402


def test_the_picture_holds_and_no_advice_is_lost() -> None:
    missing = can()
    if missing:
        pytest.skip(missing)
    with lossy_console(loss=0.03, delay_ms=30, jitter_ms=5, size='640x360') as console:
        console.page.wait_for_function('() => window.glass.ages.length > 20')
        console.page.evaluate('window.glass.unread = 0')
        console.page.wait_for_function('() => window.glass.ages.length > 200')
        assert console.page.get_attribute('body', 'data-video') == 'playing'
        assert console.page.evaluate('window.glass.unread') < 20  # pictures broken by what was lost
        codes = console.page.evaluate('window.glass.codes')
        assert codes == sorted(codes)
    assert len(console.events) > 20
    assert console.lost_events == 0
    assert console.sockets == 1
