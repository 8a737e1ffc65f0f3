"""Who is let in, who may do what, who is here, and what is kept of it.

The pages and the bridge share one :class:`Door`::

    app = web.Application(middlewares=[door.guard()])       # Host and Origin of every request
    runner = door.runner(app, shutdown_s)                   # instead of web.AppRunner: complaints go to the audit log
    await door.site(runner, listener, tls).start()          # instead of web.SockSite: limits on connections
    principal = door.admit(request)                         # who asks, or an HTTP refusal
    with door.enter(principal, request, close) as visit:    # listed; close(code, reason) when their time is over
        visit.accepts(len(data))                            # False: too large or too many, close with 1008
        message = read_json(data)                           # ValueError: not one object, or too deep
        door.policy.allows(visit.principal, 'subscribe', '/surgical_guidance/scene', type_)
        door.audit.record('subscribe', 'allowed', who=visit.principal, target='/surgical_guidance/scene')
"""

from surgical_guidance.relay.security.attendance import Attendance, Visit
from surgical_guidance.relay.security.audit import Audit
from surgical_guidance.relay.security.door import Door
from surgical_guidance.relay.security.incoming import read_json
from surgical_guidance.relay.security.limits import Limits
from surgical_guidance.relay.security.policy import Policy
from surgical_guidance.relay.security.principal import Principal, Role
from surgical_guidance.relay.security.tickets import Tickets
from surgical_guidance.relay.security.tokens import TokenStore

__all__ = [
    'Attendance',
    'Audit',
    'Door',
    'Limits',
    'Policy',
    'Principal',
    'Role',
    'Tickets',
    'TokenStore',
    'Visit',
    'read_json',
]
