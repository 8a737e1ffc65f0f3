"""Voices between operating room and experts: Opus packets forwarded as they are, nothing decoded and nothing mixed.

Everybody hears everybody else who speaks. Speaking and listening are switches, off at first, and what is said into a
microphone that is off goes nowhere: the relay drops it, whatever the page does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from surgical_guidance.clock import NS_PER_S, monotonic_ns
from surgical_guidance.errors import GuidanceError
from surgical_guidance.relay.clients import Client
from surgical_guidance.relay.facts import Json
from surgical_guidance.relay.ops import Message, Ops
from surgical_guidance.relay.security import Principal
from surgical_guidance.relay.security.limits import Bucket
from surgical_guidance.relay.video.offer import OPUS, OPUS_RATE, Line
from surgical_guidance.relay.video.outlet import Outlet
from surgical_guidance.relay.video.peer import Peer

SLOTS = 4  # voices that one can hear at once
PACKETS_A_SECOND = 120  # of one microphone: 50 are usual, 100 with packets of 10 ms
LARGEST = 1300  # bytes of a packet's payload
SILENT_S = 0.5  # a voice that says nothing for so long gives its place to another
LINE = 'voice'  # the first line also takes the microphone


class _Slot:
    """One voice as one listener hears it: the stream goes on while who speaks in it changes."""

    def __init__(self) -> None:
        self.outlet = Outlet(OPUS, extensions=False)
        self.speaker: Voice | None = None
        self.heard_ns = 0
        self._offset = 0
        self._fresh = True  # the next packet is the first of who has the slot now
        self._next = 0

    def take(self, speaker: Voice) -> None:
        """Give the slot to somebody."""
        self.speaker, self._fresh = speaker, True

    def rtp_time(self, theirs: int, now_ns: int) -> int:
        """Carry the speaker's timestamps over into this stream's."""
        if self._fresh:
            self._fresh = False
            since = (now_ns - self.heard_ns) * OPUS_RATE // NS_PER_S if self.heard_ns else 0
            self._offset = (self._next + since - theirs) & 0xFFFFFFFF
        self.heard_ns = now_ns
        self._next = (theirs + self._offset) & 0xFFFFFFFF
        return self._next

    def rtp_now(self, now_ns: int) -> int:
        """Give the timestamp that a packet of this instant would have."""
        return (self._next + (now_ns - self.heard_ns) * OPUS_RATE // NS_PER_S) & 0xFFFFFFFF


class Voice:
    """One page that may listen or speak.

    :param forward: gets every packet that is said into the microphone while it is on.
    """

    def __init__(
        self, peer: Peer, principal: Principal, *, may_speak: bool, forward: Callable[[Voice, Any], None]
    ) -> None:
        self.peer = peer
        self.principal = principal
        self.may_speak = may_speak
        self.live = False
        self.speaking = False
        self.listening = False
        self.dropped = 0
        self.slots = [_Slot() for _ in range(SLOTS)]
        self._forward = forward
        self._bucket = Bucket(PACKETS_A_SECOND, PACKETS_A_SECOND)

    @property
    def lines(self) -> list[Line]:
        """Lines of the offer: one a slot; the first takes the microphone too."""
        return [
            Line(f'{LINE}{n}', 'audio', 'sendrecv' if n == 0 and self.may_speak else 'sendonly', slot.outlet.ssrc)
            for n, slot in enumerate(self.slots)
        ]

    async def on_rtp(self, packet: Any) -> None:
        """Take a packet of the microphone."""
        if not self.speaking or len(packet.payload) > LARGEST or not self._bucket.take():
            self.dropped += self.speaking
            return
        self._forward(self, packet)

    def hear(self, speaker: Voice, packet: Any) -> None:
        """Send somebody's packet to this page."""
        now_ns = monotonic_ns()
        slot = self._slot_of(speaker, now_ns)
        if slot is None:
            return
        stamp = slot.rtp_time(packet.timestamp, now_ns)
        self.peer.send(slot.outlet.write((packet.payload,), stamp, now_ns, last=bool(packet.marker)))

    def report(self) -> None:
        """Send the sender's reports of the slots in use."""
        now_ns = monotonic_ns()
        for n, slot in enumerate(self.slots):
            if slot.heard_ns and now_ns - slot.heard_ns < 2 * NS_PER_S:
                stamp = slot.rtp_now(now_ns)
                self.peer.report(slot.outlet.report(stamp, time.time_ns(), f'{LINE}{n}'))

    def _slot_of(self, speaker: Voice, now_ns: int) -> _Slot | None:
        """Find the slot of a speaker, or one that has been silent; None while all are in use."""
        for slot in self.slots:
            if slot.speaker is speaker:
                return slot
        free = min(self.slots, key=lambda slot: slot.heard_ns)
        if free.heard_ns and now_ns - free.heard_ns < SILENT_S * NS_PER_S:
            return None
        free.take(speaker)
        return free


class Voices:
    """All of them. Belongs to the loop's thread.

    :param ops: where the switches are registered.
    :param note: is told whose microphone was turned on or off, by the connection's id.
    """

    def __init__(self, ops: Ops, note: Callable[[str, bool], None]) -> None:
        self._ops = ops
        self._note = note
        self._voices: dict[Client, Voice] = {}
        self.forwarded = 0
        ops.register('audio.speak', self._speak, needs='speak')
        ops.register('audio.listen', self._listen, needs='listen')

    def join(self, client: Client, principal: Principal, peer: Peer) -> Voice | None:
        """Take in a page; None if it may neither speak nor listen."""
        allowed = self._ops.allowed(principal)
        if not {'audio.speak', 'audio.listen'} & set(allowed):
            return None
        voice = Voice(peer, principal, may_speak='audio.speak' in allowed, forward=self._forward)
        self._voices[client] = voice
        return voice

    def leave(self, client: Client) -> None:
        """Forget a page."""
        voice = self._voices.pop(client, None)
        if voice is not None and voice.speaking:
            self._note(voice.principal.connection, False)

    def report(self) -> None:
        """Send the sender's reports."""
        for voice in list(self._voices.values()):
            if voice.live:
                voice.report()

    def json(self) -> Json:
        """Tell how it goes, for ``/healthz``."""
        voices = self._voices.values()
        return {
            'speaking': sum(voice.speaking for voice in voices),
            'listening': sum(voice.listening for voice in voices),
            'forwarded': self.forwarded,
            'dropped': sum(voice.dropped for voice in voices),
        }

    def _forward(self, speaker: Voice, packet: Any) -> None:
        for voice in list(self._voices.values()):
            if voice is not speaker and voice.live and voice.listening:
                try:
                    voice.hear(speaker, packet)
                    self.forwarded += 1
                except ConnectionError:
                    voice.live = False

    def _speak(self, _principal: Principal, client: Client, message: Message) -> None:
        voice = self._voice(client, message)
        voice.speaking = message['on']
        self._note(voice.principal.connection, voice.speaking)

    def _listen(self, _principal: Principal, client: Client, message: Message) -> None:
        self._voice(client, message).listening = message['on']

    def _voice(self, client: Client, message: Message) -> Voice:
        if not isinstance(message.get('on'), bool):
            raise GuidanceError('neither true nor false', where='on')
        if client not in self._voices:
            raise GuidanceError('there is no sound without video', where=str(message['op']))
        return self._voices[client]
