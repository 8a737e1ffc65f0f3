"""What each role may do. What is not in the table is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from surgical_guidance.relay.security.principal import Principal, Role


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of the table: a role may do an operation to what the pattern names.

    :param op: operation, as in the protocol: ``subscribe``, ``annotate``.
    :param target: pattern (``*`` matches anything) of the topic, service or track.
    :param type: pattern of its ROS type.
    """

    role: Role
    op: str
    target: str = '*'
    type: str = '*'


CONSOLE: dict[Role, tuple[str, ...]] = {
    Role.OBSERVER: ('watch',),
    Role.EXPERT: ('watch', 'annotate', 'speak', 'listen'),
    Role.SURGEON: ('watch', 'annotate', 'speak', 'listen', 'respond', 'acknowledge', 'pause_audio', 'end_session'),
    Role.ADMIN: ('*',),
}
"""The operations of the two pages."""

DEFAULT: tuple[Grant, ...] = tuple(Grant(role, op) for role, ops in CONSOLE.items() for op in ops)


class Policy:
    """A table of grants.

    :param grants: everything that is allowed.
    """

    def __init__(self, grants: Iterable[Grant] = DEFAULT) -> None:
        self._grants = tuple(grants)

    def allows(self, principal: Principal, op: str, target: str = '', type_: str = '') -> bool:
        """Tell whether somebody may do something."""
        return any(
            grant.role is principal.role
            and fnmatchcase(op, grant.op)
            and fnmatchcase(target, grant.target)
            and fnmatchcase(type_, grant.type)
            for grant in self._grants
        )
