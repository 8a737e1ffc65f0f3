"""The rule table's file while guidance runs: loaded again when it changed, all of it or nothing."""

from __future__ import annotations

from pathlib import Path

from surgical_guidance.advice.rules import RuleTable, load


class RuleFile:
    """Where the rules come from.

    :param path: YAML file; '' for the packaged one, which does not change.
    """

    def __init__(self, path: str = '') -> None:
        self._path = path
        self._seen = self._mark()

    @property
    def name(self) -> str:
        """How to call it."""
        return self._path or 'the packaged rules'

    def load(self) -> RuleTable:
        """Load it.

        :raises RuleTableError: with file, line, field and what is wrong.
        """
        self._seen = self._mark()
        return load(self._path)

    def changed(self) -> bool:
        """Whether it is another than the one that was loaded last."""
        return self._mark() != self._seen

    def _mark(self) -> tuple[int, int, int] | None:
        """Tell one state of the file from another: its time, its size and which file it is; None: it is not there."""
        if not self._path:
            return None
        try:
            there = Path(self._path).stat()
        except OSError:
            return None
        return there.st_mtime_ns, there.st_size, there.st_ino
