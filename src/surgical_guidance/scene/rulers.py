"""Millimetres, by whatever there is to measure with; each with its method and sigma.

Every ruler says how deep a tip lies, or how many millimetres a pixel is there, which is the same with a calibrated
camera. The one with the least sigma counts, tip by tip:

- ``shaft_width``: the known diameter of the shaft; needs no calibration.
- ``arm_pose``: the pose of the arm that holds the instrument, in the camera's optical frame; needs a calibrated camera.
- ``stereo``: the other eye's picture; needs a calibrated pair.

A distance is in the image plane at the tip's depth, a lower bound of the distance in space, unless both its ends were
seen in stereo (``stereo``): then it is the distance in space. ``stereo_plane``: only the tip was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from surgical_guidance.scene.calibration import CameraModel, StereoRig
from surgical_guidance.scene.metric import METHOD, Scale, seen_sigma
from surgical_guidance.scene.regions import Grid, Region
from surgical_guidance.scene.state import NAN, Instrument, Proximity
from surgical_guidance.scene.stereo import UNKNOWN_POINT, SpacePoint, StereoMeter

ARM_POSE, STEREO, STEREO_PLANE = 'arm_pose', 'stereo', 'stereo_plane'

DANGER = frozenset(('gastrointestinal_tract', 'cystic_artery', 'cystic_duct', 'hepatic_vein'))
"""Structures that are measured in stereo wherever they are near."""

_SCALE = partial(tuple.__new__, Scale)  # of a tuple with all fields; a third of the time of a call

_REACH_MM = 40.0  # in the picture: what is further away is not worth a match
_POINTS = 16  # matches a frame, at most: bounds its cost
_NEAREST = 2  # structures of a tip that are measured whatever they are
_BACK_PX = 6.0  # from the very tip along the shaft: a patch there is more instrument than background
_INTO_PX = 14.0  # from the border of a structure into it
_ARM_GATE = 0.15  # of the picture's height: how far a projected pose may lie from the tip that it belongs to
_NOT_NEAREST = (0.35, 0.04)  # mm, and of the distance: the nearest point in the picture need not be so in space [I]


@dataclass(frozen=True, slots=True)
class ToolPose:
    """Where an arm says that the tip of its instrument is, in the camera's optical frame (x right, y down, z forward).

    :param sigma_mm: standard deviation of each coordinate [mm].
    """

    x_mm: float
    y_mm: float
    z_mm: float
    sigma_mm: float = 2.0


@dataclass(frozen=True, slots=True)
class Aids:
    """What there is to measure a frame with, beside its own picture.

    :param right: the picture of the right eye of the same moment.
    :param poses: of the arms' instruments.
    """

    right: NDArray[np.uint8] | None = None
    poses: tuple[ToolPose, ...] = ()


NO_AIDS = Aids()


class Rulers:
    """All that can measure in one session.

    :param camera: the calibrated camera; None: not calibrated.
    :param rig: the calibrated pair whose left one is the camera; None: there is no pair.
    """

    def __init__(self, camera: CameraModel | None = None, rig: StereoRig | None = None) -> None:
        self._camera = camera if camera is not None or rig is None else rig.left
        self._rig = rig
        self._sized: CameraModel | None = None
        self._meter: StereoMeter | None = None

    def scales(
        self, instruments: Sequence[Instrument], image: NDArray[np.uint8], aids: Aids
    ) -> tuple[list[Scale], list[SpacePoint]]:
        """Give the best scale at each tip, and where it lies in space as far as stereo tells.

        :raises CalibrationError: if the calibration is for pictures of another shape.
        """
        plain = [
            _SCALE((one.mm_per_px, one.mm_per_px_sigma, METHOD if math.isfinite(one.mm_per_px) else ''))
            for one in instruments
        ]
        unknown = [UNKNOWN_POINT] * len(instruments)
        if self._camera is None or not instruments or (aids.right is None and not aids.poses):
            return plain, unknown
        height, width = image.shape[:2]
        camera = self._fit(width, height)
        best = [_better(*pair) for pair in zip(plain, self._from_arms(instruments, aids.poses, camera), strict=True)]
        points = self._in_stereo(instruments, plain, image, aids.right, camera)
        seen = [
            Scale(p.z / camera.focal_px, p.sigma / camera.focal_px, STEREO_PLANE if p.known else '') for p in points
        ]
        return [_better(*pair) for pair in zip(best, seen, strict=True)], points

    def in_space(
        self,
        near: Sequence[Proximity],
        instruments: Sequence[Instrument],
        tips: Sequence[SpacePoint],
        structures: Sequence[Region],
        grid: Grid,
        image: NDArray[np.uint8],
        aids: Aids,
    ) -> tuple[Proximity, ...]:
        """Give the distances, those in space whose both ends stereo sees.

        :param tips: as :meth:`scales` gave them.
        :param structures: the regions of the structures, in their order.
        """
        if self._meter is None or aids.right is None:
            return tuple(near)
        chosen = [index for index in _worth(near, structures) if tips[near[index].instrument].known][:_POINTS]
        places = np.array([_into(near[index], instruments[near[index].instrument]) for index in chosen]).reshape(-1, 2)
        about = np.array([tips[near[index].instrument].z for index in chosen])
        pieces = [(structures[near[index].structure], grid) for index in chosen]
        found = list(near)
        for index, point in zip(chosen, self._meter.points(image, aids.right, places, about, pieces), strict=True):
            if point.known:
                found[index] = _apart(near[index], tips[near[index].instrument], point)
        return tuple(found)

    def _fit(self, width: int, height: int) -> CameraModel:
        """Give the camera for pictures of a size; the pair is made ready for it."""
        assert self._camera is not None  # noqa: S101  (the caller has asked)
        if self._sized is None or (self._sized.width, self._sized.height) != (width, height):
            self._sized = self._camera.for_size(width, height)
            self._meter = None if self._rig is None else StereoMeter(self._rig.for_size(width, height))
        return self._sized

    def _from_arms(
        self, instruments: Sequence[Instrument], poses: Sequence[ToolPose], camera: CameraModel
    ) -> list[Scale]:
        """Give each tip the scale of the nearest pose; a pose that lies nowhere near a tip is not believed."""
        scales = [Scale(NAN, NAN, '')] * len(instruments)
        taken: set[int] = set()
        pairs = []
        for number, pose in enumerate(poses):
            if not (math.isfinite(pose.x_mm + pose.y_mm + pose.z_mm + pose.sigma_mm) and pose.z_mm > 1.0):
                continue
            u = camera.matrix[0] * pose.x_mm / pose.z_mm + camera.matrix[2]
            v = camera.matrix[4] * pose.y_mm / pose.z_mm + camera.matrix[5]
            pairs += [
                (math.hypot(one.tip_x - u, one.tip_y - v), index, number)
                for index, one in enumerate(instruments)
                if one.tip_visible
            ]
        used: set[int] = set()
        for apart, index, number in sorted(pairs):
            if apart > _ARM_GATE * camera.height:
                break
            if index not in taken and number not in used:
                taken.add(index)
                used.add(number)
                pose = poses[number]
                scales[index] = Scale(pose.z_mm / camera.focal_px, pose.sigma_mm / camera.focal_px, ARM_POSE)
        return scales

    def _in_stereo(
        self,
        instruments: Sequence[Instrument],
        plain: Sequence[Scale],
        image: NDArray[np.uint8],
        right: NDArray[np.uint8] | None,
        camera: CameraModel,
    ) -> list[SpacePoint]:
        points = [UNKNOWN_POINT] * len(instruments)
        if self._meter is None or right is None or right.shape[:2] != image.shape[:2]:
            return points
        seen = [index for index, one in enumerate(instruments) if one.tip_visible][:_POINTS]
        places = np.array([_behind_tip(instruments[index]) for index in seen]).reshape(-1, 2)
        about = np.array([plain[index].mm_per_px * camera.focal_px for index in seen])
        for index, point in zip(seen, self._meter.points(image, right, places, about), strict=True):
            one = instruments[index]
            if point.known:  # the very tip, at the depth of the patch behind it
                points[index] = replace(
                    point,
                    x=(one.tip_x - camera.matrix[2]) * point.z / camera.matrix[0],
                    y=(one.tip_y - camera.matrix[5]) * point.z / camera.matrix[4],
                )
        return points


def with_scales(instruments: Sequence[Instrument], scales: Sequence[Scale]) -> tuple[Instrument, ...]:
    """Give the instruments with the scale that counts."""
    return tuple(
        one if scale.method in ('', METHOD) else one._replace(mm_per_px=scale.mm_per_px, mm_per_px_sigma=scale.sigma)
        for one, scale in zip(instruments, scales, strict=True)
    )


def _better(one: Scale, other: Scale) -> Scale:
    if not math.isfinite(other.mm_per_px + other.sigma):
        return one
    return one if one.sigma <= other.sigma else other


def _worth(near: Sequence[Proximity], structures: Sequence[Region]) -> list[int]:
    """Give the distances that are worth a match, the nearest first. What a tip is over is hidden: that is not."""
    order = sorted(
        (index for index, one in enumerate(near) if one.distance_px > 0.0 and not one.distance_mm > _REACH_MM),
        key=lambda index: near[index].distance_px,
    )
    count: dict[int, int] = {}
    chosen = []
    for index in order:
        one = near[index]
        count[one.instrument] = count.get(one.instrument, 0) + 1
        if count[one.instrument] <= _NEAREST or structures[one.structure].class_name in DANGER:
            chosen.append(index)
    return chosen


def _behind_tip(one: Instrument) -> tuple[float, float]:
    return one.tip_x - _BACK_PX * one.axis_x, one.tip_y - _BACK_PX * one.axis_y


def _into(near: Proximity, instrument: Instrument) -> tuple[float, float]:
    """Give a place a little beyond the nearest point of a structure, seen from the tip [px]."""
    x, y = near.nearest_x - instrument.tip_x, near.nearest_y - instrument.tip_y
    reach = math.hypot(x, y) or 1.0
    return near.nearest_x + _INTO_PX * x / reach, near.nearest_y + _INTO_PX * y / reach


def _apart(near: Proximity, tip: SpacePoint, end: SpacePoint) -> Proximity:
    """Give a distance in space. In the picture it is as it was; stereo adds what lies in depth.

    The depth was measured a little inside the structure. One that lies deeper than the tip is seen over the edge of
    something nearer, and is as deep at its border. One that is nearer to the camera rises from the tissue around it,
    in which the tip works, and so its border is as deep as the tip; how far it may have risen there goes into sigma.
    """
    beyond = end.z - tip.z
    deep = max(beyond, 0.0)
    plane = near.distance_mm * (1.0 + deep / (2.0 * tip.z))
    space = math.hypot(plane, deep)
    risen = math.hypot(plane, beyond / 2.0) - plane if beyond < 0.0 else 0.0
    # near 0 the error of the depths is the distance itself
    share = min(max(deep / space if space > 0.0 else 1.0, 0.5), 1.0)
    along = math.hypot(tip.sigma, end.sigma) * share
    sigma = math.hypot(seen_sigma(near), along, risen, _NOT_NEAREST[0], _NOT_NEAREST[1] * space)
    return near._replace(distance_mm=space, sigma_mm=sigma, method=STEREO)
