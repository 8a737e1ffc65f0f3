"""Messages as a careless or a hostile client may send them: from bytes without sense to almost good ones."""

from __future__ import annotations

import json

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


def message() -> st.SearchStrategy[str | bytes]:
    """Make one message."""
    objects = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=5)
    good = st.builds(lambda op, rest: json.dumps({**rest, 'op': op}), st.sampled_from(_OPS), objects)
    cut = st.builds(lambda text, at: text[: at % (len(text) + 1)], good, st.integers(0, 500))
    nested = st.builds(
        lambda depth, close: '[' * depth + ']' * (depth if close else 0), st.integers(1, 400), st.booleans()
    )
    return good | cut | nested | _VALUES.map(json.dumps) | st.text(max_size=200) | st.binary(max_size=200)
