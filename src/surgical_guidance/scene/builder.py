"""From one frame and what a network says of it to a :class:`SceneState`."""

from __future__ import annotations

import math
from array import array
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.clock import NS_PER_MS, monotonic_ns
from surgical_guidance.contract import CONDITIONS
from surgical_guidance.scene.anatomy import Anatomy
from surgical_guidance.scene.blood import BloodMeter
from surgical_guidance.scene.calibration import CameraModel, StereoRig
from surgical_guidance.scene.conditions import with_missing
from surgical_guidance.scene.horizon import Attitude, Horizon
from surgical_guidance.scene.instruments import SHAFT_DIAMETER_MM, find_instruments
from surgical_guidance.scene.memory import TissueMemory
from surgical_guidance.scene.metric import proximities
from surgical_guidance.scene.regions import Grid, RegionFinder
from surgical_guidance.scene.rulers import NO_AIDS, Aids, Rulers, with_scales
from surgical_guidance.scene.small import Small, sampled
from surgical_guidance.scene.state import (
    NAN,
    NOTHING_ELSE,
    ONE_CLASS,
    Context,
    Instrument,
    Landmark,
    Proximity,
    SceneState,
    Segmentation,
    StageTime,
    Structure,
    Zone,
)
from surgical_guidance.scene.structures import find_structures
from surgical_guidance.scene.timeline import Timeline
from surgical_guidance.scene.tracks import Tracker
from surgical_guidance.scene.turns import Turns
from surgical_guidance.scene.view import View, ViewMeter

STAGE = 'scene'

_EDGE = 2  # label pixels at the border of the picture or the field of view in which nothing can be said to end


_SMALL, _HORIZON, _SHARPNESS, _LIGHT = _LOOKS = ('small', 'horizon', 'sharpness', 'light')
_EVERY = 4  # every fourth row of the confidence gives its mean
_OUT = 'out_of_body'


