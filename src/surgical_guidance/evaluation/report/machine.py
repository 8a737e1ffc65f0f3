"""``report.json``: every number of the report, for machines. What could not be measured is null."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from surgical_guidance.evaluation.metrics.overlap import Confusion
from surgical_guidance.evaluation.numbers import NameNumbers, Numbers
from surgical_guidance.evaluation.report.provenance import Provenance
from surgical_guidance.evaluation.tally import Tally


def as_json(numbers: Numbers, sums: Tally, provenance: Provenance) -> str:
    """Give the text of the file."""
    content = {
        'not_for_clinical_use': True,
        'made_from': _plain(provenance),
        'headlines': _plain(numbers.headlines),
        'segmentation': _confusion(numbers.labels),
        'instrument_against_rest': _confusion(numbers.binary),
        'instrument_iou_mean_over_frames': _plain(numbers.binary_mean_iou),
        'by_view': _plain(numbers.views),
        'tips': _plain(numbers.tips) if numbers.tips else None,
        'tips_found_that_are_not_there': sums.false_tips,
        'phase': _names(numbers.phase),
        'verb': _names(numbers.verb),
        'events': _plain(numbers.events),
        'frames_without_a_usable_segmentation': sums.unbelieved,
        'problems': sums.problems,
        'takes': [
            _plain(of_take)
            | {
                'rate': take.rate,
                'events': {
                    name: {'true': line.true, 'claimed': line.claimed, 'latencies': line.matched.latencies}
                    for name, line in take.timelines.items()
                },
            }
            for of_take, take in zip(numbers.takes, sums.takes, strict=True)
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + '\n'


def _confusion(confusion: Confusion | None) -> dict[str, Any] | None:
    if confusion is None:
        return None
    per_class = zip(confusion.classes, confusion.iou, confusion.precision, confusion.recall, strict=True)
    return {
        'pixels': confusion.pixels,
        'mean_iou': _plain(confusion.mean_iou),
        'accuracy': _plain(confusion.accuracy),
        'classes': {
            name: {
                'present': bool(present),
                'iou': _plain(float(iou)),
                'precision': _plain(float(precision)),
                'recall': _plain(float(recall)),
            }
            for (name, iou, precision, recall), present in zip(per_class, confusion.present, strict=True)
        },
        'confusion': confusion.counts.tolist(),
    }


def _names(numbers: NameNumbers | None) -> dict[str, Any] | None:
    if numbers is None:
        return None
    return {
        'frames': numbers.frames,
        'accuracy': _plain(numbers.accuracy),
        'edit': _plain(numbers.edit),
        'names': numbers.confusion.classes,
        'confusion': numbers.confusion.counts.tolist(),
    }


def _plain(value: Any) -> Any:
    """Give dataclasses as tables, and numbers that JSON does not know as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
