"""Which calibration holds for the pictures that come."""

from __future__ import annotations

from dataclasses import dataclass

from surgical_guidance.errors import CalibrationError
from surgical_guidance.scene.calibration import CameraInfo, CameraModel, from_camera_info


@dataclass(frozen=True, slots=True)
class Fit:
    """A calibration for pictures of one size.

    :param camera: None where it does not hold for them.
    :param told: what is to be said about it, in one line.
    :param good: they are of the size that it was made for.
    """

    camera: CameraModel | None
    told: str
    good: bool = False


class Optics:
    """Holds the calibration given last, and fits it to the pictures. One thread gives, another fits; neither waits."""

    def __init__(self) -> None:
        self._given: CameraModel | None = None
        self._heard: tuple[object, ...] = ()
        self._fitted: tuple[CameraModel | None, int, int] = (None, 0, 0)

    def give(self, camera: CameraModel) -> None:
        """Take a calibration in place of the one before."""
        self._given = camera

    def hear(self, info: CameraInfo) -> str:
        """Take the calibration of a message. The same one again, as it comes with every picture, costs nothing.

        :return: why it is refused, once; '' where it is not. The calibration before it stays.
        """
        heard = (
            info.width,
            info.height,
            info.distortion_model,
            *(tuple(each) for each in (info.d, info.k, info.r, info.p)),
        )
        if heard == self._heard:
            return ''
        self._heard = heard
        try:
            self.give(from_camera_info(info))
        except CalibrationError as error:
            return str(error)
        return ''

    def fit(self, width: int, height: int) -> Fit | None:
        """Give the calibration for pictures of this size; None where nothing has changed since it was asked last."""
        given = self._given
        before, before_width, before_height = self._fitted
        if given is None or (given is before and width == before_width and height == before_height):
            return None
        self._fitted = (given, width, height)
        try:
            camera = given.for_size(width, height)
        except CalibrationError as error:
            return Fit(None, f'{error}; the camera counts as not calibrated')
        told = f'the camera is calibrated: focal length {camera.focal_px:.0f} px in pictures of {width} x {height}'
        if (given.width, given.height) == (width, height):
            return Fit(camera, told, good=True)
        return Fit(
            camera,
            f'{told}, scaled from {given.width} x {given.height}: that holds only if both show the same field of view',
        )
