"""The rule table: YAML, checked when it is loaded, with the line of the mistake named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from surgical_guidance.advice import texts
from surgical_guidance.advice.expressions import Expression
from surgical_guidance.advice.features import DIRECTED, NAMES
from surgical_guidance.advice.suggestion import Priority
from surgical_guidance.contract import PHASES, STRUCTURE_CLASSES
from surgical_guidance.errors import RuleTableError

Seconds = Annotated[float, Field(ge=0.0, le=3600.0, allow_inf_nan=False)]
UNKNOWN_PHASE = 'unknown'
"""What a rule calls it that nothing tells the phase."""

Identifier = Annotated[str, Field(pattern=r'^[a-z][a-z0-9_]*$', max_length=40)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra='forbid', strict=True, arbitrary_types_allowed=True)


def _expression(source: object) -> Expression:
    if not isinstance(source, str):
        raise ValueError('a condition is a text')  # noqa: TRY004  (pydantic makes its error of it)
    try:
        return Expression(source)
    except RecursionError as error:
        raise ValueError('a condition is not nested so deeply') from error


When = Annotated[Expression, BeforeValidator(_expression)]


class Text(_Entry):
    """What to show."""

    zh: str
    en: str


class Highlight(_Entry):
    """What to show with it in the picture.

    :param structure: class of the structure to outline strongly; '' = none.
    :param path: class of the structure that a way from the tool is to lead to; '' = none.
    :param arrow: along the direction of what the text is about, or against it; '' = none.
    """

    structure: str = ''
    path: str = ''
    arrow: Literal['', 'towards', 'away'] = ''


class Rule(_Entry):
    """One rule. Times in seconds; see the head of ``rules.yaml``."""

    id: Identifier
    number: Annotated[int, Field(ge=0)] = 0  # in the project's list of rules; 0: it is in none
    source: Annotated[str, Field(min_length=1)]
    priority_name: Literal['high', 'medium', 'low'] = Field(alias='priority')
    when: When
    stays: When | None = None
    phases: list[str] = Field(default_factory=list)
    hold_s: Seconds
    release_s: Seconds
    cooldown_s: Seconds
    silence_s: Seconds
    valid_for_s: Annotated[float, Field(ge=1.0, le=10.0)]  # the topic's lifespan ends it after 10 s
    suppressed_by: list[str] = Field(default_factory=list)
    text: Text
    highlight: Highlight = Field(default_factory=Highlight)

    @cached_property
    def priority(self) -> Priority:
        """Priority as it goes into the suggestion."""
        return Priority[self.priority_name.upper()]

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Name the features that it looks at, those of ``when`` first."""
        stays = self.stays.features if self.stays is not None else ()
        return tuple(dict.fromkeys((*self.when.features, *stays)))

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Name the features that its text and its arrow can be about, the preferred one first."""
        return texts.subjects((self.text.zh, self.text.en), self.features)

    def holds(self, values: Mapping[str, float], phase: str, *, when: bool, held: bool) -> bool:
        """Whether its condition holds in a scene.

        :param when: whether ``when`` does.
        :param held: whether its condition held before.
        """
        if self.phases and (phase or UNKNOWN_PHASE) not in self.phases:
            return False
        return when or (held and self.stays is not None and self.stays.holds(values))


class RuleTable(_Entry):
    """All rules, in the order of the file, which decides between rules that are equal in all else."""

    rules: Annotated[list[Rule], Field(min_length=1)]

    def features(self) -> frozenset[str]:
        """Name the features that the rules look at."""
        return frozenset(name for rule in self.rules for name in rule.features)


class _Loader(yaml.SafeLoader):
    """Tells the line of a value that is none, such as the date 2026-02-30, where PyYAML's conversions just fail."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:
            what = f'{node.value!r} cannot be read as {node.tag.rpartition(":")[2]}'
            raise yaml.constructor.ConstructorError(None, None, what, node.start_mark) from error


