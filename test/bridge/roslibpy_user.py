"""What a user of roslibpy does, in a process of its own (its reactor starts only once). Prints what it saw as JSON."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import roslibpy

PATIENCE_S = 20.0


def first(subscribe: Any) -> Any:
    """Give the first message."""
    got: list[Any] = []
    event = threading.Event()
    subscribe(lambda message: (got.append(message), event.set()))
    assert event.wait(PATIENCE_S), 'nothing came'
    return got[0]


def main(port: int) -> dict[str, Any]:
    ros = roslibpy.Ros('127.0.0.1', port)
    ros.run(timeout=PATIENCE_S)
    seen: dict[str, Any] = {'connected': ros.is_connected}

    listener = roslibpy.Topic(ros, '/from_ros', 'std_msgs/String')
    seen['kept'] = dict(first(listener.subscribe))
    listener.unsubscribe()

    throttled = roslibpy.Topic(ros, '/echo', 'geometry_msgs/PointStamped', throttle_rate=10, queue_length=1)
    talker = roslibpy.Topic(ros, '/echo', 'geometry_msgs/PointStamped', latch=True)
    talker.advertise()
    header = roslibpy.Header(seq=1, stamp=roslibpy.Time(3, 4), frame_id='base')
    talker.publish(roslibpy.Message({'header': dict(header), 'point': {'x': 1, 'y': 2, 'z': 3}}))
    seen['echo'] = dict(first(throttled.subscribe))
    throttled.unsubscribe()
    talker.unadvertise()

    light = roslibpy.Service(ros, '/light', 'std_srvs/SetBool')
    seen['service'] = dict(light.call(roslibpy.ServiceRequest({'data': True}), timeout=PATIENCE_S))

    own = roslibpy.Service(ros, '/own', 'std_srvs/SetBool')

    def serve(request: Any, response: Any) -> bool:
        response['success'], response['message'] = request['data'], 'served by roslibpy'
        return True

    own.advertise(serve)
    caller = roslibpy.Service(ros, '/own', 'std_srvs/SetBool')  # one that offers a service does not call it
    seen['own'] = dict(caller.call(roslibpy.ServiceRequest({'data': True}), timeout=PATIENCE_S))
    own.unadvertise()

    seen['topics'] = ros.get_topics()
    seen['type'] = ros.get_topic_type('/from_ros')
    seen['time'] = ros.get_time()['secs']
    seen['services'] = ros.get_services()
    seen['service_type'] = ros.get_service_type('/light')
    seen['details'] = ros.get_message_details('std_msgs/String')['typedefs'][0]['fieldnames']
    seen['nodes'] = ros.get_nodes()
    seen['param'] = ros.get_param('/beside:use_sim_time')
    ros.set_status_level('none', 'roslibpy')
    ros.close()
    return seen


if __name__ == '__main__':
    sys.stdout.write('seen ' + json.dumps(main(int(sys.argv[1]))) + '\n')
