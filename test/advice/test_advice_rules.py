"""The rule table is data, and a mistake in it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgical_guidance.advice import texts
from surgical_guidance.advice.feature import Feature
from surgical_guidance.advice.features import NAMES
from surgical_guidance.advice.rules import RuleTable, load, parse
from surgical_guidance.advice.suggestion import Priority
from surgical_guidance.errors import RuleTableError

TABLE = """\
rules:
  - id: near
    source: '[I]'
    priority: high
    when: instrument.liver.distance_mm < 3
    stays: instrument.liver.distance_mm < 4
    phases: [Preparation, unknown]
    hold_s: 0.1
    release_s: 0.3
    cooldown_s: 1.0
    silence_s: 10.0
    valid_for_s: 2.0
    text: {zh: '肝在{direction}{distance}', en: 'Liver {direction}, {distance}'}
    highlight: {structure: liver, path: gallbladder, arrow: away}
  - id: blur
    source: '[I]'
    priority: low
    when: view.sharpness < 10
    hold_s: 0.1
    release_s: 0.3
    cooldown_s: 1.0
    silence_s: 10.0
    valid_for_s: 2.0
    suppressed_by: [near]
    text: {zh: 模糊, en: Blurred.}
"""

HIGH = {
    'hook_near_bowel',
    'energised_tip_hidden',
    'unidentified_tube',
    'critical_view_incomplete',
    'no_go_zone',
    'suspected_artery_near',
    'active_bleeding',
    'blind_clip',
}
LOW = {'blur', 'rolled_view', 'tools_off_centre', 'target_too_small', 'out_of_body'}  # fmt: skip


def test_the_packaged_table_has_all_rules_of_the_list_with_their_priorities(table: RuleTable) -> None:
    assert sorted(rule.number for rule in table.rules) == list(range(1, 24))
    for rule in table.rules:
        expected = Priority.HIGH if rule.id in HIGH else Priority.LOW if rule.id in LOW else Priority.MEDIUM
        assert rule.priority is expected, rule.id
    assert table.features() <= NAMES


def test_every_rule_names_its_source_and_the_file_says_that_it_is_not_validated(table: RuleTable) -> None:
    assert all('DOMAIN' in rule.source or '[I]' in rule.source for rule in table.rules)
    head = (Path(texts.__file__).parent / 'rules.yaml').read_text('utf-8')
    assert 'NOT CLINICALLY VALIDATED' in head


ANATOMY = {1, 4, 5, 6, 7, 8, 9, 10, 12, 20}
"""Rules that rest on what the picture shows of the anatomy."""


def test_rules_on_anatomy_are_silent_while_smoke_a_dirty_lens_or_blur_hides_it(table: RuleTable) -> None:
    for rule in table.rules:
        hidden_by = {'smoke', 'lens_dirty', 'blur'}
        assert (set(rule.suppressed_by) >= hidden_by) == (rule.number in ANATOMY), rule.id


def test_out_of_the_body_nothing_else_is_said_and_in_the_dark_only_what_needs_no_picture(table: RuleTable) -> None:
    for rule in table.rules:
        assert ('out_of_body' in rule.suppressed_by) == (rule.id != 'out_of_body')
        needs_no_picture = rule.id in {'out_of_body', 'perception_low', 'long_activation'}
        assert ('perception_low' in rule.suppressed_by) != needs_no_picture, rule.id


@pytest.mark.parametrize(
    ('was', 'becomes', 'line', 'told'),
    [
        ('distance_mm < 3', 'distance_mm <', 5, 'rules[0].when'),
        ('when: instrument.liver.distance_mm < 3', 'when: 3', 5, 'a condition is a text'),
        ('when: instrument.liver.distance_mm < 3', 'when: [a]', 5, 'a condition is a text'),
        ('when: instrument.liver.distance_mm < 3', 'when: instrument.liver.distance_mm', 5, 'not compared'),
        ('when: instrument.liver.distance_mm < 3', 'when: __import__("os").system("x") < 3', 5, 'known(feature)'),
        ('instrument.liver.distance_mm < 3', 'instrument.spleen.distance_mm < 3', 5, 'is no feature'),
        ('stays: instrument.liver', 'stays: instrument.spleen', 6, 'is no feature'),
        ('[Preparation, unknown]', '[Lunch]', 7, 'Lunch is no phase'),
        ('priority: high', 'priority: urgent', 4, 'priority'),
        ('priority: low', 'priority: [', 19, 'not YAML'),
        ('hold_s: 0.1\n    release_s: 0.3\n    cooldown_s: 1.0', 'hold_s: 0.1\n    cooldown_s: 1.0', 2, 'release_s'),
        ('hold_s: 0.1', 'hold_s: -1.0', 8, 'hold_s'),
        ('hold_s: 0.1', 'hold_s: .nan', 8, 'hold_s'),
        ('valid_for_s: 2.0', 'valid_for_s: 60.0', 12, 'valid_for_s'),
        ('structure: liver', 'structure: spleen', 14, 'is no structure'),
        ('path: gallbladder', 'path: grasper', 14, 'is no structure'),
        ('arrow: away', 'arrow: up', 14, 'arrow'),
        ('highlight: {structure', 'colour: {structure', 14, 'colour'),
        ('id: blur', 'id: near', 15, 'id of two rules'),
        ('suppressed_by: [near]', 'suppressed_by: [near]\n    highlight: {arrow: towards}', 25, 'no direction'),
        ('suppressed_by: [near]', 'suppressed_by: [fog]', 24, 'fog is no other rule'),
        ('zh: 模糊', 'zh: ' + '模糊' * 16, 25, 'at most 30'),
        ('en: Blurred.', 'en: a b c d e f g h i j k l m', 25, 'at most 12'),
        ("en: 'Liver {direction}, {distance}'", "en: 'Liver {side}'", 13, '{side} is no placeholder'),
        ('en: Blurred.', "en: 'Blurred {distance}'", 25, 'cannot be filled in'),
        ('en: Blurred.', "en: 'Blurred {'", 25, 'braces'),
        ('en: Blurred.', "en: ''", 25, 'empty'),
        ('    priority: high', '    source: x\n    priority: high', 4, 'given twice'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(was: str, becomes: str, line: int, told: str) -> None:
    assert was in TABLE
    with pytest.raises(RuleTableError) as caught:
        parse(TABLE.replace(was, becomes, 1), 'mine.yaml')
    assert caught.value.where == f'mine.yaml:{line}'
    assert told in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize('text', ['', 'rules: []', '- 1', 'rules: {a: 1}', 'rules: 3', '\x00'])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(RuleTableError):
        parse(text, 'mine.yaml')


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuleTableError, match=r'none\.yaml'):
        load(tmp_path / 'none.yaml')


def test_a_hospital_can_bring_its_own_table(tmp_path: Path) -> None:
    own = tmp_path / 'own.yaml'
    own.write_text(TABLE, 'utf-8')
    assert [rule.id for rule in load(own).rules] == ['near', 'blur']


def feature(value: float, sigma: float, dx: float = 0.0, dy: float = 1.0, unit: str = 'mm') -> Feature:
    return Feature('x', value, sigma, unit, value - 2 * sigma, dx, dy)


@pytest.mark.parametrize(
    ('value', 'sigma', 'unit', 'zh', 'en'),
    [
        (3.0, 0.5, 'mm', '约3mm', 'about 3 mm'),
        (3.0, 1.0, 'mm', '约3mm', 'about 3 mm'),
        (3.0, 1.01, 'mm', '很近', 'very close'),
        (0.4, 0.1, 'mm', '很近', 'very close'),
        (0.0, 0.1, 'mm', '很近', 'very close'),
        (5.0, float('nan'), 'mm', '很近', 'very close'),
        (float('nan'), 0.1, 'mm', '很近', 'very close'),
        (0.02, float('nan'), '1', '较近', 'close'),
    ],
)
def test_a_number_is_given_only_when_its_sigma_allows(value: float, sigma: float, unit: str, zh: str, en: str) -> None:
    assert texts.fill('{distance}', 'zh', feature(value, sigma, unit=unit)) == zh
    assert texts.fill('{distance}', 'en', feature(value, sigma, unit=unit)) == en


@pytest.mark.parametrize(
    ('dx', 'dy', 'zh', 'where', 'towards'),
    [
        (1, 0, '右方', 'right', 'right'),
        (1, 1, '右下方', 'lower right', 'down and right'),
        (0, 1, '下方', 'below', 'down'),
        (-1, 1, '左下方', 'lower left', 'down and left'),
        (-1, 0, '左方', 'left', 'left'),
        (-1, -1, '左上方', 'upper left', 'up and left'),
        (0, -1, '上方', 'above', 'up'),
        (1, -1, '右上方', 'upper right', 'up and right'),
    ],
)
def test_directions_are_those_of_the_picture(dx: float, dy: float, zh: str, where: str, towards: str) -> None:
    there = feature(3.0, 0.1, dx, dy)
    assert texts.fill('{direction}{towards}', 'zh', there) == zh * 2
    assert texts.fill('{direction}', 'en', there) == where
    assert texts.fill('{towards}', 'en', there) == towards


def test_what_touches_has_no_direction() -> None:
    assert texts.fill('{direction}', 'zh', feature(0.0, 0.1)) == '尖端'
    assert texts.fill('{direction}', 'en', feature(0.0, 0.1)) == 'at the tip'
    assert texts.fill('{direction}', 'en', feature(2.0, 0.1, float('nan'))) == 'at the tip'