def load(path: str | Path = '') -> RuleTable:
    """Load a rule table.

    :param path: YAML file; '' for the packaged one.
    :raises RuleTableError: with file, line, field and what is wrong.
    """
    if not path:
        return parse(resources.files(__package__).joinpath('rules.yaml').read_text('utf-8'), 'rules.yaml')
    try:
        text = Path(path).read_text('utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise RuleTableError(f'cannot be read: {error}', where=str(path), remedy='check the parameter rules') from error
    return parse(text, str(path))


def parse(text: str, name: str) -> RuleTable:
    """Check a rule table given as YAML.

    :param name: of the file, for errors.
    :raises RuleTableError: with file, line, field and what is wrong.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
        _reject_duplicates(root, name)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506  (it is a SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:  # the last: nested without end
        mark, position = getattr(error, 'problem_mark', None), getattr(error, 'position', None)
        line = mark.line if mark else None if position is None else text.count('\n', 0, position)
        where = name if line is None else f'{name}:{line + 1}'
        what = getattr(error, 'problem', None) or str(error).splitlines()[0]
        raise RuleTableError(f'this is not YAML: {what}', where=where, remedy='mend the line') from error
    try:
        table = RuleTable.model_validate(data)
    except ValidationError as error:
        mistakes = error.errors()
        location = tuple(part for part in mistakes[0]['loc'] if isinstance(part, int | str))
        what = mistakes[0]['msg'].removeprefix('Value error, ')
        if len(mistakes) > 1:
            what += f' (and {len(mistakes) - 1} more)'
        raise _mistake(name, root, location, what) from error
    for location, what in _inconsistencies(table):
        raise _mistake(name, root, location, what)
    return table


Location = tuple[int | str, ...]


def _inconsistencies(table: RuleTable) -> Iterator[tuple[Location, str]]:
    """Find what pydantic cannot know: names that refer to something, and texts that must fit."""
    ids = [rule.id for rule in table.rules]
    for index, rule in enumerate(table.rules):
        at: Location = ('rules', index)
        if rule.id in ids[:index]:
            yield (*at, 'id'), f'{rule.id} is the id of two rules'
        for part in ('when', 'stays'):
            condition = getattr(rule, part)
            for feature in condition.features if condition is not None else ():
                if feature not in NAMES:
                    yield (*at, part), f'{feature} is no feature; docs/advice.md lists them'
        for number, phase in enumerate(rule.phases):
            if phase not in (*PHASES, UNKNOWN_PHASE):
                yield (*at, 'phases', number), f'{phase} is no phase; use {", ".join((UNKNOWN_PHASE, *PHASES))}'
        for number, other in enumerate(rule.suppressed_by):
            if other not in ids or other == rule.id:
                yield (*at, 'suppressed_by', number), f'{other} is no other rule'
        for part in ('structure', 'path'):
            name = getattr(rule.highlight, part)
            if name and name not in STRUCTURE_CLASSES:
                yield (*at, 'highlight', part), f'{name} is no structure; use one of {", ".join(STRUCTURE_CLASSES)}'
        for language in texts.LANGUAGES:
            if what := texts.problem(getattr(rule.text, language), language, rule.features):
                yield (*at, 'text', language), what
        if rule.highlight.arrow and not any(name in DIRECTED for name in rule.subjects):
            yield (*at, 'highlight', 'arrow'), 'there is no direction: no feature that the text is about has one'


def _mistake(name: str, root: yaml.Node | None, location: Location, what: str) -> RuleTableError:
    """Find the line of a field and tell what is wrong with it."""
    node, field = root, ''
    for part in location:
        if isinstance(node, yaml.MappingNode):
            below = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            below = node.value[part]
        else:
            below = None
        field = f'{field}[{part}]' if isinstance(part, int) else f'{field}.{part}'.lstrip('.')
        if below is None:
            break  # the field is missing: the line of what it is missing from
        node = below
    line = node.start_mark.line + 1 if node is not None else 1
    return RuleTableError(f'{field}: {what}' if field else what, where=f'{name}:{line}', remedy='mend the rule table')


def _reject_duplicates(node: yaml.Node | None, name: str) -> None:
    """YAML takes the last of two equal keys in silence; here it is a mistake."""
    if isinstance(node, yaml.MappingNode):
        seen: set[Any] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # it is no key of a table, which is told when the table is made
            if key.value in seen:
                line = key.start_mark.line + 1
                raise RuleTableError(f'{key.value} is given twice', where=f'{name}:{line}', remedy='keep one')
            seen.add(key.value)
            _reject_duplicates(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _reject_duplicates(value, name)
