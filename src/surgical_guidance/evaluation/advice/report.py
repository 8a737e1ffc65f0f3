"""The report on advice: one HTML page with a picture of every miss and false alarm, and its numbers as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from surgical_guidance import __version__
from surgical_guidance.advice.fonts import find_fonts
from surgical_guidance.advice.overlay import Style, draw
from surgical_guidance.advice.rules import RuleTable
from surgical_guidance.advice.suggestion import Suggestion
from surgical_guidance.errors import HostError
from surgical_guidance.evaluation.advice.headlines import headlines_of
from surgical_guidance.evaluation.advice.matching import How
from surgical_guidance.evaluation.advice.scenes import GIVEN
from surgical_guidance.evaluation.advice.tally import AdviceTally, RuleTally, Wrong
from surgical_guidance.evaluation.goals import Headline
from surgical_guidance.evaluation.report.page import environment
from surgical_guidance.evaluation.report.pictures import WIDTH, as_uri

MOST_PICTURES = 400
"""Of each way; a page with more cannot be opened. How many are left out is told."""

_TITLES = {'truth': 'Logic alone: scenes as they truly are', 'models': 'Scenes as the shipped models see them'}


@dataclass(frozen=True, slots=True)
class Row:
    """A rule in the table."""

    tally: RuleTally
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Shot:
    """A miss or a false alarm as the page shows it."""

    title: str
    facts: str
    uri: str


@dataclass(frozen=True, slots=True)
class Part:
    """One way of looking: from the truth, or from the models."""

    name: str
    title: str
    sums: AdviceTally
    headlines: tuple[Headline, ...]
    rows: list[Row]
    total: RuleTally
    high: RuleTally
    shots: list[Shot]
    left_out: int
    models: tuple[str, ...]


def write_report(
    target: Path, table: RuleTable, sums: Sequence[tuple[AdviceTally, tuple[str, ...]]]
) -> tuple[Path, Path]:
    """Write the page and the numbers beside it.

    :param target: a file ``*.html``, or the folder that ``advice.html`` goes into; folders are made.
    :param sums: of each way, with the models that saw.
    :raises HostError: if they cannot be written.
    """
    page = target if target.suffix.lower() in ('.html', '.htm') else target / 'advice.html'
    parts = [_part(one, models, table) for one, models in sums]
    made = datetime.now(UTC).strftime('%Y-%m-%d %H:%M UTC')
    text = environment().get_template('advice.html').render(
        parts=parts, how=How, given=GIVEN, made=made, version=__version__
    )  # fmt: skip
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding='utf-8')
        page.with_suffix('.json').write_text(_as_json(parts, made), encoding='utf-8')
    except OSError as error:
        raise HostError(
            f'the report cannot be written ({error.strerror})', where=str(page), remedy='give another --report'
        ) from error
    return page, page.with_suffix('.json')


def _part(sums: AdviceTally, models: tuple[str, ...], table: RuleTable) -> Part:
    rules = {rule.id: rule for rule in table.rules}
    rows = [
        Row(tally, rules[tally.rule_id].text.en, rules[tally.rule_id].source)
        for tally in sorted(sums.rules.values(), key=lambda one: (one.number or 1000, one.rule_id))
    ]
    return Part(
        sums.source, _TITLES[sums.source], sums, headlines_of(sums), rows, sums.all, sums.high,
        [_shot(wrong) for wrong in sums.wrong[:MOST_PICTURES]], max(0, len(sums.wrong) - MOST_PICTURES), models,
    )  # fmt: skip


def _shot(wrong: Wrong) -> Shot:
    """Draw the frame with the scene that advice was given on, and with what was shown."""
    take = dataclasses.replace(
        wrong.take, width=WIDTH, height=round(WIDTH * wrong.take.height / wrong.take.width)
    ).open()
    image = np.empty((take.height, take.width, 3), np.uint8)
    take.render(wrong.frame, image)
    shown = wrong.shown or Suggestion(0, 0)
    draw(image, wrong.scene, shown, Style(find_fonts(), 'en'), wrong.scene.stamp_ns)
    facts = f'{wrong.facts}; shown in this frame: {shown.rule_id or "nothing"}'
    return Shot(f'{wrong.rule_id}: {wrong.kind} · {wrong.take} · frame {wrong.frame}', facts, as_uri(image))


def _as_json(parts: Sequence[Part], made: str) -> str:
    content = {
        'not_for_clinical_use': True,
        'made': made,
        'version': __version__,
        'given_from_truth': GIVEN,
        'parts': {part.name: _part_json(part) for part in parts},
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + '\n'


def _part_json(part: Part) -> dict[str, Any]:
    return {
        'takes': [str(take) for take in part.sums.takes],
        'frames': part.sums.frames,
        'models': part.models,
        'headlines': [
            {'name': one.name, 'value': _number(one.value), 'unit': one.unit, 'goal': one.goal, 'holds': one.holds}
            for one in part.headlines
        ],
        'rules': {row.tally.rule_id: _rule_json(row.tally) for row in part.rows},
        'wrong': [
            {'kind': one.kind, 'rule': one.rule_id, 'take': str(one.take), 'frame': one.frame, 'facts': one.facts}
            for one in part.sums.wrong
        ],
    }


def _rule_json(tally: RuleTally) -> dict[str, Any]:
    return {
        'number': tally.number,
        'priority': tally.priority.name.lower(),
        'due': tally.due,
        **{how.value.replace(' ', '_'): tally.how[how] for how in How},
        'missed': tally.missed,
        'false_alarms': tally.false,
        'repeats': tally.repeats,
        'recall': _number(tally.recall),
        'precision': _number(tally.precision),
        'median_delay_frames': _number(tally.delay),
        'delays_frames': sorted(tally.delays),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
