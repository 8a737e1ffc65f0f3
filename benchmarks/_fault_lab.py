"""The real graph, started as `surgical-guidance run` does, with a switchboard for faults and ears on what it says."""

from __future__ import annotations

import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import rclpy
import yaml
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from surgical_guidance_msgs.msg import GuidanceStatus, Suggestion

from _fault_container import BOARD, RATE, Board, register_lab
from surgical_guidance.clock import SHIFT, monotonic_ns
from surgical_guidance.contract import ALARM, NAMESPACE, STATUS, SUGGESTION, TIMING
from surgical_guidance.ports import subscription
from surgical_guidance.session.run import Run, RunOptions

HUNG_AFTER_S = 1.5  # sooner than by default, so that the table does not take so long
TIMEOUT_S = 30.0
GAP_S = 0.1  # without a frame for so long it is not only late
CURRENT = (GuidanceStatus.OK, GuidanceStatus.DEGRADED)
NOT_CURRENT = (GuidanceStatus.INTERRUPTED, GuidanceStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that was heard, and when, monotonic [ns].

    :param kind: ``status``, ``alarm``, ``advice``, ``frame``, ``silent`` (the deadline of the status was missed) or
        ``told`` (a line of the supervisor).
    """

    at_ns: int
    kind: str
    what: Any


class Ears:
    """Keeps what the graph says, in a thread of its own."""

    def __init__(self, domain: int) -> None:
        self._heard: list[Heard] = []
        self._news = threading.Condition()
        self._context = Context()
        rclpy.init(args=[], context=self._context, domain_id=domain)
        self._node = Node('ears', namespace=NAMESPACE, context=self._context)
        missed = SubscriptionEventCallbacks(deadline=lambda _: self.hear('silent', None))
        for topic, kind, events in (
            (STATUS, 'status', missed), (ALARM, 'alarm', None), (SUGGESTION, 'advice', None), (TIMING, 'frame', None),
        ):  # fmt: skip
            subscription(self._node, topic, self._keep(kind), events=events)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name='ears', daemon=True)
        self._thread.start()

    def _keep(self, kind: str) -> Callable[[Any], None]:
        return lambda message: self.hear(kind, message)

    def _spin(self) -> None:
        try:
            while self._context.ok():
                self._executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            return

    def hear(self, kind: str, what: Any) -> None:
        """Keep one thing."""
        with self._news:
            self._heard.append(Heard(monotonic_ns(), kind, what))
            self._news.notify_all()

    def first(self, since_ns: int, wanted: Callable[[Heard], bool], timeout_s: float = TIMEOUT_S) -> int | None:
        """Wait for the first thing that is wanted after a moment; give when it was heard [ns], or None."""
        deadline_ns = monotonic_ns() + int(timeout_s * 1e9)
        seen = 0
        with self._news:
            while True:
                for heard in self._heard[seen:]:
                    if heard.at_ns >= since_ns and wanted(heard):
                        return heard.at_ns
                seen = len(self._heard)
                left_s = (deadline_ns - monotonic_ns()) / 1e9
                if left_s <= 0.0:
                    return None
                self._news.wait(left_s)

    def lost(self, since_ns: int, until_ns: int) -> int:
        """Count the frames that were not advised on between two moments, by their numbers.

        Where none came for over :data:`GAP_S` it is those that were due: a camera that is gone numbers none.
        """
        self.first(until_ns, lambda heard: heard.kind == 'frame', GAP_S * 10)
        with self._news:
            frames = [
                heard for heard in self._heard if heard.kind == 'frame' and heard.what.captured
            ]  # garbage has none
        lost = 0
        for one, next_ in pairwise(frames):
            if one.at_ns < until_ns and next_.at_ns > since_ns:
                missing = next_.what.sequence - one.what.sequence - 1  # less than 0: another camera
                gap_s = (next_.at_ns - one.at_ns) / 1e9
                lost += max(0, missing, round(gap_s * RATE) - 1 if gap_s > GAP_S else 0)
        return lost

    def close(self) -> None:
        """Stop listening."""
        rclpy.try_shutdown(context=self._context)
        self._thread.join(5.0)
        self._node.destroy_node()


class Lab:
    """A run that can be broken.

    :param composed: camera, inference and advice in one process.
    :param folder: for its files; its name is part of the processes' command lines.
    """

    def __init__(self, folder: Path, domain: int, *, composed: bool) -> None:
        self.board = Board(folder / 'board')
        self._clock = folder / 'clock'
        self._clock.write_bytes(struct.pack('<q', 0))
        os.environ |= {
            'ROS_DOMAIN_ID': str(domain),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'PYTHONPATH': os.pathsep.join((str(Path(__file__).parent), os.environ.get('PYTHONPATH', ''))),
            BOARD: str(folder / 'board'),
            SHIFT: str(self._clock),
        }
        register_lab()
        params = folder / 'params.yaml'
        given = {
            'watchdog': {'hung_after_s': HUNG_AFTER_S},
            'inference': {'engine': 'onnxruntime'},
            'relay': {'bridge_port': -1, 'video': False, 'audit_file': str(folder / 'audit.jsonl')},
        }
        params.write_text(yaml.safe_dump({f'/**/{node}': {'ros__parameters': set_} for node, set_ in given.items()}))
        self.ears = Ears(domain)
        self._run = Run(
            RunOptions(
                'lab:',
                None,
                0,
                composed,
                params,
                folder / 'run',
                ('phantom_segmentation',),
                container='_fault_container',
            ),
            lambda line: self.ears.hear('told', line),
        )
        self._thread = threading.Thread(target=self._turn, name='lab', daemon=True)

    def start(self) -> None:
        """Start everything and wait until advice is current."""
        self._run.start()
        self._thread.start()
        self.settle()

    def _turn(self) -> None:
        while self._run.turn():
            pass

    def settle(self, *gone: str) -> None:
        """Wait until advice is current and these alarms are over."""

        def well(heard: Heard) -> bool:
            if heard.kind != 'status' or heard.what.state not in CURRENT:
                return False
            return not any(alarm.active and alarm.id.startswith(gone) for alarm in heard.what.alarms if gone)

        if self.ears.first(monotonic_ns(), well, 60.0) is None:
            raise RuntimeError(f'the graph does not become well; its logs are in {self._run.options.run_dir}')

    def process(self, name: str) -> psutil.Process:
        """Give a process of the run."""
        child = next(child for child in self._run._children if child.name == name)  # noqa: SLF001
        return psutil.Process(child.pid)

    def set_clock(self, by_s: float) -> None:
        """Let the system clock that our processes read be wrong by so much [s]."""
        with self._clock.open('r+b') as file:
            file.write(struct.pack('<q', int(by_s * 1e9)))

    def limit_files(self, name: str, *, full: bool) -> None:
        """Let a process be unable to write any file, as on a full disk, or able again."""
        process = self.process(name)
        _, hard = process.rlimit(resource.RLIMIT_FSIZE)
        process.rlimit(resource.RLIMIT_FSIZE, (0 if full else hard, hard))

    def close(self) -> None:
        """End everything."""
        self._run.stop()
        if self._thread.is_alive():
            self._thread.join(10.0)
        self._run.end()  # once more, where it could not start: nothing is left to end then
        self.ears.close()


@contextmanager
def lab(domain: int, *, composed: bool) -> Iterator[Lab]:
    """Give a lab that is up."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix='surgical_guidance_faults') as folder:
        running = Lab(Path(folder), domain, composed=composed)
        try:
            running.start()
            yield running
        finally:
            running.close()
            os.environ.clear()
            os.environ.update(kept)


@dataclass(frozen=True)
class Fault:
    """One line of the table.

    :param do: makes the fault.
    :param undo: takes it back, where it does not heal by itself.
    :param noticed: says whether what was heard is the notice of it.
    :param interrupts: advice is not current while it lasts.
    :param through: says whether what was heard is what must come before the end of it.
    :param recovered: says whether what was heard is the end of it.
    :param alarms: that must be over before it is tried.
    """

    name: str
    do: Callable[[Lab], None]
    noticed: Callable[[Heard], bool]
    undo: Callable[[Lab], None] | None = None
    interrupts: bool = True
    through: Callable[[Heard], bool] | None = None
    recovered: Callable[[Heard], bool] | None = None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a fault, from the moment it was made [ms]; None where it did not come.

    :param interrupted: that advice is not current was said, by the status or by advice; None where it stayed current.
    :param recovered: from the moment it was taken back, or was made where it heals by itself.
    :param lost: frames that were not advised on until then.
    """

    noticed: float | None
    interrupted: float | None
    recovered: float | None
    lost: int


def attempt(running: Lab, fault: Fault) -> Outcome:
    """Make a fault, wait until it is noticed, take it back, wait until it is over."""
    running.settle(*fault.alarms)
    ears = running.ears
    made_ns = monotonic_ns()
    fault.do(running)
    noticed_ns = ears.first(made_ns, fault.noticed)
    interrupted_ns = ears.first(made_ns, is_interrupted) if fault.interrupts else None
    healed_ns = made_ns
    if fault.undo is not None:
        healed_ns = monotonic_ns()
        fault.undo(running)
    through_ns = ears.first(healed_ns, fault.through) if fault.through is not None else None
    after_ns = max(moment for moment in (healed_ns, noticed_ns, interrupted_ns, through_ns) if moment is not None)
    recovered_ns = ears.first(after_ns, fault.recovered or is_current)
    return Outcome(
        noticed=_ms(noticed_ns, made_ns),
        interrupted=_ms(interrupted_ns, made_ns),
        recovered=_ms(recovered_ns, healed_ns),
        lost=ears.lost(made_ns, recovered_ns or monotonic_ns()),
    )


def _ms(at_ns: int | None, since_ns: int) -> float | None:
    return None if at_ns is None else (at_ns - since_ns) / 1e6


def is_current(heard: Heard) -> bool:
    """Advice is current, the status says."""
    return heard.kind == 'status' and heard.what.state in CURRENT


def is_interrupted(heard: Heard) -> bool:
    """Advice is not current, the status or advice itself says."""
    if heard.kind == 'advice':
        return heard.what.status in (Suggestion.STATUS_INTERRUPTED, Suggestion.STATUS_WITHDRAWN)
    return heard.kind == 'status' and heard.what.state in NOT_CURRENT


def reason(*words: str) -> Callable[[Heard], bool]:
    """Wait for a status that says one of these as a reason."""
    return lambda heard: heard.kind == 'status' and any(word in line for line in heard.what.reasons for word in words)


def alarm(*ids: str) -> Callable[[Heard], bool]:
    """Wait for one of these alarms to be raised."""
    return lambda heard: heard.kind == 'alarm' and heard.what.active and heard.what.id.startswith(ids)


def cleared(*ids: str) -> Callable[[Heard], bool]:
    """Wait for one of these alarms to be over."""
    return lambda heard: heard.kind == 'alarm' and not heard.what.active and heard.what.id.startswith(ids)


def told(words: str) -> Callable[[Heard], bool]:
    """Wait for a line of the supervisor."""
    return lambda heard: heard.kind == 'told' and words in heard.what


def either(*wanted: Callable[[Heard], bool]) -> Callable[[Heard], bool]:
    """Wait for the first of several."""
    return lambda heard: any(want(heard) for want in wanted)


def kill(name: str) -> Callable[[Lab], None]:
    """Kill a process."""
    return lambda running: running.process(name).send_signal(signal.SIGKILL)


def stop(name: str) -> Callable[[Lab], None]:
    """Stop a process: it lives and does nothing."""
    return lambda running: running.process(name).send_signal(signal.SIGSTOP)


def start_flood(running: Lab) -> None:
    """Start a peer that floods the graph."""
    command = [sys.executable, str(Path(__file__).with_name('_fault_peer.py')), os.environ['ROS_DOMAIN_ID']]
    running.flood = subprocess.Popen(command)  # type: ignore[attr-defined]


def end_flood(running: Lab) -> None:
    """End it."""
    peer = running.flood  # type: ignore[attr-defined]
    ended = peer.poll()
    peer.kill()
    peer.wait(10)
    if ended is not None:
        raise RuntimeError(f'the peer that floods ended by itself with status {ended}')
