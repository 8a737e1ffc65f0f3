"""The rule table is data, and a mistake in it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from surgical_guidance.advice import texts
from surgical_guidance.advice.features import NAMES, Feature
from surgical_guidance.advice.rules import RuleTable, load, parse
from surgical_guidance.advice.suggestion import Priority
from surgical_guidance.errors import RuleTableError

TABLE = """\
rules:
  - id: near
    source: '[I]'
    priority: high
    conditions:
      - feature: instrument.liver.distance_mm
        below: 3.0
        release: 4.0
    hold_s: 0.1
    release_s: 0.3
    cooldown_s: 1.0
    silence_s: 10.0
    valid_for_s: 2.0
    text: {zh: '肝在{direction}{distance}', en: 'Liver {direction}, {distance}'}
    highlight: liver
  - id: blur
    source: '[I]'
    priority: low
    conditions:
      - {feature: view.sharpness, below: 10.0, release: 12.0}
    hold_s: 0.1
    release_s: 0.3
    cooldown_s: 1.0
    silence_s: 10.0
    valid_for_s: 2.0
    suppressed_by: [near]
    text: {zh: 模糊, en: Blurred.}
"""


def test_the_packaged_table_has_the_six_first_rules(table: RuleTable) -> None:
    assert {rule.id: rule.priority for rule in table.rules} == {
        'hook_near_bowel': Priority.HIGH,
        'suspected_artery_near': Priority.HIGH,
        'blur': Priority.LOW,
        'tools_off_centre': Priority.LOW,
        'energy_tool_left_view': Priority.MEDIUM,
        'perception_low': Priority.MEDIUM,
    }
    assert table.features() <= NAMES


def test_every_rule_names_its_source_and_the_file_says_that_it_is_not_validated(table: RuleTable) -> None:
    assert all('DOMAIN' in rule.source or '[I]' in rule.source for rule in table.rules)
    head = (Path(texts.__file__).parent / 'rules.yaml').read_text('utf-8')
    assert 'NOT CLINICALLY VALIDATED' in head


def test_rules_on_anatomy_are_silent_while_the_picture_or_the_perception_is_bad(table: RuleTable) -> None:
    for rule in table.rules:
        if any('distance' in name for condition in rule.conditions for name in condition.features()):
            assert set(rule.suppressed_by) >= {'blur', 'perception_low'}


@pytest.mark.parametrize(
    ('was', 'becomes', 'line', 'told'),
    [
        ('below: 3.0', 'below: three', 7, 'rules[0].conditions[0].below'),
        ('instrument.liver.distance_mm', 'instrument.spleen.distance_mm', 6, 'is no feature'),
        ('release: 4.0', 'release: 2.0', 6, 'flutter'),
        ('below: 3.0', 'below: 3.0\n        above: 1.0', 6, 'one of below and above'),
        ('priority: high', 'priority: urgent', 4, 'priority'),
        ('priority: low', 'priority: [', 20, 'not YAML'),
        ('hold_s: 0.1\n    release_s: 0.3\n    cooldown_s: 1.0', 'hold_s: 0.1\n    cooldown_s: 1.0', 2, 'release_s'),
        ('hold_s: 0.1', 'hold_s: -1.0', 9, 'hold_s'),
        ('hold_s: 0.1', 'hold_s: .nan', 9, 'hold_s'),
        ('valid_for_s: 2.0', 'valid_for_s: 60.0', 13, 'valid_for_s'),
        ('highlight: liver', 'highlight: spleen', 15, 'is no class'),
        ('highlight: liver', 'colour: red', 15, 'colour'),
        ('id: blur', 'id: near', 16, 'id of two rules'),
        ('suppressed_by: [near]', 'suppressed_by: [fog]', 26, 'fog is no other rule'),
        ('zh: 模糊', 'zh: ' + '模糊' * 16, 27, 'at most 30'),
        ('en: Blurred.', 'en: a b c d e f g h i j k l m', 27, 'at most 12'),
        ("en: 'Liver {direction}, {distance}'", "en: 'Liver {side}'", 14, '{side} is no placeholder'),
        ('en: Blurred.', "en: 'Blurred {distance}'", 27, 'cannot be filled in'),
        ('en: Blurred.', "en: 'Blurred {'", 27, 'braces'),
        ('en: Blurred.', "en: ''", 27, 'empty'),
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
