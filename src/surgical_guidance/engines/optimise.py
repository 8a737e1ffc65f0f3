"""Cleans a network up: constants folded, what does nothing removed, what is there twice merged (onnxslim)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from surgical_guidance.engines.reference import run, session, some_feed
from surgical_guidance.errors import EngineError, HostError

_TOLERANCE = 1e-3  # of outputs, by their largest value: merging a normalisation into weights rounds differently
_OTHERS = 0.02  # share of whole numbers (labels, rounded levels) that may be others for the same reason


@dataclass(frozen=True)
class CleanUp:
    """A cleaned network and what that saved.

    :param nodes: operators before and after.
    :param size: bytes before and after.
    :param removed: how many of each kind of operator are gone; new kinds are negative.
    :param difference: the largest of any output on a random input; 1 is what rounding explains at most.
    """

    network: onnx.ModelProto
    nodes: tuple[int, int]
    size: tuple[int, int]
    removed: dict[str, int]
    difference: float


def clean_up(network: onnx.ModelProto, where: Path) -> CleanUp:
    """Clean a network up and make sure that it computes the same.

    :raises HostError: if onnxslim is not installed.
    :raises EngineError: if the result computes something else.
    """
    before = onnx.ModelProto()
    before.CopyFrom(network)
    after = _slim(network)
    difference = _difference(before, after, where)
    if difference > 1.0:
        raise EngineError(
            f'cleaned up, it gives other results: {difference:.1f} times what rounding explains',
            where=str(where),
            remedy='build it as it is',
        )
    removed = Counter(node.op_type for node in before.graph.node)
    removed.subtract(node.op_type for node in after.graph.node)
    return CleanUp(
        network=after,
        nodes=(len(before.graph.node), len(after.graph.node)),
        size=(before.ByteSize(), after.ByteSize()),
        removed={kind: count for kind, count in sorted(removed.items()) if count},
        difference=difference,
    )


def slim_version() -> str:
    """Tell which onnxslim is here."""
    return str(_onnxslim().__version__)


def _slim(network: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    slimmed: onnx.ModelProto = _onnxslim().slim(copy)
    return slimmed


def _onnxslim() -> Any:
    try:
        import onnxslim
    except ImportError as error:
        raise HostError('onnxslim is not installed', remedy='pip install onnxslim') from error
    return onnxslim


def _difference(before: onnx.ModelProto, after: onnx.ModelProto, where: Path) -> float:
    feed = some_feed(before)
    expected, given = run(session(before, where), feed), run(session(after, where), feed)
    worst = 0.0
    for name, value in expected.items():
        if value.dtype.kind in 'iub':
            worst = max(worst, float(np.mean(value != given[name])) / _OTHERS)
            continue
        largest = max(float(np.abs(value.astype(np.float64)).max(initial=0.0)), 1e-6)
        off = float(np.abs(value.astype(np.float64) - given[name].astype(np.float64)).max(initial=0.0))
        worst = max(worst, off / largest / _TOLERANCE)
    return worst
