"""One run: check what can be checked, start the processes, wait, sum up."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from surgical_guidance.camera.node import CameraParams
from surgical_guidance.camera.sources import is_live, make_source
from surgical_guidance.camera.uri import hide_password
from surgical_guidance.container import register_sources
from surgical_guidance.contract import NAMESPACE
from surgical_guidance.errors import GuidanceError, HostError
from surgical_guidance.frames import Claim, ring_scope
from surgical_guidance.inference.manifest import DEFAULT_MODELS, load_manifest
from surgical_guidance.relay.node import RelayParams
from surgical_guidance.session.collector import Collector
from surgical_guidance.session.listener import Listener
from surgical_guidance.session.parameters import PARAMS, read
from surgical_guidance.session.processes import CONTAINER, Child, end
from surgical_guidance.watchdog.litter import sweep
from surgical_guidance.watchdog.node import WatchdogParams
from surgical_guidance.watchdog.processes import Processes

FASTDDS_PROFILE = Path(__file__).with_name('fastdds.xml')
START_S = 60.0  # what the processes get to come up, loading and warm-up included [s]
LAST_DOMAIN = 232  # beyond it the ports of DDS would be larger than there are
LOOK_S = 0.1  # how often the processes are looked after, besides at once when one ends [s]
WATCHDOG_START_S = 5.0  # what a watchdog that was started again gets before it must speak [s]
WATCHDOG_SILENT_S = 3.0  # without a status for so long the watchdog hangs
MEASURE_EVERY = 10  # looks


@dataclass(frozen=True)
class RunOptions:
    """What a run is asked for.

    :param source: URI of the picture source; None: what the parameters file says, or the node's default.
    :param duration_s: from the first frame that was advised on [s]; None: until the source ends or Ctrl-C.
    :param port: of the console; 0 takes a free one; None: as for the source.
    :param models: names or manifests of the models that look; empty: as for the source.
    :param composed: camera, inference and advice in one process; else each in its own.
    :param params_file: a ROS parameters file laid under the options above; None: the nodes' defaults.
    :param metrics_port: of the metrics; 0 takes a free one, -1: none; None: as for the source, or a free one.
    :param container: module that hosts the nodes; another one for trying what happens when things break.
    :param run_dir: where logs and the parameters that the options set go.
    """

    source: str | None
    duration_s: float | None
    port: int | None
    composed: bool
    params_file: Path | None
    run_dir: Path
    models: tuple[str, ...] = ()
    metrics_port: int | None = None
    container: str = CONTAINER


class Run:
    """A run in progress.

    :param tell: gets one line for people, for what happens on the way.
    """

    def __init__(self, options: RunOptions, tell: Callable[[str], None]) -> None:
        self.options = options
        self.collector = Collector()
        self._given = read(options.params_file) if options.params_file else {name: {} for name in PARAMS}
        self.source = options.source or self._given['camera'].get('source') or CameraParams().source
        port = options.port if options.port is not None else self._given['relay'].get('port')
        self._port = RelayParams().port if port is None else int(port)
        self.metrics_port = -1
        self.models = options.models or tuple(self._given['inference'].get('models') or DEFAULT_MODELS)
        self._claim: Claim | None = None
        self._told: dict[str, str] = {}
        self.started = 0.0
        self.failed = False
        self._tell = tell
        self._stop = threading.Event()
        self._listener: Listener | None = None
        self._children: list[Child] = []
        self._ends = Processes()

    def stop(self) -> None:
        """End the run soon. May be called from a signal handler or another thread."""
        self._stop.set()
        self._ends.wake()

    def start(self) -> None:
        """Start the processes and wait for the first frame that was advised on, and for the console.

        :raises GuidanceError: if the run cannot start; nothing is left running.
        """
        _prepare_environment()
        try:
            self._preflight()
            removed, freed = sweep()
            if removed:
                self._tell(
                    f'removed what dead processes left in shared memory: {len(removed)} files, {freed >> 20} MiB'
                )
            self._bring_all_up()
        except BaseException:
            self.end()
            raise
        self.started = time.monotonic()
        for child in self._children:
            child.measure_from_now()

    def _bring_all_up(self) -> None:
        names = ('guidance',) if self.options.composed else ('camera', 'inference', 'advice')
        arguments = self._ros_arguments()
        self._children = [
            Child(
                name,
                arguments,
                self.options.run_dir / f'{name}.log',
                vital=name not in ('relay', 'recorder'),  # the operating room goes on without them
                module=self.options.container,
            )
            for name in ('watchdog', 'relay', 'recorder', *names)
        ]
        listener = self._listener = Listener(self.collector)
        live = is_live(self.source)
        # Who watches and who shows come first: their start must not take the processor from the first frames.
        self._bring_up(self._children[:3], lambda: listener.watched.is_set() and self.console_url and self._records())
        self._bring_up(
            self._children[3:],  # a camera that is not there yet is waited for with everything running
            lambda: listener.first_frame.is_set() or (live and 'camera' in self.collector.problems),
        )

    def turn(self) -> bool:
        """Look after the processes for a second; False when the run is over."""
        assert self._listener is not None  # noqa: S101  (start came before)
        looks = 0
        while not self._stop.is_set():
            for child in self._children:
                if child.pid:
                    self._ends.follow(child.pid)
            self._ends.wait(LOOK_S)
            if self._stop.is_set():
                break
            looks += 1
            self._tell_problems()
            self._end_hung_watchdog()
            if not all(child.poll(self._tell) for child in self._children):
                self.failed = True
                return False
            if self.options.duration_s is not None and self.elapsed_s >= self.options.duration_s:
                return False
            if self._listener.failed.is_set():
                self.failed = True
                self._tell_problems()  # once more: why it failed may have come a moment ago
                return False
            if self._listener.finished.is_set():
                return False
            if looks >= MEASURE_EVERY:
                break
        for child in self._children:
            child.measure()
        return not self._stop.is_set()

    def end(self) -> dict[str, Any]:
        """End all processes and give the summary."""
        elapsed_s = self.elapsed_s
        for name in end(self._children):
            self._tell(f'{name} did not end by itself and was killed')
        processes = {
            child.name: {'cpu_percent': round(child.cpu_percent, 1), 'rss_mb': round(child.rss_mb, 1)}
            for child in self._children
        }
        self._ends.close()
        if self._listener is not None:
            self._listener.close()
        if self._claim is not None:
            self._claim.release()
        return {
            **self.collector.summary(),
            'processes': processes,
            'engine': self.collector.details.get('inference', ''),
            'source': hide_password(self.source),
            'duration_s': round(elapsed_s, 2),
        }

    def _records(self) -> bool:
        """Whether the recorder is up, or has said why not: guidance goes on without it."""
        return bool(self.collector.details.get('recorder') or self.collector.problems.get('recorder'))

    @property
    def console_url(self) -> str:
        """Address of the console, as the relay reports it; '' before."""
        return self.collector.details.get('relay', '')

    @property
    def metrics_url(self) -> str:
        """Address of the metrics; '' where there are none."""
        return f'http://127.0.0.1:{self.metrics_port}/metrics' if self.metrics_port > 0 else ''

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first frame that was advised on; 0 before."""
        return time.monotonic() - self.started if self.started else 0.0

    def _end_hung_watchdog(self) -> None:
        """End the watchdog where it lives and says nothing, while others are heard: it will be started again."""
        listener, watchdog = self._listener, self._children[0]
        if listener is None or not watchdog.pid:
            return
        spoke_at = max(listener.status_at, watchdog.started_at + WATCHDOG_START_S)
        if listener.heartbeat_at - spoke_at > WATCHDOG_SILENT_S:
            watchdog.kill()
            self._tell(f'watchdog has said nothing for {listener.heartbeat_at - spoke_at:.1f} s and is ended')

    def _tell_problems(self) -> None:
        """Tell what is newly wrong with a stage."""
        problems = self.collector.problems.copy()  # another thread writes it
        for stage, problem in problems.items():
            if self._told.get(stage) != problem:
                self._tell(f'{stage}: {problem}')
        self._told = problems

    def _preflight(self) -> None:
        """Find out here, in one line, what would otherwise fail in a process far away."""
        domain = os.environ.get('ROS_DOMAIN_ID') or '0'
        if not (domain.isdecimal() and int(domain) <= LAST_DOMAIN):
            raise HostError(f'{domain!r} is no ROS domain', where='ROS_DOMAIN_ID', remedy=f'use 0 to {LAST_DOMAIN}')
        try:
            self.options.run_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(f'no folder for the logs ({error.strerror})', where=str(self.options.run_dir)) from error
        for model in self.models:
            load_manifest(model)
        register_sources()
        source = make_source(self.source)
        if not is_live(self.source):
            try:
                source.open()
            finally:
                source.close()
        self._claim = Claim(ring_scope(NAMESPACE), 'run')
        if self._port:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(('127.0.0.1', self._port))
                except OSError as error:
                    raise HostError(
                        f'the console cannot be served ({error.strerror})',
                        where=f'127.0.0.1:{self._port}',
                        remedy='end what uses the port, or choose another with --port (0: any free one)',
                    ) from error

        self.metrics_port = self._find_metrics_port()

    def _find_metrics_port(self) -> int:
        """Give the port of the metrics, -1 for none. Two guidances on one host must not fight for the usual one."""
        given = self._given['watchdog'].get('metrics_port')
        asked = self.options.metrics_port if self.options.metrics_port is not None else given
        port = WatchdogParams().metrics_port if asked is None else int(asked)
        if port < 0:
            return -1
        try:
            return _free_port(port)
        except OSError as error:
            if asked is not None:
                raise HostError(
                    f'no metrics can be served ({error.strerror})',
                    where=f'127.0.0.1:{port}',
                    remedy='end what uses the port, or choose another with --metrics-port (0: any free one, -1: none)',
                ) from error
            return _free_port(0)

    def _ros_arguments(self) -> list[str]:
        """Write the options as a parameters file: on a command line a URI like ``phantom:`` would be read as YAML."""
        chosen: dict[str, Any] = {
            '/**/camera': {'ros__parameters': {'source': self.source}},
            '/**/relay': {'ros__parameters': {'port': self._port}},
            '/**/inference': {'ros__parameters': {'models': list(self.models)}},
        }
        chosen['/**/watchdog'] = {'ros__parameters': {'metrics_port': self.metrics_port}}
        if not self._given['watchdog'].get('log_directory'):
            chosen['/**/watchdog']['ros__parameters']['log_directory'] = str(self.options.run_dir.resolve())
        if not self._given.get('advice', {}).get('log_directory'):
            chosen['/**/advice'] = {'ros__parameters': {'log_directory': str(self.options.run_dir.resolve())}}
        if not self._given['recorder'].get('directory'):
            evidence = self.options.run_dir.resolve() / 'evidence'
            chosen['/**/recorder'] = {'ros__parameters': {'directory': str(evidence)}}
        path = self.options.run_dir / 'run.yaml'
        path.touch()
        path.chmod(0o600)  # a stream's URI may hold a password
        path.write_text(yaml.safe_dump(chosen, allow_unicode=True), encoding='utf-8')
        files = [self.options.params_file, path] if self.options.params_file else [path]
        return [word for file in files for word in ('--params-file', str(file))]

    def _bring_up(self, children: Sequence[Child], up: Callable[[], object]) -> None:
        """Start processes and wait until they are up."""
        for child in children:
            child.log.unlink(missing_ok=True)
            child.start()
        deadline = time.monotonic() + START_S
        while not up():
            if self._stop.wait(LOOK_S):
                raise KeyboardInterrupt
            if self._listener is not None and self._listener.failed.is_set():
                problems = self.collector.problems.copy()  # another thread writes it
                raise GuidanceError('; '.join(problems.values()) or 'a stage failed', where=', '.join(problems))
            for child in self._children:
                if child.ended:  # what does not come up the first time will not the second
                    raise GuidanceError(child.last_words() or 'it ended without a word', where=child.name)
            self._tell_problems()
            if time.monotonic() > deadline:
                raise GuidanceError(
                    f'not up within {START_S:.0f} s',
                    where=', '.join(child.name for child in children),
                    remedy=f'the logs are in {self.options.run_dir}',
                )


def _free_port(port: int) -> int:
    """Give a port of the loopback interface that can be had now, this one or (0) any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(('127.0.0.1', port))
        return int(probe.getsockname()[1])


def _prepare_environment() -> None:
    """Keep what is said on this host, and let the processes find each other at once, unless told otherwise."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    names = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')  # until 2.x, since 3.0
    if not any(name in os.environ for name in names):
        for name in names:
            os.environ[name] = str(FASTDDS_PROFILE)
