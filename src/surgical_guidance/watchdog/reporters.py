"""Who publishes the diagnoses: ``diagnostic_updater`` where the host has it, else we ourselves, the same rows."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from surgical_guidance.contract import DIAGNOSTICS
from surgical_guidance.ports import publisher
from surgical_guidance.watchdog.diagnostics import Diagnosis

if TYPE_CHECKING:
    from rclpy.node import Node


class Reporter(Protocol):
    """Publishes diagnoses when it is told to.

    :param period_s: how often it wants to be told [s], apart from when something gets graver.
    """

    period_s: float

    def report(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Publish them now."""


def make_reporter(node: Node) -> Reporter:
    """Take what the host has."""
    try:
        import diagnostic_updater
    except ModuleNotFoundError:
        return OwnReporter(node)
    return UpdaterReporter(node, diagnostic_updater.Updater(node))


class OwnReporter:
    """Publishes by itself, with the names that ``diagnostic_updater`` would give."""

    def __init__(self, node: Node) -> None:
        self.period_s = 1.0 / DIAGNOSTICS.rate
        self._node = node
        self._host = socket.gethostname()
        self._publisher = publisher(node, DIAGNOSTICS)

    def report(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Publish them now."""
        message = DiagnosticArray(status=[self._status(diagnosis) for diagnosis in diagnoses])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _status(self, diagnosis: Diagnosis) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([diagnosis.level]),
            name=f'{self._node.get_name()}: {diagnosis.name}',
            message=diagnosis.message,
            hardware_id=self._host,
            values=[KeyValue(key=key, value=value) for key, value in diagnosis.values.items()],
        )


class UpdaterReporter:
    """Publishes through an ``Updater`` with our rows as its tasks.

    Its own timer follows the system clock and would stand still after that is set back, so it is stopped: the
    watchdog's monotonic clock drives it, at the period that ``diagnostic_updater.period`` says.
    """

    def __init__(self, node: Node, updater: Any) -> None:
        self.period_s = float(updater.period)
        self._updater = updater
        self._latest: dict[str, Diagnosis] = {}
        updater.timer.cancel()
        updater.setHardwareID(socket.gethostname())

    def report(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Publish them now."""
        for diagnosis in diagnoses:
            if diagnosis.name not in self._latest:
                self._updater.add(diagnosis.name, partial(self._fill, diagnosis.name))
            self._latest[diagnosis.name] = diagnosis
        self._updater.force_update()

    def _fill(self, name: str, status: Any) -> Any:
        diagnosis = self._latest[name]
        status.summary(bytes([diagnosis.level]), diagnosis.message)
        for key, value in diagnosis.values.items():
            status.add(key, value)
        return status
