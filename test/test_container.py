"""The composed process: a frame goes by reference from the camera's slot to the input of the engine."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest

from surgical_guidance import container
from surgical_guidance.contract import SUGGESTION, TIMING
from surgical_guidance.inference.placement import Placement
from surgical_guidance.ports import subscription
from surgical_guidance.scene.state import SceneState

FRAME_BYTES = 1920 * 1080 * 3


@pytest.fixture
def guidance(graph):
    arguments = ['--ros-args', '-p', "camera:source:='phantom:?size=1920x1080'"]
    return {node.get_name(): graph.add(node) for node in container.guidance(context=graph.context, cli_args=arguments)}


class Looked:
    """What the engine's input was made from, and what came of it."""

    def __init__(self, guidance) -> None:
        self.images: list[np.ndarray] = []
        self.scenes: list[SceneState] = []
        self.count = 0
        self.enough = threading.Event()
        self._wanted = 0
        guidance['inference'].scenes.connect(self._on_scene)

    def _on_scene(self, scene: SceneState) -> None:
        self.count += 1
        self.scenes[:] = [scene]
        if self._wanted and self.count >= self._wanted:
            self.enough.set()

    def wait_for(self, frames: int) -> bool:
        self.enough.clear()
        self._wanted = self.count + frames
        return self.enough.wait(20)


def test_the_engines_input_is_made_from_the_cameras_very_slot(graph, guidance, monkeypatch):
    seen: list[tuple[np.ndarray, bool]] = []
    prepare = None

    def spy(image: np.ndarray) -> Placement:
        ring = guidance['camera']._capture.ring
        seen.append((image, np.shares_memory(image, ring._mapped.bytes)))
        return prepare(image)

    timings = []
    subscription(graph.node(), TIMING, timings.append)
    assert graph.spin_until(lambda: guidance['inference'].done > 0)
    fitting = guidance['inference']._lineup._members['phantom_segmentation'].pipeline._fitting
    prepare = fitting._prepare
    monkeypatch.setattr(fitting, '_prepare', spy)
    assert graph.spin_until(lambda: len(seen) > 5)
    assert all(shared for _, shared in seen)
    assert not any(image.flags.owndata or image.flags.writeable for image, _ in seen)
    assert graph.spin_until(lambda: timings)
    assert [stage.stage for stage in timings[-1].stages] == [
        'handover',
        'inference',
        'scene',
        'advice',
        'capture_to_advice',
    ]


@pytest.fixture
def tracing():
    """Tracing that ends after the threads it traces: to end it beside one that allocates can crash Python 3.11."""
    yield
    tracemalloc.stop()


def test_nothing_of_the_size_of_a_frame_is_allocated_on_the_way(tracing, graph, guidance):
    looked = Looked(guidance)
    assert graph.spin_until(lambda: guidance['inference'].done > 0)
    spinning = threading.Event()
    thread = threading.Thread(target=lambda: graph.spin_until(spinning.is_set, 60))
    thread.start()
    try:
        assert looked.wait_for(10)
        tracemalloc.start()
        assert looked.wait_for(5)  # what is made once, on the first frames under tracemalloc
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        assert looked.wait_for(30)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        spinning.set()
        thread.join()
    assert peak - before < FRAME_BYTES / 6


def test_a_late_joiner_gets_the_advice_that_stands(graph, guidance):
    assert graph.spin_until(lambda: guidance['advice'].done > 3)
    late = []
    subscription(graph.node('late'), SUGGESTION, late.append)
    assert graph.spin_until(lambda: late)


def test_every_stage_can_be_taken_down_and_brought_up_again(graph, guidance):
    assert graph.spin_until(lambda: guidance['advice'].done > 0)
    for _ in range(3):
        for name in ('camera', 'inference', 'advice'):
            assert guidance[name].request(guidance[name].trigger_deactivate)
            assert guidance[name].request(guidance[name].trigger_cleanup)
        for name in ('advice', 'inference', 'camera'):
            assert guidance[name].request(guidance[name].trigger_configure)
            assert guidance[name].request(guidance[name].trigger_activate)
        done = guidance['advice'].done
        assert graph.spin_until(lambda: guidance['advice'].done > done)  # noqa: B023


def test_signals_on_the_way_out_do_not_spoil_the_end():
    program = (
        "from surgical_guidance.container import run; raise SystemExit(run(lambda: print('up', flush=True) or []))"
    )
    with subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b'up\n'
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.005)
    assert process.returncode == 0
