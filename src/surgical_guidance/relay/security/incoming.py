"""What comes in: one JSON object a message, of bounded depth, and nothing is repaired."""

from __future__ import annotations

from typing import Any

import orjson

DEPTH = 24  # objects and lists in one another; the deepest ROS message here has 6


def read_json(data: str | bytes, depth: int = DEPTH) -> dict[str, Any]:
    """Read one message.

    :raises ValueError: if it is not one JSON object, or is nested too deeply.
    """
    message = orjson.loads(data)
    if not isinstance(message, dict):
        raise ValueError('a message is one JSON object')  # noqa: TRY004  (what came is wrong, not our code)
    openings = data.count('{') + data.count('[') if isinstance(data, str) else data.count(b'{') + data.count(b'[')
    if openings > depth and _deeper_than(message, depth):
        raise ValueError(f'more than {depth} objects and lists in one another')
    return message


def _deeper_than(value: Any, depth: int) -> bool:
    """Look level by level: no recursion, and every value is visited once."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
