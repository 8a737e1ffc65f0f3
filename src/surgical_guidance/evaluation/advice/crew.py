"""Plays takes on all cores: a process a core, each with engines of its own, the longest take first.

A take is rendered, and its truth worked out, by one process for every way of looking at it. What comes back is added up
in the order in which the takes were given, so the sums do not depend on who was faster.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import cv2

from surgical_guidance.advice.rules import RuleTable, load
from surgical_guidance.errors import HostError
from surgical_guidance.evaluation.advice.scenes import SceneMaker, SeenScenes, TrueScenes
from surgical_guidance.evaluation.advice.tally import (
    EXACT,
    WHILE_IT_LASTS,
    AdviceTally,
    TakeName,
    TakeResult,
    empty_tally,
    judge,
)

WAYS = ('truth', 'models')

_TELL_S = 0.25  # how often the progress is looked at
_TOLERANCES = {'truth': EXACT, 'models': WHILE_IT_LASTS}

Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What every process must know.

    :param rules: path of the rule table; '' for the packaged one.
    :param ways: of :data:`WAYS`.
    :param models: names or paths of manifests; empty: those that come with the package.
    :param threads: processor threads that one inference may use.
    """

    rules: str
    ways: tuple[str, ...]
    models: tuple[str, ...] = ()
    threads: int = 1


def evaluate_all(
    takes: Sequence[TakeName], job: Job, processes: int, tell: Tell
) -> list[tuple[AdviceTally, tuple[str, ...]]]:
    """Play takes, and give the sums of each way with the models that saw.

    :param processes: at most so many at a time.
    :param tell: called with the frames that are done, all frames, and what goes on.
    :raises ModelError: if a model cannot be used.
    :raises HostError: if a process was killed.
    """
    context = multiprocessing.get_context('spawn')
    done, stop = context.Value('q', 0), context.Event()
    frames = {take: take.frames for take in takes}
    total = len(job.ways) * sum(frames.values())
    tell(0, total, 'starting')
    with ProcessPoolExecutor(
        min(processes, len(takes)), mp_context=context, initializer=_start, initargs=(job, done, stop)
    ) as pool:
        try:
            order = sorted(takes, key=lambda take: -frames[take])
            playing = {pool.submit(_play, take): take for take in order}
            results = _gathered(playing, lambda: tell(done.value, total, f'{len(takes)} takes'))
        except BrokenProcessPool as error:
            raise HostError(
                'a process that played takes was killed',
                where='evaluate advice',
                remedy='look for a lack of memory; use fewer --processes',
            ) from error
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    tell(total, total, 'done')
    sums = []
    for number, way in enumerate(job.ways):
        tally = empty_tally(way, load(job.rules), _TOLERANCES[way])
        for take in takes:
            tally.add(results[take][number][0])
        sums.append((tally, results[takes[0]][number][1]))
    return sums


_Found = list[tuple[TakeResult, tuple[str, ...]]]  # of each way, with the models that saw


def _gathered(playing: dict[Future[_Found], TakeName], tell: Callable[[], None]) -> dict[TakeName, _Found]:
    left = set(playing)
    while left:
        finished, left = wait(left, _TELL_S, FIRST_COMPLETED)
        for each in finished:
            each.result()  # raises what went wrong there
        tell()
    return {take: each.result() for each, take in playing.items()}


# In the processes.


class _Stopped(Exception):
    """The evaluation was given up."""


@dataclass(slots=True)
class _Worker:
    table: RuleTable
    makers: list[SceneMaker]
    done: Any  # multiprocessing.Value
    stop: Any  # multiprocessing.Event

    def step(self) -> None:
        """Count a frame."""
        if self.stop.is_set():
            raise _Stopped
        with self.done.get_lock():
            self.done.value += 1


_worker: list[_Worker] = []
_job: list[tuple[Job, Any, Any]] = []


def _start(job: Job, done: Any, stop: Any) -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _job.append((job, done, stop))


def _end_with_parent() -> None:
    """End where the parent was killed: it cannot say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _play(take: TakeName) -> _Found:
    if not _worker:
        job, done, stop = _job[0]
        makers: list[SceneMaker] = [
            TrueScenes() if way == 'truth' else SeenScenes(job.models, job.threads) for way in job.ways
        ]
        for maker in makers:
            atexit.register(maker.close)
        _worker.append(_Worker(load(job.rules), makers, done, stop))
    worker = _worker[0]
    opened = take.open()
    truths = [opened.truth(index) for index in range(opened.frames)]
    return [
        (judge(take, maker, truths, worker.table, _TOLERANCES[maker.name], worker.step), maker.models)
        for maker in worker.makers
    ]
