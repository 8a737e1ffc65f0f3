"""Makes the picture and the truth of a moment: one patient, one camera, one size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.phantom import instruments, stage_set
from surgical_guidance.phantom.blood import BLOOD
from surgical_guidance.phantom.disturbances import Disturbances, soften
from surgical_guidance.phantom.eyes import LEFT, Eye, Sight
from surgical_guidance.phantom.geometry import FOCAL, SHAFT_MM, Map, cloud, in_space, view_of
from surgical_guidance.phantom.instruments import Pose
from surgical_guidance.phantom.judgements import AREAS, LINE
from surgical_guidance.phantom.layout import HEIGHT, UNITS_PER_MM, WIDTH
from surgical_guidance.phantom.moment import Moment, Place, Tool
from surgical_guidance.phantom.patient import GRID, Patient
from surgical_guidance.phantom.places import far
from surgical_guidance.phantom.surface import Surface
from surgical_guidance.phantom.truth import (
    ROLL_LIMIT_DEG,
    Bleeding,
    CameraTruth,
    Events,
    FrameTruth,
    InstrumentTruth,
    Pixel,
    ZoneTruth,
)
from surgical_guidance.phantom.vendors import Camera, Rim, Vendor

_TARGET = CLASSES.index('gallbladder')


@dataclass(frozen=True, slots=True)
class Slate:
    """What a frame is called: scenario, seed and index."""

    scenario: str
    seed: int
    index: int


class Studio:
    """Takes pictures of one patient with one camera.

    :param patient: what it looks at.
    :param vendor: of the camera.
    :param width: of the pictures [px].
    :param height: [px].
    :param seed: of smoke, drops, noise and the room outside.
    :param eye: of the endoscope that the camera looks through. Noise and what is on the lens are each eye's own.
    """

    def __init__(self, patient: Patient, vendor: Vendor, width: int, height: int, seed: int, eye: Eye = LEFT) -> None:
        self.patient, self.vendor, self._eye = patient, vendor, eye
        self.width, self.height = width, height
        self._view = view_of(width, height)
        self._rim = Rim(vendor, self._view, width, height)
        self._sight = Sight(patient, eye)
        self._seed = seed
        self._own = () if eye is LEFT else (1,)  # of random numbers
        lens = None if eye is LEFT else np.random.default_rng((seed, 1, *self._own))
        self._disturbances = Disturbances(np.random.default_rng((seed, 1)), lens)
        self._camera = Camera(vendor, width, height, np.random.default_rng((seed, 2, *self._own)))

    def render(self, moment: Moment, index: int, image: NDArray[np.uint8]) -> None:
        """Draw a moment into ``uint8 (height, width, 3)``, bgr8.

        :param index: of the frame: it alone chooses the noise.
        """
        if moment.out_of_body:
            stage_set.draw_room(image, moment.time_s, np.random.default_rng((self._seed, 3)))
        else:
            self._draw_body(moment, image)
        soften(image, moment.level('blur'), moment.smear)
        self._camera.take(
            image,
            self._rim,
            moment.motion * self._view.scale,
            moment.level('low_light'),
            np.random.default_rng((self._seed, 4, index, *self._own)),
        )

    def labels(self, moment: Moment, width: int | None = None, height: int | None = None) -> NDArray[np.uint8]:
        """Give the class of every pixel, ``uint8 (height, width)``, indices into the contract's classes.

        What disturbs the view hides nothing here. The specimen bag is background, as in CholecSeg8k.
        """
        size = (width or self.width, height or self.height)
        if moment.out_of_body:
            return np.zeros((size[1], size[0]), np.uint8)
        view = view_of(*size)

        def dress(labels: NDArray[np.uint8]) -> None:
            for blood in moment.blood:
                blood.pool.mark(labels, blood.radius, view, moment.shift, moment.roll)
            if moment.bag is not None:
                outline = stage_set.bag_outline(moment.bag, moment.shift, moment.roll, view)
                cv2.fillPoly(labels, [outline], 0, cv2.LINE_8, 4)

        labels = self._sight.labels(size, moment, dress)
        for pose in self._poses(moment):
            instruments.mark(labels, view, pose)
        Rim(self.vendor, view, *size).black(labels, cv2.LINE_8)
        return labels

    def depth(self, moment: Moment, width: int | None = None, height: int | None = None) -> Map:
        """Give the depth of every pixel, ``float32 (height, width)`` [mm]; 0 where nothing of the body is seen."""
        size = (width or self.width, height or self.height)
        if moment.out_of_body:
            return np.zeros((size[1], size[0]), np.float32)
        view = view_of(*size)
        depth = self._sight.depth(size, moment)
        for pose in self._poses(moment):
            instruments.depth(depth, view, pose)
        inside = np.ones((size[1], size[0]), np.uint8)
        Rim(self.vendor, view, *size).black(inside, cv2.LINE_8)
        depth *= inside
        return depth

    def truth(self, moment: Moment, slate: Slate) -> FrameTruth:
        """Tell what is in the picture of a moment."""
        tools = () if moment.out_of_body else self._instruments(moment)
        view = self._view
        return FrameTruth(
            scenario=slate.scenario,
            seed=slate.seed,
            vendor=self.vendor.name,
            index=slate.index,
            time_s=moment.time_s,
            width=self.width,
            height=self.height,
            camera=CameraTruth(
                FOCAL * view.scale,
                FOCAL * view.scale,
                *view.px(WIDTH / 2, HEIGHT / 2),
                -math.degrees(moment.roll),
                (
                    -moment.drift[0] / (UNITS_PER_MM * self.patient.zoom),
                    -moment.drift[1] / (UNITS_PER_MM * self.patient.zoom),
                ),
                self._eye.baseline_mm,
            ),
            instruments=tools,
            events=self.events(moment),
            phase=moment.phase,
            verb=moment.verb,
            energy=any(tool.energised for tool in moment.tools),
            zones=() if moment.out_of_body else self._zones(moment),
            landmarks={} if moment.out_of_body else {name: self._place(at, moment) for name, at in LINE.items()},
            critical_view=moment.critical_view,
            identified=moment.identified,
            target_share=float(np.mean(self.labels(moment, *GRID) == _TARGET)),
        )  # fmt: skip

    def events(self, moment: Moment) -> Events:
        """Tell what goes on, at a fraction of the cost of the whole truth."""
        outside = moment.out_of_body
        seen = {} if outside else {name: moment.level(name) for name in ('smoke', 'fog', 'splash', 'glare')}
        in_use = [] if outside else [pose for pose in self._poses(moment) if pose.class_name in moment.in_use]
        return Events(
            bleeding=None if outside else self._bleeding(moment),
            **seen,
            low_light=moment.level('low_light'),
            blur=moment.level('blur'),
            roll=abs(math.degrees(moment.roll)) > ROLL_LIMIT_DEG,
            tip_left_view=not all(self._rim.holds(*self._view.px(pose.tip_x, pose.tip_y)) for pose in in_use),
            out_of_body=outside,
        )

    def _poses(self, moment: Moment) -> list[Pose]:
        return [self._eye.sees(pose) for pose in moment.poses()]

    def _draw_body(self, moment: Moment, image: NDArray[np.uint8]) -> None:
        view, shift, roll = self._view, moment.shift, moment.roll

        def dress(image: NDArray[np.uint8]) -> None:
            stage_set.draw_clips(image, moment.clips, shift, roll, view)
            for blood in moment.blood:
                blood.pool.paint(image, blood.radius, view, shift, roll)
            if moment.bag is not None:
                stage_set.draw_bag(image, moment.bag, shift, roll, view)
            stage_set.draw_shadows(image, moment.poses(), view)

        self._sight.picture(image, view, moment, dress)
        for tool, pose in zip(moment.tools, self._poses(moment), strict=True):
            instruments.draw(image, view, pose)
            if tool.energised:
                stage_set.draw_spark(image, pose, view, moment.time_s)
        self._disturbances.smoke(image, moment.level('smoke'), moment.time_s)
        self._disturbances.glare(image, moment.level('glare'))
        self._disturbances.fog(image, moment.level('fog'))
        self._disturbances.splash(image, moment.level('splash'))

    def _instruments(self, moment: Moment) -> tuple[InstrumentTruth, ...]:
        if not moment.tools:
            return ()
        labels = self._sight.labels(GRID, moment, lambda _labels: None)
        Rim(self.vendor, view_of(*GRID), *GRID).black(labels, cv2.LINE_8)
        surface = Surface(cloud(self._sight.depth(GRID, moment), view_of(*GRID)), labels)
        return tuple(self._instrument(tool, moment, surface) for tool in moment.tools)

    def _instrument(self, tool: Tool, moment: Moment, surface: Surface) -> InstrumentTruth:
        pose = self._eye.sees(tool.pose.rolled(moment.roll))
        x, y = self._view.px(pose.tip_x, pose.tip_y)
        tip = instruments.tip_mm(pose)
        return InstrumentTruth(
            class_name=pose.class_name,
            id=tool.id,
            tip=(x, y),
            tip_mm=tip,
            tip_visible=self._rim.holds(x, y),
            axis=(math.cos(pose.angle), math.sin(pose.angle)),
            shaft_diameter_px=instruments.shaft_px(pose, self._view),
            shaft_diameter_mm=SHAFT_MM,
            opening=pose.opening if pose.class_name in ('grasper', 'clipper') else 0.0,
            energised=tool.energised,
            distances=surface.distances(tip, (pose.tip_x, pose.tip_y), self._view.scale),
        )

    def _bleeding(self, moment: Moment) -> Bleeding | None:
        if not moment.blood:
            return None
        labels = self.labels(moment, *GRID)
        newest = max(moment.blood, key=lambda blood: blood.growing)
        at = (newest.pool.x, newest.pool.y)
        x, y = self._place(at, moment, 1.0)
        scale, view = self._view.scale, self._view
        depth = self.patient.depth_at(*at, moment.emptied)
        return Bleeding(
            float(np.mean(labels == BLOOD)),
            any(blood.growing for blood in moment.blood),
            (x, y),
            in_space((x - view.offset_x) / scale, (y - view.offset_y) / scale, depth),
        )

    def _zones(self, moment: Moment) -> tuple[ZoneTruth, ...]:
        return tuple(ZoneTruth(area.kind, tuple(self._place(at, moment) for at in area.outline)) for area in AREAS)

    def _place(self, at: Place, moment: Moment, zoom: float | None = None) -> Pixel:
        """Give where a place of the plan is in the picture [px].

        :param zoom: of the plan; None: the patient's.
        """
        x, y = far(at, self.patient.zoom if zoom is None else zoom)
        seen = stage_set.seen(x, y, moment.shift, moment.roll, self._view)
        return self._sight.place(x, y, seen, self._view, moment.emptied)
