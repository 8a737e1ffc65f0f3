"""What clients can do, one file each; :data:`OPERATIONS` names all of it."""

from surgical_guidance.relay.bridge.capabilities import (
    advertise,
    advertise_action,
    advertise_service,
    call_service,
    fragment,
    publish,
    refused,
    renew,
    send_action_goal,
    set_level,
    subscribe,
)
from surgical_guidance.relay.bridge.session import Capability

OPERATIONS: dict[str, Capability] = {
    'advertise': advertise.advertise,
    'unadvertise': advertise.unadvertise,
    'publish': publish.publish,
    'subscribe': subscribe.subscribe,
    'unsubscribe': subscribe.unsubscribe,
    'call_service': call_service.call_service,
    'advertise_service': advertise_service.advertise_service,
    'unadvertise_service': advertise_service.unadvertise_service,
    'service_response': advertise_service.service_response,
    'send_action_goal': send_action_goal.send_action_goal,
    'cancel_action_goal': send_action_goal.cancel_action_goal,
    'advertise_action': advertise_action.advertise_action,
    'unadvertise_action': advertise_action.unadvertise_action,
    'action_feedback': advertise_action.action_feedback,
    'action_result': advertise_action.action_result,
    'set_level': set_level.set_level,
    'fragment': fragment.fragment,
    'renew': renew.renew,
    'png': refused.png,
    'auth': refused.auth,
}
"""Every operation a client can send. ``status`` only ever comes from us."""
