"""Whatever comes in, the bridge answers with a status or closes, and goes on serving the others."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surgical_guidance.relay.bridge.capabilities import OPERATIONS

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(['/fuzz', 'std_msgs/String', 'std_srvs/Trigger', '/rosapi/topics', 'cbor', 10**400, -1, 2**64])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
FIELDS = (
    'topic', 'type', 'msg', 'service', 'args', 'values', 'id', 'action', 'action_type', 'compression', 'timeout',
    'throttle_rate', 'queue_length', 'fragment_size', 'level', 'result', 'status', 'latch', 'feedback',
)  # fmt: skip
MESSAGES = st.builds(
    lambda op, fields: {'op': op, **fields},
    st.sampled_from(sorted(OPERATIONS)) | SCALARS,
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(MESSAGES | VALUES, min_size=5, max_size=25), garbage=st.text(max_size=50))
def test_no_message_ends_the_service(bridge: Any, messages: list[Any], garbage: str) -> None:
    with bridge.client() as client:
        for message in messages:
            client.send_text(json.dumps(message))
        client.send_text(garbage)
        client.send(op='call_service', service='/rosapi/get_time', id='alive')
        client.wait(
            lambda got: (
                client.closed is not None
                or any(one.get('id') == 'alive' and one['op'] == 'service_response' for one in got)
            )
        )
    assert bridge.problems == []
