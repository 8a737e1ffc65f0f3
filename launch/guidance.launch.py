"""Bring guidance up: camera, inference and advice, composed or apart, with the watchdog and the relay beside them.

``ros2 launch surgical_guidance guidance.launch.py --show-args`` lists the arguments; ``docs/ros-host.md`` tells more.
"""

import shutil
import sys
from pathlib import Path
from typing import List  # noqa: UP035

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription

PACKAGE = 'surgical_guidance'
COMPOSED = ('guidance_container', 'recorder_node', 'watchdog_node', 'relay_node')
APART = ('camera_node', 'inference_node', 'advice_node', 'recorder_node', 'watchdog_node', 'relay_node')
RESPAWN_DELAY_S = 0.5
YES_OR_NO = ['true', 'false']
ROSBRIDGES = ('own', 'stock', 'none')
STOCK = (('rosbridge_server', 'rosbridge_websocket'), ('rosapi', 'rosapi_node'))  # package and executable
STOCK_PARAMETERS = {'port': 9090, 'address': '127.0.0.1'}  # it knows neither tokens nor origins: this host only

# absolute() and not resolve(): after colcon build --symlink-install this file is a link into the clone.
SHARE = Path(__file__).absolute().parents[1]  # share/surgical_guidance where it is installed, else the clone
EXECUTABLES = f'{SHARE.parents[1]}/lib/{PACKAGE}:{Path(sys.executable).parent}'  # where colcon puts them, and pip


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, then start the processes they ask for."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'source',
                default_value='',
                description='where pictures come from, a URI (file:, device:, rtsp:, topic:, phantom:); '
                'empty: what the params_file says',
            ),
            DeclareLaunchArgument(
                'models',
                default_value='',
                description='models that look at the frames, names or manifests, separated by commas; '
                'empty: what the params_file says',
            ),
            DeclareLaunchArgument(
                'params_file',
                default_value=str(SHARE / 'config' / 'guidance.yaml'),
                description='ROS parameters of all nodes',
            ),
            DeclareLaunchArgument(
                'composed',
                default_value='true',
                choices=YES_OR_NO,
                description='camera, inference and advice in one process, frames handed over by reference',
            ),
            DeclareLaunchArgument(
                'autostart',
                default_value='true',
                choices=YES_OR_NO,
                description='configure and activate the stages at start; false: a lifecycle manager does it',
            ),
            DeclareLaunchArgument(
                'respawn',
                default_value='true',
                choices=YES_OR_NO,
                description=f'start a process that ended again after {RESPAWN_DELAY_S} s',
            ),
            DeclareLaunchArgument(
                'rosbridge',
                default_value='own',
                choices=list(ROSBRIDGES),
                description="rosbridge at port 9090: the relay's own, the stock rosbridge_server, or none",
            ),
            DeclareLaunchArgument('namespace', default_value=PACKAGE, description='of all nodes and topics'),
            OpaqueFunction(function=_processes),
        ]
    )


def _processes(context: LaunchContext) -> list[Node]:
    """Make the processes. The nodes name themselves, since one process can hold several of them."""

    def argument(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    # They come after the params_file and beat it. A -p rule would not: it cannot name a node in a namespace, and loses
    # against the file's rules for a node. Typed, since a URI such as "phantom:" reads as YAML for something else.
    given = {'autostart': argument('autostart') == 'true'}
    if argument('source'):
        given['source'] = ParameterValue(argument('source'), value_type=str)
    if argument('models'):
        names = [model.strip() for model in argument('models').split(',')]
        given['models'] = ParameterValue(names, value_type=List[str])  # noqa: UP006  (launch knows no list[str])
    if argument('rosbridge') != 'own':
        given['bridge_port'] = -1
    ours = [
        Node(
            executable=_path(executable),
            namespace=argument('namespace'),
            parameters=[argument('params_file'), given],
            respawn=argument('respawn') == 'true',
            respawn_delay=RESPAWN_DELAY_S,
            output='screen',
        )
        for executable in (COMPOSED if argument('composed') == 'true' else APART)
    ]
    if argument('rosbridge') != 'stock':
        return ours
    return [*ours, *(_stock(package, executable, argument('respawn') == 'true') for package, executable in STOCK)]


def _stock(package: str, executable: str, respawn: bool) -> Node:
    """Make a process of stock rosbridge, which the host must have (apt-get install ros-jazzy-rosbridge-suite)."""
    return Node(
        package=package,
        executable=executable,
        parameters=[STOCK_PARAMETERS],
        respawn=respawn,
        respawn_delay=RESPAWN_DELAY_S,
        output='screen',
    )


def _path(executable: str) -> str:
    """Find an executable of the package."""
    path = shutil.which(executable, path=EXECUTABLES)
    if path is None:
        raise FileNotFoundError(f'{executable} is not in {EXECUTABLES}: build the workspace, or run make setup')
    return path
