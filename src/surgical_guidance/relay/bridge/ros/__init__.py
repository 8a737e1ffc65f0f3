"""ROS for the bridge, by rclpy: a node of its own whose executor turns in a thread of its own."""

from surgical_guidance.relay.bridge.ros.robot import RclpyRobot
from surgical_guidance.relay.bridge.ros.turning import TurningNode

__all__ = ['RclpyRobot', 'TurningNode']
