"""Composes nodes into processes: the whole frame path in one, or each stage alone, with the same topics.

``guidance_container`` hosts camera, inference and advice and joins them by reference: a frame is never copied or
serialised between capture and the engine's input. ``camera_node`` and the others host one stage each. Every other
executable of this package is one of these.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from surgical_guidance.errors import GuidanceError
from surgical_guidance.stage import StageNode

if TYPE_CHECKING:
    from rclpy.node import Node

    from surgical_guidance.camera.node import CameraNode

PARENT = 'SURGICAL_GUIDANCE_PARENT'
"""Environment variable: the process id this process must not outlive (set by ``surgical-guidance run``)."""

TURN_S = 0.25  # whatever comes wakes it, and heartbeats
WATCHDOG_TURN_S = 1.0  # its executor serves acknowledgements alone, which wake it
FRAME_PATH_NICE = -10  # before every viewer and desktop on the same host
WATCHDOG_NICE = -11  # and the one that watches it before that
RELAY_NICE = -5  # what the room sends out goes before who looks at it on the same host, and after the frame path
SWITCH_S = 0.0005  # the interpreter's default of 5 ms lets a busy thread hold a frame up for that long
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
RELAY_SWITCH_S = 0.0001  # a picture waits for it once for each thread it passes and each client it is sent to


def guidance(**node: Any) -> list[Node]:
    """Make camera, inference and advice, joined by reference.

    :param node: for every node, as for ``rclpy.node.Node``: a context, for one.
    """
    from surgical_guidance.advice.node import AdviceNode
    from surgical_guidance.inference.node import InferenceNode

    advice = AdviceNode(scenes_by_topic=False, **node)
    inference = InferenceNode(frames_by_topic=False, **node)
    camera = _camera_node(**node)
    camera.frames.connect(inference.accept)
    camera.frames.connect(advice.on_frame)
    inference.scenes.connect(advice.on_scene)
    return [advice, inference, camera]  # the last to start is the one that feeds the others


def camera(**node: Any) -> list[Node]:
    """Make the camera alone."""
    return [_camera_node(**node)]


def inference(**node: Any) -> list[Node]:
    """Make inference alone: frames come by reference into the camera's ring, which must be on this host."""
    from surgical_guidance.inference.node import InferenceNode

    return [InferenceNode(frames_by_topic=True, **node)]


def advice(**node: Any) -> list[Node]:
    """Make advice alone."""
    from surgical_guidance.advice.node import AdviceNode

    return [AdviceNode(scenes_by_topic=True, **node)]


def watchdog(**node: Any) -> list[Node]:
    """Make the watchdog."""
    from surgical_guidance.watchdog.node import WatchdogNode

    return [WatchdogNode(**node)]


def relay(**node: Any) -> list[Node]:
    """Make the relay."""
    from surgical_guidance.relay.node import RelayNode

    return [RelayNode(**node)]


def recorder(**node: Any) -> list[Node]:
    """Make the flight recorder."""
    from surgical_guidance.recording.node import RecorderNode

    return [RecorderNode(**node)]


def _camera_node(**node: Any) -> CameraNode:
    register_sources()
    from surgical_guidance.camera.node import CameraNode

    return CameraNode(**node)


def register_sources() -> None:
    """Make the sources of other rooms known to the camera's registry."""
    from surgical_guidance.camera.sources import register
    from surgical_guidance.phantom.source import phantom_source

    register('phantom', phantom_source)


