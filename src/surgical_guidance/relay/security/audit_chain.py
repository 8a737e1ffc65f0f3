"""The form of the audit log: one JSON object a line, each with the hash of the one before.

``hash`` is the SHA-256 of the record without it, as JSON with sorted keys and no spaces; ``prev`` is the hash of the
record before. Whoever changes, drops or inserts a record breaks the chain there. Files that were rotated away go on in
the next one. What a chain cannot show by itself is that its last records are missing: the number and the hash of the
last one stand in ``FILE.head`` too, and the relay tells them to its own log when it stops.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIRST = '0' * 64  # what the first record of a chain says is before it
LONGEST = 64 * 1024  # bytes of a line


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a chain: its number and its hash."""

    number: int = 0
    hash: str = FIRST


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a chain found.

    :param records: that are whole and in order, from the first on.
    :param head: of them.
    :param begins: number of the record before the first file: 0 where the chain is here from its start.
    :param where: ``file:line`` of the first break; '' if there is none.
    :param what: what is wrong there.
    """

    records: int
    head: Head
    begins: int = 0
    where: str = ''
    what: str = ''

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.what


def digest(record: dict[str, Any]) -> str:
    """Give the hash of a record."""
    bare = {key: value for key, value in record.items() if key != 'hash'}
    text = json.dumps(bare, ensure_ascii=False, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def chained(record: dict[str, Any], head: Head) -> tuple[bytes, Head]:
    """Write a record as the next line of a chain."""
    full = {'n': head.number + 1, **record, 'prev': head.hash}
    full['hash'] = digest(full)
    return json.dumps(full, ensure_ascii=False, separators=(',', ':')).encode() + b'\n', Head(full['n'], full['hash'])


def verify(files: Iterable[Path]) -> Verdict:
    """Look whether the chain holds, over files in the order they were written.

    :raises OSError: if a file cannot be read.
    """
    head: Head | None = None
    records = begins = 0
    last = None
    for path in files:
        last = path
        with path.open('rb') as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST), b''), 1):
                record, what = _read(line)
                if not what and head is None:
                    begins = record['n'] - 1
                    head = Head(begins, record['prev'])
                    what = 'the first record names one before it' if not begins and head.hash != FIRST else ''
                if not what and head is not None:
                    what = _compare(record, head)
                if what:
                    return Verdict(records, head or Head(), begins, f'{path}:{number}', what)
                head = Head(record['n'], record['hash'])
                records += 1
    known = read_head(last) if last is not None else Head()
    end = head or Head()
    if known.number > end.number:
        missing = known.number - end.number
        return Verdict(
            records, end, begins, f'{last}', f'the last {missing} records are missing: it went on to {known.number}'
        )
    return Verdict(records, end, begins)


def _read(line: bytes) -> tuple[dict[str, Any], str]:
    if not line.endswith(b'\n'):
        return {}, 'the line has no end'
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}, 'this is not JSON'
    if not isinstance(record, dict) or not isinstance(record.get('n'), int) or not isinstance(record.get('prev'), str):
        return {}, 'this is no record'
    if record.get('hash') != digest(record):
        return {}, 'the record was changed: its hash is another'
    return record, ''


def _compare(record: dict[str, Any], head: Head) -> str:
    if record['n'] != head.number + 1:
        return f'record {record["n"]} follows {head.number}: records were removed, added or moved'
    if record['prev'] != head.hash:
        return 'the record does not belong to the one before it'
    return ''


def head_file(path: Path) -> Path:
    """Name the file beside a log that tells its last record."""
    return path.with_name(f'{path.name}.head')


def read_head(path: Path) -> Head:
    """Read what is noted of a log's last record; the start of a chain where nothing is."""
    try:
        number, text = head_file(path).read_text(encoding='ascii').split()
        return Head(int(number), text)
    except (OSError, ValueError):
        return Head()
