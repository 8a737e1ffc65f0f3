"""Evidence as an MCAP file that ``ros2 bag`` and Foxglove read, and back."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Channel, Footer, Message
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer

from surgical_guidance.errors import EvidenceError
from surgical_guidance.recording.memory import Record
from surgical_guidance.recording.schemas import definition

ATTACHMENT: Final = 'summary.json'
METADATA: Final = 'surgical_guidance'
_AFTER_SUMMARY: Final = 12  # bytes: the checksum itself and the magic at the end


def write(file: BinaryIO, records: Iterable[Record], types: Mapping[str, str], summary: Mapping[str, Any]) -> None:
    """Write records, and the summary as an attachment.

    :param types: message type of every topic of the records, ``package/msg/Name``.
    :param summary: goes in as ``summary.json``; its ``id`` is the metadata too.
    :raises OSError: if the disk does not take it.
    """
    writer = Writer(file, compression=CompressionType.ZSTD, enable_data_crcs=True)
    writer.start(profile='ros2', library='surgical_guidance')
    channels: dict[str, int] = {}
    last_ns = 0
    for sequence, record in enumerate(records):
        if record.topic not in channels:
            channels[record.topic] = _channel(writer, record.topic, types[record.topic])
        writer.add_message(channels[record.topic], record.log_ns, record.data, record.publish_ns, sequence)
        last_ns = max(last_ns, record.log_ns)
    writer.add_metadata(METADATA, {'id': str(summary.get('id', '')), 'cause': str(summary.get('cause', ''))})
    text = json.dumps(summary, ensure_ascii=False, allow_nan=False).encode(errors='replace')
    writer.add_attachment(last_ns, last_ns, ATTACHMENT, 'application/json', text)
    writer.finish()  # type: ignore[no-untyped-call]


def _channel(writer: Writer, topic: str, type_name: str) -> int:
    schema = writer.register_schema(type_name, 'ros2msg', definition(type_name).encode())
    return writer.register_channel(topic, 'cdr', schema, {'offered_qos_profiles': ''})


def check(path: Path) -> dict[str, int]:
    """Read a file from end to end, every checksum and record of it, and count the messages of each topic.

    :raises EvidenceError: if it cannot be read, or is not whole.
    """
    channels: dict[int, str] = {}
    found: Counter[str] = Counter()
    try:
        with path.open('rb') as file:
            for record in StreamReader(file, validate_crcs=True).records:
                if isinstance(record, Channel):
                    channels[record.id] = record.topic
                elif isinstance(record, Message):
                    found[channels[record.channel_id]] += 1
                elif isinstance(record, Footer):
                    _check_summary(path, record)
    except Exception as error:
        raise EvidenceError(f'it is damaged ({error or type(error).__name__})', where=str(path)) from error
    return dict(found)


def _check_summary(path: Path, footer: Footer) -> None:
    """Hold what comes after the data against its checksum, which no reader does (https://mcap.dev/spec#footer-op0x02)."""
    if zlib.crc32(path.read_bytes()[footer.summary_start : -_AFTER_SUMMARY]) != footer.summary_crc:
        raise ValueError('the checksum of the summary section is wrong')


def counts(path: Path) -> dict[str, int]:
    """Give how many messages of each topic the file says it has.

    :raises EvidenceError: if it cannot be read, or is not whole.
    """
    try:
        with path.open('rb') as file:
            summary = make_reader(file).get_summary()
    except (OSError, McapError, ValueError) as error:
        raise EvidenceError(f'it cannot be read ({error or type(error).__name__})', where=str(path)) from error
    if summary is None or summary.statistics is None:
        raise EvidenceError('it has no summary: it was not finished', where=str(path))
    channels = summary.channels
    return {channels[key].topic: count for key, count in summary.statistics.channel_message_counts.items()}
