"""Every rule of the project's list has a scenario whose truth gives it a reason, when the library says so."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom.scenarios import RATE, SCENARIOS, library
from surgical_guidance.phantom.take import Take
from surgical_guidance.phantom.truth import PHASES, VERBS, FrameTruth, InstrumentTruth

HOOK = 'l_hook_electrocautery'
SLACK = 3  # frames: patients differ, and so does the moment at which a distance is crossed
Condition = Callable[[Take, int], bool]


def tool(truth: FrameTruth, name: str) -> InstrumentTruth:
    found = truth.instrument(name)
    assert found is not None
    return found


def near(name: str, structure: str, limit_mm: float) -> Condition:
    return lambda take, index: tool(take.truth(index), name).distances[structure].mm < limit_mm


def above(event: str) -> Condition:
    return lambda take, index: getattr(take.truth(index).events, event) > 0.5


def off_centre(take: Take, index: int) -> bool:
    tips = np.array([one.tip for one in take.truth(index).instruments])
    return bool(np.hypot(*(tips.mean(axis=0) - (take.width / 2, take.height / 2))) > 0.3 * take.height)


def energised_for_3_s(take: Take, index: int) -> bool:
    return index >= 90 and all(take.moment(at).tools[-1].energised for at in range(index - 90, index + 1, 10))


def small_target(take: Take, index: int) -> bool:
    labels = take.labels(index)
    return 0 < (labels == CLASSES.index('gallbladder')).sum() < 0.05 * labels.size


def blood(take: Take, index: int) -> tuple[float, bool]:
    event = take.truth(index).events.bleeding
    return (event.share, event.growing) if event else (0.0, False)


def hook_inside(take: Take, index: int, kind: str) -> bool:
    truth = take.truth(index)
    zone = next(zone for zone in truth.zones if zone.kind == kind)
    return cv2.pointPolygonTest(np.array(zone.outline, np.float32), tool(truth, HOOK).tip, False) > 0


def below_the_line(take: Take, index: int) -> bool:
    truth = take.truth(index)
    (ax, ay), (bx, by) = truth.landmarks['rouviere_sulcus'], truth.landmarks['segment_iv_base']
    x, y = tool(truth, HOOK).tip
    return y > ay + (by - ay) * (x - ax) / (bx - ax)


def clip_at_blood(take: Take, index: int) -> bool:
    truth = take.truth(index)
    clipper = truth.instrument('clipper')
    return clipper is not None and blood(take, index)[0] > 0.01 and clipper.distances['cystic_duct'].mm < 5.0


CONDITIONS: dict[str, Condition] = {
    'hook_near_bowel': near(HOOK, 'gastrointestinal_tract', 10.0),
    'energised_tip_hidden': lambda take, index: (
        take.truth(index).energy and not tool(take.truth(index), HOOK).tip_visible
    ),
    'long_activation': energised_for_3_s,
    'unidentified_tube': lambda take, index: (
        near('clipper', 'cystic_duct', 3.0)(take, index) and 'cystic_duct' not in take.truth(index).identified
    ),
    'critical_view_incomplete': lambda take, index: (
        near('clipper', 'cystic_duct', 3.0)(take, index) and min(take.truth(index).critical_view) < 0.5
    ),
    'no_go_zone': lambda take, index: hook_inside(take, index, 'no_go'),
    'outside_the_zones': lambda take, index: (
        not hook_inside(take, index, 'safe') and not hook_inside(take, index, 'no_go')
    ),
    'suspected_artery_near': near(HOOK, 'cystic_artery', 3.0),
    'below_the_line': below_the_line,
    'before_division': lambda take, index: take.truth(index).verb == 'cut' and len(take.moment(index).clips) == 3,
    'active_bleeding': lambda take, index: blood(take, index)[1],
    'blind_clip': clip_at_blood,
    'pooled_blood': lambda take, index: blood(take, index)[0] > 0.03 and not blood(take, index)[1],
    'smoke': above('smoke'),
    'lens_fogged': above('fog'),
    'lens_splashed': above('splash'),
    'blur': above('blur'),
    'rolled_view': lambda take, index: take.truth(index).events.roll,
    'tools_off_centre': off_centre,
    'hook_left_view': lambda take, index: take.truth(index).events.tip_left_view,
    'target_too_small': small_target,
    'wrong_tool': lambda take, index: bool(
        (one := take.truth(index).instrument('clipper')) and one.tip_visible and take.truth(index).phase == PHASES[0]
    ),
    'out_of_body': lambda take, index: take.truth(index).events.out_of_body,
    'perception_low': above('low_light'),
}


def test_every_rule_of_the_list_has_a_scenario() -> None:
    assert {one.rule for one in library().values()} - {0} == set(range(1, 24))
    assert {name for name in SCENARIOS if library()[name].rule} == CONDITIONS.keys()


def test_phases_and_verbs_are_those_of_the_public_data_sets() -> None:
    for one in library().values():
        assert {phase for _, phase in one.phases} <= set(PHASES)
        assert {verb for _, verb in one.verbs} <= set(VERBS)


def test_a_perfect_system_speaks_when_the_condition_has_been_held() -> None:
    one = library()['smoke']
    assert (one.onset, one.speak_at) == (round(2.0 * RATE), round(2.5 * RATE))
    assert library()['operation'].speak_at is None


@pytest.mark.parametrize('name', sorted(CONDITIONS))
def test_the_condition_begins_at_its_onset_and_holds_until_it_is_time_to_speak(name: str) -> None:
    take, holds = Take(name, 2, 320, 180), CONDITIONS[name]
    onset, speak_at = take.scenario.onset, take.scenario.speak_at
    assert onset is not None
    assert speak_at is not None
    assert speak_at + SLACK < take.frames
    if onset > 0:
        assert not holds(take, max(0, onset - SLACK - 1))
    first = onset + SLACK
    assert all(holds(take, index) for index in {first, (first + speak_at + SLACK) // 2, speak_at + SLACK})
