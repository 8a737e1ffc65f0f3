"""The readable page of a piece of evidence: one HTML file with plot and pictures, and nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

TEMPLATE: Final = 'report.html'
PICTURES: Final = 8
WIDTH, HEIGHT = 1000.0, 240.0  # of the plot [px]
_LEAST_MS: Final = 100.0  # of the plot's scale: the limit is always in it


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the page.

    :param at: seconds from the first cause.
    """

    at: float
    sequence: int
    jpeg: bytes

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` URI."""
        return f'data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}'


def choose(times: Sequence[float]) -> list[int]:
    """Choose the pictures that are shown, by index: the one nearest to the cause, and others evenly over the time.

    :param times: of all pictures, seconds from the first cause.
    """
    if len(times) <= PICTURES:
        return list(range(len(times)))
    step = (len(times) - 1) / (PICTURES - 2)
    nearest = min(range(len(times)), key=lambda index: abs(times[index]))
    return sorted({nearest, *(round(number * step) for number in range(PICTURES - 1))})


def render(summary: Mapping[str, Any], pictures: Sequence[Shown]) -> str:
    """Give the page.

    :param pictures: those of :func:`choose`.
    """
    frames = summary['frames']
    times = [at for at, _, _ in frames] + [change['at'] for change in summary['states']] + [0.0]
    scale = _Scale(min(times), max(times), max([_LEAST_MS, *(ms for _, _, ms in frames)]))
    return _template().render(
        s=summary,
        pictures=pictures,
        line=' '.join(f'{scale.x(at):.1f},{scale.y(ms):.1f}' for at, _, ms in frames),
        over=[(scale.x(at), scale.y(ms), sequence, ms) for at, sequence, ms in frames if ms > summary['limit_ms']],
        bands=_bands(summary['states'], scale),
        timeline=_timeline(summary),
        marks=[
            (scale.x(alarm['at']), alarm)
            for alarm in summary['alarms']
            if alarm['active'] and alarm['at'] >= scale.start
        ],
        limit=scale.y(summary['limit_ms']),
        warning=scale.y(summary['warning_ms']),
        scale=scale,
        width=WIDTH,
        height=HEIGHT,
    )


def _timeline(summary: Mapping[str, Any]) -> list[tuple[float, str, str, str, str]]:
    """Give everything that happened in the order of time: when, of what kind, how urgent, what, and more of it."""
    rows = [(e['at'], 'state', '', e['state'], '; '.join(e['reasons'])) for e in summary['states']]
    for e in summary['alarms']:
        what = f'{e["id"]} {"raised" if e["active"] else "cleared"}'
        by = f'; acknowledged by {e["acknowledged_by"]}' if e['acknowledged_by'] else ''
        rows.append((e['at'], 'alarm', e['priority'], what, f'{e["text_en"]} / {e["text_zh"]}; {e["detail"]}{by}'))
    rows += [
        (e['at'], 'stage', '', f'{e["stage"]} {e["state"]} (process {e["pid"]})', e['detail'])
        for e in summary['stages']
    ]
    for e in summary['suggestions']:
        reason = f'; {e["reason"]}' if e['reason'] else ''
        text = f'{e["text_en"]} / {e["text_zh"]}' if e['text_en'] else ''
        rows.append((e['at'], 'advice', e['priority'], f'{e["rule"]} {e["status"]}'.strip(), f'{text}{reason}'))
    return sorted(rows, key=lambda row: row[0])


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    end: float
    top_ms: float

    def x(self, at: float) -> float:
        return WIDTH * (at - self.start) / max(self.end - self.start, 1e-3)

    def y(self, ms: float) -> float:
        return HEIGHT * (1.0 - ms / self.top_ms)

    @property
    def seconds(self) -> list[tuple[float, int]]:
        """Give the marks of the time axis."""
        step = 5 if self.end - self.start > 10 else 1
        first = -(-int(self.start) // step) * step
        return [(self.x(at), at) for at in range(first, int(self.end) + 1, step) if at >= self.start]


def _bands(states: Sequence[Mapping[str, Any]], scale: _Scale) -> list[tuple[float, float, str]]:
    """Give the states over the time: from, how long [px], which."""
    bands = []
    for state, after in zip(states, [*states[1:], {'at': scale.end}], strict=True):
        start = max(state['at'], scale.start)
        bands.append((scale.x(start), max(scale.x(after['at']) - scale.x(start), 0.0), state['state']))
    return bands


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(Path(__file__).with_name(TEMPLATE).read_text(encoding='utf-8'))
