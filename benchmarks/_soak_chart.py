"""Draws a soak: what frames took minute by minute, and the memory of every process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from surgical_guidance.contract import LATENCY_LIMIT_MS

PIECES = 20  # of the run, each one point of the curves


def draw(
    path: Path, frames: Sequence[tuple[float, float]], memory: Mapping[str, Sequence[tuple[float, float]]]
) -> None:
    """Write the picture.

    :param path: of the file; its ending says what it becomes (.svg, .png).
    :param frames: when each frame was advised on [s], and capture to advice [ms].
    :param memory: of each process, when it was looked at [s], and its memory [MiB].
    """
    figure = Figure(figsize=(9.0, 6.0), layout='constrained')
    above, below = figure.subplots(2, 1, sharex=True)
    at, took = np.array(frames).T
    begin = at[0]
    edges = np.linspace(at[0], at[-1], PIECES + 1)
    pieces = [took[(at >= since) & (at <= until)] for since, until in pairwise(edges)]
    middles = (edges[1:] + edges[:-1]) / 2 - begin
    for share, label in ((50, 'p50'), (99, 'p99'), (100, 'longest')):
        values = [np.percentile(piece, share) if len(piece) else np.nan for piece in pieces]
        above.plot(middles / 60, values, marker='.', label=label)
    above.axhline(LATENCY_LIMIT_MS, color='0.6', linewidth=0.8)
    above.set(ylabel='capture to advice [ms]', ylim=(0, None))
    for name, looks in memory.items():
        moments, mib = np.array(looks).T
        below.plot((moments - begin) / 60, mib, label=name)
    below.set(xlabel='minutes', ylabel='memory [MiB]', ylim=(0, None))
    for axes in (above, below):
        axes.legend(loc='center right', fontsize=8)
        axes.grid(alpha=0.3)
    figure.savefig(path)
