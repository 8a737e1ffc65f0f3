"""What may be drawn, by whom, and what becomes of it; and what the surgeon asks is handed on and answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from relay_facts import OFFSET_NS, START_NS, captured_ns, frame

from surgical_guidance.annotations import MAX_MARKS, MAX_POINTS, Annotation, Board, Kind, is_alarm_colour
from surgical_guidance.clock import NS_PER_MS, NS_PER_S
from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay.clients import MARKS, Client
from surgical_guidance.relay.marks import Marks
from surgical_guidance.relay.ops import Ops
from surgical_guidance.relay.requests import Answer, Cancel, Requests
from surgical_guidance.relay.security import Policy, Principal, Role

EXPERT = Principal('Dr Li', Role.EXPERT, 'c1')
SURGEON = Principal('Dr Wang', Role.SURGEON, 'c2')


class Topic:
    """Marks, and a topic that brings every one back."""

    def __init__(self) -> None:
        self.sent: list[Annotation] = []
        self.marks = Marks(self.sent.append, lambda now_ns: now_ns + OFFSET_NS)
        self.marks.on_frame(frame(40))
        self.marks.on_frame(frame(41))

    def draw(self, who: Principal = EXPERT, **message: Any) -> list[Annotation]:
        base = {'op': 'annotate', 'id': 'a-1', 'kind': 'freehand', 'frame_sequence': 41, 'points': [0.1, 0.2, 0.3, 0.4]}
        already = len(self.sent)
        self.marks.draw(who, None, base | message)  # type: ignore[arg-type]
        for mark in self.sent[already:]:
            self.marks.take(mark)
        return self.sent[already:]


@pytest.fixture
def topic() -> Topic:
    return Topic()


def test_a_mark_has_the_name_of_the_connection_and_the_stamp_of_its_frame(topic: Topic) -> None:
    (mark,) = topic.draw(color='#3dff8b', lifetime_s=5)
    assert mark == Annotation(
        'a-1', 'Dr Li', Kind.FREEHAND, 41, captured_ns(41) + OFFSET_NS, (0.1, 0.2, 0.3, 0.4), '', 0x3DFF8B, 5.0
    )


def test_a_page_that_knows_no_sequence_names_the_capture_time(topic: Topic) -> None:
    (mark,) = topic.draw(frame_sequence=None, captured_ms=captured_ns(40) / NS_PER_MS + 0.4)
    assert mark.frame_sequence == 40
    with pytest.raises(GuidanceError, match='too old'):
        topic.draw(frame_sequence=None, captured_ms=captured_ns(40) / NS_PER_MS + 20)


@pytest.mark.parametrize(
    ('wrong', 'told'),
    [
        ({'author': 'Dr Wang'}, 'author'),
        ({'frame_sequence': 7}, 'too old'),
        ({'frame_sequence': None}, 'too old'),
        ({'points': [0.1, 1.2]}, 'points'),
        ({'points': [float('nan'), 0.2]}, 'points'),
        ({'points': [0.1, 0.2, 0.3]}, 'coordinates'),
        ({'points': [0.5, 0.5] * (MAX_POINTS + 1)}, 'points'),
        ({'kind': 'arrow', 'points': [0.5, 0.5]}, 'coordinates'),
        ({'kind': 'laser'}, 'kind'),
        ({'kind': 'text', 'points': [0.5, 0.5], 'text': 'x' * 81}, 'text'),
        ({'kind': 'text', 'points': [0.5, 0.5], 'text': 'a\u0007b'}, 'characters'),
        ({'color': '#ff5147'}, 'alarms'),
        ({'color': 'red'}, 'color'),
        ({'lifetime_s': 0.0}, 'lifetime'),
        ({'lifetime_s': 1e9}, 'lifetime'),
        ({'id': '../x'}, 'id'),
    ],
)
def test_what_may_not_be_drawn_is_refused_and_why(topic: Topic, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(GuidanceError, match=told):
        topic.draw(**wrong)
    assert topic.sent == []


def test_an_observer_draws_nothing() -> None:
    assert Policy.load().allows(EXPERT, 'annotate')
    assert not Policy.load().allows(Principal('eye', Role.OBSERVER, 'c3'), 'annotate')


@pytest.mark.parametrize(
    ('colour', 'alarm'),
    [(0xFF5147, True), (0xFFD21F, True), (0x3BD7F5, True), (0xFFFFFF, False), (0x3DFF8B, False), (0xFF5CF4, False),
     (0x6F9BFF, False), (0x400000, False)],
)  # fmt: skip
def test_red_yellow_and_cyan_are_known(colour: int, alarm: bool) -> None:
    assert is_alarm_colour(colour) is alarm


def test_what_stands_is_told_to_who_joins_and_undo_takes_it_back(topic: Topic) -> None:
    topic.draw(id='a-1')
    topic.draw(id='a-2', kind='text', points=[0.5, 0.5], text='here')
    assert [mark['id'] for mark in topic.marks.standing()] == ['a-1', 'a-2']
    topic.draw(id='a-2', points=[])
    (left,) = topic.marks.standing()
    assert (left['id'], left['author'], left['color']) == ('a-1', 'Dr Li', '#ffffff')
    assert 0 < left['remaining_ms'] <= 10_000


def test_only_the_surgeon_clears_what_others_drew(topic: Topic) -> None:
    topic.draw()
    topic.draw(SURGEON, id='b-1')
    topic.draw(SURGEON, kind='clear', points=[])
    assert [mark['author'] for mark in topic.marks.standing()] == ['Dr Li']
    with pytest.raises(GuidanceError, match='only their own'):
        topic.draw(EXPERT, kind='clear', points=[], everybody=True)
    topic.draw(SURGEON, kind='clear', points=[], everybody=True)
    assert topic.marks.standing() == []


def mark(name: str = '1', author: str = 'a', lifetime_s: float = 10.0, behind_s: float = 0.0) -> Annotation:
    stamp_ns = START_NS + OFFSET_NS - int(behind_s * NS_PER_S)
    return Annotation(name, author, Kind.POINTER, 1, stamp_ns, (0.5, 0.5), lifetime_s=lifetime_s)


def test_a_mark_fades_and_goes() -> None:
    board = Board()
    board.put(mark(), START_NS, START_NS + OFFSET_NS)
    strengths = []
    for second in (0, 7, 9, 10):
        standing = board.standing(START_NS + second * NS_PER_S)
        strengths.append([round(one.strength, 2) for one in standing])
    assert strengths == [[1.0], [1.0], [0.5], []]


def test_a_mark_without_a_lifetime_stays_and_one_of_a_still_says_how_old_it_is() -> None:
    board = Board()
    board.put(mark(lifetime_s=0.0, behind_s=6.0), START_NS, START_NS + OFFSET_NS)
    (one,) = board.standing(START_NS + 3600 * NS_PER_S)
    assert (one.strength, one.behind_s) == (1.0, 6.0)


def test_the_board_is_bounded() -> None:
    board = Board()
    for number in range(3 * MAX_MARKS):
        board.put(mark(str(number)), START_NS, START_NS + OFFSET_NS)
    standing = board.standing(START_NS)
    assert len(standing) == MAX_MARKS
    assert standing[-1].mark.id == str(3 * MAX_MARKS - 1)


class Reader:
    """A socket that notes what it is sent."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def send_str(self, data: str) -> None:
        self.got.append(json.loads(data))

    async def send_bytes(self, data: bytes) -> None:
        raise AssertionError


