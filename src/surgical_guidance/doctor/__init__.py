"""The doctor: what this machine has and lacks for guidance, what that means, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from surgical_guidance.doctor import compute, host, pictures, ros
from surgical_guidance.doctor.finding import Finding

__all__ = ['CHECKS', 'Finding', 'examine']

CHECKS: Sequence[Callable[[], Finding]] = (*host.CHECKS, *ros.CHECKS, *compute.CHECKS, *pictures.CHECKS)
"""Every check, in the order it is told."""


def examine(checks: Sequence[Callable[[], Finding]] = CHECKS) -> list[Finding]:
    """Look at this machine. Takes about two seconds and changes nothing."""
    return [_guarded(check) for check in checks]


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  (one odd machine must not cost the user all the other answers)
        name = check.__name__.replace('_', ' ')
        return Finding(name, 'problem', f'could not be looked at: {type(error).__name__}: {error}')
