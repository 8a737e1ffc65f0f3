"""The HTML page. Everything is in it: it asks nobody for anything, and its policy forbids it to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import HostError
from surgical_guidance.evaluation import goals
from surgical_guidance.evaluation.example import Dataset, Origin
from surgical_guidance.evaluation.metrics.overlap import Confusion
from surgical_guidance.evaluation.numbers import Numbers, numbers_of
from surgical_guidance.evaluation.observer import ModelInfo
from surgical_guidance.evaluation.report import charts, ribbons
from surgical_guidance.evaluation.report.machine import as_json
from surgical_guidance.evaluation.report.palette import CLASS_COLOURS
from surgical_guidance.evaluation.report.pictures import Panel, classes_in, panels
from surgical_guidance.evaluation.report.provenance import provenance_of
from surgical_guidance.evaluation.runner import Shown
from surgical_guidance.evaluation.tally import GAP_S, SHORTEST_S, TOLERANCE_S, Tally

_TITLES = {
    'worst': 'The worst frames',
    'median': 'Frames in the middle',
    'best': 'The best frames',
    'spread': 'Frames from everywhere',
}


@dataclass(frozen=True, slots=True)
class Row:
    """A frame in the page."""

    title: str
    score: float
    facts: str
    panels: list[Panel]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class in the table."""

    name: str
    colour: str
    iou: float
    precision: float
    recall: float
    share: float


def write_report(
    target: Path,
    dataset: Dataset,
    models: tuple[ModelInfo, ...],
    sums: Tally,
    groups: Sequence[tuple[str, list[Shown]]],
    every: int,
) -> tuple[Path, Path, Numbers]:
    """Write the page and the numbers beside it.

    :param target: a file ``*.html``, or the folder that ``report.html`` goes into; folders are made.
    :param groups: frames to show, from :func:`surgical_guidance.evaluation.runner.look_again`.
    :return: the page, the numbers' file, and the numbers.
    :raises HostError: if they cannot be written.
    """
    page = target if target.suffix.lower() in ('.html', '.htm') else target / 'report.html'
    numbers = numbers_of(sums, dataset)
    provenance = provenance_of(dataset, models, sums, every)
    phantom = dataset.origin is Origin.PHANTOM
    text = environment().get_template('report.html').render(
        title='Models on the phantom' if phantom else f'Models on {Path(dataset.where).name}',
        phantom=phantom,
        numbers=numbers,
        provenance=provenance,
        sums=sums,
        charts=_charts(numbers, sums, phantom),
        classes=_class_rows(numbers.labels),
        groups=[(_TITLES[name], [_row(frame) for frame in frames]) for name, frames in groups],
        legend=_legend(groups),
        tolerance_s=TOLERANCE_S, gap_s=GAP_S, shortest_s=SHORTEST_S, most_takes=ribbons.MOST_TAKES,
    )  # fmt: skip
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding='utf-8')
        page.with_suffix('.json').write_text(as_json(numbers, sums, provenance), encoding='utf-8')
    except OSError as error:
        raise HostError(
            f'the report cannot be written ({error.strerror})', where=str(page), remedy='give another --report'
        ) from error
    return page, page.with_suffix('.json'), numbers


def number(value: float, digits: int = 3) -> str:
    """Give a number as the page shows it: a dash for what could not be measured, a sign for what was not found."""
    if math.isnan(value):
        return '–'
    return '∞' if math.isinf(value) else f'{value:.{digits}f}'


def environment() -> Environment:
    """Give what renders the templates of reports."""
    made = Environment(
        loader=PackageLoader('surgical_guidance.evaluation.report'),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {'number': number, 'pretty': charts.pretty}
    return made


def _charts(numbers: Numbers, sums: Tally, phantom: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    if numbers.labels is not None:
        found['iou'] = charts.iou_bars(numbers.labels, goals.MEAN_IOU if phantom else None)
        found['confusion'] = charts.confusion_matrix(numbers.labels, 'pixels')
    if numbers.tips:
        found['tips'] = charts.tip_histogram(sums.tips, goals.TIP_SHARE if phantom else None)
    if numbers.phase is not None:
        found['phases'] = ribbons.phase_ribbons(sums.takes)
        found['phase_confusion'] = charts.confusion_matrix(numbers.phase.confusion, 'frames')
    if numbers.verb is not None:
        found['verb_confusion'] = charts.confusion_matrix(numbers.verb.confusion, 'frames')
    if ribbons.has_events(sums.takes):
        found['events'] = ribbons.event_bars(sums.takes)
    return found


def _class_rows(confusion: Confusion | None) -> list[ClassRow]:
    """Give the classes that are true or found, those that are true first, the commonest on top."""
    if confusion is None:
        return []
    true = confusion.counts.sum(axis=1)
    used = [index for index in range(len(CLASSES)) if true[index] or confusion.counts[:, index].any()]
    return [
        ClassRow(
            CLASSES[index],
            CLASS_COLOURS[CLASSES[index]],
            float(confusion.iou[index]),
            float(confusion.precision[index]),
            float(confusion.recall[index]),
            float(true[index] / confusion.pixels),
        )
        for index in sorted(used, key=lambda index: -int(true[index]))
    ]


def _row(frame: Shown) -> Row:
    record = frame.record
    title = (
        f'{frame.take} · {record.name}' if record.name != str(record.index) else f'{frame.take} · frame {record.index}'
    )
    facts = []
    for label, true, found in (
        ('phase', record.true_phase, record.phase), ('action', record.true_verb, record.verb),
    ):  # fmt: skip
        if true is not None:
            facts.append(f'{label}: {charts.pretty(true)}' + (f', said: {charts.pretty(found)}' if found else ''))
        elif found is not None:
            facts.append(f'{label} said: {charts.pretty(found)}')
    if record.true_events:
        facts.append(f'goes on: {", ".join(map(charts.pretty, sorted(record.true_events)))}')
    if record.events:
        claims = (f'{charts.pretty(name)} {record.levels.get(name, 1.0):.2f}' for name in sorted(record.events))
        facts.append(f'claimed: {", ".join(claims)}')
    if frame.example.tips is not None:
        facts.append(f'{len(frame.example.tips)} tips visible, {len(frame.tips)} found')
    return Row(title, record.score, '; '.join(facts), panels(frame))


def _legend(groups: Sequence[tuple[str, list[Shown]]]) -> list[tuple[str, str]]:
    seen = {name for _, frames in groups for frame in frames for name in classes_in(frame)}
    return [(name, CLASS_COLOURS[name]) for name in CLASSES if name in seen and name != CLASSES[0]]
