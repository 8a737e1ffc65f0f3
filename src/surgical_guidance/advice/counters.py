"""What became of the frames, from the sequences of the scenes that came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class FrameCounters:
    """Counts since the first scene.

    :param captured: frames of the source, those that never came counted in.
    :param processed: of these, scenes that came.
    """

    captured: int = 0
    processed: int = 0
    _last: int | None = None

    @property
    def dropped(self) -> int:
        """Frames lost or replaced by a newer one on the way."""
        return self.captured - self.processed

    def add(self, sequence: int) -> None:
        """Count a scene. A sequence that does not go on is a source that began anew, or the same frame again."""
        step = 1 if self._last is None else sequence - self._last
        self.captured += max(step, 1)
        self.processed += 1
        self._last = sequence
