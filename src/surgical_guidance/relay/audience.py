"""Whether what comes with every frame is wanted, and what follows from that for those who judge by it."""

from __future__ import annotations

from collections.abc import Callable

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.relay.privacy import Privacy
from surgical_guidance.relay.view import View

LINGER_S = 2.0  # frames still come when the last page has gone: it may only be loaded anew


class Audience:
    """Has frames, scenes and times sent here while somebody watches. Belongs to the loop's thread.

    :param watch: says whether they are wanted; None: they come always.
    """

    def __init__(self, watch: Callable[[bool], None] | None, view: View, privacy: Privacy) -> None:
        self._watch = watch
        self._view = view
        self._privacy = privacy
        self._wanted = True
        self._until_ns = 0

    def look(self, now_ns: int, *, watched: bool) -> None:
        """Take whether somebody watches now."""
        if self._watch is None:
            return
        if watched:
            self._until_ns = now_ns + int(LINGER_S * NS_PER_S)
        wanted = now_ns < self._until_ns
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if wanted:
            self._privacy.doubt()
        self._view.hear_frames(wanted, now_ns)
        self._watch(wanted)
