"""Boards of pulses: what a stage writes is read as it was sent, whoever looks late or at what is dead."""

import itertools
import os
import signal
import subprocess
import sys

import pytest
from surgical_guidance_msgs.msg import FrameRef, FrameTiming, StageStatus, StageTiming, Suggestion

from surgical_guidance.clock import monotonic_ns
from surgical_guidance.contract import FRAME, HEARTBEAT, STAGES, SUGGESTION, TIMING, TOPICS
from surgical_guidance.frames import remove_dead_rings
from surgical_guidance.frames.ring import PREFIX, SHM
from surgical_guidance.pulses import KEPT, Board, BoardReader, living_boards, pulse_of, topics_of

NAMESPACE = f'/test_pulses_{os.getpid()}'
DOMAIN = '7'


@pytest.fixture
def board():
    board = Board(NAMESPACE, DOMAIN, 'camera')
    yield board
    board.close()


def sequences(reader):
    return [int(pulse.numbers[0]) for topic, pulse in reader.take() if topic is FRAME]


def test_every_stage_has_its_heartbeat_and_what_it_promises_on_its_board():
    promised = {topic.name for topic in TOPICS if topic.publisher in STAGES and (topic.rate or topic.deadline)}
    assert {topic.name for stage in STAGES for topic in topics_of(stage)} == promised | {HEARTBEAT.name}
    assert all(topics_of(stage)[0] is HEARTBEAT for stage in (*STAGES, 'recorder'))


def test_what_is_written_is_read_once_and_as_a_message_would_tell_it(board):
    reader = BoardReader(board.name, 'camera')
    assert reader.pid == os.getpid()
    before_ns = monotonic_ns()
    message = FrameRef(sequence=5, nominal_rate=30.0, ring='ring 1')
    board.write(FRAME, message)
    [(topic, pulse)] = reader.take()
    assert topic is FRAME
    assert before_ns <= pulse.at_ns <= monotonic_ns()
    asked = pulse_of(FRAME, message, pulse.at_ns)
    assert (pulse.numbers[: len(asked.numbers)], pulse.text) == (asked.numbers, asked.text)
    assert list(reader.take()) == []


def test_numbers_and_texts_of_each_kind_of_message():
    beat = pulse_of(HEARTBEAT, StageStatus(stage='relay', pid=3, state=2, done=9, detail='http://x y'), 1)
    assert (beat.numbers, beat.text) == ((3, 2, 9), 'relay http://x y')
    advice = pulse_of(SUGGESTION, Suggestion(status=2, priority=3, sequence=4, rule_id='', reason='no scene'), 1)
    assert (advice.numbers, advice.text.partition(' ')[2]) == ((2, 3, 4), 'no scene')
    times = FrameTiming(captured=8, dropped=1, stages=[StageTiming(stage='capture_to_advice', duration_ms=20.5)])
    captured, dropped, *took = pulse_of(TIMING, times, 1).numbers
    assert (captured, dropped, took[-1]) == (8, 1, 20.5)


def test_who_looks_late_gets_the_last_ones_in_order(board):
    reader = BoardReader(board.name, 'camera')
    for number in range(KEPT + 10):
        board.write(FRAME, FrameRef(sequence=number))
    assert sequences(reader) == list(range(11, KEPT + 10))  # of the oldest kept it cannot be sure
    board.write(FRAME, FrameRef(sequence=1000))
    assert sequences(reader) == [1000]


def test_a_text_that_is_too_long_is_cut_between_two_letters(board):
    reader = BoardReader(board.name, 'camera')
    board.write(HEARTBEAT, StageStatus(stage='camera', detail='摄' * 400))
    [(_, pulse)] = reader.take()
    assert set(pulse.text.partition(' ')[2]) == {'摄'}


def test_of_several_the_board_made_last_counts_and_a_closed_one_can_be_read_to_its_end(board):
    assert living_boards(NAMESPACE, DOMAIN, STAGES) == {'camera': board.name}
    follower = Board(NAMESPACE, DOMAIN, 'camera')
    reader = BoardReader(follower.name, 'camera')
    assert living_boards(NAMESPACE, DOMAIN, STAGES) == {'camera': follower.name}
    follower.write(FRAME, FrameRef(sequence=1))
    follower.close()
    assert living_boards(NAMESPACE, DOMAIN, STAGES) == {'camera': board.name}
    assert sequences(reader) == [1]


def test_only_boards_of_the_same_domain_and_namespace_are_found(board):
    assert living_boards(NAMESPACE, '8', STAGES) == living_boards('/other', DOMAIN, STAGES) == {}
    assert living_boards(NAMESPACE, DOMAIN, ('relay',)) == {}


def test_what_is_no_board_is_refused(board):
    path = SHM / f'{PREFIX}.pulses-test.{os.getpid()}'
    path.write_bytes(bytes((SHM / board.name).stat().st_size))
    try:
        with pytest.raises(OSError, match='no board of this version'):
            BoardReader(path.name, 'camera')
        with pytest.raises(OSError, match='no board of this version'):
            BoardReader(board.name, 'advice')  # another size
    finally:
        path.unlink()
    with pytest.raises(FileNotFoundError):
        BoardReader('surgical_guidance.pulses.none', 'camera')


WRITER = """
import sys
from types import SimpleNamespace
from surgical_guidance.contract import FRAME
from surgical_guidance.pulses import Board
board, number = Board(sys.argv[1], sys.argv[2], 'camera'), 0
print(board.name, flush=True)
while True:
    number += 1
    board.write(FRAME, SimpleNamespace(sequence=number, nominal_rate=-float(number), ring=str(number)))
"""


def test_nothing_half_written_is_ever_read_and_a_killed_writer_leaves_a_board_that_is_swept_away():
    writer = subprocess.Popen([sys.executable, '-c', WRITER, NAMESPACE, DOMAIN], stdout=subprocess.PIPE, text=True)
    try:
        name = writer.stdout.readline().strip()
        assert living_boards(NAMESPACE, DOMAIN, ('camera',)) == {'camera': name}
        assert name not in remove_dead_rings(f'{PREFIX}.pulses')
        reader, seen = BoardReader(name, 'camera'), [0]
        for pulse in itertools.islice((pulse for _ in iter(int, 1) for _, pulse in reader.take()), 20_000):
            sequence, rate = pulse.numbers[:2]
            assert (rate, pulse.text) == (-sequence, str(int(sequence)))
            assert sequence > seen[-1]
            seen.append(sequence)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    assert living_boards(NAMESPACE, DOMAIN, ('camera',)) == {}
    assert name in remove_dead_rings(f'{PREFIX}.pulses')
