"""The clients that people use, from the registry, unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import SetBool


def test_roslibpy_does_everything_it_can(bridge):
    kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    sender = bridge.node.create_publisher(String, '/from_ros', kept)
    sender.publish(String(data='hello'))

    def on_light(request: Any, response: Any) -> Any:
        response.success = request.data
        return response

    service = bridge.node.create_service(SetBool, '/light', on_light)
    program = Path(__file__).with_name('roslibpy_user.py')
    done = subprocess.run(
        [sys.executable, str(program), str(bridge.port)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('seen '))[5:])
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
    bridge.node.destroy_service(service)
    bridge.node.destroy_publisher(sender)
