"""From takes and an observer to numbers, the frames worth a picture, and the report."""

from __future__ import annotations

import itertools
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from evaluation_helpers import MODEL, ListTake, Parrot, dataset, example, labels, perfect, picture

from surgical_guidance.contract import CLASSES
from surgical_guidance.errors import HostError, SourceError
from surgical_guidance.evaluation.example import Example, Origin
from surgical_guidance.evaluation.metrics.tips import Tip
from surgical_guidance.evaluation.numbers import numbers_of
from surgical_guidance.evaluation.observer import Observation
from surgical_guidance.evaluation.report.page import write_report
from surgical_guidance.evaluation.runner import look_again, tally
from surgical_guidance.evaluation.selection import select


def quiet(done, total, what):
    pass


def run(examples, says=perfect, every=1, rate=10.0, **data):
    data = dataset(ListTake('one', examples, rate), **data)
    parrot = Parrot(examples, says)
    return data, parrot, tally(data, parrot, every, quiet)


def by_name(numbers):
    return {headline.name: headline for headline in numbers.headlines}


def course(count=60, start=20, end=40):
    """Give frames with one bleeding and two phases."""
    return [
        example(
            index, ('bleeding',) if start <= index < end else (), 'Preparation' if index < 30 else 'ClippingCutting'
        )
        for index in range(count)
    ]


def test_who_says_the_truth_reaches_every_goal():
    data, _, sums = run(course())
    numbers = numbers_of(sums, data)
    found = by_name(numbers)
    assert found['mean IoU'].value == 1.0
    assert found['phase accuracy'].value == found['phase edit score'].value == 1.0
    assert found['bleeding recall'].value == found['bleeding precision'].value == 1.0
    assert all(headline.holds for headline in numbers.headlines if headline.goal and 'smoke' not in headline.name)
    assert numbers.tips[0].median_px == 0.0
    assert sums.false_tips == 0


def test_an_event_that_never_happens_has_no_recall_and_reaches_no_goal():
    data, _, sums = run(course())
    recall = by_name(numbers_of(sums, data))['smoke recall']
    assert math.isnan(recall.value)
    assert recall.holds is False


def test_every_take_has_numbers_of_its_own():
    first, second = course(10, 2, 4), course(20, 2, 4)
    data = dataset(ListTake('one', first), ListTake('two', second))
    sums = tally(data, Parrot(second, lambda one: Observation(one.labels, phase='Preparation')), 1, quiet)
    assert [(take.name, take.frames, take.score, take.phase_accuracy) for take in numbers_of(sums, data).takes] == [
        ('one', 10, 1.0, 1.0), ('two', 20, 1.0, 1.0),
    ]  # fmt: skip


def test_goals_are_set_for_the_phantom_alone():
    data, _, sums = run(course(), origin=Origin.REAL)
    assert all(headline.holds is None for headline in numbers_of(sums, data).headlines)


def test_who_says_nothing_usable_has_found_background_everywhere():
    data, _, sums = run(course(), lambda one: Observation(problems=('the network gave NaN',)))
    numbers = numbers_of(sums, data)
    assert numbers.labels.mean_iou == 0.0
    assert numbers.tips[0].found == 0.0
    assert math.isinf(numbers.tips[0].median_px)
    assert numbers.phase is None
    assert sums.unbelieved == 60
    assert sums.problems == {'the network gave NaN': 60}


def test_labels_of_another_size_are_compared_at_the_size_of_the_truth():
    twice = labels().repeat(2, axis=0).repeat(2, axis=1)
    _, _, sums = run(course(), lambda one: Observation(twice))
    assert sums.labels.pixels == 60 * 96 * 54
    assert sums.labels.mean_iou == 1.0


def test_a_late_claim_is_right_and_its_latency_is_told_in_frames_and_seconds():
    late = frozenset(('bleeding',))
    data, _, sums = run(
        course(), lambda one: Observation(one.labels, events=late if 24 <= one.index < 40 else frozenset())
    )
    bleeding = next(event for event in numbers_of(sums, data).events if event.name == 'bleeding')
    assert (bleeding.recall, bleeding.precision, bleeding.latency_median, bleeding.latency_max) == (1.0, 1.0, 4.0, 4.0)
    assert bleeding.latency_median_s == pytest.approx(0.4)
    assert bleeding.frame_recall == 16 / 20
    assert bleeding.frame_precision == 1.0


def test_a_flash_is_no_claim_and_a_short_pause_does_not_end_one():
    def says(one):
        going = one.index == 5 or (20 <= one.index < 40 and one.index not in (25, 26))
        return Observation(one.labels, events=frozenset(('bleeding',)) if going else frozenset())

    _, _, sums = run(course(), says)
    assert sums.takes[0].timelines['bleeding'].claimed == [(20, 40)]


def test_frames_are_sorted_by_what_goes_on_in_them():
    data, _, sums = run(course())
    views = numbers_of(sums, data).views
    assert {name: view.frames for name, view in views.items()} == {'clear view': 40, 'bleeding': 20}


def test_every_nth_frame_is_looked_at_at_a_rate_that_is_as_much_lower():
    told = []
    examples = course()
    data = dataset(ListTake('one', examples))
    parrot = Parrot(examples)
    sums = tally(data, parrot, 4, lambda *step: told.append(step))
    assert [frame.index for frame in sums.takes[0].frames] == list(range(0, 60, 4))
    assert parrot.rates == [2.5]
    assert told[0] == (1, 15, 'one')
    assert told[-1] == (15, 15, 'one')


def test_a_data_set_without_a_frame_is_an_error():
    with pytest.raises(SourceError, match='there is no frame in it'):
        run([])


