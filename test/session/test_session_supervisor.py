"""The processes of a run: started again after a back-off, given up on, and how that ends the run or not."""

import threading

import pytest

from surgical_guidance.session import processes
from surgical_guidance.session.processes import BACK_OFF_LAST_S, RESTARTS, Child, back_off_s


def test_the_back_off_doubles_and_has_an_end():
    assert [back_off_s(deaths) for deaths in range(1, 5)] == [0.1, 0.2, 0.4, 0.8]
    assert back_off_s(50) == BACK_OFF_LAST_S


@pytest.mark.parametrize(('vital', 'goes_on'), [(True, False), (False, True)])
def test_a_process_that_will_not_stay_up_is_given_up_and_a_vital_one_ends_the_run(
    tmp_path, monkeypatch, vital, goes_on
):
    monkeypatch.setattr(processes, 'BACK_OFF_FIRST_S', 0.0)
    child = Child('relay', (), tmp_path / 'log', vital=vital, module='this')  # prints a poem and ends
    told = []
    child.start()
    while not child.given_up:
        alive = child.poll(told.append)
        threading.Event().wait(0.005)
    assert alive is goes_on
    assert len(told) == RESTARTS + 1
    assert told[0].startswith('relay ended with exit status 0; it is started again')
    assert 'giving up' in told[-1]
    assert child.pid == 0
    assert child.poll(told.append)  # and no more is said or tried
    assert len(told) == RESTARTS + 1


def test_a_child_that_hangs_can_be_ended_and_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, 'BACK_OFF_FIRST_S', 0.0)
    child = Child('relay', (), tmp_path / 'log')
    child._command = [child._command[0], '-c', 'import signal; signal.pause()']
    told = []
    child.start()
    first = child.pid
    child.kill()
    while child.pid in (0, first):
        assert child.poll(told.append)
        threading.Event().wait(0.005)
    assert told == [f'relay ended by signal SIGKILL; it is started again ({child.log})']
    child.kill()
    child._process.wait(10)
