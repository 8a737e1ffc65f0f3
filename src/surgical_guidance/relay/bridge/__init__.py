"""The rosbridge v2 protocol over WebSocket: roslib, roslibpy and every dashboard built on them connect unchanged.

A sample's way out: ``ros/feeds`` (a serialised message from ROS, a thread) -> ``channels`` (who listens) -> ``lanes``
(what waits for one client) -> ``sample`` (encoded once for all, only when somebody can take it) -> the socket. A
message's way in: ``frames`` (one JSON object) -> ``session`` (may they?) -> one file of ``capabilities`` -> ``ros``.
Only ``ros`` knows rclpy. ``service`` holds it together on one asyncio loop in a thread of its own.
"""
