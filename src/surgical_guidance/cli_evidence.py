"""``surgical-guidance evidence``: what the flight recorder has written."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from surgical_guidance.clock import NS_PER_S
from surgical_guidance.errors import EvidenceError
from surgical_guidance.recording import mcap_file
from surgical_guidance.recording.vault import HTML, JSON, MCAP, Piece, pieces

app = typer.Typer(
    name='evidence', no_args_is_help=True, help='What the flight recorder has written (docs/operations.md).'
)
console = Console()

Directory = Annotated[
    Path | None,
    typer.Option(
        '--directory',
        help='Where it is kept: the evidence folder of a run; by default that of the latest run, or of the host.',
    ),
]
Id = Annotated[str, typer.Argument(help='Which piece: its name, or the beginning or the end of it.')]


@app.command('list')
def list_(directory: Directory = None) -> None:
    """List the pieces, the oldest first."""
    where = _directory(directory)
    table = Table('when', 'why', 'MB', 'id', title=str(where), title_justify='left')
    for piece in pieces(where):
        at = datetime.fromtimestamp(piece.stamp_ns / NS_PER_S, tz=UTC)
        table.add_row(f'{at:%Y-%m-%d %H:%M:%S} UTC', piece.id.split('_', 1)[1], f'{piece.size / 1e6:.1f}', piece.id)
    console.print(table)


@app.command()
def show(piece_id: Id, directory: Directory = None) -> None:
    """Show what a piece tells in short; its page has the pictures."""
    piece = _find(piece_id, _directory(directory))
    summary = _summary(piece)
    console.print(Text(f'{summary["cause"]}   {summary["from"]} to {summary["to"]}', style='bold'))
    for cause in summary['causes']:
        console.print(Text(f'{cause["at"]:+8.2f} s  {cause["id"]}: {cause["detail"]}', style='red'))
    for change in summary['states']:
        console.print(Text(f'{change["at"]:+8.2f} s  {change["state"]}: {"; ".join(change["reasons"])}'))
    times = Table('stage', 'p50 ms', 'p99 ms', 'max ms')
    for stage, values in summary['latency_ms'].items():
        cells = ('-' if values[name] is None else f'{values[name]:.2f}' for name in ('p50', 'p99', 'max'))
        times.add_row(stage, *cells)
    console.print(times)
    console.print(
        f'{len(summary["frames"])} frames, {summary["over_limit"]} over the limit, {summary["dropped"]} dropped'
    )
    console.print(f'page: {piece.path / HTML}')


@app.command()
def verify(piece_id: Id, directory: Directory = None) -> None:
    """Read a piece to its end: every checksum, and every message its summary speaks of."""
    piece = _find(piece_id, _directory(directory))
    told = _summary(piece)['messages']
    found = mcap_file.check(piece.path / MCAP)
    if found != told:
        missing = ', '.join(f'{topic} ({found.get(topic, 0)} of {count})' for topic, count in told.items()
                            if found.get(topic) != count)  # fmt: skip
        raise EvidenceError(f'it does not hold what its summary says: {missing}', where=str(piece.path))
    console.print(f'{piece.id}: whole, {sum(found.values())} messages of {len(found)} topics')


def _directory(given: Path | None) -> Path:
    """Give the folder: the one given, that of the latest run, or the recorder's own."""
    if given is not None:
        if not given.is_dir():
            raise EvidenceError('there is no such folder', where=str(given))
        return given
    state = Path(os.environ.get('XDG_STATE_HOME') or Path.home() / '.local/state') / 'surgical-guidance'
    runs = [path for root in (Path('runs'), state / 'runs') for path in root.glob('*/evidence') if path.is_dir()]
    if runs:
        return max(runs, key=lambda path: path.stat().st_mtime)
    return state / 'evidence'


def _find(piece_id: str, directory: Path) -> Piece:
    """Give the one piece that is meant.

    :raises EvidenceError: if there is none, or more than one.
    """
    found = [piece for piece in pieces(directory) if piece.id.startswith(piece_id) or piece.id.endswith(piece_id)]
    if len(found) != 1:
        raise EvidenceError(f'{len(found)} pieces of evidence are named like {piece_id!r}', where=str(directory),
                            remedy='`surgical-guidance evidence list` names them')  # fmt: skip
    return found[0]


def _summary(piece: Piece) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = json.loads((piece.path / JSON).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise EvidenceError(f'its summary cannot be read ({error})', where=str(piece.path)) from error
    return summary
