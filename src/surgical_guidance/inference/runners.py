"""How several models are run on one frame: one after another, or side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from surgical_guidance.errors import FrameOverwritten
from surgical_guidance.frames import Frame
from surgical_guidance.inference.pipeline import Pipeline, Result

Outcome = Result | Exception
Runner = Callable[[Frame, Iterable[Pipeline]], Iterator[tuple[Pipeline, Outcome]]]
"""How models are run on a frame. Each that is taken from the iterable has been decided on at that moment, with the time
that is gone by then and the expected time of those that were taken and have not come back: a runner may take one after
another, or several at once and let them overlap."""


def one_after_another(frame: Frame, pipelines: Iterable[Pipeline]) -> Iterator[tuple[Pipeline, Outcome]]:
    """Run each model when the one before it has ended.

    :raises FrameOverwritten: if the ring came round: there is nothing to see for the others either.
    """
    for pipeline in pipelines:
        try:
            yield pipeline, pipeline.run(frame)
        except FrameOverwritten:
            raise
        except Exception as error:  # noqa: BLE001  (told as the model's failure; the others get their chance)
            yield pipeline, error


def side_by_side(frame: Frame, pipelines: Iterable[Pipeline]) -> Iterator[tuple[Pipeline, Outcome]]:
    """Begin with every model before the first has ended: for engines that work on their own, as those on a GPU do.

    :raises FrameOverwritten: if the ring came round: there is nothing to see for the others either.
    """
    begun = []
    for pipeline in pipelines:
        try:
            pipeline.start(frame)
        except Exception as error:  # noqa: BLE001  (as above)
            yield pipeline, error
        else:
            begun.append(pipeline)
    overwritten: FrameOverwritten | None = None
    for pipeline in begun:  # all of them: the next frame may be begun only when this one is done
        try:
            outcome: Outcome = pipeline.finish()
        except FrameOverwritten as error:
            overwritten = error
        except Exception as error:  # noqa: BLE001  (as above)
            outcome = error
        if overwritten is None:
            yield pipeline, outcome
    if overwritten is not None:
        raise overwritten