def test_binary_truth_asks_for_any_instrument():
    mask = np.zeros((54, 96), bool)
    mask[20:30, :48] = True
    given = [Example(index, str(index), picture(index), instrument=mask) for index in range(3)]
    wrong_name = np.where(mask, CLASSES.index('suction'), CLASSES.index('fat')).astype(np.uint8)
    data, _, sums = run(given, lambda one: Observation(wrong_name if one.index else labels()))
    numbers = numbers_of(sums, data)
    assert numbers.labels is None
    assert numbers.binary.iou[1] == 1.0
    assert numbers.binary_mean_iou == 1.0


def test_the_worst_are_the_worst_the_best_the_best_and_none_is_shown_twice():
    def says(one):
        found = one.labels.copy()
        found[:, : one.index] = 0
        return Observation(found, one.tips)

    _, _, sums = run(course(), says, rate=2.0)
    groups = {group.name: [frame.index for frame in group.frames] for group in select(sums)}
    assert list(groups) == ['worst', 'median', 'best']
    assert groups['worst'][0] == 59
    assert groups['best'][0] == 0
    assert 25 <= groups['median'][0] <= 35
    everything = sorted(index for indices in groups.values() for index in indices)
    assert all(after - before > 2 for before, after in itertools.pairwise(everything))


def test_without_truth_frames_from_everywhere_are_shown():
    given = [Example(index, str(index), picture(index)) for index in range(100)]
    data, parrot, sums = run(given, lambda one: Observation(labels()), events=())
    (group,) = select(sums)
    assert group.name == 'spread'
    assert 10 <= len(group.frames) <= 16
    ((name, frames),) = look_again(data, parrot, [group])
    assert name == 'spread'
    assert [frame.example.index for frame in frames] == [frame.index for frame in group.frames]
    assert numbers_of(sums, data).headlines == ()


class Links(HTMLParser):
    """Gathers all that a page could fetch."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.tags = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [value for name, value in attrs if name in ('src', 'href', 'srcset', 'data', 'action')]


def written(tmp_path, examples, says=perfect, target='out', **data):
    data, parrot, sums = run(examples, says, **data)
    groups = look_again(data, parrot, select(sums))
    page, machine, _ = write_report(tmp_path / target, data, parrot.models, sums, groups, 1)
    return page, page.read_text(encoding='utf-8'), json.loads(machine.read_text(encoding='utf-8'))


def test_the_report_holds_everything_and_asks_nobody_for_anything(tmp_path):
    page, text, _ = written(tmp_path, course())
    assert page == tmp_path / 'out' / 'report.html'
    links = Links()
    links.feed(text)
    assert len(links.found) > 20
    assert all(link.startswith(('data:image/', '#')) for link in links.found)
    assert not links.tags & {'script', 'link', 'iframe', 'object'}
    assert "default-src 'none'" in text
    assert 'url(' not in text
    for said in (
        'phantom: rendered pictures',
        'not clinically validated',
        MODEL.name,
        MODEL.sha256,
        'The worst frames',
    ):
        assert said in text


def test_the_report_says_when_pictures_are_real(tmp_path):
    _, text, _ = written(tmp_path, course(), origin=Origin.REAL)
    assert 'real recordings' in text
    assert 'phantom: rendered' not in text
    assert 'goal ≥' not in text


def test_names_from_data_are_text_and_not_markup(tmp_path):
    given = [Example(0, '<script>alert(1)</script>', picture(0), labels=labels())]
    _, text, _ = written(tmp_path, given)
    assert '<script>' not in text
    assert '&lt;script&gt;' in text


def test_the_numbers_beside_the_page_are_those_of_the_page(tmp_path):
    _, text, machine = written(tmp_path, course(), lambda one: Observation(np.full_like(one.labels, 6), one.tips))
    assert machine['not_for_clinical_use'] is True
    iou = machine['segmentation']['mean_iou']
    assert re.search(rf'mean IoU</p>\s*<p class="value">{iou:.3f}', text)
    assert machine['made_from']['models'][0]['sha256'] == MODEL.sha256
    assert machine['takes'][0]['frames'] == 60
    assert machine['phase'] is None
    assert machine['events'][0]['name'] == 'bleeding'
    assert machine['events'][0]['precision'] is None


def test_infinities_are_null_for_machines_and_a_sign_for_people(tmp_path):
    _, text, machine = written(tmp_path, course(), lambda one: Observation(one.labels, ()))
    assert machine['tips'][0]['median_px'] is None
    assert '∞' in text


def test_a_report_can_be_one_file_and_its_folder_is_made(tmp_path):
    page, _, machine = written(tmp_path, course(8, 2, 4), target='deep/er/mine.html')
    assert page == tmp_path / 'deep/er/mine.html'
    assert page.with_suffix('.json').exists()
    assert machine['made_from']['frames'] == 8


def test_a_report_that_cannot_be_written_says_where(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(HostError, match='the report cannot be written'):
        written(tmp_path, course(8, 2, 4), target='file/report.html')


def test_the_report_of_videos_without_truth_says_that_nothing_is_measured(tmp_path):
    given = [Example(index, str(index), picture(index)) for index in range(20)]
    says = Observation(
        labels(), (Tip('grasper', 5, 5),), 'Preparation', 'grasp', frozenset(('smoke',)), {'smoke': 0.75}
    )
    _, text, machine = written(tmp_path, given, lambda one: says, events=(), origin=Origin.REAL)
    assert 'Nothing is measured here' in text
    assert 'phase said: Preparation' in text
    assert 'claimed: smoke 0.75' in text
    assert machine['segmentation'] is None
