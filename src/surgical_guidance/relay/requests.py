"""What the surgeon asks of the guidance: an answer to advice, an alarm seen, quiet for a while.

Each is handed on to the service that decides, without waiting; what comes of it is told to the page that asked, and so
is that nothing came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay import wire
from surgical_guidance.relay.clients import Client
from surgical_guidance.relay.ops import Message, Ops
from surgical_guidance.relay.security import Principal

ANSWER_S = 2.0  # a service that says nothing for so long does not answer

Answer = Callable[[bool, str], None]
Cancel = Callable[[], None]
Ask = Callable[[str, dict[str, Any], Answer], Cancel]
"""Asks the service of an operation; the answer may come in any thread. What it gives back ends the waiting."""

RESPONSES = {'accept': 0, 'reject': 1, 'not_now': 2}
"""As in ``RespondToSuggestion.srv``."""


class _Request(BaseModel):
    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)


class Respond(_Request):
    """``respond``."""

    op: Literal['respond']
    sequence: Annotated[int, Field(ge=1, lt=2**63)]
    response: Literal['accept', 'reject', 'not_now']


class Acknowledge(_Request):
    """``acknowledge``. An empty id means all alarms."""

    op: Literal['acknowledge']
    id: Annotated[str, Field(max_length=64)]


class PauseAudio(_Request):
    """``pause_audio``. 0 seconds end the pause."""

    op: Literal['pause_audio']
    seconds: Annotated[float, Field(ge=0, le=3600)]


R = TypeVar('R', bound=_Request)


class Requests:
    """Registers its operations; belongs to the loop's thread.

    :param ask: asks the service that an operation stands for.
    """

    def __init__(self, ops: Ops, ask: Ask, loop: asyncio.AbstractEventLoop) -> None:
        self._ask = ask
        self._loop = loop
        ops.register('respond', self._respond)
        ops.register('acknowledge', self._acknowledge)
        ops.register('pause_audio', self._pause_audio)

    def _respond(self, principal: Principal, client: Client, message: Message) -> None:
        asked = _read(Respond, message)
        fields = {'sequence': asked.sequence, 'response': RESPONSES[asked.response], 'by': principal.name}
        self._hand_on(client, 'respond', fields)

    def _acknowledge(self, principal: Principal, client: Client, message: Message) -> None:
        self._hand_on(client, 'acknowledge', {'id': _read(Acknowledge, message).id, 'by': principal.name})

    def _pause_audio(self, principal: Principal, client: Client, message: Message) -> None:
        self._hand_on(client, 'pause_audio', {'seconds': _read(PauseAudio, message).seconds, 'by': principal.name})

    def _hand_on(self, client: Client, what: str, fields: dict[str, Any]) -> None:
        answered = False

        def tell(success: bool, reason: str) -> None:
            nonlocal answered
            if not answered:
                answered = True
                late.cancel()
                client.put_event(wire.text('answered', {'what': what, 'success': success, 'message': reason}))

        def give_up() -> None:
            cancel()
            tell(False, f'no answer within {ANSWER_S:g} s')

        late = self._loop.call_later(ANSWER_S, give_up)
        cancel = self._ask(what, fields, lambda success, reason: self._later(tell, success, reason))

    def _later(self, work: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *arguments)


def _read(form: type[R], message: Message) -> R:
    try:
        return form.model_validate(message)
    except ValidationError as error:
        first = error.errors()[0]
        raise GuidanceError(first['msg'], where='.'.join(str(part) for part in first['loc'])) from error
