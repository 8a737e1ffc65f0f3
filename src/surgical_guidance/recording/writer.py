"""Writes evidence in a thread of its own: while it does, the recorder goes on, and so does everybody else."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import EvidenceError
from surgical_guidance.ports import Mailbox
from surgical_guidance.recording import mcap_file
from surgical_guidance.recording.memory import Record
from surgical_guidance.recording.report import Shown, choose, render
from surgical_guidance.recording.summary import Decode, Names, summarise
from surgical_guidance.recording.triggers import Cause
from surgical_guidance.recording.vault import HTML, JSON, MCAP, Vault, name_of

NICE = 10  # this thread alone steps back: keeping must go on when the host is overloaded, which is when it matters
LOOK_S = 5.0  # how often it is looked at the disk while nothing is written
PAGE = 2_000_000  # bytes that the page and the summary take at most, about


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a job: a path, or the problem."""

    path: Path | None
    problem: str


Answer = Callable[[Result], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of evidence to be written.

    :param records: in the order of arrival.
    :param stamp_ns: now, system time [ns].
    :param parameters: of all nodes, as text.
    :param shortened: records that memory had no room for, by topic.
    :param more: further causes that are not named.
    :param answers: get the result, for who asked.
    """

    causes: Sequence[Cause]
    records: Sequence[Record]
    stamp_ns: int
    parameters: Mapping[str, Mapping[str, str]]
    shortened: Mapping[str, int]
    more: int
    answers: Sequence[Answer] = ()


class EvidenceWriter:
    """Writes one piece at a time.

    :param types: message type of every topic.
    :param decode: gives the message of a record.
    :param done: gets the result, in the writer's thread.
    :param look: called in the writer's thread every :data:`LOOK_S` while nothing is written: to look at the disk, which
        may hang.
    """

    def __init__(
        self,
        vault: Vault,
        types: Mapping[str, str],
        names: Names,
        decode: Decode,
        done: Callable[[Job, Result], None],
        look: Callable[[], None],
    ) -> None:
        self._vault = vault
        self._types = types
        self._names = names
        self._decode = decode
        self._done = done
        self._look = look
        self._jobs: Mailbox[Job] = Mailbox()
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._run, name='evidence writer', daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether it would begin at once."""
        return self._idle.is_set()

    def put(self, job: Job) -> None:
        """Have a piece written; only while it is :attr:`idle`."""
        self._idle.clear()
        self._jobs.put(job)

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is :attr:`idle`; False if that takes too long [s]."""
        return self._idle.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """End when what is being written is written; False if that takes too long [s]: then it stays unfinished."""
        done = self._idle.wait(timeout_s)
        self._jobs.close()
        if done:
            self._thread.join(timeout_s)
        return done

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        self._look()
        while not self._jobs.closed:
            job = self._jobs.take(LOOK_S)
            if job is not None:
                result = self._attempt(job)
                self._done(job, result)
                self._idle.set()
            elif not self._jobs.closed:
                self._look()

    def _attempt(self, job: Job) -> Result:
        try:
            return Result(self._write(job), '')
        except EvidenceError as error:
            return Result(None, str(error))
        except Exception as error:  # noqa: BLE001  (evidence that cannot be written must not end the recorder)
            return Result(None, f'new evidence is not kept: {type(error).__name__}: {error}')

    def _write(self, job: Job) -> Path:
        self._vault.tidy(job.stamp_ns)
        name = name_of(job.stamp_ns, job.causes[0].id)
        size = sum(len(record.data) for record in job.records) + PAGE
        return self._vault.store(name, size, lambda folder: self._fill(folder, name, job))

    def _fill(self, folder: Path, name: str, job: Job) -> None:
        """Write the three files, the one that matters most first."""
        zero_ns = job.causes[0].at_ns
        causes = [
            {'id': cause.id, 'detail': cause.detail, 'at': round((cause.at_ns - zero_ns) / NS_PER_S, 3)}
            for cause in job.causes
        ]
        summary: dict[str, Any] = {
            'id': name,
            **summarise(job.records, self._names, self._decode, causes, zero_ns),
            'more_causes': job.more,
            'parameters': {node: dict(values) for node, values in sorted(job.parameters.items())},
            'shortened': dict(job.shortened),
        }
        with (folder / MCAP).open('wb') as file:
            mcap_file.write(file, job.records, self._types, summary)
        (folder / JSON).write_text(
            json.dumps(summary, ensure_ascii=False, indent=1) + '\n', encoding='utf-8', errors='replace'
        )
        (folder / HTML).write_text(
            render(summary, self._shown(job.records, zero_ns)), encoding='utf-8', errors='replace'
        )

    def _shown(self, records: Sequence[Record], zero_ns: int) -> list[Shown]:
        """Give the pictures that the page shows."""
        found = [record for record in records if record.topic == self._names.pictures]
        times = [round((record.arrived_ns - zero_ns) / NS_PER_S, 3) for record in found]
        return [
            Shown(times[index], found[index].frame, bytes(self._decode(found[index]).data)) for index in choose(times)
        ]