class Picture(Protocol):
    """What is needed of a frame. See :class:`surgical_guidance.frames.Frame`, which is one."""

    @property
    def sequence(self) -> int:
        """Count of the frame."""

    @property
    def stamp_ns(self) -> int:
        """Capture, ROS time [ns]."""

    @property
    def monotonic_ns(self) -> int:
        """Capture, ``CLOCK_MONOTONIC`` [ns]."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """``uint8 (height, width, 3)`` bgr8 or ``uint8 (height, width)`` mono8."""


class _Seen(NamedTuple):
    """What a segmentation tells of a frame; nothing without one."""

    instruments: tuple[Instrument, ...] = ()
    structures: tuple[Structure, ...] = ()
    proximities: tuple[Proximity, ...] = ()
    quality: float = NAN
    zones: tuple[Zone, ...] = ()
    landmarks: tuple[Landmark, ...] = ()


class SceneBuilder:
    """Builds the scenes of one session, one frame after another. Not for two threads at once.

    What is known over time (identity, growth, the reference of roll) goes by the frames' stamps: after a gap, where
    stamps go back, and where the picture changes its size, all of it begins anew. The same frames, segmentations and
    contexts give the same scenes.

    :param shaft_diameter_mm: true diameter of the instruments' shafts [mm].
    :param camera: the calibrated camera, for what arms and the other eye measure; None: not calibrated.
    :param rig: the calibrated pair whose left one is the camera; None: there is one eye.
    """

    def __init__(
        self,
        shaft_diameter_mm: float = SHAFT_DIAMETER_MM,
        camera: CameraModel | None = None,
        rig: StereoRig | None = None,
    ) -> None:
        self._shaft_diameter_mm = shaft_diameter_mm
        self._rig = rig
        self._rulers = Rulers(camera, rig)
        self._timeline = Timeline()
        self._view = ViewMeter()
        self._regions = RegionFinder()
        self._tracker = Tracker()
        self._memory = TissueMemory()
        self._blood = BloodMeter()
        self._anatomy = Anatomy()
        self._horizon = Horizon()
        self._turns = Turns(_LOOKS)
        self._small: Small | None = None
        self._attitude = Attitude()
        self._moved, self._resets = (0, 0), 0
        self._edge: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        self._inside: NDArray[np.uint8] = self._edge
        self._field: NDArray[np.float32] | None = None
        self._seen_area = 0  # of the field of view, in every so many rows of a map [pixels]

    def reset(self) -> None:
        """Begin anew: identities, growth, and the picture that roll and drift refer to."""
        self._tracker.reset()
        self._memory.reset()
        self._blood.reset()
        self._anatomy.reset()
        self._view.reset()
        self._turns.reset()
        self.reset_reference()

    def reset_reference(self) -> None:
        """Let the next good picture be what roll and drift refer to; all else that is known stays."""
        self._horizon.reset()
        self._attitude = Attitude()

    def calibrate(self, camera: CameraModel | None) -> None:
        """Measure with another calibration of the camera from the next frame on; None: it is not calibrated."""
        self._rulers = Rulers(camera, self._rig)

    def build(
        self,
        frame: Picture,
        segmentation: Segmentation | None,
        problem: str = '',
        stages: tuple[StageTime, ...] = (),
        context: Context = NOTHING_ELSE,
        aids: Aids = NO_AIDS,
    ) -> SceneState:
        """Build the scene of a frame.

        :param segmentation: what the network says; None where it gave nothing usable.
        :param problem: why the scene cannot be trusted; '' where it can.
        :param stages: measured so far; the time spent here is added as ``scene``.
        :param context: what else is known of the frame.
        :param aids: what there is to measure it with: the other eye's picture, poses of arms.
        :raises CalibrationError: if the calibration is for pictures of another shape.
        """
        start_ns = monotonic_ns()
        height, width = frame.image.shape[:2]
        step_s = self._timeline.step(frame.stamp_ns, (width, height))
        if step_s is None:
            self.reset()
            step_s = 0.0
        view = self._look_at(frame.image, segmentation, step_s, context)
        if segmentation is None:
            problem = '' if _outside(problem, context) else problem or 'the network gave nothing'
            seen = _Seen()
        else:
            seen = self._see(frame.image, segmentation, view, step_s, context, aids)
        conditions = with_missing(context.conditions, view, None if segmentation is None else seen.structures)
        end_ns = monotonic_ns()
        own = StageTime(STAGE, (start_ns - frame.monotonic_ns) / NS_PER_MS, (end_ns - start_ns) / NS_PER_MS)
        return SceneState(
            stamp_ns=frame.stamp_ns,
            sequence=frame.sequence,
            monotonic_ns=frame.monotonic_ns,
            width=width,
            height=height,
            valid=not problem,
            problem=problem,
            instruments=seen.instruments,
            structures=seen.structures,
            proximities=seen.proximities,
            quality=seen.quality,
            sharpness=view.sharpness,
            brightness=view.brightness,
            stages=tuple(_as_sent(stage) for stage in (*stages, own)),
            phase=context.phase,
            phase_probability=context.phase_probability,
            action=context.action,
            action_probability=context.action_probability,
            conditions=conditions,
            zones=seen.zones,
            landmarks=seen.landmarks,
            critical_view=context.critical_view,
            roll=self._attitude.roll,
            drift_x=self._attitude.drift_x,
            drift_y=self._attitude.drift_y,
            energy=context.energy,
        )

    def _see(
        self,
        image: NDArray[np.uint8],
        segmentation: Segmentation,
        view: View,
        step_s: float,
        context: Context,
        aids: Aids,
    ) -> _Seen:
        """Find what the network has segmented, follow it, and measure it."""
        height, width = image.shape[:2]
        rows, columns = segmentation.labels.shape
        grid = Grid(width / columns, height / rows)
        self._mark_edge(rows, columns, view.field)
        tools = self._regions.instruments(segmentation)
        covered = self._regions.covered
        self._move_memory(grid)
        tissue = self._regions.structures(segmentation, self._memory.whole(segmentation, covered), covered)

        instruments = find_instruments(tools, grid, self._edge, self._shaft_diameter_mm)
        instruments = self._tracker.follow(instruments, step_s, height, context.energy)
        structures = find_structures(tissue, grid, rows * columns, context.identified)
        structures = self._blood.follow(structures, segmentation, step_s, (width, height))
        scales, tips = self._rulers.scales(instruments, image, aids)
        near = proximities(instruments, tissue, grid, covered, scales)
        zones, landmarks = self._anatomy.place(tissue, grid, height)
        return _Seen(
            instruments=with_scales(instruments, scales),
            structures=structures,
            proximities=self._rulers.in_space(near, instruments, tips, tissue, grid, image, aids),
            quality=self._mean(segmentation.confidence[::_EVERY]) / 255.0,
            zones=zones,
            landmarks=landmarks,
        )

    def _look_at(
        self, image: NDArray[np.uint8], segmentation: Segmentation | None, step_s: float, context: Context
    ) -> View:
        """Measure the picture: in turns where frames are many, so that none of them costs much."""
        now = self._turns.due(step_s)
        if _SMALL in now:
            self._small = sampled(image)
        self._attitude = self._horizon.follow(self._small if _HORIZON in now else None, segmentation, step_s)
        told = {condition.name for condition in context.conditions}
        return self._view.measure(
            image,
            self._small,
            colours=not told.issuperset(CONDITIONS),
            sharpness=_SHARPNESS in now,
            light=_LIGHT in now,
        )

    def _move_memory(self, grid: Grid) -> None:
        """Move what is remembered by whole label pixels, as the picture was last seen to move against its reference."""
        if self._horizon.resets != self._resets:  # the horizon may have taken another one by itself
            self._resets, self._moved = self._horizon.resets, (0, 0)
        x, y = self._attitude.drift_x / grid.sx, self._attitude.drift_y / grid.sy
        if math.isfinite(x + y):
            columns, rows = round(x) - self._moved[0], round(y) - self._moved[1]
            self._memory.move(columns, rows)
            self._moved = (round(x), round(y))

    def _mark_edge(self, rows: int, columns: int, field: NDArray[np.float32] | None) -> None:
        """Mark on a label map where the picture ends, and what lies inside."""
        if self._edge.shape == (rows, columns) and field is self._field:
            return
        self._field = field
        if self._edge.shape != (rows, columns):
            self._edge = np.empty((rows, columns), np.uint8)
            self._inside = np.empty((rows, columns), np.uint8)
        self._inside.fill(255)
        if field is not None:
            self._inside.fill(0)
            outline = np.rint(field * (columns, rows) - 0.5).astype(np.int32)
            cv2.fillConvexPoly(self._inside, outline, (255,))
            cv2.bitwise_not(self._inside, dst=self._edge)
            cv2.polylines(self._edge, [outline], isClosed=True, color=(255,), thickness=2 * _EDGE + 1)
        else:
            self._edge.fill(0)
        cv2.rectangle(self._edge, (0, 0), (columns - 1, rows - 1), (255,), 2 * _EDGE - 1)
        self._seen_area = cv2.countNonZero(self._inside[::_EVERY])

    def _mean(self, levels: NDArray[np.uint8]) -> float:
        """Give the mean of every so many rows of a map within the field of view; 0 where there is none of it."""
        if not self._seen_area:
            return 0.0
        inside = None if self._field is None else self._inside[::_EVERY]
        return cv2.norm(levels, cv2.NORM_L1, inside) * (1.0 / self._seen_area)  # a seventh of the time of a masked mean


def _outside(problem: str, context: Context) -> bool:
    """Whether the network sees nothing since there is nothing: a model says that the scope is out of the body."""
    return problem.startswith(ONE_CLASS) and any(one.name == _OUT and one.active for one in context.conditions)


def _as_sent(stage: StageTime) -> StageTime:
    """Round times to what ``StageTiming`` holds (float32), so that a recorded scene equals the one that was live."""
    return StageTime(stage.stage, *array('f', (stage.start_ms, stage.duration_ms)))
