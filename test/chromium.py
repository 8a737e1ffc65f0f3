"""A real browser for the tests of the console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path('/usr/bin/chromium')
FLAGS = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
]

# Notes on the page when something changes, on the wall clock: the instants of this test's signals are on it too.
WATCH = """() => {
  window.seen = {};
  const note = () => {
    const now = performance.timeOrigin + performance.now();
    for (const [name, value] of [
      ['picture', document.getElementById('stage').dataset.picture],
      ['advice', document.getElementById('advice').dataset.status],
      ['system', document.getElementById('system').dataset.state],
      ['why', document.getElementById('why').textContent]]) window.seen[`${name}=${value}`] ??= now;
  };
  const all = {subtree: true, attributes: true, childList: true, characterData: true};
  new MutationObserver(note).observe(document.body, all);
}"""


def need_chromium() -> None:
    """Skip the module that calls this where there is no browser."""
    if not CHROMIUM.exists():
        pytest.skip('no Chromium: apt-get install -y chromium', allow_module_level=True)


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Run a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


def told_after(page: Page, what: str, at_ms: float) -> float:
    """Wait until the page has shown something; give how long after an instant it did [ms]."""
    page.wait_for_function('what => window.seen[what]', arg=what)
    return float(page.evaluate('what => window.seen[what]', what)) - at_ms
