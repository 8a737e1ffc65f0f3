"""The state machine: every state times every observation, and the hysteresis."""

import itertools

import pytest
from surgical_guidance_msgs.msg import GuidanceStatus

from surgical_guidance.watchdog.state import HOLD_S, Observation, State, StateMachine

S = 1_000_000_000
MS = 1_000_000

WAITING, CURRENT, IMPAIRED, SILENT, BROKEN = Observation
STARTING, OK, DEGRADED, INTERRUPTED, FAILED = State

BRINGS = {OK: CURRENT, DEGRADED: IMPAIRED, INTERRUPTED: SILENT, FAILED: BROKEN}

TABLE = {  # state, observation: the state at once, and after that observation has lasted for the state's hold
    (STARTING, WAITING): (STARTING, STARTING),
    (STARTING, CURRENT): (OK, OK),
    (STARTING, IMPAIRED): (DEGRADED, DEGRADED),
    (STARTING, SILENT): (INTERRUPTED, INTERRUPTED),
    (STARTING, BROKEN): (FAILED, FAILED),
    (OK, WAITING): (INTERRUPTED, INTERRUPTED),
    (OK, CURRENT): (OK, OK),
    (OK, IMPAIRED): (DEGRADED, DEGRADED),
    (OK, SILENT): (INTERRUPTED, INTERRUPTED),
    (OK, BROKEN): (FAILED, FAILED),
    (DEGRADED, WAITING): (INTERRUPTED, INTERRUPTED),
    (DEGRADED, CURRENT): (DEGRADED, OK),
    (DEGRADED, IMPAIRED): (DEGRADED, DEGRADED),
    (DEGRADED, SILENT): (INTERRUPTED, INTERRUPTED),
    (DEGRADED, BROKEN): (FAILED, FAILED),
    (INTERRUPTED, WAITING): (INTERRUPTED, INTERRUPTED),
    (INTERRUPTED, CURRENT): (INTERRUPTED, OK),
    (INTERRUPTED, IMPAIRED): (INTERRUPTED, DEGRADED),
    (INTERRUPTED, SILENT): (INTERRUPTED, INTERRUPTED),
    (INTERRUPTED, BROKEN): (FAILED, FAILED),
    (FAILED, WAITING): (FAILED, INTERRUPTED),
    (FAILED, CURRENT): (FAILED, OK),
    (FAILED, IMPAIRED): (FAILED, DEGRADED),
    (FAILED, SILENT): (FAILED, INTERRUPTED),
    (FAILED, BROKEN): (FAILED, FAILED),
}


def machine_in(state, now_ns=S):
    machine = StateMachine()
    if state is not STARTING:
        machine.observe(BRINGS[state], now_ns)
    assert machine.state is state
    return machine


def test_the_table_is_complete():
    assert TABLE.keys() == set(itertools.product(State, Observation))


@pytest.mark.parametrize(('state', 'observation'), TABLE, ids=lambda value: value.name)
def test_every_state_times_every_observation(state, observation):
    at_once, after_hold = TABLE[state, observation]
    machine = machine_in(state)
    assert machine.observe(observation, S + 1) is (at_once is not state)
    assert machine.state is at_once
    hold_ns = int(HOLD_S.get(state, 0.0) * S)
    machine.observe(observation, S + hold_ns - 1)
    assert machine.state is at_once
    assert machine.observe(observation, S + hold_ns + 1) is (after_hold is not at_once)
    assert machine.state is after_hold


def test_the_numbers_are_those_of_the_message():
    assert {state.name: state.value for state in State} == {
        name: getattr(GuidanceStatus, name) for name in ('STARTING', 'OK', 'DEGRADED', 'INTERRUPTED', 'FAILED')
    }


def test_a_relapse_within_the_hold_starts_it_anew():
    machine = machine_in(INTERRUPTED)
    for at_ms, observation in ((400, CURRENT), (450, SILENT), (900, CURRENT)):
        machine.observe(observation, S + at_ms * MS)
        assert machine.state is INTERRUPTED
    machine.observe(CURRENT, S + 950 * MS)
    assert machine.state is OK


def test_after_the_hold_the_last_observation_says_where_to():
    machine = machine_in(FAILED)
    machine.observe(CURRENT, S + 100 * MS)
    machine.observe(SILENT, S + 500 * MS)
    assert machine.state is INTERRUPTED
    machine.observe(CURRENT, S + 900 * MS)
    assert machine.state is INTERRUPTED  # its own hold begins when it is entered
    machine.observe(CURRENT, S + 1000 * MS)
    assert machine.state is OK
