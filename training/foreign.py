"""Foreign pictures: instruments of no known kind before surroundings of no known kind.

The phantom knows four instruments and one style of drawing. What a network learns from it alone is that style. Here it
learns what is true of every instrument: stiff, straight, lit as a cylinder, reaching in from outside.
"""

from __future__ import annotations

import cv2
import numpy as np
from foreign_tissue import spot_light, surroundings
from foreign_tools import ForeignTool
from numpy.typing import NDArray

PICTURES = 16  # of one seed


def foreign_pictures(seed: int, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw :data:`PICTURES` pictures.

    :return: images ``uint8 (n, h, w, 3)`` bgr, masks ``uint8 (n, h, w)``: 1 where an instrument is.
    """
    cv2.setNumThreads(1)
    rng = np.random.default_rng((seed, 2))
    images = np.empty((PICTURES, height, width, 3), np.uint8)
    masks = np.zeros((PICTURES, height, width), np.uint8)
    for image, mask in zip(images, masks, strict=True):
        picture = surroundings(rng, width, height)
        for _ in range(int(rng.choice((0, 1, 2, 3), p=(0.08, 0.37, 0.43, 0.12)))):
            ForeignTool(rng, picture, mask).draw()
        picture *= spot_light(rng, width, height)[..., None]
        picture *= np.float32(rng.uniform(0.18, 0.6)) / max(float(picture.mean()), 0.02)  # an exposure
        if rng.random() < 0.3:  # the round picture of an endoscope
            centre = (round(width * rng.uniform(0.42, 0.58)), round(height * rng.uniform(0.42, 0.58)))
            field = np.zeros((height, width), np.uint8)
            cv2.circle(field, centre, round(width * rng.uniform(0.3, 0.52)), 1, -1, cv2.LINE_AA)
            picture *= field[..., None]
            np.multiply(mask, field, out=mask)
        if rng.random() < 0.5:  # a camera's knee, and contrast of any kind
            picture = 1.0 - np.exp(-rng.uniform(1.0, 2.5) * picture)
        image[:] = np.clip(picture * 255.0, 0.0, 255.0)
    return images, masks
