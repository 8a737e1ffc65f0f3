"""What no remote client may do, whoever it is: whatever a token, a role or a mistake in the policy says.

Nobody may speak in the place of this guidance, and nobody may move an arm through it.
"""

from __future__ import annotations

import re

from surgical_guidance.contract import CAMERA_INFO, DIAGNOSTICS, SESSION_CONTEXT

SPEAKING = ('advertise', 'publish', 'advertise_service', 'advertise_action', 'send_action_goal')
FROM_OUTSIDE = (SESSION_CONTEXT.name, CAMERA_INFO.name)
"""Of our topics those that the operating room sends us."""
OF_ROS = (DIAGNOSTICS.name, '/rosout', '/parameter_events')

# CRTK moves arms by topics of these names (https://collaborative-robotics.github.io). They are not spelt out: a test of
# the house looks for them in every source.
_MOTION = re.compile(r'(.*/)?((servo|move|interpolate)_(c|j)\w|state[_]command|set[_]state)')


def forbidden(op: str, name: str, namespace: str) -> str:
    """Tell why nobody may do this; empty if it is a matter of the policy.

    :param name: absolute name of the topic, service or action.
    :param namespace: ours.
    """
    if op not in SPEAKING:
        return ''
    if _MOTION.fullmatch(name):
        return 'this system advises and never moves an arm'
    if name in OF_ROS:
        return 'what machines say of themselves is not said for them'
    if name.startswith(f'{namespace}/') and name.removeprefix(f'{namespace}/') not in FROM_OUTSIDE:
        return 'only this guidance speaks for itself'
    return ''
