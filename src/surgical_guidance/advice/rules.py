"""The rule table: YAML, checked when it is loaded, with the line of the mistake named."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from surgical_guidance.advice import texts
from surgical_guidance.advice.features import DIRECTED, NAMES
from surgical_guidance.advice.suggestion import Priority
from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import RuleTableError

Seconds = Annotated[float, Field(ge=0.0, le=3600.0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Identifier = Annotated[str, Field(pattern=r'^[a-z][a-z0-9_]*$', max_length=40)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra='forbid', strict=True)


class Condition(_Entry):
    """A feature below or above a value; it is given up only beyond ``release``.

    ``instead`` takes its place while the feature is not known. A condition on what is not known does not hold.
    """

    feature: str
    below: Number | None = None
    above: Number | None = None
    release: Number
    instead: Condition | None = None

    @model_validator(mode='after')
    def _one_limit(self) -> Condition:
        if (self.below is None) == (self.above is None):
            raise ValueError('give one of below and above')
        if self.below is not None and self.release < self.below:
            raise ValueError(f'release {self.release:g} is not above the limit {self.below:g}: it would flutter')
        if self.above is not None and self.release > self.above:
            raise ValueError(f'release {self.release:g} is not below the limit {self.above:g}: it would flutter')
        return self

    def holds(self, value: float, *, held: bool) -> bool:
        """Whether it holds for a value, given whether it held before."""
        limit = self.release if held else (self.below if self.below is not None else self.above)
        assert limit is not None  # noqa: S101  (see _one_limit)
        return value < limit if self.below is not None else value > limit

    def features(self) -> Iterator[str]:
        """Name the features it looks at, the preferred one first."""
        yield self.feature
        if self.instead is not None:
            yield from self.instead.features()


class Text(_Entry):
    """What to show."""

    zh: str
    en: str


class Rule(_Entry):
    """One rule. Times in seconds; see the head of ``rules.yaml``."""

    id: Identifier
    source: Annotated[str, Field(min_length=1)]
    priority_name: Literal['high', 'medium', 'low'] = Field(alias='priority')
    conditions: Annotated[list[Condition], Field(min_length=1)]
    hold_s: Seconds
    release_s: Seconds
    cooldown_s: Seconds
    silence_s: Seconds
    valid_for_s: Annotated[float, Field(ge=1.0, le=10.0)]  # the topic's lifespan ends it after 10 s
    suppressed_by: list[str] = Field(default_factory=list)
    text: Text
    highlight: str = ''

    @property
    def priority(self) -> Priority:
        """Priority as it goes into the suggestion."""
        return Priority[self.priority_name.upper()]

    @property
    def subject(self) -> Condition | None:
        """The condition that the placeholders are about: the first on something that has a direction."""
        return next((condition for condition in self.conditions if condition.feature in DIRECTED), None)


class RuleTable(_Entry):
    """All rules, in the order of the file, which decides between rules that are equal in all else."""

    rules: Annotated[list[Rule], Field(min_length=1)]

    def features(self) -> frozenset[str]:
        """Name the features that the rules look at."""
        return frozenset(name for rule in self.rules for condition in rule.conditions for name in condition.features())


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
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _reject_duplicates(root, name)
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, TypeError) as error:  # the last two: nested without end, odd keys
        mark = getattr(error, 'problem_mark', None)
        where = f'{name}:{mark.line + 1}' if mark else name
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
        for number, condition in enumerate(rule.conditions):
            deeper: Location = (*at, 'conditions', number)
            for feature in condition.features():
                if feature not in NAMES:
                    yield (*deeper, 'feature'), f'{feature} is no feature; docs/advice.md lists them'
                deeper = (*deeper, 'instead')
        for number, other in enumerate(rule.suppressed_by):
            if other not in ids or other == rule.id:
                yield (*at, 'suppressed_by', number), f'{other} is no other rule'
        if rule.highlight and rule.highlight not in CLASSES:
            yield (*at, 'highlight'), f'{rule.highlight} is no class; use one of {", ".join(CLASSES)}'
        subject = rule.subject.feature if rule.subject else None
        for language in texts.LANGUAGES:
            if what := texts.problem(getattr(rule.text, language), language, subject):
                yield (*at, 'text', language), what


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
            if key.value in seen:
                line = key.start_mark.line + 1
                raise RuleTableError(f'{key.value} is given twice', where=f'{name}:{line}', remedy='keep one')
            seen.add(key.value)
            _reject_duplicates(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _reject_duplicates(value, name)
