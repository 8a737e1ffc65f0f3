"""Runs a plan on the GPU of this host, for ``verify`` and ``bench``."""

from __future__ import annotations

from pathlib import Path

from surgical_guidance.engines.device import need_device
from surgical_guidance.engines.feeds import Feed
from surgical_guidance.engines.reference import Outputs
from surgical_guidance.errors import EngineError
from surgical_guidance.inference.plan import Plan


class PlanRunner:
    """A plan, loaded and ready.

    :raises GuidanceError: if it cannot run here.
    """

    def __init__(self, plan: Plan, content: bytes, where: Path) -> None:
        need_device('running a plan')
        raise EngineError('no TensorRT engine in this version', where=str(where))

    def __call__(self, feed: Feed) -> Outputs:
        """Run once."""
        raise NotImplementedError

    def describe(self) -> str:
        """Tell what runs it."""
        return ''
