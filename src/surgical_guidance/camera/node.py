"""The camera's node: parameters in, frames out, by reference, by ``FrameRef``, and as images for those who ask."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from rclpy.exceptions import InvalidTopicNameException
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from surgical_guidance.camera.capture import Capture, SourceState
from surgical_guidance.camera.images import ImagePublisher
from surgical_guidance.camera.sources import is_live, make_source
from surgical_guidance.camera.topic import TopicSource
from surgical_guidance.camera.uri import hide_password
from surgical_guidance.contract import COMPRESSED_IMAGE, FRAME, IMAGE, TRUTH
from surgical_guidance.errors import RingUnavailable, SourceError
from surgical_guidance.frames import (
    CHANNELS,
    Claim,
    Frame,
    Picture,
    RingWriter,
    SourceInfo,
    TruePicture,
    remove_dead_rings,
    ring_scope,
)
from surgical_guidance.params import param
from surgical_guidance.ports import Output, frame_ref, publisher
from surgical_guidance.stage import StageNode, StageParams

_USUAL_SIZE = (1920, 1080)
"""What the ring is made for where the source does not say before it is there; a larger picture makes a larger ring."""


@dataclass(frozen=True)
class CameraParams(StageParams):
    """What the camera can be told."""

    source: str = param('phantom:', 'where pictures come from, a URI; docs/sources.md shows every form')
    ring_slots: int = param(8, 'frames kept in shared memory', minimum=3, maximum=64)


class CameraNode(StageNode[CameraParams]):
    """Captures frames.

    ``frames`` hands each to the neighbours in this process, before it is announced to others. ``ended`` is set when a
    file is over.
    """

    def __init__(self, **node: Any) -> None:
        self.frames: Output[Frame] = Output()
        self.ended = threading.Event()
        self._capture: Capture | None = None
        self._claim: Claim | None = None
        self._images: ImagePublisher | None = None
        self._subscription: Subscription[Any] | None = None
        self._rate = 0.0
        super().__init__('camera', CameraParams, **node)
        self._shown = hide_password(self.params.source)
        self._scope = ring_scope(self.get_namespace(), str(self.context.get_domain_id()))
        self._references = publisher(self, FRAME)
        self._raw = publisher(self, IMAGE)
        self._compressed = publisher(self, COMPRESSED_IMAGE)
        self._truths = publisher(self, TRUTH)

    def setup(self) -> None:
        """Open the source where it is a file, and make the ring.

        :raises SourceError: if the source cannot be used.
        :raises RingUnavailable: if there is no room for the ring, or another guidance is running.
        """
        uri = self.params.source
        source, live = make_source(uri), is_live(uri)
        self._claim = Claim(self._scope, 'camera')
        remove_dead_rings(self._scope)
        if isinstance(source, TopicSource):
            self._subscribe(source)
        info = None if live else source.open()
        width, height = _USUAL_SIZE if info is None else (info.width, info.height)
        try:
            self._capture = Capture(
                source,
                opened=info,
                live=live,
                make_ring=lambda capacity: RingWriter(self._scope, self.params.ring_slots, capacity),
                capacity=width * height * CHANNELS['bgr8'],
                send=self._deliver,
                on_state=self._on_state,
                on_shown=self._tell_truth,
            )
        except RingUnavailable:
            source.close()
            raise
        self._describe(info)

    def start(self) -> None:
        """Start to capture."""
        if self._capture is None:
            raise SourceError('the camera is not configured')
        self.ended.clear()
        self.done = 0
        self._images = ImagePublisher(self._raw, self._compressed)
        self._capture.start()

    def stop(self) -> None:
        """Stop to capture, at once.

        :raises SourceError: see :meth:`Capture.stop`.
        """
        try:
            if self._capture is not None:
                self._capture.stop()
        finally:
            if self._images is not None:
                self._images.close()
                self._images = None

    def teardown(self) -> None:
        """Give the source and the ring back."""
        capture, self._capture = self._capture, None
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
            self._subscription = None
        try:
            if capture is not None:
                capture.close()
        finally:
            if self._claim is not None:
                self._claim.release()
                self._claim = None

    def _subscribe(self, source: TopicSource) -> None:
        message = CompressedImage if source.compressed else Image
        newest = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        try:
            self._subscription = self.create_subscription(message, source.topic, source.accept, newest)
        except InvalidTopicNameException as error:
            raise SourceError(f'this is no name of a topic ({error})', where=self.params.source) from error

    def _deliver(self, frame: Frame) -> None:
        """Hand a frame on, to the neighbours first. Runs in the capture thread."""
        self.frames.send(frame)
        reference = frame_ref(frame, self._rate)
        self._references.publish(reference)
        self.pulse(FRAME, reference)
        self.done += 1
        if self._images is not None:
            self._images.accept(frame)

    def _tell_truth(self, picture: Picture, frame: Frame) -> None:
        """Tell what is really in a frame, to those who ask for it. Runs in the capture thread."""
        if self._truths.get_subscription_count() and isinstance(picture, TruePicture):
            head = f'"sequence":{frame.sequence},"stamp_ns":{frame.stamp_ns}'
            self._truths.publish(String(data=f'{{{head},"truth":{picture.truth()}}}'))

    def _on_state(self, state: SourceState) -> None:
        """Tell of a source that was lost, was found, or is over. Runs in the capture thread."""
        if state.ended:
            self.finish(state.problem)
            self.ended.set()
            return
        self.fault(state.problem)
        if not state.problem and self._capture is not None:
            self._describe(self._capture.info)

    def _describe(self, info: SourceInfo | None) -> None:
        self._rate = 0.0 if info is None else info.rate
        if info is None:
            self.detail = f'{self._shown}, not there yet'
        else:
            rate = f' at {info.rate:g} Hz' if info.rate else ''
            self.detail = f'{self._shown}, {info.width}x{info.height}{rate}, {info.description}'
