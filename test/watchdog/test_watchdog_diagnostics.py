"""The facts as /diagnostics has them."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from watchdog_play import Play

from surgical_guidance.contract import FRAME, STAGES, TIMING
from surgical_guidance.watchdog.diagnostics import Diagnosis, Level, diagnose, rose
from surgical_guidance.watchdog.facts import REGULAR, StageState
from surgical_guidance.watchdog.gpu import GpuFacts
from surgical_guidance.watchdog.host import HostFacts
from surgical_guidance.watchdog.log import AlarmLog
from surgical_guidance.watchdog.picture import PictureFacts
from surgical_guidance.watchdog.surroundings import Surroundings


@pytest.fixture
def log(tmp_path):
    log = AlarmLog(tmp_path, pytest.fail)
    yield log
    log.close()


@pytest.fixture
def play():
    play = Play()
    play.watch.around = Surroundings(host=HostFacts(1e4, 1e3, 1e5, '/var', 50.0, '', None))
    play.run(2.0)
    return play


def rows(play, log):
    found = diagnose(play.outcomes[-1], play.watch.alarms.standing, log)
    assert len({row.name for row in found}) == len(found)
    return {row.name: row for row in found}


def test_the_levels_are_those_of_the_message():
    assert {level.name: bytes([level]) for level in Level} == {
        name: getattr(DiagnosticStatus, name) for name in ('OK', 'WARN', 'ERROR', 'STALE')
    }


def test_there_is_a_row_for_every_stage_and_topic(play, log):
    assert list(rows(play, log)) == [
        'guidance', 'latency', *(f'stage {name}' for name in STAGES),
        'topic camera/frame', 'topic scene', 'topic suggestion', 'topic timing',
        *(f'topic {topic.name}' for topic in REGULAR), 'picture',
        'host', 'gpu', 'degradation', 'system clock', 'alarms', 'alarm log',
    ]  # fmt: skip


def test_what_is_wrong_around_the_stages_has_its_row(play, log):
    gpu = GpuFacts('NVIDIA H100', 87.0, 350.0, 1200.0, 1024.0, 2048.0, 0.9, 'the GPU slows itself down at 87 °C')
    host = HostFacts(1e4, 2.0, 1e5, '/var', 70.0, gpu.hot, gpu)
    play.watch.around = Surroundings(PictureFacts('the same picture for 0.2 s'), host, clock='set by +10.0 s')
    play.run(0.1)
    found = rows(play, log)
    assert (found['picture'].level, found['picture'].message) == (Level.ERROR, 'the same picture for 0.2 s')
    assert found['host'].message == (
        'the GPU slows itself down at 87 °C; 2 MiB in /dev/shm are left, the limit is 8 MiB'
    )
    assert (found['gpu'].level, found['gpu'].values['power [W]']) == (Level.WARN, '350.0')
    assert found['system clock'].level is Level.WARN


def test_all_rows_are_ok_when_all_is_well(play, log):
    assert {row.level for row in rows(play, log).values()} == {Level.OK}


def test_before_the_first_word_rows_are_stale(log):
    play = Play()
    play.silent |= set(STAGES)
    play.run(0.1)
    levels = {name: row.level for name, row in rows(play, log).items()}
    assert {name for name, level in levels.items() if level is Level.STALE} == levels.keys() - {
        'alarms', 'alarm log', 'picture', 'gpu', 'degradation', 'system clock',
    }  # fmt: skip


def test_after_the_grace_what_never_came_is_an_error(log):
    play = Play(grace_s=1.0)
    play.silent |= set(STAGES)
    play.run(1.5)
    found = rows(play, log)
    assert found['stage camera'].level is Level.ERROR
    assert found['stage camera'].message == 'never heard of'
    assert found['topic timing'].level is Level.ERROR
    assert found['guidance'].level is Level.ERROR


def test_a_lost_camera_shows_in_every_row_it_concerns(play, log):
    play.mute.add(FRAME.name)
    play.run(1.0)
    found = rows(play, log)
    errors = {name for name, row in found.items() if row.level is Level.ERROR}
    assert errors == {'guidance', 'topic camera/frame', 'topic scene', 'topic timing', 'alarms'}
    assert found['topic camera/frame'].values['alive'] == 'False'
    assert found['topic camera/frame'].values['limit [s]'] == '0.09'
    assert found['alarms'].values['active'] == 'camera_lost'
    assert found['latency'].level is Level.STALE


@pytest.mark.parametrize(
    ('state', 'level', 'message'),
    [
        (StageState.ERROR, Level.ERROR, 'the cable is out'),
        (StageState.FAILED, Level.ERROR, 'the cable is out'),
        (StageState.INACTIVE, Level.WARN, 'inactive'),
        (StageState.FINISHED, Level.WARN, 'finished'),
        (StageState.ACTIVE, Level.OK, 'the cable is out'),
    ],
)
def test_a_stage_tells_its_state(play, log, state, level, message):
    play.states['camera'], play.details['camera'] = state, 'the cable is out'
    play.run(0.2)
    row = rows(play, log)['stage camera']
    assert (row.level, row.message) == (level, message)
    assert row.values['process'] == '100'


def test_a_stage_whose_process_ended_is_an_error(play, log):
    play.silent |= set(STAGES)
    play.watch.process_ended(100, play.now_ns)
    play.run(0.01)
    assert rows(play, log)['stage inference'].message == 'its process has ended'


def test_a_stage_without_a_heartbeat_is_an_error(play, log):
    play.silent.add('relay')
    play.run(0.6)
    assert rows(play, log)['stage relay'].message == 'no heartbeat'


@pytest.mark.parametrize(('latency_ms', 'level'), [(30.0, Level.OK), (60.0, Level.WARN), (100.0, Level.ERROR)])
def test_the_latency_has_a_warning_level_and_a_limit(play, log, latency_ms, level):
    play.latency_ms = latency_ms
    play.run(1.5)
    row = rows(play, log)['latency']
    assert row.level is level
    assert row.values['capture to advice p50 [ms]'] == f'{latency_ms:.1f}'


def test_too_few_frames_are_a_warning(play, log):
    play.fps = 15.0
    play.run(2.0)
    assert rows(play, log)['topic timing'].message == 'comes too seldom'
    assert rows(play, log)[f'topic {TIMING.name}'].level is Level.WARN


def test_a_topic_with_nothing_valid_is_a_warning(play, log):
    play.suggestion_problem = 'no scene'
    play.run(0.5)
    row = rows(play, log)['topic suggestion']
    assert (row.level, row.message) == (Level.WARN, 'no scene')


def test_a_log_that_cannot_be_written_is_a_warning(play, tmp_path):
    (tmp_path / 'file').touch()
    log = AlarmLog(tmp_path / 'file', lambda problem: None)
    log.write({'id': 'lost'})
    log.close()
    row = rows(play, log)['alarm log']
    assert row.level is Level.WARN
    assert row.values['entries lost'] == '1'


def row(name, level):
    return Diagnosis(name, level, '', {})


@pytest.mark.parametrize(
    ('before', 'after', 'risen'),
    [
        (Level.OK, Level.OK, False),
        (Level.OK, Level.STALE, False),
        (Level.OK, Level.WARN, True),
        (Level.STALE, Level.ERROR, True),
        (Level.WARN, Level.ERROR, True),
        (Level.ERROR, Level.WARN, False),
        (Level.ERROR, Level.ERROR, False),
    ],
)
def test_only_what_gets_graver_is_told_at_once(before, after, risen):
    assert rose([row('a', Level.ERROR), row('b', before)], [row('a', Level.ERROR), row('b', after)]) is risen


def test_the_gist_changes_whenever_something_gets_graver(play, log):
    """The node diagnoses only when the gist has changed: it must not miss one that got graver."""
    own = ('guidance', 'alarms', 'alarm log')  # the node asks for the changes of these by themselves

    def seen():
        return play.outcomes[-1].view.gist, [row for name, row in rows(play, log).items() if name not in own]

    before = seen()
    for happens in (
        lambda: play.mute.add(FRAME.name),
        lambda: play.mute.clear(),
        lambda: setattr(play, 'latency_ms', 60.0),
        lambda: setattr(play, 'latency_ms', 100.0),
        lambda: setattr(play, 'scene_problem', 'no model'),
        lambda: play.states.update(relay=StageState.ERROR),
        lambda: play.silent.add('relay'),
        lambda: play.silent.update(STAGES),
    ):
        happens()
        for _ in range(30):
            play.run(0.1)
            after = seen()
            assert after[0] != before[0] or not rose(before[1], after[1])
            before = after
