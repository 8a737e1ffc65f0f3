"""Which of what was said was due, what was missed, and what was said without reason.

Rule by rule, in frames. Something due is *met* by the first time that its rule begins to speak from ``early`` frames
before it should until the cause is gone (or, where a ``late`` is given, until so many frames after it should). Its
delay is how much later that is than it should be; below 0: earlier. What a rule says again while the same cause lasts
is a *repeat*, neither right nor wrong. What it says at any other time is a *false alarm*. What is due and not met is a
*miss*, but for two things that the table itself asks for:

- it *goes on*: the rule still speaks from the last time that it was due, as hysteresis and release time have it;
- it *rests*: the rule fell silent less than its cooldown ago, after something that was due or the repeat of such.

Where no ``late`` is given, something due is met too if its rule began still earlier and speaks on when it should: it
*stood already*. The surgeon was told when the danger came; what was said too early stays a false alarm.

A rule that speaks must also come to be shown, unless others have the place: what is met, but not shown before its cause
is gone, *waited* if something else was shown in all that time, and is a miss if not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from surgical_guidance.evaluation.advice.expected import Expected
from surgical_guidance.evaluation.advice.playing import Played, Said


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far off what is said may be [frames]. ``late`` None: as long as the cause lasts."""

    early: int
    late: int | None = None


class How(Enum):
    """How something due came to be said."""

    SHOWN = 'shown'
    WAITED = 'waited'
    GOES_ON = 'goes on'
    RESTS = 'rests'
    STOOD = 'stood already'


@dataclass(frozen=True, slots=True)
class Hit:
    """Something due that was said in time.

    :param said: None while the rule rests.
    """

    expected: Expected
    said: Said | None
    how: How

    @property
    def delay(self) -> int | None:
        """Frames after it should have been said; None where it went on or rested."""
        timed = self.said is not None and self.how in (How.SHOWN, How.WAITED)
        return self.said.start - self.expected.speak_at if timed and self.said is not None else None


@dataclass(frozen=True, slots=True)
class Match:
    """How what was said in one take fits what was due."""

    hits: tuple[Hit, ...]
    missed: tuple[Expected, ...]
    false: tuple[Said, ...]
    repeats: tuple[Said, ...]


def match(expected: Sequence[Expected], played: Played, tolerance: Tolerance, cooldowns: Mapping[str, int]) -> Match:
    """Match what was said in one take to what was due in it.

    :param cooldowns: of the rules [frames].
    """
    left = list(played.said)
    hits: list[Hit] = []
    missed: list[Expected] = []
    for due in sorted(expected, key=lambda one: (one.speak_at, one.rule_id)):
        said = next((one for one in left if _meets(due, one, tolerance)), None)
        if said is not None:
            left.remove(said)
        spoken = {hit.said for hit in hits if hit.said} | {
            one for one in left if any(_repeats(hit, one) for hit in hits)
        }
        hit = _hit(due, said, played) or _excused(due, spoken, cooldowns.get(due.rule_id, 0))
        if hit is None and tolerance.late is None:
            hit = _stood(due, left, played)
        if hit is None:
            missed.append(due)
        else:
            hits.append(hit)
    too_early = {hit.said for hit in hits if hit.how is How.STOOD}
    repeats = [one for one in left if one not in too_early and any(_repeats(hit, one) for hit in hits)]
    false = [one for one in left if one not in repeats]
    return Match(tuple(hits), tuple(missed), tuple(false), tuple(repeats))


def _meets(due: Expected, said: Said, tolerance: Tolerance) -> bool:
    latest = due.end - 1 if tolerance.late is None else due.speak_at + tolerance.late
    return said.rule_id == due.rule_id and due.speak_at - tolerance.early <= said.start <= latest


def _hit(due: Expected, said: Said | None, played: Played) -> Hit | None:
    if said is None:
        return None
    if any(_shows(one, said) for one in played.shown):
        return Hit(due, said, How.SHOWN)
    return Hit(due, said, How.WAITED) if _place_taken(played, said, min(said.end, due.end)) else None


def _excused(due: Expected, spoken: Iterable[Said], cooldown: int) -> Hit | None:
    """Excuse what is due while its rule speaks, or rests, from something that was due before."""
    for one in sorted(spoken, key=lambda one: one.start):
        if one.rule_id == due.rule_id and one.start < due.speak_at:
            if one.end > due.speak_at:
                return Hit(due, one, How.GOES_ON)
            if one.end > due.onset - cooldown and due.speak_at <= one.end + cooldown:
                return Hit(due, None, How.RESTS)
    return None


def _stood(due: Expected, left: Iterable[Said], played: Played) -> Hit | None:
    for one in left:
        if (
            one.rule_id == due.rule_id
            and one.start < due.speak_at < one.end
            and any(_shows(shown, one) and shown.end > due.speak_at for shown in played.shown)
        ):
            return Hit(due, one, How.STOOD)
    return None


def _repeats(hit: Hit, said: Said) -> bool:
    due = hit.expected
    return said.rule_id == due.rule_id and due.onset <= said.start < due.end


def _shows(shown: Said, said: Said) -> bool:
    return shown.rule_id == said.rule_id and shown.start < said.end and said.start < shown.end


def _place_taken(played: Played, said: Said, end: int) -> bool:
    """Whether something was shown in every frame in which a rule spoke in vain."""
    taken = {frame for one in played.shown for frame in range(max(one.start, said.start), min(one.end, end))}
    return len(taken) >= max(1, end - said.start)
