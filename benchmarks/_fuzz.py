"""Messages as a careless or a hostile client may send them: from bytes without sense to almost good ones."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st

_OPS = (
    'shown', 'ping', 'renew', 'participants', 'end_session', 'annotate', 'respond', 'acknowledge', 'pause_audio',
    'publish', 'subscribe', 'advertise', 'call_service', 'auth', 'fragment', 'png', 'video', 'answer', 'candidate', '',
)  # fmt: skip
_NAMES = (
    'op', 'at', 'trip', 'ticket', 'participant', 'topic', 'service', 'msg', 'args', 'id', 'type', 'sdp', 'points',
    'wanted', 'sequence', '__proto__', '__class__',
)  # fmt: skip
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(('/surgical_guidance/suggestion', '../../etc/passwd', '\x00', '﷽' * 20, '1e999'))
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)


_BRIDGE_NAMES = (
    'topic', 'type', 'msg', 'service', 'args', 'values', 'id', 'action', 'action_type', 'compression', 'timeout', 'num',
    'total', 'data', 'throttle_rate', 'queue_length', 'fragment_size', 'level', 'result', 'status', 'latch', 'feedback',
)  # fmt: skip
_BRIDGE_VALUES = _VALUES | st.sampled_from(
    ('/fuzz', 'std_msgs/String', 'std_srvs/Trigger', '/rosapi/topics', '/rosapi/get_time', 'cbor', 'none', 1, 10, 1e300)
)


def bridge_messages(ops: Sequence[str], fields: int) -> st.SearchStrategy[list[str]]:
    """Make a heap of messages for the bridge: every operation with each of some made-up sets of fields.

    Making the values up costs hypothesis more than acting on them costs the bridge; so each is tried with everything.

    :param fields: sets of fields; the heap has so many messages for each operation, and as many without sense.
    """

    def heap(sets: list[dict[str, object]], junk: list[str]) -> list[str]:
        return [json.dumps({**one, 'op': op}) for op in ops for one in sets] + junk

    sets = st.lists(st.dictionaries(st.sampled_from(_BRIDGE_NAMES), _BRIDGE_VALUES, min_size=1, max_size=8),
                    min_size=fields, max_size=fields)  # fmt: skip
    nonsense = st.text(max_size=100) | _VALUES.map(json.dumps)
    return st.builds(heap, sets, st.lists(nonsense, min_size=fields, max_size=fields))


def message() -> st.SearchStrategy[str | bytes]:
    """Make one message."""
    objects = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=5)
    good = st.builds(lambda op, rest: json.dumps({**rest, 'op': op}), st.sampled_from(_OPS), objects)
    cut = st.builds(lambda text, at: text[: at % (len(text) + 1)], good, st.integers(0, 500))
    nested = st.builds(
        lambda depth, close: '[' * depth + ']' * (depth if close else 0), st.integers(1, 400), st.booleans()
    )
    return good | cut | nested | _VALUES.map(json.dumps) | st.text(max_size=200) | st.binary(max_size=200)
