"""Which step of the degradation ladder the models' own pace asks for, before anything is late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from surgical_guidance.inference.degradation import Ladder, Share, Step
from surgical_guidance.inference.member import Member


@dataclass(frozen=True, slots=True)
class Fit:
    """A step and what it comes to.

    :param step: the first one at which the models fit. None gives up anything of the scene's model: that is for what
        has been seen to be late, not for a forecast. Where no step fits, the last of those that leave it alone.
    :param full_ms: what the models cost a frame with nothing given up, on average [ms].
    :param cost_ms: what they cost a frame at that step [ms].
    :param budget_ms: that a frame has [ms].
    """

    step: int
    full_ms: float
    cost_ms: float
    budget_ms: float

    @property
    def fits(self) -> bool:
        """Whether the models fit there."""
        return self.cost_ms <= self.budget_ms


def find_fit(ladder: Ladder, members: Iterable[Member], budget_ms: float, slowdown: float = 1.0) -> Fit:
    """Find the first step at which what the models cost a frame, on average, is within the frame's time.

    :param slowdown: of the host, against when the models' paces were measured.
    """
    members = tuple(members)
    costs = [slowdown * _cost_ms(step, members) for step in ladder.steps]
    kept = [number for number, step in enumerate(ladder.steps) if step.scene == Share()]
    best = next((number for number in kept if costs[number] <= budget_ms), kept[-1])
    return Fit(best, costs[0], costs[best], budget_ms)


def _cost_ms(step: Step, members: Iterable[Member]) -> float:
    total = 0.0
    for member in members:
        share = step.share(member.group)
        if not share.dropped:
            total += member.paces.get(share.size, member.paces[1.0]) / (member.manifest.stride * share.stride)
    return total
