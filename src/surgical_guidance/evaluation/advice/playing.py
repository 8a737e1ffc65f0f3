"""Plays scenes to the advice stage and notes what each rule says, and what of it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from surgical_guidance.advice.rules import RuleTable
from surgical_guidance.advice.suggestion import Status, Suggestion
from surgical_guidance.advice.synthesiser import Synthesiser
from surgical_guidance.scene.state import SceneState


@dataclass(frozen=True, slots=True)
class Said:
    """A rule speaks, or a suggestion is shown, from one frame to another.

    :param start: first frame.
    :param end: the one after the last.
    :param text: in English, as it was first said; '' where it was not shown.
    """

    rule_id: str
    start: int
    end: int
    text: str = ''


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a take.

    :param said: each rule's speaking, whether it was shown or had to wait.
    :param shown: what the surgeon saw, one at a time.
    :param frames: how many there were.
    """

    said: tuple[Said, ...]
    shown: tuple[Said, ...]
    frames: int


class Player:
    """Takes scenes one after another.

    :param table: the rules.
    """

    def __init__(self, table: RuleTable) -> None:
        self._synthesiser = Synthesiser(table)
        self._frame = 0
        self._speaking: dict[str, int] = {}
        self._said: list[Said] = []
        self._shown: list[Said] = []
        self._showing: tuple[Suggestion, int] | None = None

    def take(self, scene: SceneState) -> Suggestion:
        """Take in the scene of the next frame; give what is shown with it."""
        sent = self._synthesiser.on_scene(scene)
        now = {candidate.rule.id for candidate in self._synthesiser.speaking}
        for rule_id in [name for name in self._speaking if name not in now]:
            self._said.append(Said(rule_id, self._speaking.pop(rule_id), self._frame))
        for rule_id in now:
            self._speaking.setdefault(rule_id, self._frame)
        for suggestion in sent:
            self._note(suggestion)
        self._frame += 1
        return self._synthesiser.current

    def end(self) -> Played:
        """Give what came of it."""
        self._said += [Said(rule_id, start, self._frame) for rule_id, start in self._speaking.items()]
        self._close()
        return Played(
            tuple(sorted(self._said, key=lambda one: (one.start, one.rule_id))), tuple(self._shown), self._frame
        )

    def _note(self, suggestion: Suggestion) -> None:
        live = suggestion.sequence != 0 and suggestion.status is Status.VALID
        if self._showing is not None and not (live and suggestion.sequence == self._showing[0].sequence):
            self._close()
        if live and self._showing is None:
            self._showing = suggestion, self._frame

    def _close(self) -> None:
        if self._showing is not None:
            suggestion, start = self._showing
            self._shown.append(Said(suggestion.rule_id, start, self._frame, suggestion.text_en))
            self._showing = None


def play(scenes: Iterable[SceneState], table: RuleTable) -> Played:
    """Play scenes of frames that follow each other."""
    player = Player(table)
    for scene in scenes:
        player.take(scene)
    return player.end()
