"""What counts as due, said in time, missed and a false alarm; and the report on it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from surgical_guidance import cli
from surgical_guidance.advice.rules import load
from surgical_guidance.evaluation.advice.crew import Job, evaluate_all
from surgical_guidance.evaluation.advice.expected import Expected
from surgical_guidance.evaluation.advice.headlines import headlines_of
from surgical_guidance.evaluation.advice.matching import How, Match, Tolerance, match
from surgical_guidance.evaluation.advice.playing import Played, Said
from surgical_guidance.evaluation.advice.report import write_report
from surgical_guidance.evaluation.advice.scenes import TrueScenes
from surgical_guidance.evaluation.advice.tally import EXACT, AdviceTally, TakeName, evaluate
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import FrameTruth
from surgical_guidance.scene.state import SceneState

DUE = Expected('smoke', onset=40, speak_at=50, end=90)


def fit(
    *said: tuple[str, int, int],
    due: tuple[Expected, ...] = (DUE,),
    shown: tuple[tuple[str, int, int], ...] | None = None,
    tolerance: Tolerance = EXACT,
) -> Match:
    told = tuple(Said(*one) for one in said)
    seen = told if shown is None else tuple(Said(*one) for one in shown)
    return match(due, Played(told, seen, 200), tolerance, {'smoke': 20})


@pytest.mark.parametrize(('start', 'met'), [(48, False), (49, True), (50, True), (51, True), (52, False)])
def test_of_true_scenes_it_must_be_said_in_the_right_frame_give_or_take_one(start: int, met: bool) -> None:
    found = fit(('smoke', start, 95))
    assert (len(found.hits), len(found.missed), len(found.false)) == ((1, 0, 0) if met else (0, 1, 1))


@pytest.mark.parametrize(('start', 'met'), [(35, True), (60, True), (89, True), (90, False)])
def test_of_seen_scenes_from_half_a_second_early_until_the_cause_is_gone(start: int, met: bool) -> None:
    found = fit(('smoke', start, 130), tolerance=Tolerance(early=15))
    assert bool(found.hits) is met
    if met:
        assert found.hits[0].delay == start - 50


def test_what_was_said_still_earlier_and_stands_is_a_false_alarm_but_no_miss() -> None:
    while_it_lasts = Tolerance(early=15)
    stood = fit(('smoke', 34, 60), tolerance=while_it_lasts)
    assert [hit.how for hit in stood.hits] == [How.STOOD]
    assert (stood.hits[0].delay, len(stood.false), len(stood.repeats)) == (None, 1, 0)
    assert fit(('smoke', 34, 50), tolerance=while_it_lasts).missed == (DUE,)
    assert fit(('smoke', 34, 60), shown=(('smoke', 34, 45),), tolerance=while_it_lasts).missed == (DUE,)
    assert fit(('smoke', 34, 60)).missed == (DUE,)  # of true scenes it must be the right frame


def test_what_nobody_asked_for_is_a_false_alarm_and_silence_a_miss() -> None:
    found = fit(('blur', 50, 60))
    assert [one.rule_id for one in found.false] == ['blur']
    assert found.missed == (DUE,)


def test_what_is_said_again_while_the_cause_lasts_is_a_repeat() -> None:
    found = fit(('smoke', 50, 60), ('smoke', 70, 80))
    assert (len(found.hits), len(found.repeats), len(found.false)) == (1, 1, 0)


def test_what_speaks_but_is_never_shown_waited_only_if_others_had_the_place_all_the_time() -> None:
    spoken = ('smoke', 50, 90)
    assert fit(spoken, shown=(('bowel', 20, 100),)).hits[0].how is How.WAITED
    assert fit(spoken, shown=(('bowel', 20, 70),)).missed == (DUE,)
    assert fit(spoken, shown=(('bowel', 20, 70), ('smoke', 70, 90))).hits[0].how is How.SHOWN


def test_what_still_speaks_goes_on_and_what_fell_silent_just_before_rests() -> None:
    first = Expected('smoke', 0, 10, 30)
    both = (first, DUE)
    assert fit(('smoke', 10, 60), due=both).hits[1].how is How.GOES_ON
    assert fit(('smoke', 10, 38), due=both).hits[1].how is How.RESTS
    assert fit(('smoke', 10, 19), due=both).missed == (DUE,)


def test_a_rule_rests_after_a_repeat_too() -> None:
    first, second = Expected('smoke', 0, 10, 70), Expected('smoke', 80, 90, 95)
    assert fit(('smoke', 10, 19), ('smoke', 60, 75), due=(first, second)).hits[1].how is How.RESTS
    assert fit(('smoke', 10, 19), ('smoke', 40, 45), due=(first, second)).missed == (second,)


class Once(TrueScenes):
    """Makes the scenes of its take once, however often it is played."""

    def __init__(self) -> None:
        self._made: list[SceneState] = []

    def scenes(self, take: Take, truths: Sequence[FrameTruth]) -> Iterator[SceneState]:
        self._made = self._made or list(super().scenes(take, truths))
        return iter(self._made)


@pytest.fixture(scope='module')
def maker() -> Once:
    return Once()


@pytest.fixture(scope='module')
def sums(maker: Once) -> AdviceTally:
    return evaluate([TakeName('smoke', 9411, 'plain', 320, 180)], maker, load(), EXACT, lambda *_: None)


def test_the_logic_alone_is_right_in_a_take(sums: AdviceTally) -> None:
    assert (sums.rules['smoke'].due, sums.rules['smoke'].how[How.SHOWN]) == (1, 1)
    assert (sums.all.recall, sums.all.precision) == (1.0, 1.0)
    assert all(one.holds for one in headlines_of(sums))
    assert not sums.wrong


def test_processes_give_the_same_sums_and_tell_how_far_they_are(sums: AdviceTally) -> None:
    told: list[tuple[int, int]] = []
    ((found, models),) = evaluate_all(
        sums.takes, Job('', ('truth',)), 1, lambda done, total, _: told.append((done, total))
    )
    assert (found.rules, found.frames, found.wrong, models) == (sums.rules, sums.frames, [], ())
    assert told[0] == (0, sums.frames)
    assert told[-1] == (sums.frames, sums.frames)


def test_a_wrong_rule_is_found_out_and_shown_with_pictures(sums: AdviceTally, maker: Once, tmp_path: Path) -> None:
    table = load()
    deaf = table.model_copy(
        update={'rules': [
            rule.model_copy(update={'hold_s': 1.0}) if rule.id == 'smoke' else rule for rule in table.rules
        ]}
    )  # fmt: skip
    wrong = evaluate([TakeName('smoke', 9411, 'plain', 320, 180)], maker, deaf, EXACT, lambda *_: None)
    assert wrong.rules['smoke'].missed == 1
    page, machine = write_report(tmp_path, table, [(wrong, ()), (sums, ())])
    text, data = page.read_text('utf-8'), json.loads(machine.read_text('utf-8'))
    assert text.count('data:image/jpeg') == 2  # of the miss, and of what came too late
    assert 'smoke: missed' in text
    assert 'smoke: false alarm' in text
    assert 'not clinically validated' in text
    assert 'http' not in text.replace('http-equiv', '')
    assert data['not_for_clinical_use'] is True


def test_the_command_tells_what_it_cannot_do(tmp_path: Path) -> None:
    for arguments, told in (
        (['--from', 'memory'], "'memory' is no way"),
        (['--scenarios', 'lunch'], "there is no 'lunch'"),
        (['--rules', str(tmp_path / 'none.yaml')], 'none.yaml'),
    ):
        result = CliRunner().invoke(cli.app, ['evaluate', 'advice', '--report', str(tmp_path), *arguments])
        assert result.exit_code == 1
        assert told in str(result.exception)


def test_what_was_never_met_reaches_no_goal() -> None:
    numbers = headlines_of(AdviceTally('truth', EXACT, {}))
    assert all(math.isnan(one.value) and one.holds is False for one in numbers)
