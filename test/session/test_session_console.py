"""The whole graph with the page open: a killed guidance is told at once and picked up again without a reload."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from session_cli import Cli

from chromium import WATCH, chromium, need_chromium, told_after

pytestmark = [pytest.mark.browser, pytest.mark.processes]

need_chromium()

TOLD_MS = 500


@pytest.fixture
def run(domain, tmp_path) -> Iterator[Cli]:
    run = Cli(domain(), tmp_path, '--source', 'phantom:?size=640x360')
    yield run
    run.close()


@pytest.fixture
def page(run) -> Iterator[Page]:
    url = re.search(r'http://\S+', run.wait_for_line('console: http'))[0]
    with chromium() as browser:
        page = browser.new_page(viewport={'width': 1280, 'height': 800}, locale='zh-CN')
        page.set_default_timeout(20_000)
        page.goto(url)
        page.evaluate(WATCH)
        page.wait_for_selector('#stage[data-picture=live]')
        yield page


def test_a_killed_guidance_is_told_at_once_and_its_successor_is_picked_up(run, page, record_property):
    page.wait_for_selector('#advice[data-status=valid]')
    page.evaluate('window.seen = {}; window.same = true')
    killed_ms = time.time() * 1000
    run.children()['guidance'].kill()
    told_ms = told_after(page, 'picture=stopped', killed_ms)
    record_property('told_ms', round(told_ms))
    assert told_ms < TOLD_MS
    run.wait_for_line('guidance ended by signal SIGKILL; it is started again')
    page.wait_for_selector('#stage[data-picture=live]')
    page.wait_for_selector('#advice[data-status=valid]')
    assert page.evaluate('window.same')  # without a reload
