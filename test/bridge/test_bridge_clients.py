"""The clients that people use, from the registry, unchanged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import SetBool

ROSLIB = os.environ.get('ROSLIB_NODE_MODULES', '')
"""A folder ``node_modules`` with roslib in it (``npm install roslib``); nothing is installed by a test."""


@pytest.fixture(scope='module')
def light(bridge):
    """What the clients use: a topic that keeps its last message, and a service."""
    kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    sender = bridge.node.create_publisher(String, '/from_ros', kept)
    sender.publish(String(data='hello'))

    def on_light(request: Any, response: Any) -> Any:
        response.success = request.data
        return response

    return sender, bridge.node.create_service(SetBool, '/light', on_light)


def seen_by(*command: str) -> Any:
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith('seen '))[5:])


@pytest.mark.skipif(not (ROSLIB and shutil.which('node')), reason='no Node, or ROSLIB_NODE_MODULES is not set')
def test_roslib_does_everything_it_can(bridge, light):
    seen = seen_by('node', str(Path(__file__).with_name('roslib_user.mjs')), ROSLIB, str(bridge.port))
    assert seen['kept'] == {'data': 'hello'}
    assert seen['cbor'] == [1.5, 2.5]
    assert seen['service'] == {'success': True, 'message': ''}
    assert seen['own'] == {'success': True, 'message': 'served by roslib'}
    assert '/from_ros' in seen['topics']
    assert '/beside' in seen['nodes']
    assert 'is not served' in seen['status']


def test_roslibpy_does_everything_it_can(bridge, light):
    seen = seen_by(sys.executable, str(Path(__file__).with_name('roslibpy_user.py')), str(bridge.port))
    assert seen['connected'] is True
    assert seen['kept'] == {'data': 'hello'}
    assert seen['echo']['header'] == {'stamp': {'sec': 3, 'nanosec': 4}, 'frame_id': 'base'}
    assert seen['echo']['point'] == {'x': 1.0, 'y': 2.0, 'z': 3.0}
    assert seen['service'] == {'success': True, 'message': ''}
    assert seen['own'] == {'success': True, 'message': 'served by roslibpy'}
    assert '/from_ros' in seen['topics']
    assert seen['type'] == 'std_msgs/msg/String'
    assert seen['time'] > 1_000_000
    assert '/light' in seen['services']
    assert seen['service_type'] == 'std_srvs/srv/SetBool'
    assert seen['details'] == ['data']
    assert '/beside' in seen['nodes']
    assert seen['param'] is False
