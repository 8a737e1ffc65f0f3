"""Serves the metrics at ``http://127.0.0.1:PORT/metrics``, and adds what is only looked up when somebody reads them."""

from __future__ import annotations

import json
import math
import os
import ssl
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import psutil
from prometheus_client import start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from surgical_guidance.errors import HostError

if TYPE_CHECKING:
    from surgical_guidance.watchdog.host import HostFacts
    from surgical_guidance.watchdog.metrics import Metrics

LOOPBACK: Final = '127.0.0.1'
RELAY_S: Final = 0.5  # the relay gets to answer; longer, and this reading does without it [s]
MIB: Final = 2**20


def _any_certificate() -> ssl.SSLContext:
    """Give what is asked of our own relay on this host: numbers, whoever signed its certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_ANY_CERTIFICATE: Final = _any_certificate()


def serve(metrics: Metrics, host: Callable[[], HostFacts | None], port: int) -> tuple[int, Callable[[], None]]:
    """Serve the metrics on the loopback interface; give the port and what ends it.

    :param host: gives the machine as it was found last; None before.
    :param port: 0 takes a free one.
    :raises HostError: if the port cannot be had.
    """
    for collector in (
        Processes(lambda: hosts(metrics.pids)),
        HostCollector(host),
        Relay(lambda: metrics.relay_address),
    ):
        metrics.registry.register(collector)
    try:
        server, thread = start_http_server(port, LOOPBACK, metrics.registry)
    except OSError as error:
        raise HostError(
            f'no metrics can be served ({error.strerror})',
            where=f'{LOOPBACK}:{port}',
            remedy='end what uses the port, or set metrics_port of the watchdog (-1: no metrics)',
        ) from error

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join(1.0)

    return int(server.server_port), close


def hosts(pids: Mapping[str, int]) -> dict[int, str]:
    """Name the processes by what they host: a stage, or ``guidance`` where it is more than one.

    :param pids: process of every stage.
    """
    names = {os.getpid(): 'watchdog'}
    for stage, pid in pids.items():
        names[pid] = 'guidance' if pid in names else stage
    return names


class Processes(Collector):
    """The processes of the guidance, looked up when read.

    :param hosts: gives the processes and what each hosts.
    """

    def __init__(self, hosts: Callable[[], Mapping[int, str]]) -> None:
        self._hosts = hosts

    def collect(self) -> Iterator[Metric]:
        """Give processor time, memory, threads and open files of each; one that has gone is left out."""
        families: tuple[CounterMetricFamily | GaugeMetricFamily, ...] = (
            CounterMetricFamily('surgical_guidance_process_cpu_seconds', 'Processor time', labels=['process']),
            GaugeMetricFamily('surgical_guidance_process_resident_bytes', 'Memory', labels=['process']),
            GaugeMetricFamily('surgical_guidance_process_threads', 'Threads', labels=['process']),
            GaugeMetricFamily('surgical_guidance_process_open_files', 'Open files', labels=['process']),
        )
        for pid, name in self._hosts().items():
            try:
                process = psutil.Process(pid)
                with process.oneshot():
                    times = process.cpu_times()
                    values = (times.user + times.system, process.memory_info().rss, process.num_threads(),
                              process.num_fds())  # fmt: skip
            except psutil.Error:
                continue
            for family, value in zip(families, values, strict=True):
                family.add_metric([name], float(value))
        yield from families


class HostCollector(Collector):
    """The machine: its load when read, the rest as it was found last.

    :param facts: gives them; None before the first look.
    """

    def __init__(self, facts: Callable[[], HostFacts | None]) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """Give load, memory, disk, temperatures, and what the GPU says of itself."""
        yield _gauge('host_cpu_load', 'Processes that want to run, over a minute, for each core',
                     psutil.getloadavg()[0] / (psutil.cpu_count() or 1))  # fmt: skip
        facts = self._facts()
        if facts is None:
            return
        yield _gauge('host_memory_available_bytes', 'Memory that can be had', facts.memory_mb * MIB)
        yield _gauge('host_shm_free_bytes', 'Shared memory that is free', facts.shm_mb * MIB)
        yield _gauge('host_disk_free_bytes', 'Free on the disk of the logs', facts.disk_mb * MIB)
        yield _gauge('host_temperature_celsius', 'The hottest sensor', facts.temperature_c)
        gpu = facts.gpu
        if gpu is not None:
            yield _gauge('gpu_temperature_celsius', 'Of the GPU', gpu.temperature_c)
            yield _gauge('gpu_power_watts', 'What the GPU takes', gpu.power_w)
            yield _gauge('gpu_clock_hertz', 'Clock of the GPU', gpu.clock_mhz * 1e6)
            yield _gauge('gpu_memory_used_bytes', 'Memory of the GPU in use', gpu.memory_used_mb * MIB)
            yield _gauge('gpu_memory_free_bytes', 'Memory of the GPU that is free', gpu.memory_free_mb * MIB)
            yield _gauge('gpu_utilisation_ratio', 'Share of the time in which the GPU works', gpu.utilisation)


class Relay(Collector):
    """Who watches from afar, as the relay's ``/healthz`` tells when it is read.

    :param address: gives where the relay serves; '' while it does not.
    """

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address

    def collect(self) -> Iterator[Metric]:
        """Give clients, pictures, bytes and round trips; nothing while the relay does not answer."""
        health = self._ask()
        up = _gauge('relay_up', 'Whether the relay answers', float(health is not None))
        yield up
        if health is None:
            return
        pictures = health.get('pictures')
        pictures = pictures if isinstance(pictures, dict) else {}
        for name, kind, text, value in (
            ('relay_clients', GaugeMetricFamily, 'Pages that watch', health.get('clients')),
            ('relay_pictures_sent', CounterMetricFamily, 'Pictures sent', pictures.get('sent')),
            (
                'relay_pictures_dropped',
                CounterMetricFamily,
                'Pictures that a newer one replaced',
                pictures.get('dropped'),
            ),
            ('relay_sent_bytes', CounterMetricFamily, 'Bytes sent to pages', health.get('bytes')),
            (
                'relay_round_trip_seconds',
                GaugeMetricFamily,
                'Longest round trip to a page',
                _seconds(health.get('round_trip_ms')),
            ),
        ):
            if isinstance(value, int | float) and math.isfinite(value):
                yield kind(f'surgical_guidance_{name}', text, value=float(value))

    def _ask(self) -> dict[str, Any] | None:
        address = self._address()
        if not address.startswith(('http://', 'https://')):
            return None
        try:
            with urllib.request.urlopen(f'{address}/healthz', timeout=RELAY_S, context=_ANY_CERTIFICATE) as answer:  # noqa: S310  (checked above)
                health = json.loads(answer.read(1 << 20))
        except (OSError, ValueError):
            return None
        return health if isinstance(health, dict) else None


def _seconds(ms: object) -> float | None:
    return ms / 1e3 if isinstance(ms, int | float) else None


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f'surgical_guidance_{name}', text, value=float(value))
