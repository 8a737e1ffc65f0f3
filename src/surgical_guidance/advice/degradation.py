"""Whether guidance is current: a pure state machine.

=============  ==============================  =======================  ============  ==================  =========
state          good scene                      scene not valid          silence       validity over       restart
=============  ==============================  =======================  ============  ==================  =========
nominal        nominal                         nominal                  interrupted   withdrawn           withdrawn
interrupted    nominal after n in a row        interrupted, from 0      interrupted,  withdrawn,          withdrawn
                                                                        from 0        count kept
withdrawn      nominal after n in a row        withdrawn, from 0        withdrawn,    withdrawn,          withdrawn
                                                                        from 0        count kept
=============  ==============================  =======================  ============  ==================  =========

It begins withdrawn: before the first scenes nothing is known, and that is not the same as nothing to say. A scene that
is not valid changes nothing in nominal by itself; if no valid one follows in time, silence does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """How far what is shown can be taken as current."""

    NOMINAL = 'nominal'
    INTERRUPTED = 'interrupted'
    WITHDRAWN = 'withdrawn'


class Event(Enum):
    """What happens to it."""

    GOOD = 'a valid scene came'
    BAD = 'a scene came that is not valid'
    SILENCE = 'no valid scene came in time'
    EXPIRY = 'the validity of what is shown is over'
    RESTART = 'time began anew'


@dataclass(frozen=True, slots=True)
class Health:
    """A state, and the good scenes in a row since it was lost."""

    state: State = State.WITHDRAWN
    good: int = 0

    @property
    def nominal(self) -> bool:
        """Whether what is shown is current."""
        return self.state is State.NOMINAL

    @property
    def listening(self) -> bool:
        """Whether silence would change anything."""
        return self.nominal or self.good > 0


def after(health: Health, event: Event, needed: int) -> Health:
    """Give the health after an event.

    :param needed: good scenes in a row that bring guidance back.
    """
    match event:
        case Event.GOOD:
            if health.nominal or health.good + 1 >= needed:
                return Health(State.NOMINAL)
            return Health(health.state, health.good + 1)
        case Event.BAD:
            return health if health.nominal else Health(health.state)
        case Event.SILENCE:
            return Health(State.INTERRUPTED if health.nominal else health.state)
        case Event.EXPIRY:
            return Health(State.WITHDRAWN, health.good)
        case Event.RESTART:
            return Health(State.WITHDRAWN)
