"""Two experts and the surgeon at once: what one draws the others see, and what the surgeon does is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page
from relay_hands import TONES, draw, draw_with, sees, sees_nothing
from relay_running import Camera
from relay_world import World

from chromium import need_chromium
from surgical_guidance.relay.access import bind
from surgical_guidance.relay.security import Door, Policy, Role, TokenStore
from surgical_guidance.relay.server import Limits
from surgical_guidance.relay.service import Service, Settings

pytestmark = pytest.mark.browser

need_chromium()

FEED = {'width': 640, 'height': 360, 'rate': 12.0}  # three pages share two cores with all else
RELAY = {'video': 'false'}  # test_relay_browser has it


@contextmanager
def opened(browser: Browser, world: World, path: str, *, locale: str = 'zh-CN', init: str = '') -> Iterator[Page]:
    """Have a page open, and see that it did nothing against its policy and asked nobody else."""
    context = browser.new_context(viewport={'width': 1280, 'height': 720}, locale=locale)
    context.set_default_timeout(15_000)
    if init:
        context.add_init_script(f'({init})()')
    page = context.new_page()
    troubles: list[str] = []
    page.on('pageerror', lambda error: troubles.append(str(error)))
    page.on('console', lambda m: troubles.append(m.text) if 'Content Security' in m.text else None)
    page.on('request', lambda r: troubles.append(r.url) if not r.url.startswith(world.url) else None)
    page.goto(world.url + path)
    page.wait_for_selector('#stage[data-picture=live]')
    yield page
    context.close()
    assert troubles == []


@pytest.fixture(scope='module')
def pages(browser: Browser, world: World) -> Iterator[tuple[Page, Page, Page]]:
    with ExitStack() as stack:
        expert = stack.enter_context(opened(browser, world, '/'))
        while expert.inner_text('#lifetime') != '120 s':  # a slow machine needs its time
            expert.click('#lifetime')
        yield (
            expert,
            stack.enter_context(opened(browser, world, '/', locale='en-US')),
            stack.enter_context(opened(browser, world, '/or', init=TONES)),
        )


@pytest.fixture(autouse=True)
def _calm(world: World, pages: tuple[Page, Page, Page]) -> None:
    """Begin with advice that is valid, no alarm and a clean picture."""
    world.feed.say(rule='bowel', alarms=[], step=0, mark='')
    for page in pages:
        page.wait_for_selector('#text >> text=/电钩|Stop energy/')
        page.wait_for_selector('#advice[data-status=valid]')
        page.wait_for_selector('#alarms .calm')
    pages[0].keyboard.press('Escape')
    pages[0].keyboard.press('x')  # by the page that draws: what it does next comes after


@pytest.fixture
def expert(pages: tuple[Page, Page, Page]) -> Page:
    return pages[0]


@pytest.fixture
def other(pages: tuple[Page, Page, Page]) -> Page:
    return pages[1]


@pytest.fixture
def surgeon(pages: tuple[Page, Page, Page]) -> Page:
    return pages[2]


def test_what_one_expert_draws_the_other_and_the_surgeon_see_at_the_same_place(
    expert: Page, other: Page, surgeon: Page
) -> None:
    expert.click('#tool-freehand')
    draw(expert, (0.3, 0.3), (0.4, 0.5), (0.6, 0.4))
    for page in (expert, other, surgeon):
        assert sees(page, (0.35, 0.4)) == [255, 255, 255]
        sees(page, (0.5, 0.45))
        sees_nothing(page, (0.6, 0.7))


@pytest.mark.parametrize(
    ('key', 'points', 'seen_at', 'bare'),
    [
        ('a', ((0.2, 0.2), (0.5, 0.6)), (0.35, 0.4), (0.2, 0.6)),
        ('c', ((0.5, 0.5), (0.6, 0.5)), (0.4, 0.5), (0.5, 0.5)),  # left end of the rim; nothing in the middle
        ('d', ((0.7, 0.7),), (0.7, 0.7), (0.5, 0.5)),  # a dot
    ],
)
def test_every_tool_has_a_key_and_a_colour_and_can_be_taken_back(
    expert: Page,
    other: Page,
    key: str,
    points: tuple[tuple[float, float], ...],
    seen_at: tuple[float, float],
    bare: tuple[float, float],
) -> None:
    expert.keyboard.press(key)
    expert.keyboard.press('2')
    draw(expert, *points)
    red, green, _ = sees(other, seen_at)
    assert green > 200 > red  # green
    sees_nothing(other, bare)
    expert.keyboard.press('z')
    for page in (expert, other):
        sees_nothing(page, seen_at)
    expert.keyboard.press('1')


def test_a_text_goes_to_the_topic_with_the_name_of_the_connection(expert: Page, other: Page, world: World) -> None:
    expert.keyboard.press('t')
    draw(expert, (0.2, 0.8))
    expert.wait_for_selector('#mark-text:focus')
    expert.keyboard.type('这里是胆囊管 d')  # letters are text now, not tools
    expert.keyboard.press('Enter')
    sees(other, (0.22, 0.8))
    author, sequence, text = world.feed.line(r'annotation 3 of (\S+) on (\d+): (.*)').groups()
    assert (author, text) == ('local', '这里是胆囊管 d')
    assert int(sequence) > 0
    assert expert.get_attribute('#tool-text', 'aria-pressed') == 'true'


def test_undo_takes_the_last_mark_and_clear_takes_all(expert: Page, other: Page) -> None:
    expert.keyboard.press('d')
    draw(expert, (0.2, 0.3), (0.3, 0.3))
    draw(expert, (0.2, 0.6), (0.3, 0.6))
    sees(other, (0.25, 0.6))
    expert.click('#undo')
    sees_nothing(other, (0.25, 0.6))
    sees(other, (0.25, 0.3))
    expert.click('#clear')
    for page in (expert, other):
        sees_nothing(page, (0.25, 0.3))


def test_a_pointer_follows_the_mouse_and_fades_by_itself(expert: Page, other: Page) -> None:
    expert.keyboard.press('p')
    expert.mouse.move(*[200, 300])
    draw(expert, (0.4, 0.4), (0.6, 0.6))
    sees(other, (0.6, 0.6))
    sees_nothing(other, (0.4, 0.4))  # it moved on
    expert.keyboard.press('Escape')
    sees_nothing(other, (0.6, 0.6))


@pytest.mark.parametrize('kind', ['touch', 'pen'])
def test_a_finger_and_a_pen_draw_as_well(expert: Page, other: Page, kind: str) -> None:
    expert.wait_for_function('() => performance.now() - (window.penned ?? -1e9) > 1000')  # a palm rests after the pen
    expert.keyboard.press('d')
    draw_with(expert, kind, (0.3, 0.8), (0.5, 0.8))
    sees(other, (0.4, 0.8))
    expert.evaluate('window.penned = performance.now()')


def test_the_keyboard_alone_can_draw(expert: Page, other: Page) -> None:
    expert.keyboard.press('a')
    expert.keyboard.press('Shift+ArrowLeft')
    assert expert.get_attribute('#crosshair', 'hidden') is None
    expert.keyboard.press('Enter')
    for _ in range(4):
        expert.keyboard.press('Shift+ArrowDown')
    expert.keyboard.press('Enter')
    middle = expert.evaluate('parseFloat(document.getElementById("crosshair").style.left) / 100')
    sees(other, (middle, 0.6))


def test_a_still_can_be_drawn_on_while_the_others_go_on_live(expert: Page, other: Page) -> None:
    expert.keyboard.press('f')
    expert.wait_for_selector('#still:visible >> text=定格画面')
    digest = """() => { const c = document.getElementById('picture');
      return c.getContext('2d').getImageData(0, Math.round(c.height / 3 + 60), c.width, 1).data.join(); }"""
    stands = expert.evaluate(digest)
    moving = other.evaluate(digest)
    other.wait_for_function(f'before => ({digest})() !== before', arg=moving)
    inset = "() => document.getElementById('inset').toDataURL()"
    before = expert.evaluate(inset)
    expert.wait_for_function(f'before => ({inset})() !== before', arg=before)  # live goes on, small
    expert.wait_for_function('() => parseFloat(document.getElementById("still-detail").textContent.slice(4)) > 1.2')
    expert.keyboard.press('c')
    draw(expert, (0.5, 0.5), (0.5, 0.8))
    sees(other, (0.5, 0.2))  # dashed there, and so it says how old it is
    assert expert.evaluate(digest) == stands
    expert.click('#go-live')
    expert.wait_for_function(f'before => ({digest})() !== before', arg=stands)
    assert expert.is_hidden('#still')


def test_who_comes_later_sees_what_stands(browser: Browser, world: World, expert: Page) -> None:
    expert.keyboard.press('d')
    draw(expert, (0.2, 0.5), (0.4, 0.5))
    with opened(browser, world, '/') as late:
        sees(late, (0.3, 0.5))


def test_marks_of_a_robot_are_shown_and_never_in_an_alarms_colour(expert: Page, surgeon: Page, world: World) -> None:
    world.feed.say(mark='look here')  # in red
    for page in (expert, surgeon):
        red, green, blue = sees(page, (0.27, 0.25))
        assert red == green == blue
    surgeon.keyboard.press('x')  # the surgeon may clear everybody's
    for page in (expert, surgeon):
        sees_nothing(page, (0.27, 0.25))


def test_the_direction_of_the_advice_is_drawn(expert: Page, surgeon: Page, world: World) -> None:
    world.feed.say(rule='pan')
    expert.wait_for_selector('#legend >> text=建议方向')
    white = """() => { const c = document.getElementById('overlay');
      const [r, g, b, a] = c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data;
      return Math.min(r, g, b, a) > 220; }"""
    for page in (expert, surgeon):
        page.wait_for_function(white)


def test_phase_step_and_alarms_are_in_plain_words(expert: Page, other: Page, world: World) -> None:
    world.feed.say(step=2, alarms=['camera_lost', 'disk_low'])
    expert.wait_for_selector('#phase >> text=胆囊三角解剖')
    expert.wait_for_selector('#reasons >> text=识别已降级：第 2 级')
    expert.wait_for_selector('#alarms li:nth-child(2) >> text=磁盘空间不足')  # the gravest first
    other.wait_for_selector('#phase >> text=Calot triangle dissection')
    other.wait_for_selector('#reasons >> text=step 2')
    assert expert.inner_text('#connection') in ('良好', '一般', '较差')


@pytest.mark.parametrize(
    ('button', 'answer'), [('#accept', 'accepted'), ('#not-now', 'not now'), ('#reject', 'rejected')]
)
def test_the_surgeon_answers_the_advice(surgeon: Page, expert: Page, button: str, answer: str) -> None:
    surgeon.click(button)
    surgeon.wait_for_selector(f'#toast >> text={answer} by local')
    for page in (surgeon, expert):
        page.wait_for_selector('#advice[data-status=none]')
    assert surgeon.is_disabled(button)


def test_an_answer_that_is_refused_is_told(surgeon: Page) -> None:
    surgeon.evaluate(
        """() => { const send = WebSocket.prototype.send;
          WebSocket.prototype.send = function (text) {
            if (text.includes('"respond"')) {
              WebSocket.prototype.send = send;
              text = text.replace(/"sequence":[0-9]+/, '"sequence":999');
            }
            send.call(this, text);
          }; }"""
    )
    surgeon.keyboard.press('y')
    surgeon.wait_for_selector('#toast >> text=未成功：not the one shown')
    assert surgeon.get_attribute('#advice', 'data-status') == 'valid'


def test_alarms_sound_as_the_standard_says_once_somebody_has_touched_the_page(surgeon: Page, world: World) -> None:
    assert surgeon.get_attribute('body', 'data-sound') in ('blocked', 'on')
    surgeon.click('#sound')
    surgeon.wait_for_selector('body[data-sound=on]')
    for name, pulses, length, spacing in (
        ('disk_low', 2, (0.125, 0.25), (0.125, 0.25)),
        ('over_budget', 3, (0.125, 0.25), (0.125, 0.25)),
        ('camera_lost', 10, (0.075, 0.2), (0.05, 1.3)),
    ):
        world.feed.say(alarms=[])
        surgeon.wait_for_selector('#alarms .calm')
        surgeon.evaluate('window.tones.length = 0')
        world.feed.say(alarms=[name])
        surgeon.wait_for_function('count => window.tones.length >= count', arg=pulses)
        tones = surgeon.evaluate('window.tones')
        assert len(tones) == pulses
        assert all(length[0] <= end - start <= length[1] for start, end, _ in tones)
        assert all(150 <= pitch <= 1000 for *_, pitch in tones)
        gaps = [after[0] - before[1] for before, after in pairwise(tones)]
        assert all(spacing[0] <= gap <= spacing[1] for gap in gaps)
    x, x2, longer, x4, half, *_ = gaps  # of the high burst: two groups of three and two
    assert x == pytest.approx(x2) == pytest.approx(x4)
    assert longer == pytest.approx(2 * x + 0.15)
    assert 0.35 <= half <= 1.3


def test_a_pause_silences_for_a_while_and_is_shown_to_all(surgeon: Page, expert: Page, world: World) -> None:
    surgeon.keyboard.press('m')
    for page in (surgeon, expert):
        page.wait_for_selector('#audio-paused >> text=/报警声已暂停，剩余 [0-9]+ 秒（local）/')
    surgeon.evaluate('window.tones.length = 0')
    world.feed.say(alarms=['over_budget'])
    surgeon.wait_for_selector('#alarms >> text=建议延迟超出限值')
    assert surgeon.evaluate('window.tones') == []
    surgeon.keyboard.press('m')  # the pause ends: it sounds
    surgeon.wait_for_function('() => window.tones.length >= 3')
    surgeon.wait_for_selector('#audio-paused', state='hidden')


def test_alarms_are_acknowledged_one_by_one_or_all(surgeon: Page, expert: Page, world: World) -> None:
    world.feed.say(alarms=['camera_lost', 'over_budget'])
    surgeon.wait_for_selector('#alarms li:nth-child(2)')
    surgeon.click('#alarms li:nth-child(1) .acknowledge')
    for page in (surgeon, expert):
        page.wait_for_selector('#alarms [data-status=acknowledged] >> text=摄像头无画面')
        page.wait_for_selector('#alarms [data-status=raised] >> text=建议延迟超出限值')
    assert '已确认 (local)' in expert.inner_text('#alarms')
    surgeon.click('#acknowledge-all')
    surgeon.wait_for_selector('#alarms [data-status=raised]', state='detached')
    assert surgeon.locator('.acknowledge').count() == 0


def test_ending_the_session_asks_first(surgeon: Page) -> None:
    surgeon.click('#end-session')
    assert surgeon.is_visible('#end-dialog')
    surgeon.keyboard.press('y')  # keys mean nothing while it asks
    surgeon.click('#end-cancel')
    assert surgeon.is_hidden('#end-dialog')
    assert surgeon.get_attribute('#advice', 'data-status') == 'valid'


def test_both_pages_speak_both_languages_each_for_itself(expert: Page, other: Page, surgeon: Page) -> None:
    assert other.inner_text('#text') == 'Stop energy; bowel about 8 mm. Raise the angle.'
    assert expert.inner_text('#text') == surgeon.inner_text('#text') == '电钩距离肠壁约8mm，请停止通电并抬高操作角度'
    surgeon.keyboard.press('l')
    assert surgeon.inner_text('#accept span') == 'Accept'
    surgeon.keyboard.press('l')
    assert surgeon.inner_text('#accept span') == '接受'


@pytest.mark.parametrize(('width', 'height'), [(1280, 720), (1920, 1080), (3840, 2160)])
def test_nothing_of_the_surgeons_page_is_cut_off(surgeon: Page, width: int, height: int) -> None:
    surgeon.set_viewport_size({'width': width, 'height': height})
    for button in ('hear', 'speak'):  # with them the header is fullest
        surgeon.evaluate('id => { document.getElementById(id).hidden = false; }', button)
    for _language in range(2):
        cut = surgeon.evaluate("""() => ['header', '#text', '#message', '#age', '#answers', 'footer', '#session-card',
          '#system']
          .filter(name => { const e = document.querySelector(name), r = e.getBoundingClientRect();
            return e.scrollWidth > e.clientWidth + 1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1; })""")
        assert cut == []
        surgeon.keyboard.press('l')
    size = surgeon.evaluate('parseFloat(getComputedStyle(document.getElementById("text")).fontSize)')
    assert size >= 0.06 * height


# Where the relay asks for tokens: a relay without ROS, in this process.


@dataclass(frozen=True)
class Guarded:
    url: str
    tokens: TokenStore

    def token(self, name: str, role: Role, hours: float = 1.0) -> str:
        return self.tokens.issue(name, role, hours)[0]


@pytest.fixture(scope='module')
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    tokens = TokenStore(tmp_path_factory.mktemp('tokens'))
    tokens.issue('nobody', Role.OBSERVER, 1)  # makes the key
    listener = bind('127.0.0.1', 0)
    url = f'http://127.0.0.1:{listener.getsockname()[1]}'
    door = Door(Policy.load(), tokens=tokens)
    service = Service(listener, Settings(80, 640, Limits()), lambda: None, lambda _problem: None, door)
    service.start()
    camera = Camera(service)
    camera.run(8.0)
    yield Guarded(url, tokens)
    camera.close()
    service.stop()


@contextmanager
def visiting(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={'width': 1280, 'height': 720}, locale='zh-CN')
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def sign_in(page: Page, token: str) -> None:
    page.fill('#token', token)
    page.click('#login button')


def test_a_page_without_a_token_asks_for_one_and_a_wrong_one_is_told(browser: Browser, guarded: Guarded) -> None:
    with visiting(browser, guarded.url) as page:
        page.wait_for_selector('#login:visible >> text=此中继需要令牌')
        sign_in(page, 'nonsense')
        page.wait_for_selector('#login-reason >> text=令牌无效或已过期')
        assert page.get_attribute('#stage', 'data-picture') == 'connecting'
        sign_in(page, guarded.token('Dr Li', Role.EXPERT))
        page.wait_for_selector('#stage[data-picture=live]')
        assert page.is_hidden('#login')
        assert page.inner_text('#me') == 'Dr Li 专家'
        page.reload()  # the tab keeps it
        page.wait_for_selector('#stage[data-picture=live]')


def test_a_token_in_the_address_is_taken_out_of_it_and_an_observer_has_no_pen(
    browser: Browser, guarded: Guarded
) -> None:
    with visiting(browser, f'{guarded.url}/#token={guarded.token("eye", Role.OBSERVER)}') as page:
        page.wait_for_selector('#stage[data-picture=live]')
        assert page.url == f'{guarded.url}/'
        assert page.is_hidden('#tool-freehand')
        assert page.is_hidden('#people-card')
        page.keyboard.press('d')
        draw(page, (0.4, 0.4), (0.6, 0.6))
        sees_nothing(page, (0.5, 0.5))


def test_a_token_that_ends_soon_can_be_renewed(browser: Browser, guarded: Guarded) -> None:
    with visiting(browser, f'{guarded.url}/#token={guarded.token("Dr Zhao", Role.EXPERT, 1 / 60)}') as page:
        page.wait_for_selector('#renew:visible >> text=/令牌 [0-9]+ 秒后到期/')
        page.click('#renew')
        sign_in(page, guarded.token('Dr Zhao', Role.EXPERT))
        page.wait_for_selector('#renew', state='hidden')
        page.wait_for_selector('#stage[data-picture=live]')


def test_the_surgeon_sees_who_is_here_and_ends_it_and_the_expert_is_told_why(
    browser: Browser, guarded: Guarded
) -> None:
    with (
        visiting(browser, f'{guarded.url}/or#token={guarded.token("Dr Wang", Role.SURGEON)}') as surgeon,
        visiting(browser, f'{guarded.url}/#token={guarded.token("Dr Li", Role.EXPERT)}') as expert,
    ):
        surgeon.wait_for_selector('#people [data-role=expert] >> text=Dr Li')
        surgeon.wait_for_selector('#people [data-role=surgeon] >> text=您')
        surgeon.click('#end-session')
        surgeon.click('#end-confirm')
        expert.wait_for_selector('#login:visible >> text=主刀已结束本次会话')
        surgeon.wait_for_selector('#people [data-role=expert]', state='detached')
        surgeon.wait_for_selector('#stage[data-picture=live]')
