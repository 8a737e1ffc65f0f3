"""All models that ship, at their strides on 1080p at 30 Hz: time, memory, and 200 rounds of the node.

The frames come at the camera's pace, since a processor that sleeps between them is slower than one that never rests.
Threads and priorities are those of the product; what else the machine does is in `load` (processes that wanted to run).
It takes a minute and a half.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from surgical_guidance.bench import Measured, Tell
from surgical_guidance.clock import NS_PER_MS, NS_PER_S, monotonic_ns
from surgical_guidance.container import FRAME_PATH_NICE, SWITCH_S, take_priority
from surgical_guidance.evaluation.shipped import frame_of
from surgical_guidance.frames import Frame
from surgical_guidance.inference.lineup import Lineup
from surgical_guidance.phantom.take import Take

SIZE = (1920, 1080)
RATE = 30
PICTURES, FRAMES, WARM_UP, WATCHED = 8, 900, 60, 300
ROUNDS, ROUNDS_FIRST = 200, 20
MIB, KIB = 2**20, 2**10


def run(tell: Tell) -> Iterator[Measured]:
    """Measure the stage, then its memory, then rounds of the node."""
    cv2.setNumThreads(1)  # as the container does
    sys.setswitchinterval(SWITCH_S)
    take_priority(FRAME_PATH_NICE)
    pictures = _pictures(tell)
    lineup = Lineup.load()
    try:
        lineup.warm_up()
        yield from _stage(lineup, pictures, tell)
        yield from _allocations(lineup, pictures, tell)
    finally:
        lineup.close()
    yield from _rounds(pictures[0], tell)


def _pictures(tell: Tell) -> list[NDArray[np.uint8]]:
    take = Take('operation', 7001, *SIZE, vendor='elara')
    pictures = [np.empty((SIZE[1], SIZE[0], 3), np.uint8) for _ in range(PICTURES)]
    for index, picture in enumerate(pictures):
        tell(0.1 * index / PICTURES, 'pictures')
        take.render(take.frames // 3 + index, picture)
    return pictures


def _frame(pictures: list[NDArray[np.uint8]], sequence: int) -> Frame:
    return frame_of(pictures[sequence % PICTURES], sequence, sequence * NS_PER_S // RATE)


def _stage(lineup: Lineup, pictures: list[NDArray[np.uint8]], tell: Tell) -> Iterator[Measured]:
    process = psutil.Process()
    times = []
    start_ns, rss = monotonic_ns(), 0
    for count in range(WARM_UP + FRAMES):
        if count == WARM_UP:
            gc.collect()
            rss = process.memory_info().rss
        if count % RATE == 0:
            tell(0.1 + 0.5 * count / (WARM_UP + FRAMES), 'models at 1080p30')
        due_ns = start_ns + count * NS_PER_S // RATE
        time.sleep(max(0.0, (due_ns - monotonic_ns()) / NS_PER_S))
        look = lineup.look(
            _frame(pictures, count + 1), lambda due_ns=due_ns: monotonic_ns() > due_ns + NS_PER_S // RATE
        )
        times.append((look.end_ns - look.start_ns) / NS_PER_MS)
        assert look.segmentation is not None, look.problem
    grown = process.memory_info().rss - rss
    p50, p99, highest = np.percentile(times[WARM_UP:], (50, 99, 100))
    yield Measured('inference_p50', float(p50), 'ms')
    yield Measured('inference_p99', float(p99), 'ms')
    yield Measured('inference_max', float(highest), 'ms')
    yield Measured('load', os.getloadavg()[0], '')
    for model in lineup.status().models:
        yield Measured(f'{model.name}_p50', model.cost_p50_ms, 'ms')
        yield Measured(f'{model.name}_p99', model.cost_p99_ms, 'ms')
        yield Measured(f'{model.name}_looks', float(model.looks), f'of {WARM_UP + FRAMES} frames')
        yield Measured(f'{model.name}_postponed', float(model.postponed), '')
    yield Measured('rss_growth', grown / MIB, f'MiB in {FRAMES} frames')


def _allocations(lineup: Lineup, pictures: list[NDArray[np.uint8]], tell: Tell) -> Iterator[Measured]:
    """Tell what Python and NumPy allocate: at most at one time in a frame, and what of it stays."""
    peaks = np.zeros(WATCHED, np.int64)  # made before: what is counted in it is no allocation
    first = WARM_UP + FRAMES + 1
    tell(0.6, 'allocations')
    tracemalloc.start()
    try:
        for count in range(WATCHED):
            lineup.look(_frame(pictures, first + count))
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for count in range(WATCHED):  # nothing is told meanwhile: drawing it would be counted
            held = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            lineup.look(_frame(pictures, first + WATCHED + count))
            peaks[count] = tracemalloc.get_traced_memory()[1] - held
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    yield Measured('allocated_in_a_frame', float(peaks.max()) / KIB, 'KiB')
    yield Measured('allocated_growth', grown / KIB, f'KiB in {WATCHED} frames')


def _rounds(picture: NDArray[np.uint8], tell: Tell) -> Iterator[Measured]:
    """Configure, activate, look at a frame, deactivate and clean up, again and again, with the real models."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'OFF'
    import rclpy
    from rclpy.parameter import Parameter

    from surgical_guidance.inference import pipeline
    from surgical_guidance.inference.node import InferenceNode

    pipeline.WARM_UP_RUNS = pipeline.OTHER_RUNS = 1  # what is measured is what stays behind, not the models' pace
    rclpy.init(args=[])
    rclpy.logging.set_logger_level('surgical_guidance.inference', rclpy.logging.LoggingSeverity.ERROR)
    node = InferenceNode(frames_by_topic=False, parameter_overrides=[Parameter('autostart', value=False)])
    seen = threading.Semaphore(0)
    node.scenes.connect(lambda _: seen.release())
    process = psutil.Process()
    rss = threads = 0
    start = time.perf_counter()
    for count in range(ROUNDS):
        if count == ROUNDS_FIRST:
            gc.collect()
            rss, threads = process.memory_info().rss, process.num_threads()
        tell(0.7 + 0.3 * count / ROUNDS, 'rounds of the node')
        assert node.request(node.trigger_configure)
        assert node.request(node.trigger_activate)
        node.accept(frame_of(picture, 1, monotonic_ns()))
        assert seen.acquire(timeout=20.0)
        assert node.request(node.trigger_deactivate)
        assert node.request(node.trigger_cleanup)
    seconds = time.perf_counter() - start
    gc.collect()
    grown = process.memory_info().rss - rss
    yield Measured('rounds', ROUNDS, '')
    yield Measured('rounds_each', seconds / ROUNDS * 1e3, 'ms')
    yield Measured('rounds_rss_growth', grown / MIB, f'MiB in {ROUNDS - ROUNDS_FIRST} rounds')
    yield Measured('rounds_threads_left', float(process.num_threads() - threads), '')
    node.close()
    node.destroy_node()
    rclpy.try_shutdown()
