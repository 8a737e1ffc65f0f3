"""What the surgeon answered, one JSON object a line, appended and never rewritten."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from surgical_guidance.advice.suggestion import Response, Suggestion
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import HostError

FILE_NAME: Final = 'responses.jsonl'


class ResponseRecord:
    """Appends to ``responses.jsonl`` in a folder, which is made if it is not there.

    :param directory: where; '' keeps no record.
    """

    def __init__(self, directory: str) -> None:
        self.path = Path(directory) / FILE_NAME if directory else None

    def add(self, suggestion: Suggestion, response: int, by: str, now_ns: int, outcome: str) -> None:
        """Append one answer, also one that was refused.

        :param suggestion: that was shown at the time.
        :param response: a :class:`Response`; another number is recorded as it is.
        :param now_ns: on the time line of the stamps [ns].
        :param outcome: what was done, or why not.
        :raises HostError: if it cannot be written.
        """
        if self.path is None:
            return
        known = response in tuple(Response)
        line = {
            'at': datetime.fromtimestamp(now_ns / NS_PER_S, tz=UTC).isoformat(timespec='milliseconds'),
            'by': by,
            'response': Response(response).name.lower() if known else response,
            'sequence': suggestion.sequence,
            'rule': suggestion.rule_id,
            'frame': suggestion.frame_sequence,
            'text_zh': suggestion.text_zh,
            'text_en': suggestion.text_en,
            'outcome': outcome,
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open('a', encoding='utf-8') as file:
                file.write(json.dumps(line, ensure_ascii=False) + '\n')
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise HostError(
                f'the answer is not recorded ({error.strerror})', where=str(self.path), remedy='make room or access'
            ) from error
