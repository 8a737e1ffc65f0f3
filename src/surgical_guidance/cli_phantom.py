"""The commands ``phantom render`` and ``phantom list``: the rendered operation as a clip with its truth."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from surgical_guidance.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from surgical_guidance.phantom.render import Tell
    from surgical_guidance.phantom.take import Take

app = typer.Typer(
    name='phantom',
    no_args_is_help=True,
    help='The rendered operation: every pixel, millimetre and event of it is known.',
)
console = Console()
errors = Console(stderr=True)

_COLUMNS = (
    TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('frames'), TimeElapsedColumn(),
    TimeRemainingColumn(),
)  # fmt: skip


@app.command()
def render(
    scenario: Annotated[str, typer.Option(help='Which one; `phantom list` names them.')] = 'operation',
    seed: Annotated[int, typer.Option(min=0, help='Which patient.')] = 0,
    size: Annotated[str, typer.Option(help='Width and height, both even.')] = '1920x1080',
    vendor: Annotated[str, typer.Option(help='Whose camera; `phantom list` names them.')] = 'plain',
    eye: Annotated[str, typer.Option(help='Of a stereo endoscope, left or right; 4.5 mm apart, rectified.')] = 'left',
    out: Annotated[Path, typer.Option(help='The clip, H.264 in MP4.')] = Path('clip.mp4'),
    truth: Annotated[Path | None, typer.Option(help='The truth, one line of JSON a frame.')] = None,
) -> None:
    """Render a scenario to a clip and its truth.

    Example: `surgical-guidance phantom render --scenario active_bleeding --out clip.mp4 --truth truth.jsonl`
    """
    from surgical_guidance.phantom.render import write
    from surgical_guidance.phantom.take import Take

    match = re.fullmatch(r'(\d{2,4})x(\d{2,4})', size)
    if match is None:
        raise SourceError(f'{size} is no size', where='--size', remedy='write it like 1280x720')
    for path in (out, truth):
        if path is not None and not path.resolve().parent.is_dir():
            raise SourceError('the folder is not there', where=str(path.resolve().parent), remedy='make it first')
    take = Take(scenario, seed, int(match[1]), int(match[2]), vendor, eye=eye)
    _with_bar(take, lambda tell: write(take, out, truth, tell))
    console.print(f'{out}: {take.frames} frames, {take.frames / take.rate:.1f} s' + (f'; {truth}' if truth else ''))


@app.command(name='list')
def list_() -> None:
    """Name the scenarios and the cameras."""
    from surgical_guidance.phantom.scenarios import library
    from surgical_guidance.phantom.vendors import HELD_OUT, VENDORS

    table = Table('scenario', 'rule', 'seconds', 'speak at frame', 'what', title='scenarios', title_justify='left')
    for one in library().values():
        speaks = '' if math.isnan(one.onset_s) else str(one.speak_at)
        table.add_row(one.name, str(one.rule or ''), f'{one.duration_s:g}', speaks, one.title)
    console.print(table)
    names = (f'{name} (kept from training)' if name in HELD_OUT else name for name in VENDORS)
    console.print(f'cameras: {", ".join(names)}')


def prepare(uri: str) -> None:
    """Render the scenario that a source URI plays, where that was not done before, with a progress bar.

    Does nothing for every other source.

    :raises SourceError: if the URI cannot be understood or the take cannot be rendered.
    """
    if not uri.startswith('phantom:'):
        return
    from surgical_guidance.phantom import cache
    from surgical_guidance.phantom.source import take_of

    take = take_of(uri)
    if take is not None and cache.find(take) is None:
        _with_bar(take, lambda tell: cache.rendered(take, tell))


def _with_bar(take: Take, work: Callable[[Tell], object]) -> None:
    with Progress(*_COLUMNS, console=errors, transient=True) as progress:
        task = progress.add_task(f'rendering {take.scenario.name}', total=take.frames)
        work(lambda done, total: progress.update(task, completed=done, total=total))
