"""A small world to evaluate in: takes out of memory, an observer that says what it is told, folders of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from surgical_guidance.contract import CLASSES
from surgical_guidance.evaluation.example import Dataset, Example, Origin, every_one
from surgical_guidance.evaluation.metrics.tips import Tip
from surgical_guidance.evaluation.observer import ModelInfo, Observation

LIVER, HOOK = CLASSES.index('liver'), CLASSES.index('l_hook_electrocautery')
MODEL = ModelInfo('parrot', 'semantic_segmentation', 'a' * 64, 'no engine at all')


def picture(index, size=(96, 54)):
    """Give a picture with its number written into its first pixel."""
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    image[0, 0] = index
    return image


def labels(size=(96, 54)):
    """Give a liver with a hook on the left half."""
    found = np.full((size[1], size[0]), LIVER, np.uint8)
    found[20:30, : size[0] // 2] = HOOK
    return found


def example(index, events=(), phase='Preparation'):
    return Example(
        index, str(index), picture(index), labels=labels(), tips=(Tip('l_hook_electrocautery', 47.0, 25.0, 0.5),),
        phase=phase, verb='dissect', events=frozenset(events),
    )  # fmt: skip


@dataclass
class ListTake:
    name: str
    given: list
    rate: float = 10.0

    @property
    def frames(self):
        return len(self.given)

    def examples(self, wanted=every_one):
        yield from (one for one in self.given if wanted(one.index))


def dataset(*takes, origin=Origin.PHANTOM, events=('bleeding', 'smoke')):
    return Dataset('made for a test', 'memory', origin, takes, events)


def perfect(one):
    """Say the truth."""
    return Observation(one.labels, one.tips, one.phase, one.verb, one.events)


@dataclass
class Parrot:
    """An observer that says of each picture what ``says`` makes of the example with that number."""

    examples: list
    says: object = perfect
    models: tuple = (MODEL,)
    classes: frozenset = frozenset(('liver', 'l_hook_electrocautery'))
    events: frozenset = frozenset(('bleeding', 'smoke'))
    rates: list = field(default_factory=list)
    closed: bool = False

    def start(self, rate):
        self.rates.append(rate)

    def look(self, image):
        return self.says(self.examples[int(image[0, 0, 0])])

    def close(self):
        self.closed = True


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def write_video(path, frames):
    """Write pictures as a video that keeps them as they are, as far as 8 bits of YUV can."""
    import av

    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = 'yuv420p'
        stream.options = {'qscale': '2'}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='bgr24')))
        container.mux(stream.encode())
    return path
