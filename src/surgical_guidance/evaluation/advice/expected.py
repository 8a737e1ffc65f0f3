"""What a perfect system says in a take, by the rules of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from surgical_guidance.advice.rules import Rule, RuleTable
from surgical_guidance.advice.suggestion import Priority
from surgical_guidance.phantom.due import due_in
from surgical_guidance.phantom.truth import FrameTruth


@dataclass(frozen=True, slots=True)
class Expected:
    """One piece of advice that is due. All of it in frames.

    :param onset: the condition becomes true.
    :param speak_at: it has held as long as it must.
    :param end: the condition is true no more; the number of frames where it stays.
    """

    rule_id: str
    onset: int
    speak_at: int
    end: int


def expected_in(truths: Sequence[FrameTruth], rate: float, table: RuleTable) -> tuple[Expected, ...]:
    """Tell what is due in frames that follow each other, as their truth alone says.

    Rules that have no number, or a number that the table does not have, are left out.
    """
    ids = numbered(table)
    return tuple(
        Expected(ids[one.rule].id, one.onset, one.speak_at, one.end) for one in due_in(truths, rate) if one.rule in ids
    )


def numbered(table: RuleTable) -> dict[int, Rule]:
    """Give the rules of the project's list by their numbers; of several with one number the first."""
    found: dict[int, Rule] = {}
    for rule in table.rules:
        if rule.number:
            found.setdefault(rule.number, rule)
    return found


def high_rules(table: RuleTable) -> frozenset[str]:
    """Name the rules of high priority."""
    return frozenset(rule.id for rule in table.rules if rule.priority is Priority.HIGH)


def cooldowns(table: RuleTable, rate: float) -> dict[str, int]:
    """Give how long each rule rests after it fell silent [frames]."""
    return {rule.id: math.ceil(rule.cooldown_s * rate) for rule in table.rules}
