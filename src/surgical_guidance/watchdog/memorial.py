"""What a watchdog leaves for the one that follows it: alarms that nobody had acknowledged when it died.

A file beside the alarm log, there from the start of a watchdog to its end in good order. One that is found at the
start, of the same boot and parent, means that the last watchdog died and this one was started in its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from surgical_guidance.watchdog.alarm_table import Definition
from surgical_guidance.watchdog.alarms import Alarm

FILE_NAME: Final = 'watchdog.json'


class Memorial:
    """The file of one watchdog.

    :param directory: of the alarm log.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._life = {'boot': _boot(), 'parent': os.getppid()}

    def last_words(self, table: Mapping[str, Definition]) -> tuple[Alarm, ...] | None:
        """Give the alarms that the last watchdog left; None if it ended in good order or belonged to something else."""
        try:
            content = json.loads(self._path.read_text(encoding='utf-8'))
            if {key: content[key] for key in self._life} != self._life:
                return None
            return tuple(
                Alarm(
                    table[item['id']],
                    int(item['raised_ns']),
                    str(item['detail']),
                    int(item['count']),
                    active=False,
                    cleared_ns=int(item['raised_ns']),
                    escalated=bool(item['escalated']),
                )
                for item in content['alarms']
                if item['id'] in table
            )
        except (OSError, ValueError, KeyError, TypeError):  # none, or one that was torn: nothing to remember
            return None

    def text(self, standing: Iterable[Alarm]) -> str:
        """Give the file's text for the alarms that stand."""
        alarms: list[dict[str, Any]] = [
            {
                'id': alarm.definition.id,
                'raised_ns': alarm.raised_ns,
                'detail': alarm.detail,
                'count': alarm.count,
                'escalated': alarm.escalated,
            }
            for alarm in standing
            if not alarm.acknowledged
        ]
        return json.dumps({**self._life, 'alarms': alarms}, ensure_ascii=False)

    def write(self, text: str) -> None:
        """Write the file, whole or not at all.

        :raises OSError: if it cannot be.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix('.new')
        unfinished.write_text(text, encoding='utf-8')
        unfinished.replace(self._path)

    def remove(self) -> None:
        """End in good order."""
        self._path.unlink(missing_ok=True)


def _boot() -> str:
    try:
        return Path('/proc/sys/kernel/random/boot_id').read_text(encoding='ascii').strip()
    except OSError:
        return ''
