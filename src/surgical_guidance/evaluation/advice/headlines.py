"""What advice must reach, and whether it does."""

from __future__ import annotations

import math

from surgical_guidance.evaluation.advice.tally import AdviceTally
from surgical_guidance.evaluation.goals import Headline, headline

EXACT_SHARE = 1.0  # precision and recall of the logic alone
HIGH_RECALL = 0.9
PRECISION = 0.8
DELAY_FRAMES = 5.0

_REPEATS = 'Repeats while the same cause lasts count neither way.'


def headlines_of(sums: AdviceTally) -> tuple[Headline, ...]:
    """Hold the sums against their goals."""
    every, high = sums.all, sums.high
    shown = math.nan if not every.shown else 1.0 - every.shown_false / every.shown
    if sums.source == 'truth':
        late = float(max(map(abs, every.delays), default=math.nan))  # nothing was met: nothing is known
        return (
            headline('recall', every.recall, f'{every.due} times something was due.', at_least=EXACT_SHARE),
            headline('precision', every.precision, f'Of all that rules said. {_REPEATS}', at_least=EXACT_SHARE),
            headline('largest error', late, 'From the frame at which it should be said.', 'frames', at_most=1.0),
            headline('precision of what was shown', shown, f'{every.shown} suggestions.', at_least=EXACT_SHARE),
        )
    return (
        headline(
            'recall, high',
            high.recall,
            f'Rules of high priority; {high.due} times due.',
            at_least=HIGH_RECALL if high.due else None,  # of one scenario nothing may be due
        ),
        headline('recall, all', every.recall, f'All rules; {every.due} times due.'),
        headline('precision', every.precision, f'Of all that rules said. {_REPEATS}', at_least=PRECISION),
        headline('precision of what was shown', shown, f'{every.shown} suggestions.', at_least=PRECISION),
        headline('median delay', every.delay, 'Beyond the hold time.', 'frames', at_most=DELAY_FRAMES),
    )
