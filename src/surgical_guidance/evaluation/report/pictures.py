"""Pictures of a frame, its truth, what was found, and where the two differ."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from surgical_guidance.contract import CLASSES
from surgical_guidance.evaluation.metrics.overlap import VOID
from surgical_guidance.evaluation.metrics.tips import Tip
from surgical_guidance.evaluation.report import palette
from surgical_guidance.evaluation.runner import Shown
from surgical_guidance.evaluation.tally import enlarged, is_instrument

WIDTH = 480
"""Width of a picture in the report [px]."""

_JPEG = 82
_OPAQUE = 0.55
_WRONG = palette.bgr('#ff2bd6')
_MISSED, _INVENTED = palette.bgr('#2f8bff'), palette.bgr('#ff9a1f')
_INSTRUMENT = palette.bgr('#3fb8ff')

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture with its caption, as a data URI."""

    caption: str
    uri: str


def panels(frame: Shown) -> list[Panel]:
    """Draw what there is to see of a frame: without truth the frame and what was found, else all four pictures."""
    example = frame.example
    height = max(1, round(example.image.shape[0] * WIDTH / example.image.shape[1]))
    small = np.asarray(cv2.resize(example.image, (WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)
    scale = WIDTH / example.image.shape[1]
    nothing = np.zeros((height, WIDTH), np.uint8)
    found = nothing if frame.labels is None else enlarged(frame.labels, (height, WIDTH))
    said = 'found' if frame.labels is not None else 'found (nothing usable)'
    result = [Panel('frame', as_uri(small))]
    if example.labels is not None:
        truth = enlarged(example.labels, (height, WIDTH))
        result.append(Panel('truth', as_uri(_tips(_classes(small, truth), example.tips or (), scale, true=True))))
        overlay = _tips(_classes(small, found), example.tips or (), scale, true=True)
        result.append(Panel(said, as_uri(_tips(overlay, frame.tips, scale, true=False))))
        result.append(Panel('wrong', as_uri(_difference(small, truth, found))))
    elif example.instrument is not None:
        mask = enlarged(example.instrument.astype(np.uint8), (height, WIDTH)).astype(bool)
        result.append(Panel('truth', as_uri(_tinted(small, mask, _INSTRUMENT))))
        result.append(Panel(said, as_uri(_tips(_classes(small, found), frame.tips, scale, true=False))))
        result.append(Panel('missed and invented', as_uri(_binary_difference(small, mask, is_instrument(found) == 1))))
    else:
        result.append(Panel(said, as_uri(_tips(_classes(small, found), frame.tips, scale, true=False))))
    return result


def classes_in(frame: Shown) -> set[str]:
    """Name the classes that the pictures of a frame show."""
    maps = [labels for labels in (frame.example.labels, frame.labels) if labels is not None]
    return {CLASSES[int(index)] for labels in maps for index in np.unique(labels) if index != VOID}


def _classes(image: Picture, labels: Picture) -> Picture:
    """Lay the colours of the classes over a picture; background stays as it is, borders are drawn."""
    colours = palette.class_table()[labels]
    mixed = cv2.addWeighted(image, 1.0 - _OPAQUE, colours, _OPAQUE, 0.0)
    mixed[labels == 0] = image[labels == 0]
    edges = np.zeros(labels.shape, bool)
    edges[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edges[1:] |= labels[1:] != labels[:-1]
    mixed[edges] = (255, 255, 255)
    return np.asarray(mixed, np.uint8)


def _difference(image: Picture, truth: Picture, found: Picture) -> Picture:
    """Show in one colour where the label is wrong, on the picture in grey; what nobody knows is black."""
    result = _faded(image)
    result[(truth != found) & (truth != VOID)] = _WRONG
    result[truth == VOID] = 0
    return result


def _binary_difference(image: Picture, truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> Picture:
    result = _faded(image)
    result[truth & found] = (235, 235, 235)
    result[truth & ~found] = _MISSED
    result[found & ~truth] = _INVENTED
    return result


def _tinted(image: Picture, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> Picture:
    tint = np.empty_like(image)
    tint[:] = colour
    mixed = cv2.addWeighted(image, 1.0 - _OPAQUE, tint, _OPAQUE, 0.0)
    return np.asarray(np.where(mask[:, :, None], mixed, image), np.uint8)


def _faded(image: Picture) -> Picture:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor((grey * 0.55).astype(np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)


def _tips(image: Picture, tips: tuple[Tip, ...], scale: float, *, true: bool) -> Picture:
    """Mark tips: a ring where one truly is, a cross where one was found."""
    for tip in tips:
        at = round(tip.x * scale), round(tip.y * scale)
        for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
            if true:
                cv2.circle(image, at, 8, colour, thickness, cv2.LINE_AA)
            else:
                cv2.drawMarker(image, at, colour, cv2.MARKER_TILTED_CROSS, 12, thickness, cv2.LINE_AA)
    return image


def as_uri(image: Picture) -> str:
    """Give a picture as a data URI, JPEG."""
    written, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
    assert written  # noqa: S101  (into memory, of a picture that we drew)
    return 'data:image/jpeg;base64,' + base64.b64encode(data.tobytes()).decode('ascii')