def run(
    compose: Callable[[], Sequence[Node]], nice: int = 0, turn_s: float = TURN_S, switch_s: float = SWITCH_S
) -> int:
    """Run the nodes of one process until a signal ends it, then take them down in the order of the frame path.

    :param nice: priority of the process, taken where the host grants it (root, or `ulimit -e`).
    :param turn_s: longest wait of the executor: how soon a signal or a lost parent is noticed [s].
    :param switch_s: how long one thread may keep the interpreter from the others [s].
    :return: the exit status: 0, or 1 where the process could not start.
    """
    stop = _StopRequest()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    take_priority(nice)
    keep_memory()
    sys.setswitchinterval(switch_s)
    cv2.setNumThreads(1)  # its pool would fight with the engine's threads, and the pictures here are small work
    nodes: Sequence[Node] = ()
    try:
        nodes = compose()
        executor = SingleThreadedExecutor()
        for node in nodes:
            executor.add_node(node)
        keep_step(nodes)  # before they load: what is overdue afterwards is served at once, and in step
        for node in nodes:
            if isinstance(node, StageNode):
                node.autostart()
        gc.freeze()  # what lives for ever is not looked at by the collector any more
        while not stop.requested:
            executor.spin_once(timeout_sec=turn_s)
        executor.shutdown()
    except GuidanceError as error:
        sys.stderr.write(f'{error}\n')
        return 1
    finally:
        for node in reversed(nodes):
            close = getattr(node, 'close', None)
            if close is not None:
                close()
            node.destroy_node()
        rclpy.try_shutdown()
        stop.done()
    return 0


def keep_step(nodes: Sequence[Node]) -> None:
    """Let timers of one period be due at one time.

    For every turn rclpy looks through all that the process has, which takes it 3 ms for the three nodes of the frame
    path, and serves whatever is ready then. Heartbeats one after another made it 50 turns a second.
    """
    for node in nodes:
        for timer in node.timers:
            timer.reset()


def take_priority(nice: int) -> None:
    """Go before the others where the host grants it; where not, run as everybody does.

    Linux shares the processor between sessions first (autogroups), and by priority only within one: a process that
    leads a session of its own must raise that too.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if os.getsid(0) == os.getpid():
            Path('/proc/self/autogroup').write_text(str(nice), encoding='ascii')


def keep_memory() -> None:
    """Let the process keep what it frees, up to 256 MiB, where the C library is glibc.

    Otherwise glibc gives the memory of every frame's larger arrays back to the kernel and takes it anew for the next
    one: up to a hundred page faults a frame. See mallopt(3); what it sets by itself depends on what ran before.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, 256 << 20)
        mallopt(M_MMAP_THRESHOLD, 32 << 20)


class _StopRequest:
    """SIGINT, SIGTERM or the end of the parent. rclpy's own handlers would invalidate the context under the threads."""

    def __init__(self) -> None:
        self._signalled = False
        self._parent = int(os.environ.get(PARENT, '0'))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self._signalled = True

    def done(self) -> None:
        """Ignore SIGINT: a terminal and ros2 launch both send one, and an ending interpreter would die of the other."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    @property
    def requested(self) -> bool:
        return self._signalled or (self._parent != 0 and os.getppid() != self._parent)


def main() -> int:
    """Run ``guidance_container``."""
    return run(guidance, FRAME_PATH_NICE)


def camera_main() -> int:
    """Run ``camera_node``."""
    return run(camera, FRAME_PATH_NICE)


def inference_main() -> int:
    """Run ``inference_node``."""
    return run(inference, FRAME_PATH_NICE)


def advice_main() -> int:
    """Run ``advice_node``."""
    return run(advice, FRAME_PATH_NICE)


def watchdog_main() -> int:
    """Run ``watchdog_node``."""
    return run(watchdog, WATCHDOG_NICE, WATCHDOG_TURN_S)


def relay_main() -> int:
    """Run ``relay_node``."""
    return run(relay, RELAY_NICE, switch_s=RELAY_SWITCH_S)


def recorder_main() -> int:
    """Run ``recorder_node``."""
    return run(recorder)


if __name__ == '__main__':
    PROCESSES = {'guidance': main, 'camera': camera_main, 'inference': inference_main, 'advice': advice_main,
                 'watchdog': watchdog_main, 'relay': relay_main, 'recorder': recorder_main}  # fmt: skip
    sys.exit(PROCESSES[sys.argv.pop(1)]())
