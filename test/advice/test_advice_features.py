"""The named numbers that rules are made of."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from advice_scenes import HOOK, blood, condition, scene, square, tool

from surgical_guidance.advice.feature import Feature
from surgical_guidance.advice.features import NAMES, FeatureExtractor
from surgical_guidance.scene.state import Energy, Landmark, Structure, Zone

LINE = (Landmark('rouviere_sulcus', 500.0, 400.0, 4.0), Landmark('segment_iv_base', 1400.0, 400.0, 4.0))


def found(extractor: FeatureExtractor | None = None, frame: int = 0, **fields) -> dict[str, Feature]:
    return dict((extractor or FeatureExtractor(NAMES)).extract(scene(frame, **fields)))


def numbers(**fields) -> dict[str, float]:
    return {name: feature.value for name, feature in found(**fields).items()}


def test_activation_is_counted_from_its_first_frame_whoever_tells_it() -> None:
    extractor = FeatureExtractor(NAMES)
    for told in ({'tools': [tool(energised=Energy.ON)]}, {'tools': [], 'energy': Energy.ON}):
        assert found(extractor, 0, **told)['energy.on_s'].value == 0.0
        assert found(extractor, 90, **told)['energy.on_s'].value == pytest.approx(3.0)
        assert found(extractor, 91, tools=[tool(energised=Energy.OFF)])['energy.on_s'].value == 0.0
    assert 'energy.on_s' not in found(extractor, 92)


@pytest.mark.parametrize(
    ('fields', 'hidden'),
    [
        ({'tools': [tool(energised=Energy.ON)]}, 0.0),
        ({'tools': [], 'energy': Energy.ON}, 1.0),
        ({'tools': [tool('grasper')], 'energy': Energy.ON}, 1.0),
        ({'tools': [tool(energised=Energy.OFF)]}, 0.0),
        ({'tools': [tool()]}, None),
    ],
)
def test_a_tip_is_hidden_only_while_current_is_known_to_flow(fields: dict, hidden: float | None) -> None:
    assert numbers(**fields).get('energy.tip_hidden') == hidden


@pytest.mark.parametrize(
    ('action', 'idle'), [('', None), ('dissect', 0.0), ('null_verb', 0.0), ('retract', 1.0), ('clip', 1.0)]
)
def test_what_was_done_when_the_tip_left_is_remembered(action: str, idle: float | None) -> None:
    extractor = FeatureExtractor(NAMES)
    found(extractor, 0, action=action)
    away = found(extractor, 15, tools=[], action='pack')
    assert away['energy_tool.unseen_s'].value == pytest.approx(0.5)
    assert (away['energy_tool.was_idle'].value if 'energy_tool.was_idle' in away else None) == idle


def test_zones_are_known_only_where_there_are_some() -> None:
    line = Zone('no_go', square(960.0, 540.0, 0.0)[:2])  # leads through the tip, and holds nothing
    assert not {'instrument.in_no_go', 'energy_tool.in_safe'} & set(numbers(zones=(line,)))
    zones = (Zone('no_go', square(960.0, 540.0)), Zone('safe', square(100.0, 100.0)))
    inside = numbers(zones=zones, tools=[tool(), tool('grasper', x=100.0, y=100.0)])
    assert (inside['instrument.in_no_go'], inside['energy_tool.in_no_go'], inside['grasper.in_no_go']) == (1, 1, 0)
    assert (inside['energy_tool.in_safe'], inside['grasper.in_safe']) == (0, 1)


@pytest.mark.parametrize(('y', 'roll', 'below'), [(508.0, 0.0, 0.1), (292.0, 0.0, -0.1), (508.0, math.pi, -0.1)])
def test_below_the_line_is_below_as_the_room_has_it_less_two_sigma(y: float, roll: float, below: float) -> None:
    feature = found(tools=[tool(y=y)], landmarks=LINE, roll=roll)['energy_tool.below_line']
    assert feature.value == pytest.approx(below)
    assert feature.bound == pytest.approx(below - 2 * 4.0 / 1080)
    assert (feature.dx, feature.dy) == pytest.approx((0.0, 400.0 - y))  # the way back to the line


@pytest.mark.parametrize('roll', [0.5, -0.5, math.tau + 0.5, 0.5 - 3 * math.tau])
def test_a_roll_is_less_than_a_turn(roll: float) -> None:
    assert numbers(roll=roll)['view.roll_deg'] == pytest.approx(math.degrees(0.5))


@pytest.mark.parametrize(
    'ends',
    [
        LINE[:1],
        (LINE[0], LINE[1]._replace(x=LINE[0].x)),  # both at one place
        (LINE[0], LINE[1]._replace(x=math.nan)),
        (LINE[0], LINE[1]._replace(y=math.inf)),
        (LINE[0]._replace(x=-1e300), LINE[1]._replace(x=1e300, y=-1e300)),
    ],
)
def test_half_a_line_or_one_that_leads_nowhere_is_none(ends: tuple[Landmark, ...]) -> None:
    assert 'energy_tool.below_line' not in numbers(landmarks=ends)


def test_a_picture_of_no_height_has_no_line_and_no_shares() -> None:
    one = scene(0, tools=[tool()], near=[('liver', math.nan, math.nan)], share=0.1, landmarks=LINE)
    names = FeatureExtractor(NAMES).extract(replace(one, height=0)).keys()
    assert not {'energy_tool.below_line', 'instruments.off_centre', 'instrument.liver.distance_share'} & names


@pytest.mark.parametrize('unknown', [{'roll': math.nan}, {'roll': math.inf}, {'sigma_px': math.nan}])
def test_a_line_from_the_right_to_the_left_is_the_same_whatever_else_is_not_known(unknown: dict[str, float]) -> None:
    roll, sigma_px = unknown.get('roll', 0.0), unknown.get('sigma_px', 4.0)
    ends = (LINE[1]._replace(name=LINE[0].name, sigma_px=sigma_px), LINE[0]._replace(name=LINE[1].name))
    feature = found(tools=[tool(y=508.0)], landmarks=(*ends, LINE[0]._replace(y=9.0)), roll=roll)[
        'energy_tool.below_line'
    ]
    assert feature.value == pytest.approx(0.1)
    assert feature.bound == pytest.approx(0.1 - 2 * 4.0 / 1080)


def test_a_tube_that_was_identified_is_a_tube_but_no_suspicion() -> None:
    fields = {'tools': [tool('clipper')], 'near': [('cystic_artery', 2.0, 0.2)]}
    assert numbers(**fields)['dividing.unidentified_tube.distance_mm'] == 2.0
    one = scene(0, **fields)
    known = Structure('cystic_artery', 0.9, one.structures[0].contour, 0.1, identified=True)
    seen = FeatureExtractor(NAMES).extract(
        type(one)(**{**{name: getattr(one, name) for name in one.__slots__}, 'structures': (known,)})
    )
    assert seen['dividing.tube.distance_mm'].value == 2.0
    assert not {'dividing.unidentified_tube.distance_mm', 'instrument.suspected_artery.distance_mm'} & set(seen)


def test_the_way_to_the_source_of_blood_is_measured_with_the_scale_at_the_tip() -> None:
    clipper = tool('clipper', mm_per_px=0.05, mm_per_px_sigma=0.01)
    seen = found(tools=[clipper], parts=[blood(source=(960.0, 640.0))])
    feature = seen['dividing.bleeding_source.distance_mm']
    assert (feature.value, feature.sigma, feature.bound) == pytest.approx((5.0, 1.0, 3.0))
    assert seen['dividing.bleeding_source.measured_mm'].bound == pytest.approx(5.0)
    without = numbers(tools=[tool('clipper')], parts=[blood(source=(960.0, 648.0))])
    assert without['dividing.bleeding_source.distance_share'] == pytest.approx(0.1)


def test_blood_is_summed_up_and_none_is_an_area_of_nothing() -> None:
    seen = numbers(parts=[blood(0.02, 0.004), blood(0.03, 0.001), blood(0.01)])
    assert (seen['blood.area'], seen['blood.growth']) == pytest.approx((0.06, 0.005))
    assert numbers()['blood.area'] == 0.0
    assert 'blood.growth' not in numbers()
    assert 'gallbladder.area' not in numbers()


def test_the_critical_view_counts_what_is_proven_and_names_what_is_missing() -> None:
    feature = found(critical_view=(0.8, 0.5, math.nan))['critical_view.met']
    assert (feature.value, feature.detail) == (1.0, 'C2, C3')
    assert 'critical_view.met' not in numbers()


def test_roll_is_told_with_where_up_is() -> None:
    feature = found(roll=math.radians(90.0))['view.roll_deg']
    assert feature.value == pytest.approx(90.0)
    assert feature.dx < 0 < 1 > abs(feature.dy)  # turned anticlockwise: up has gone to the left


def test_levels_phase_and_action_are_numbers() -> None:
    seen = numbers(conditions=(condition('fog', 0.7),), phase='Preparation', action='cut')
    assert seen['view.fog'] == 0.7
    assert (seen['phase.Preparation'], seen['phase.ClippingCutting']) == (1.0, 0.0)
    assert (seen['action.cut'], seen['action.clip']) == (1.0, 0.0)
    assert not any(name.startswith(('phase.', 'action.', 'view.fog')) for name in numbers())


def test_only_what_is_wanted_is_computed() -> None:
    assert set(FeatureExtractor({'blood.area', f'{HOOK}.seen'}).extract(scene(0))) == {'blood.area', f'{HOOK}.seen'}


def test_a_tool_of_which_neither_tip_nor_outline_is_seen_is_nowhere() -> None:
    assert 'instruments.off_centre' not in numbers(tools=[tool()._replace(tip_visible=False)])
