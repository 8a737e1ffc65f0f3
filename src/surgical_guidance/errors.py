"""What a user can cause, each with what is wrong, where, and what to do.

::

    GuidanceError
    ├── ParameterError          a parameter has a value it cannot have
    ├── SourceError             a picture source cannot be used as asked
    │   └── SourceLost          it worked and went away (a pulled cable, a broken file)
    ├── FrameError              a frame cannot be stored, found or read
    │   ├── RingUnavailable     no shared-memory ring can be made or found
    │   ├── FrameOverwritten    the slot holds a newer frame by now
    │   └── EncodingError       an image message says something it does not hold, or that nobody here can read
    ├── ModelError              a model or its manifest cannot be used
    │   └── EngineError         the engine that runs it failed
    ├── RuleTableError          the rule table cannot be used
    ├── CalibrationError        the calibration of a camera cannot be used
    ├── EvidenceError           evidence cannot be kept or read
    ├── AccessError             a token, a ticket, a certificate or a policy cannot be used
    ├── ProtocolError           a remote client asks for what is not to be had, or asks it wrongly
    └── HostError               this machine lacks something: a port, a program, a package
"""

from __future__ import annotations


class GuidanceError(Exception):
    """Something a user can mend.

    :param what: what is wrong, without a full stop.
    :param where: the file, topic, device or parameter it was found in.
    :param remedy: what to do about it.
    """

    def __init__(self, what: str, *, where: str = '', remedy: str = '') -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(what, where, remedy)

    def __str__(self) -> str:
        """Tell it in one line: ``where: what; remedy``."""
        line = f'{self.where}: {self.what}' if self.where else self.what
        return f'{line}; {self.remedy}' if self.remedy else line


class ParameterError(GuidanceError):
    """A parameter has a value it cannot have."""


class SourceError(GuidanceError):
    """A picture source cannot be used as asked."""


class SourceLost(SourceError):
    """A picture source worked and went away."""


class FrameError(GuidanceError):
    """A frame cannot be stored, found or read."""


class RingUnavailable(FrameError):
    """No shared-memory ring can be made or found."""


class FrameOverwritten(FrameError):
    """The slot holds a newer frame by now: the reader was too slow."""


class EncodingError(FrameError):
    """An image message says something it does not hold, or that nobody here can read."""


class ModelError(GuidanceError):
    """A model or its manifest cannot be used."""


class EngineError(ModelError):
    """The engine that runs a model failed."""


class RuleTableError(GuidanceError):
    """The rule table cannot be used."""


class CalibrationError(GuidanceError):
    """The calibration of a camera cannot be used."""


class EvidenceError(GuidanceError):
    """Evidence cannot be kept or read."""


class AccessError(GuidanceError):
    """A token, a ticket, a certificate or a policy cannot be used."""


class ProtocolError(GuidanceError):
    """A remote client asks for what is not to be had, or asks it wrongly."""


class HostError(GuidanceError):
    """This machine lacks something."""
