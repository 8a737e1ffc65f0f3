"""What each role may do. What is not in the table is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from surgical_guidance.contract import NAMESPACE
from surgical_guidance.errors import AccessError
from surgical_guidance.relay.security.principal import Principal, Role

KEPT = 4096  # answers remembered
Patterns = Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of the table: a role may do an operation to what the pattern names.

    :param op: operation, as in the protocol: ``subscribe``, ``annotate``.
    :param target: pattern (``*`` matches anything) of the topic, service or track.
    :param type: pattern of its ROS type, ``package/msg/Name``.
    """

    role: Role
    op: str
    target: str = '*'
    type: str = '*'

    def covers(self, op: str, target: str, type_: str) -> bool:
        """Tell whether an operation falls under it."""
        return fnmatchcase(op, self.op) and fnmatchcase(target, self.target) and fnmatchcase(type_, self.type)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra='forbid')


class Ban(_Entry):
    """Refused to everybody."""

    ops: Patterns
    targets: Patterns


class Row(_Entry):
    """Allows each of its roles each of its ops on each of its targets of each of its types."""

    roles: Annotated[list[Role], Field(min_length=1)]
    ops: Patterns
    targets: Patterns = Field(default_factory=lambda: [''])
    types: Patterns = Field(default_factory=lambda: ['*'])


class PolicyFile(_Entry):
    """The file: see the head of ``policy.yaml``."""

    never: list[Ban] = Field(default_factory=list)
    rows: Annotated[list[Row], Field(min_length=1)]


class Policy:
    """A table of grants.

    :param grants: everything that is allowed.
    :param bans: what is refused to everybody whatever the grants say.
    """

    def __init__(self, grants: Iterable[Grant], bans: Iterable[Grant] = ()) -> None:
        self._grants: dict[Role, list[Grant]] = {role: [] for role in Role}
        for grant in grants:
            self._grants[grant.role].append(grant)
        self._bans = tuple(bans)
        self._answers: dict[tuple[Role, str, str, str], bool] = {}

    @classmethod
    def load(cls, path: str | Path = '', namespace: str = NAMESPACE) -> Policy:
        """Read a policy.

        :param path: YAML file; '' for the packaged one.
        :param namespace: of the guidance: relative targets are in it.
        :raises AccessError: with what is wrong in the file.
        """
        where = str(path) or 'policy.yaml'
        try:
            if path:
                text = Path(path).read_text(encoding='utf-8')
            else:
                text = resources.files(__package__).joinpath('policy.yaml').read_text('utf-8')
            table = PolicyFile.model_validate(yaml.safe_load(text))
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(f'the policy cannot be read ({error})', where=where) from error
        except (yaml.YAMLError, RecursionError) as error:
            raise AccessError(f'this is not YAML: {" ".join(str(error).split())}', where=where) from error
        except ValidationError as error:
            first = error.errors()[0]
            field = '.'.join(str(part) for part in first['loc'])
            raise AccessError(f'{field}: {first["msg"]}', where=where, remedy='see docs/security.md') from error
        grants = [
            Grant(role, op, _absolute(target, namespace), type_)
            for row in table.rows
            for role in row.roles
            for op in row.ops
            for target in row.targets
            for type_ in row.types
        ]
        bans = [Grant(Role.ADMIN, op, target) for ban in table.never for op in ban.ops for target in ban.targets]
        return cls(grants, bans)

    def allows(self, principal: Principal, op: str, target: str = '', type_: str = '') -> bool:
        """Tell whether somebody may do something.

        :param target: topic, service or action, absolute; a track; '' for an operation of the pages.
        :param type_: ROS type, ``package/msg/Name`` or ``package/srv/Name``.
        """
        key = (principal.role, op, target, type_)
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= KEPT:
                self._answers.clear()
            answer = self._answers[key] = self._look_up(*key)
        return answer

    def _look_up(self, role: Role, op: str, target: str, type_: str) -> bool:
        if any(ban.covers(op, target, type_) for ban in self._bans):
            return False
        return any(grant.covers(op, target, type_) for grant in self._grants[role])


def _absolute(target: str, namespace: str) -> str:
    if not target or target[0] in '/*' or target.startswith('track/'):
        return target
    return f'{namespace.rstrip("/")}/{target}'
