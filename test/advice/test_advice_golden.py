"""The same recorded scenes give the same suggestions, byte for byte: twice, on every Python, and after every change.

Where a change is meant, ``python test/advice/test_advice_golden.py`` writes ``golden.txt`` anew; its differences are to
be read.
"""

from __future__ import annotations

import hashlib
import random
import sys
from dataclasses import replace
from pathlib import Path

from advice_scenes import FRAME_NS, START_NS, calm
from advice_scripts import SCRIPTS

from surgical_guidance.advice.rules import load
from surgical_guidance.advice.suggestion import Suggestion
from surgical_guidance.advice.synthesiser import Synthesiser
from surgical_guidance.scene.state import SceneState

GOLDEN = Path(__file__).with_name('golden.txt')


def recorded() -> list[SceneState]:
    """Give 2 minutes of scenes in which every rule gets its reason, in a fixed disorder, with frames lost."""
    chance = random.Random(5)  # noqa: S311  (a fixed disorder)
    scripts = sorted(SCRIPTS) * 2
    chance.shuffle(scripts)
    scenes: list[SceneState] = []
    seen: set[str] = set()
    frame = 0
    for rule_id in scripts:
        make, _, _, _ = SCRIPTS[rule_id]
        length = chance.choice((20, 60, 110)) if rule_id in seen else 110
        seen.add(rule_id)
        played = [*calm(range(frame, frame + 20)), *map(make, range(frame + 20, frame + 20 + length))]
        frame += 20 + length + chance.choice((0, 0, 0, 2, 12, 90))
        scenes += played
    return [replace(one, stamp_ns=START_NS + (one.sequence - 1) * FRAME_NS) for one in scenes]


def told() -> list[Suggestion]:
    synthesiser = Synthesiser(load())
    return [suggestion for one in recorded() for suggestion in synthesiser.on_scene(one)]


def as_text(suggestions: list[Suggestion]) -> str:
    """One line a change for people, and the digest of all that was sent for machines."""
    lines, last = [], ''
    for one in suggestions:
        line = f'{one.rule_id or "-"} {one.status.name} {one.text_zh} | {one.text_en} | {one.reason}'
        if line != last:
            lines.append(f'{one.frame_sequence} {line}')
        last = line
    digest = hashlib.sha256('\n'.join(map(repr, suggestions)).encode()).hexdigest()
    return '\n'.join((*lines, f'{len(suggestions)} sent, sha256 {digest}')) + '\n'


def test_the_same_scenes_give_the_same_bytes_as_ever() -> None:
    assert as_text(told()) == as_text(told()) == GOLDEN.read_text('utf-8')


def test_every_rule_is_in_it() -> None:
    assert {one.rule_id for one in told()} >= {rule.id for rule in load().rules}


if __name__ == '__main__':
    sys.stdout.write(f'{GOLDEN}\n')
    GOLDEN.write_text(as_text(told()), 'utf-8')
