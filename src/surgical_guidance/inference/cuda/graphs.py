"""Makes a recording ready to launch, in parts: the GPU works on the first while the host still gives it the others.

Where giving a graph to the GPU takes the host long (older drivers, a profiler that looks at every piece: 200 to 600 us
in place of 11), the GPU would wait for all of it. Each part is given while those before it are being worked on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from surgical_guidance.errors import EngineError
from surgical_guidance.inference.cuda.faults import CudaError

if TYPE_CHECKING:
    from surgical_guidance.inference.cuda.driver import Call

Graph = tuple[int, ...]
"""A recording that can be launched: the handles of its parts, in their order."""

_FIRST = 16  # pieces of work; given in less time than the copy of a 1080p frame takes, whoever looks on
_GROWTH = 1.5  # from part to part: the host gets further ahead with each


def parts_of(count: int) -> list[range]:
    """Divide so many pieces of work into parts, the first short and each longer than the one before."""
    parts, start, size = [], 0, float(_FIRST)
    while start < count:
        rest = count - start
        length = rest if rest < size * (1 + _GROWTH) else int(size)  # a rest that is no part of its own joins the last
        parts.append(range(start, start + length))
        start, size = start + length, size * _GROWTH
    return parts


def instantiate(call: Call, graph: int) -> Graph:
    """Make a recording ready; in one piece where the driver does not let it be divided, which only costs speed.

    :raises CudaError: if it cannot be made ready.
    """
    made: list[int] = []
    try:
        order = call.graph_order(graph)
        parts = parts_of(len(order))
        if len(parts) > 1:
            for part in parts:
                made.append(_instantiate_part(call, graph, order, part))  # noqa: PERF401  (a failure leaves some)
            return tuple(made)
    except EngineError as error:
        if isinstance(error, CudaError) and error.device_lost:
            raise
        destroy(call, made)
    return (int(call('cuGraphInstantiate', graph, 0)),)


def destroy(call: Call, graph: Iterable[int]) -> None:
    """Give a recording back."""
    with contextlib.ExitStack() as stack:
        for part in graph:
            stack.callback(call, 'cuGraphExecDestroy', part)


def in_order(nodes: Iterable[int], edges: Iterable[tuple[int, int]]) -> list[int]:
    """Sort the pieces of a graph so that each comes after all those it waits for.

    :param edges: a piece and one that waits for it.
    """
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for node in nodes:
        sorter.add(node)
    for before, behind in edges:
        sorter.add(behind, before)
    return list(sorter.static_order())


def _instantiate_part(call: Call, graph: int, order: list[int], part: range) -> int:
    clone = call('cuGraphClone', graph)
    try:
        for number, node in enumerate(order):
            if number not in part:
                call('cuGraphDestroyNode', call('cuGraphNodeFindInClone', node, clone))
        return int(call('cuGraphInstantiate', clone, 0))
    finally:
        call('cuGraphDestroy', clone)
