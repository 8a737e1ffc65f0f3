"""Truth above what was said, over time: ribbons of phases, and bars of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from surgical_guidance.evaluation.metrics.events import Interval
from surgical_guidance.evaluation.report.charts import STYLE, as_uri, new_figure, pretty
from surgical_guidance.evaluation.report.palette import ACCENT, BAD, GOOD, LINE, MUTED, PHASE_COLOURS
from surgical_guidance.evaluation.tally import FrameRecord, TakeRecord

MOST_TAKES = 24
"""More are not drawn; the numbers count them all."""

_ROW_IN = 0.42


def phase_ribbons(takes: Sequence[TakeRecord]) -> str:
    """Draw for each take the true phases above those that were said; empty where nothing was."""
    shown = takes[:MOST_TAKES]
    names = list(dict.fromkeys(name for take in shown for frame in take.frames for name in _phases(frame)))
    colours = {name: PHASE_COLOURS[place % len(PHASE_COLOURS)] for place, name in enumerate(names)}
    with rc_context(STYLE):
        figure, axes = new_figure(9.0, 0.9 + _ROW_IN * len(shown))
        for row, take in enumerate(shown):
            _ribbon(axes, take, lambda frame: frame.true_phase, colours, row - 0.36, 0.34)
            _ribbon(axes, take, lambda frame: frame.phase, colours, row + 0.02, 0.34)
        _rows(axes, [take.name for take in shown])
        patches = [Patch(color=colour, label=pretty(name)) for name, colour in colours.items()]
        axes.legend(handles=patches, loc='lower center', bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=8)
        return as_uri(figure)


def event_bars(takes: Sequence[TakeRecord]) -> str:
    """Draw for each take and event when it goes on (grey, above) and when it was claimed (below): right, or false."""
    rows = [
        (f'{take.name}: {pretty(name)}', line, take.rate or 1.0)
        for take in takes
        for name, line in take.timelines.items()
        if line.true or line.claimed
    ][: 2 * MOST_TAKES]
    with rc_context(STYLE):
        figure, axes = new_figure(9.0, 0.9 + 0.3 * len(rows))
        for row, (_, line, rate) in enumerate(rows):
            for start, end in line.true:
                missed = (start, end) in line.matched.missed
                _bar(axes, (start, end), rate, row - 0.36, BAD if missed else MUTED)
            for claim in line.claimed:
                _bar(axes, claim, rate, row + 0.02, ACCENT if claim in line.matched.false else GOOD)
        _rows(axes, [name for name, _, _ in rows])
        meaning = {MUTED: 'goes on', BAD: 'goes on, missed', GOOD: 'claimed', ACCENT: 'claimed, false'}
        patches = [Patch(color=colour, label=label) for colour, label in meaning.items()]
        axes.legend(handles=patches, loc='lower center', bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=8)
        return as_uri(figure)


def has_events(takes: Sequence[TakeRecord]) -> bool:
    """Tell whether there is anything for :func:`event_bars`."""
    return any(line.true or line.claimed for take in takes for line in take.timelines.values())


def _phases(frame: FrameRecord) -> tuple[str, ...]:
    return tuple(name for name in (frame.true_phase, frame.phase) if name is not None)


def _ribbon(
    axes: Axes,
    take: TakeRecord,
    name_of: Callable[[FrameRecord], str | None],
    colours: dict[str, str],
    bottom: float,
    height: float,
) -> None:
    """Draw the runs of equal names of a take as bars, in seconds."""
    rate = take.rate or 1.0
    start = 0
    names = [name_of(frame) for frame in take.frames]
    for place in range(1, len(names) + 1):
        if place == len(names) or names[place] != names[start]:
            name = names[start]
            if name is not None:
                axes.broken_barh([(start / rate, (place - start) / rate)], (bottom, height), color=colours[name])
            start = place


def _bar(axes: Axes, interval: Interval, rate: float, bottom: float, colour: str) -> None:
    start, end = interval
    axes.broken_barh([(start / rate, (end - start) / rate)], (bottom, 0.34), color=colour)


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel('seconds; upper bar: truth, lower bar: models')
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x', color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines['left'].set_visible(False)
