"""Where in a network's input the picture of the camera lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from surgical_guidance.inference.manifest import InputSpec


@dataclass(frozen=True, slots=True)
class Placement:
    """A rectangle of the input [px], and the size of the whole input. Outside it the input shows nothing."""

    x: int
    y: int
    width: int
    height: int
    whole_width: int
    whole_height: int

    @property
    def fills(self) -> bool:
        """Whether the picture fills the input."""
        return (self.width, self.height) == (self.whole_width, self.whole_height)

    def crop(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Give the part of a map of the whole input ``(h, w)``, at any resolution, that shows the picture; a view."""
        if self.fills:
            return labels
        rows, columns = labels.shape
        down, right = rows / self.whole_height, columns / self.whole_width
        top, left = round(self.y * down), round(self.x * right)
        bottom, end = round((self.y + self.height) * down), round((self.x + self.width) * right)
        return labels[top : max(bottom, top + 1), left : max(end, left + 1)]


def place(spec: InputSpec, width: int, height: int) -> Placement:
    """Place a picture of this size [px] as the manifest says: stretched over the input, or whole and in the middle."""
    if spec.fit == 'stretch':
        return Placement(0, 0, spec.width, spec.height, spec.width, spec.height)
    scale = min(spec.width / width, spec.height / height)
    fitted_width, fitted_height = max(1, round(width * scale)), max(1, round(height * scale))
    # The odd pixel goes to the right and to the bottom, as YOLO's own letterbox does it.
    x, y = round((spec.width - fitted_width) / 2 - 0.1), round((spec.height - fitted_height) / 2 - 0.1)
    return Placement(x, y, fitted_width, fitted_height, spec.width, spec.height)
