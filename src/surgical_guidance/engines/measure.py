"""Times engines side by side: with and without copies, and what they take of the machine.

"Without copies" is the engine alone on inputs that lie there. "With copies" adds a picture written into its input and
the results read back, as every frame has it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from numpy.typing import NDArray

from surgical_guidance.engines.telemetry import Telemetry
from surgical_guidance.errors import GuidanceError

RUNS, WARM_UP = 100, 15
_MIB = 1 << 20


class Timed(Protocol):
    """What can be timed."""

    def write(self) -> None:
        """Write the inputs."""

    def infer(self) -> Any:
        """Run on what lies there, and wait until it is done."""

    def read(self) -> Any:
        """Read the results."""

    def close(self) -> None:
        """Give everything back."""


@dataclass(frozen=True)
class Row:
    """What one engine takes.

    :param backend: what runs it.
    :param problem: why it could not be measured; then all numbers are NaN.
    :param p50_ms: half of the runs are faster, without copies [ms]; ``full``: with copies.
    :param per_second: runs in a second, with copies.
    :param memory_mb: what loading and running it added to this process [MiB].
    :param device_mb: what it added on the GPU [MiB]; NaN where nobody tells.
    :param watts: of the device while it ran; NaN where nobody tells.
    :param celsius: of the device after it; NaN where nobody tells.
    """

    backend: str
    precision: str
    problem: str = ''
    p50_ms: float = float('nan')
    p99_ms: float = float('nan')
    max_ms: float = float('nan')
    full_p50_ms: float = float('nan')
    full_p99_ms: float = float('nan')
    full_max_ms: float = float('nan')
    per_second: float = float('nan')
    memory_mb: float = float('nan')
    device_mb: float = float('nan')
    watts: float = float('nan')
    celsius: float = float('nan')

    def facts(self) -> dict[str, Any]:
        """Give it for JSON: what nobody knows is null."""
        return {
            name: None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Candidate:
    """An engine that is to be measured.

    :param make: loads it.
    """

    backend: str
    precision: str
    make: Callable[[], Timed]


def measure(
    candidates: Sequence[Candidate], runs: int = RUNS, tell: Callable[[float, str], None] = lambda _share, _what: None
) -> Iterator[Row]:
    """Measure one engine after another. One that cannot run here gives a row that says why.

    :param tell: hears the share that is done and what is being measured.
    """
    for number, candidate in enumerate(candidates):
        tell(number / len(candidates), f'{candidate.backend} {candidate.precision}')
        try:
            yield _row(candidate, runs)
        except GuidanceError as error:
            yield Row(candidate.backend, candidate.precision, problem=error.what)
    tell(1.0, 'done')


def _row(candidate: Candidate, runs: int) -> Row:
    process, telemetry = psutil.Process(), Telemetry()
    before, device_before = process.memory_info().rss, telemetry.memory_mb()
    engine = candidate.make()
    try:
        engine.write()
        for _ in range(WARM_UP):
            engine.infer()
        engine.read()
        alone, full = np.empty(runs), np.empty(runs)
        watts = []
        for index in range(runs):
            alone[index] = _timed(engine.infer)
            if not index % 10:
                watts.append(telemetry.watts())
        start = time.perf_counter()
        for index in range(runs):
            full[index] = _timed(engine.write, engine.infer, engine.read)
        elapsed = time.perf_counter() - start
        return Row(
            candidate.backend,
            candidate.precision,
            '',
            *_quantiles(alone),
            *_quantiles(full),
            per_second=runs / elapsed,
            memory_mb=(process.memory_info().rss - before) / _MIB,
            device_mb=telemetry.memory_mb() - device_before,
            watts=float(np.mean(watts)),
            celsius=telemetry.celsius(),
        )
    finally:
        engine.close()
        telemetry.close()


def _timed(*steps: Callable[[], Any]) -> float:
    """Give the time of some steps [ms]."""
    start = time.perf_counter()
    for step in steps:
        step()
    return (time.perf_counter() - start) * 1e3


def _quantiles(times: NDArray[np.float64]) -> tuple[float, float, float]:
    p50, p99 = np.percentile(times, (50, 99))
    return float(p50), float(p99), float(times.max())


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """Draw p50 and p99 of every row, with copies, and the part of the engine alone.

    :raises ValueError: if no row has numbers.
    """
    from matplotlib.figure import Figure

    shown = [row for row in rows if not row.problem]
    if not shown:
        raise ValueError('there is nothing to draw')
    figure = Figure(figsize=(8.0, 1.4 + 0.55 * len(shown)), layout='constrained')
    axes = figure.add_subplot()
    places = np.arange(len(shown))[::-1]
    axes.barh(places, [row.full_p50_ms for row in shown], height=0.62, color='#9ec5e8', label='with copies, p50')
    axes.barh(places, [row.p50_ms for row in shown], height=0.62, color='#2a6fb0', label='engine alone, p50')
    axes.plot([row.full_p99_ms for row in shown], places, '|', color='#b03a2e', markersize=18, markeredgewidth=2.5,
              label='with copies, p99')  # fmt: skip
    for place, row in zip(places, shown, strict=True):
        text = f'{row.full_p50_ms:.2f}, p99 {row.full_p99_ms:.2f}'
        axes.annotate(text, (row.full_p99_ms, place), (8, 0), textcoords='offset points', va='center', fontsize=9)
    axes.set_yticks(places, [f'{row.backend}\n{row.precision}' for row in shown], fontsize=9)
    axes.set_xlabel('ms a picture')
    axes.set_xlim(0.0, 1.3 * max(row.full_p99_ms for row in shown))
    axes.set_title(title, loc='left', fontsize=11)
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc='upper center', bbox_to_anchor=(0.5, -0.25), ncols=3)
    figure.savefig(path, dpi=130)
