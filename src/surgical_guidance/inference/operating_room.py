"""What the operating room says that no picture tells: energy, the critical view, what has been identified."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.contract import STRUCTURE_CLASSES
from surgical_guidance.scene.state import NAN, Context, Energy


@dataclass(frozen=True, slots=True)
class _Told:
    arrived_ns: int
    energy: Energy
    critical_view: tuple[float, ...]
    identified: tuple[str, ...]


class OperatingRoom:
    """Holds what was said last. One thread tells, another merges: what was told is replaced as a whole.

    Energy is believed for a while only, so that a pedal that has died never looks released; the critical view and
    what has been identified hold until something else is said.

    :param energy_timeout_s: how long energy is believed after its message came [s].
    """

    def __init__(self, energy_timeout_s: float) -> None:
        self._timeout_ns = round(energy_timeout_s * NS_PER_S)
        self._told: _Told | None = None

    def tell(self, energy: int, critical_view: Sequence[float], identified: Sequence[str], now_ns: int) -> str:
        """Take what is said now, all but what makes no sense.

        :param critical_view: C1, C2, C3, 0 to 1; NaN: not told. All 0, which is also what a message holds in which
            nobody has set it, means what it says, that none is met: of two readings the one that warns.
        :param identified: structures that somebody has confirmed.
        :param now_ns: ``CLOCK_MONOTONIC`` [ns].
        :return: what was refused and why; '' where nothing was.
        """
        refused = []
        if energy not in tuple(Energy):
            refused.append(f'energy {energy} is none of ENERGY_*')
            energy = Energy.UNKNOWN
        odd = [value for value in critical_view if not (math.isnan(value) or 0.0 <= value <= 1.0)]
        if odd:
            refused.append(f'critical_view: {", ".join(f"{value:g}" for value in odd)} is not within 0 and 1')
        strange = [name for name in identified if name not in STRUCTURE_CLASSES]
        if strange:
            names = ', '.join(repr(name) for name in strange)
            refused.append(f'identified: {names} is no structure of contract.py')
        self._told = _Told(
            now_ns,
            Energy(energy),
            tuple(NAN if value in odd else float(value) for value in critical_view),
            tuple(name for name in identified if name not in strange),
        )
        return '; '.join(refused)

    def merge(self, context: Context, now_ns: int) -> Context:
        """Add what was told to what the models say; what people say of the critical view goes before."""
        told = self._told
        if told is None:
            return context
        current = now_ns - told.arrived_ns <= self._timeout_ns
        c1, c2, c3 = (
            by_model if math.isnan(said) else said
            for said, by_model in zip(told.critical_view, context.critical_view, strict=True)
        )
        return replace(
            context,
            energy=told.energy if current else Energy.UNKNOWN,
            critical_view=(c1, c2, c3),
            identified=told.identified,
        )