def test_a_page_that_is_slow_gets_the_newest_of_each_mark_and_is_closed_before_it_costs_memory() -> None:
    async def run() -> None:
        reader = Reader()
        client = Client(reader, lambda _ns: None)
        for number in range(1000):
            client.put_mark('a', '1', json.dumps({'number': number}))
        client.put_mark('b', '1', '{"of": "b"}')
        client.put_mark('a', '', '{"clear": "a"}')
        writing = asyncio.create_task(client.write())
        while len(reader.got) < 2:
            await asyncio.sleep(0)
        assert reader.got == [{'of': 'b'}, {'clear': 'a'}]
        writing.cancel()
        for number in range(MARKS + 1):
            client.put_mark('a', str(number), '{}')
        assert 'does not keep up' in (await client.goodbye).reason

    asyncio.run(run())


def asked(what: dict[str, Any], respond: Callable[[Answer], None], seconds: float = 5.0) -> tuple[list[Any], list[Any]]:
    """Ask as the surgeon's page; give what the service was asked, and what the page was told."""
    calls: list[Any] = []

    async def run() -> list[Any]:
        def ask(op: str, fields: dict[str, Any], answer: Answer) -> Cancel:
            calls.append((op, fields))
            respond(answer)
            return lambda: calls.append('given up')

        ops = Ops(Policy.load())
        Requests(ops, ask, asyncio.get_running_loop())
        reader = Reader()
        client = Client(reader, lambda _ns: None)
        assert ops.take(SURGEON, client, json.dumps(what))
        writing = asyncio.create_task(client.write())
        async with asyncio.timeout(seconds):
            while not reader.got:
                await asyncio.sleep(0.005)
        writing.cancel()
        return reader.got

    return calls, asyncio.run(run())


@pytest.mark.parametrize(
    ('message', 'fields'),
    [
        ({'op': 'respond', 'sequence': 4, 'response': 'not_now'}, {'sequence': 4, 'response': 2, 'by': 'Dr Wang'}),
        ({'op': 'acknowledge', 'id': ''}, {'id': '', 'by': 'Dr Wang'}),
        ({'op': 'pause_audio', 'seconds': 60}, {'seconds': 60.0, 'by': 'Dr Wang'}),
    ],
)
def test_what_the_surgeon_asks_is_handed_on_in_their_name(message: dict[str, Any], fields: dict[str, Any]) -> None:
    calls, told = asked(message, lambda answer: answer(True, 'done'))
    assert calls == [(message['op'], fields)]
    assert told == [{'op': 'answered', 'what': message['op'], 'success': True, 'message': 'done'}]


def test_a_service_that_does_not_answer_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('surgical_guidance.relay.requests.ANSWER_S', 0.05)
    calls, told = asked({'op': 'acknowledge', 'id': 'late'}, lambda answer: None)
    assert calls[-1] == 'given up'
    assert told[0]['success'] is False
    assert 'no answer' in told[0]['message']


@pytest.mark.parametrize(
    'message',
    [
        {'op': 'respond', 'sequence': 0, 'response': 'accept'},
        {'op': 'respond', 'sequence': 1, 'response': 'stop'},
        {'op': 'acknowledge'},
        {'op': 'pause_audio', 'seconds': -1},
        {'op': 'pause_audio', 'seconds': 1, 'by': 'somebody else'},
    ],
)
def test_what_is_asked_wrongly_is_refused_and_reaches_nobody(message: dict[str, Any]) -> None:
    calls, told = asked(message, lambda answer: answer(True, ''))
    assert calls == []
    assert told[0]['op'] == 'refused'
