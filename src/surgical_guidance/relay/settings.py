"""What the service is told: how pictures are made and who may watch, and where what pages do goes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from surgical_guidance.annotations import Annotation
from surgical_guidance.relay.privacy import Rectangle
from surgical_guidance.relay.requests import Answer, Ask, Cancel
from surgical_guidance.relay.server import Limits
from surgical_guidance.relay.video.settings import VideoSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """How pictures are made and how many may watch.

    :param video: how video is made; None: single pictures only.
    :param masks: regions of the picture that are always blackened.
    :param withhold_unjudged: pixelate what no scene has judged yet.
    """

    jpeg_quality: int
    max_width: int
    limits: Limits
    masks: tuple[Rectangle, ...] = ()
    withhold_unjudged: bool = False
    video: VideoSettings | None = None


def _nobody(_what: str, _fields: dict[str, Any], answer: Answer) -> Cancel:
    answer(False, 'nobody is there to be asked')
    return lambda: None


@dataclass(frozen=True, slots=True)
class Outward:
    """Where what pages do goes to.

    :param draw: publishes a mark, in the loop's thread.
    :param ask: asks a service of the guidance.
    :param watch: says whether somebody watches, so that frames, scenes and times are wanted; in the loop's thread.
        None: they come always.
    """

    draw: Callable[[Annotation], None] = lambda _mark: None
    ask: Ask = _nobody
    watch: Callable[[bool], None] | None = None
