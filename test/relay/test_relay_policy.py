"""The policy: everything that is not allowed is refused."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from surgical_guidance.errors import AccessError
from surgical_guidance.relay.security import Policy, Principal, Role

NS = '/surgical_guidance'
MSGS = 'surgical_guidance_msgs'
SEE = {
    ('watch', '', ''),
    ('watch', 'track/video', ''),
    ('subscribe', f'{NS}/suggestion', f'{MSGS}/msg/Suggestion'),
    ('subscribe', f'{NS}/scene', f'{MSGS}/msg/SceneState'),
    ('subscribe', f'{NS}/status', f'{MSGS}/msg/GuidanceStatus'),
    ('subscribe', f'{NS}/alarm', f'{MSGS}/msg/Alarm'),
    ('subscribe', f'{NS}/timing', f'{MSGS}/msg/FrameTiming'),
    ('subscribe', '/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray'),
    ('call_service', '/rosapi/topics', 'rosapi_msgs/srv/Topics'),
}
TALK = {('annotate', '', ''), ('speak', '', ''), ('listen', '', ''), ('speak', 'track/audio', '')}
DECIDE = {
    ('respond', '', ''),
    ('acknowledge', '', ''),
    ('pause_audio', '', ''),
    ('participants', '', ''),
    ('end_session', '', ''),
    ('subscribe', f'{NS}/participants', f'{MSGS}/msg/Participants'),
    ('call_service', f'{NS}/acknowledge_alarm', f'{MSGS}/srv/AcknowledgeAlarm'),
    ('call_service', f'{NS}/end_session', f'{MSGS}/srv/EndSession'),
}
NOBODY_BUT_ADMINS = {
    ('publish', f'{NS}/suggestion', f'{MSGS}/msg/Suggestion'),
    ('publish', f'{NS}/session_context', f'{MSGS}/msg/SessionContext'),
    ('subscribe', f'{NS}/camera/image_raw', 'sensor_msgs/msg/Image'),
    ('subscribe', f'{NS}/overlay/image/compressed', 'sensor_msgs/msg/CompressedImage'),
    ('subscribe', f'{NS}/suggestion', 'std_msgs/msg/String'),  # the type counts
    ('subscribe', '/other/suggestion', f'{MSGS}/msg/Suggestion'),  # and the namespace
    ('subscribe', f'{NS}/suggestion/more', f'{MSGS}/msg/Suggestion'),
    ('subscribe', f'{NS}/SUGGESTION', f'{MSGS}/msg/Suggestion'),
    ('advertise', f'{NS}/alarm', f'{MSGS}/msg/Alarm'),
    ('call_service', f'{NS}/relay/set_parameters', 'rcl_interfaces/srv/SetParameters'),
    ('call_service', '/rosapi/set_param', 'rosapi_msgs/srv/SetParam'),
    ('advertise_service', f'{NS}/x', 'std_srvs/srv/Trigger'),
    ('unheard_of', '', ''),
    ('', '', ''),
}
ALLOWED = {
    Role.OBSERVER: SEE,
    Role.EXPERT: SEE | TALK,
    Role.SURGEON: SEE | TALK | DECIDE,
    Role.ADMIN: SEE | TALK | DECIDE | NOBODY_BUT_ADMINS,
}
ASKED = sorted(SEE | TALK | DECIDE | NOBODY_BUT_ADMINS)


@pytest.mark.parametrize(('role', 'asked'), list(itertools.product(Role, ASKED)), ids=str)
def test_each_role_may_do_what_its_rows_say_and_nothing_else(role: Role, asked: tuple[str, str, str]) -> None:
    assert Policy.load().allows(Principal('a', role, ''), *asked) is (asked in ALLOWED[role])


@pytest.mark.parametrize('op', ['publish', 'advertise', 'call_service', 'advertise_service', 'send_action_goal'])
@pytest.mark.parametrize('verb', ['servo_' + 'jp', 'servo_' + 'cf', 'move_' + 'cp', 'state_' + 'command'])
def test_nobody_moves_an_arm_not_even_an_admin(op: str, verb: str) -> None:
    admin = Principal('a', Role.ADMIN, '')
    for target in (f'/PSM1/{verb}', f'/{verb}', f'/a/b/{verb}/c'):
        assert not Policy.load().allows(admin, op, target, 'sensor_msgs/msg/JointState')
    assert Policy.load().allows(admin, 'subscribe', '/PSM1/measured_js', 'sensor_msgs/msg/JointState')


def test_a_relative_target_is_in_the_namespace_of_the_guidance() -> None:
    policy = Policy.load(namespace='/or1')
    observer = Principal('a', Role.OBSERVER, '')
    assert policy.allows(observer, 'subscribe', '/or1/status', f'{MSGS}/msg/GuidanceStatus')
    assert not policy.allows(observer, 'subscribe', f'{NS}/status', f'{MSGS}/msg/GuidanceStatus')


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        ('rows: []', 'rows'),
        ('rows: [{roles: [boss], ops: [watch]}]', r'rows.0.roles.0'),
        ('rows: [{roles: [admin], ops: []}]', r'rows.0.ops'),
        ('rows: [{roles: [admin], ops: [watch], topic: x}]', r'rows.0.topic'),
        ('{', 'not YAML'),
        ('', 'dict'),
        ('[[[', 'not YAML'),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_the_field(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / 'policy.yaml'
    file.write_text(text)
    with pytest.raises(AccessError, match=what) as error:
        Policy.load(file)
    assert error.value.where == str(file)


def test_a_policy_of_ones_own_counts_instead(tmp_path: Path) -> None:
    file = tmp_path / 'policy.yaml'
    file.write_text('rows: [{roles: [observer], ops: [subscribe], targets: ["/robot/*"], types: ["std_msgs/msg/*"]}]')
    policy = Policy.load(file)
    assert policy.allows(Principal('a', Role.OBSERVER, ''), 'subscribe', '/robot/state', 'std_msgs/msg/String')
    assert not policy.allows(Principal('a', Role.ADMIN, ''), 'watch')
