"""How well a sequence of names follows the true one: by the frame, and by the order of its segments."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby


def frame_accuracy(truth: Sequence[str], found: Sequence[str | None]) -> float:
    """Give the share of frames whose name is right, 0 to 1; a frame without a name found is wrong. NaN of no frames.

    :raises ValueError: if the lengths differ.
    """
    if not truth and not found:
        return float('nan')
    return sum(a == b for a, b in zip(truth, found, strict=True)) / len(truth)


def edit_score(truth: Sequence[str], found: Sequence[str | None]) -> float:
    """Give the segmental edit score, 0 to 1: the right segments in the right order, none too many.

    Each sequence is reduced to the names of its segments; the score is ``1 - d / n`` with the Levenshtein distance
    ``d`` of the two and the number of segments ``n`` of the longer one. When segments begin does not matter, and every
    flicker costs. Lea, Reiter, Vidal, Hager: Segmental Spatiotemporal CNNs for Fine-grained Action Segmentation, ECCV
    2016 (there times 100). Frames without a name found are left out: silence is told by the accuracy. NaN of no truth.
    """
    own = segments(truth)
    other = segments([name for name in found if name is not None])
    return 1.0 - _levenshtein(own, other) / max(len(own), len(other)) if own else float('nan')


def segments(names: Sequence[str]) -> list[str]:
    """Reduce a sequence to the names of its segments."""
    return [name for name, _ in groupby(names)]


def _levenshtein(a: Sequence[str], b: Sequence[str]) -> int:
    """Count the insertions, deletions and replacements that make one sequence the other."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (left != right))
    return row[-1]
