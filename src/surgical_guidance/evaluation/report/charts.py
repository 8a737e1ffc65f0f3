"""The charts of the report, as SVG in data URIs."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from surgical_guidance.evaluation.metrics.overlap import Confusion
from surgical_guidance.evaluation.metrics.tips import TipError, median
from surgical_guidance.evaluation.report.palette import ACCENT, BAD, CLASS_COLOURS, INK, LINE, MUTED, SOFT

STYLE: dict[Any, Any] = {
    'font.family': 'DejaVu Sans', 'font.size': 9, 'text.color': INK, 'axes.labelcolor': MUTED, 'axes.edgecolor': LINE,
    'xtick.color': MUTED, 'ytick.color': INK, 'axes.spines.top': False, 'axes.spines.right': False,
    'axes.grid': False, 'svg.hashsalt': 'surgical_guidance',
}  # fmt: skip

_PRETTY = {
    'l_hook_electrocautery': 'L hook',
    'gastrointestinal_tract': 'bowel',
    'CalotTriangleDissection': 'Calot dissection',
    'ClippingCutting': 'clipping, cutting',
    'GallbladderDissection': 'GB dissection',
    'GallbladderPackaging': 'GB packaging',
    'CleaningCoagulation': 'cleaning, coagulation',
    'GallbladderRetraction': 'GB retraction',
}

_ON_WHITE = {'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.6}
_LABELS_APART = 0.14  # closer together than this, two labels on the axis of the IoU run into each other
_TIP_RANGE = 5.0  # errors are shown up to this share of the width [%]; further ones stand in a bar of their own


def iou_bars(confusion: Confusion, goal: float | None) -> str:
    """Draw the IoU of the classes in the truth, the best on top."""
    rows = sorted(
        (float(iou), name)
        for iou, name, present in zip(confusion.iou, confusion.classes, confusion.present, strict=True)
        if present
    )
    with rc_context(STYLE):
        figure, axes = new_figure(7.2, 0.9 + 0.27 * len(rows))
        colours = [CLASS_COLOURS.get(name, ACCENT) for _, name in rows]
        axes.barh([pretty(name) for _, name in rows], [iou for iou, _ in rows], color=colours, height=0.66)
        for place, (iou, _) in enumerate(rows):
            axes.text(iou + 0.008, place, f'{iou:.3f}', va='center', fontsize=8, bbox=_ON_WHITE, zorder=3)
        axes.set_xlim(0, 1.08)
        axes.set_xlabel('IoU, pixels pooled over all frames')
        mean = confusion.mean_iou
        axes.axvline(mean, color=INK, linewidth=1)
        axes.text(mean, len(rows) - 0.45, f'mean {mean:.3f}', fontsize=8, va='bottom', ha='center')
        if goal is not None:
            axes.axvline(goal, color=BAD, linewidth=1, linestyle=(0, (4, 3)))
            near = abs(mean - goal) < _LABELS_APART
            above = len(rows) + (0.35 if near else -0.45)
            axes.text(goal, above, f'goal {goal:g}', fontsize=8, color=BAD, va='bottom', ha='center')
        return as_uri(figure)


def confusion_matrix(confusion: Confusion, unit: str) -> str:
    """Draw a confusion matrix: rows are the truth and add up to 100 %; columns are what was found.

    :param unit: what is counted.
    """
    counts = confusion.counts
    used = np.flatnonzero((counts.sum(axis=0) + counts.sum(axis=1)) > 0)
    shares = _row_shares(counts[np.ix_(used, used)])
    names = [pretty(confusion.classes[index]) for index in used]
    side = 2.2 + 0.42 * len(used)
    with rc_context(STYLE):
        figure, axes = new_figure(side + 0.6, side)
        axes.imshow(np.nan_to_num(shares), cmap='Blues', vmin=0, vmax=1, interpolation='nearest')
        for row, column in np.ndindex(shares.shape):
            share = shares[row, column]
            if share >= 0.005:
                colour = 'white' if share > 0.55 else INK
                axes.text(column, row, f'{100 * share:.0f}', ha='center', va='center', fontsize=7.5, color=colour)
        axes.set_xticks(range(len(names)), names, rotation=45, ha='right', rotation_mode='anchor')
        axes.set_yticks(range(len(names)), names)
        for row in np.flatnonzero(np.isnan(shares[:, 0])):
            axes.get_yticklabels()[int(row)].set_color(MUTED)
        axes.set_xlabel('found')
        axes.set_ylabel(f'true  (% of the {unit} of each row)')
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0)
        return as_uri(figure)


def tip_histogram(errors: Sequence[TipError], goal: float | None) -> str:
    """Draw how often tips are how far from the truth; those far off or not found stand at the right."""
    shares = 100 * np.array([error.share for error in errors])
    near = shares[shares < _TIP_RANGE]
    far = int(np.count_nonzero((shares >= _TIP_RANGE) & np.isfinite(shares)))
    missed = int(np.count_nonzero(np.isinf(shares)))
    with rc_context(STYLE):
        figure, axes = new_figure(7.2, 2.6)
        axes.hist(near, bins=50, range=(0, _TIP_RANGE), color=ACCENT)
        axes.bar([_TIP_RANGE + 0.35, _TIP_RANGE + 0.85], [far, missed], width=0.35, color=[SOFT, BAD])
        for place, count in ((_TIP_RANGE + 0.35, far), (_TIP_RANGE + 0.85, missed)):
            axes.text(place, count, f'{count}', ha='center', va='bottom', fontsize=8)
        ticks = list(range(int(_TIP_RANGE) + 1))
        axes.set_xticks([*ticks, _TIP_RANGE + 0.35, _TIP_RANGE + 0.85], [*map(str, ticks), 'further', 'not\nfound'])
        axes.set_xlabel("distance from the true tip [% of the picture's width]")
        axes.set_ylabel('tips')
        middle = 100 * median([error.share for error in errors])
        if math.isfinite(middle):
            axes.axvline(middle, color=INK, linewidth=1)
            axes.text(middle, axes.get_ylim()[1], f' median {middle:.2f} %', va='top', fontsize=8)
        if goal is not None:
            axes.axvline(100 * goal, color=BAD, linewidth=1, linestyle=(0, (4, 3)))
            axes.text(100 * goal, axes.get_ylim()[1] * 0.86, f' goal {100 * goal:g} %', va='top', fontsize=8, color=BAD)
        return as_uri(figure)


def pretty(name: str) -> str:
    """Give a name of the code as people read it."""
    return _PRETTY.get(name, name.replace('_', ' '))


def _row_shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    whole = counts.sum(axis=1, keepdims=True).astype(np.float64)
    return np.divide(counts, whole, out=np.full(counts.shape, np.nan), where=whole > 0)


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Make a figure, sizes in inches, without pyplot: that keeps every figure for ever and looks for a screen."""
    figure = Figure((width, height), layout='constrained')
    return figure, figure.add_subplot()


def as_uri(figure: Figure) -> str:
    """Give a figure as SVG in a data URI; the same figure gives the same bytes."""
    text = io.BytesIO()
    figure.savefig(text, format='svg', metadata={'Date': None, 'Creator': None})
    return 'data:image/svg+xml;base64,' + base64.b64encode(text.getvalue()).decode('ascii')
