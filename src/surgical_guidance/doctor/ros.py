"""ROS 2 on this host: the client library, the messages, the network it speaks to, and the tools beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from surgical_guidance.doctor import probe
from surgical_guidance.doctor.finding import Finding

SET_UP = 'run make setup, or source the ROS 2 installation and the workspace'
DISTROS = {'3': 'humble', '7': 'jazzy', '9': 'kilted'}  # by the major version of rclpy
RANGES = ('SUBNET', 'LOCALHOST', 'OFF', 'SYSTEM_DEFAULT')
LAST_DOMAIN = 232  # the highest whose ports exist; DDS counts them from 7400 in steps of 250


def ros_2() -> Finding:
    """Try rclpy with the middleware that is asked for."""
    name = 'ROS 2'
    if not probe.has('rclpy'):
        return Finding(name, 'problem', 'no rclpy here: no node can start', SET_UP)
    worked, said = probe.python(
        'from rclpy.utilities import get_rmw_implementation_identifier as rmw; print(rmw())',
    )
    if not worked:
        wanted = os.environ.get('RMW_IMPLEMENTATION')
        remedy = f'unset RMW_IMPLEMENTATION, or install {wanted}' if wanted else SET_UP
        return Finding(name, 'problem', f'rclpy does not load: {said}', remedy)
    wheels = probe.version('ros-rclpy')
    distro = os.environ.get('ROS_DISTRO') or DISTROS.get((wheels or probe.version('rclpy')).split('.')[0], 'unknown')
    return Finding(name, 'ok', f'{distro} ({"wheels" if wheels else "installed on the host"}) over {said}')


def messages() -> Finding:
    """Try the messages, which are built for one Python and one ROS."""
    name = 'messages'
    worked, said = probe.python(
        'from rclpy.type_support import check_for_type_support as check\n'
        'from surgical_guidance_msgs.msg import FrameRef\n'
        'check(FrameRef)',
    )
    if not worked:
        return Finding(name, 'problem', f'surgical_guidance_msgs is not built here: {said}', SET_UP)
    return Finding(name, 'ok', 'surgical_guidance_msgs is built and loads')


def dds_security() -> Finding:
    """Tell whether traffic on the ROS network is encrypted and authenticated."""
    name = 'DDS security'
    wanted = os.environ.get('ROS_SECURITY_ENABLE', '').lower() == 'true'
    isolate = 'keep it on this host (ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST) or on a network of its own'
    if probe.version('ros-rclpy'):
        detail = 'SROS2 is not in the ROS 2 wheels: anybody on the ROS network can read topics and publish to them'
        if wanted:
            return Finding(name, 'problem', f'ROS_SECURITY_ENABLE is set, and {detail}', 'use a ROS 2 host for that')
        return Finding(name, 'missing', detail, isolate)
    if not wanted:
        return Finding(name, 'missing', 'off: anybody on the ROS network can publish to its topics', isolate)
    return Finding(name, 'ok', f'on, keystore {os.environ.get("ROS_SECURITY_KEYSTORE", "not named")}')


def ros_network() -> Finding:
    """Tell with whom the nodes speak."""
    name = 'ROS network'
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    reach = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE') or 'SUBNET'
    if os.environ.get('ROS_LOCALHOST_ONLY') == '1':
        reach = 'LOCALHOST'
    if not domain.isdecimal() or int(domain) > LAST_DOMAIN:
        return Finding(name, 'problem', f'ROS_DOMAIN_ID={domain} does not exist', f'use 0 to {LAST_DOMAIN}')
    if reach not in RANGES:
        return Finding(name, 'problem', f'{reach} is not a discovery range', f'use one of {", ".join(RANGES)}')
    if reach == 'OFF':
        return Finding(
            name,
            'problem',
            'discovery is OFF: the processes of guidance do not find each other',
            'unset ROS_AUTOMATIC_DISCOVERY_RANGE or set it to LOCALHOST',
        )
    who = 'this host alone' if reach == 'LOCALHOST' else 'every machine on the network in that domain'
    return Finding(name, 'ok', f'domain {domain}, discovery {reach}: nodes speak with {who}')


def launch() -> Finding:
    """Tell whether ``ros2 launch`` can start guidance."""
    if probe.has('launch_ros') and probe.has('ros2launch'):
        return Finding('ros2 launch', 'ok', 'ros2 launch surgical_guidance guidance.launch.py works')
    return Finding(
        'ros2 launch',
        'missing',
        'not here; surgical-guidance run starts the same nodes',
        'on a ROS 2 host: apt install ros-<distro>-ros2launch',
    )


def diagnostic_updater() -> Finding:
    """Look for the package that robots make their diagnostics with."""
    if probe.has('diagnostic_updater'):
        return Finding('diagnostic_updater', 'ok', 'here: the watchdog publishes /diagnostics through it')
    return Finding(
        'diagnostic_updater',
        'missing',
        'not here; the watchdog fills /diagnostics itself',
        'on a ROS 2 host: apt install ros-<distro>-diagnostic-updater',
    )


def rosbridge_server() -> Finding:
    """Look for rosbridge, which serves other web clients than the console."""
    if probe.has('rosbridge_server'):
        return Finding('rosbridge_server', 'ok', 'here, for clients other than the console; the relay does not need it')
    return Finding(
        'rosbridge_server',
        'missing',
        'not here; the relay serves the console without it',
        'on a ROS 2 host: apt install ros-<distro>-rosbridge-server',
    )


CHECKS: Sequence[Callable[[], Finding]] = (
    ros_2,
    messages,
    ros_network,
    dds_security,
    launch,
    diagnostic_updater,
    rosbridge_server,
)
