"""The command ``evaluate advice``: whether the right word is said at the right frame, as a report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from surgical_guidance.errors import ParameterError

if TYPE_CHECKING:
    from surgical_guidance.evaluation.advice.tally import TakeName
    from surgical_guidance.evaluation.datasets.phantom_takes import PhantomTake
    from surgical_guidance.evaluation.goals import Headline

console = Console()
errors = Console(stderr=True)


def advice(
    report: Annotated[Path, typer.Option(help='Where the report goes: a folder, or a file `*.html`.')],
    scenarios: Annotated[
        str, typer.Option(help='Scenarios of the phantom, with commas between them, or `all`.')
    ] = 'all',
    seeds: Annotated[
        str, typer.Option(help='Patients, with commas; `9201-9203` is three. None of these was used for tuning.')
    ] = '9201-9202',
    vendors: Annotated[
        str, typer.Option(help='Cameras, with commas; `held-out`: those never trained on. Patients take turns at them.')
    ] = 'held-out',
    way: Annotated[
        str, typer.Option('--from', help='`truth`: the logic alone; `models`: as the shipped models see; `both`.')
    ] = 'both',
    size: Annotated[str, typer.Option(help='Of the pictures that the models see.')] = '960x540',
    rules: Annotated[str, typer.Option(help='Rule table, a YAML file; without it the packaged one.')] = '',
    model: Annotated[
        list[str] | None, typer.Option(help='Name or manifest of a model; without it those that come with the package.')
    ] = None,
    processes: Annotated[
        int, typer.Option(min=0, max=64, help='Takes that are played at a time; `0`: as many as there are cores.')
    ] = 0,
    threads: Annotated[int, typer.Option(min=1, max=64, help='Processor threads of one inference.')] = 1,
) -> None:
    """Hold what is said in takes of the phantom against what their truth makes due; write a report, HTML and JSON.

    Example: `surgical-guidance evaluate advice --report out`

    Example: `surgical-guidance evaluate advice --from truth --scenarios smoke,blur --seeds 9201-9203 --report out`
    """
    from surgical_guidance.advice.rules import load
    from surgical_guidance.evaluation.advice.crew import WAYS, Job, evaluate_all
    from surgical_guidance.evaluation.advice.headlines import headlines_of
    from surgical_guidance.evaluation.advice.report import write_report
    from surgical_guidance.evaluation.advice.tally import TakeName
    from surgical_guidance.evaluation.datasets.phantom_takes import open_phantom

    if way not in (*WAYS, 'both'):
        raise ParameterError(f'{way!r} is no way', where='--from', remedy=f'use {", ".join(WAYS)} or both')
    table = load(rules)
    dataset = open_phantom(scenarios, seeds, vendors, size)
    played = cast('Sequence[PhantomTake]', dataset.takes)
    takes = _in_turns([TakeName(one.scenario, one.seed, one.vendor, one.width, one.height) for one in played])
    job = Job(rules, WAYS if way == 'both' else (way,), tuple(model or ()), threads)
    with _progress() as progress:
        task = progress.add_task('starting', total=None)

        def tell(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        results = evaluate_all(takes, job, processes or len(os.sched_getaffinity(0)), tell)
    for sums, _ in results:
        _show(sums.source, headlines_of(sums))
    page, machine = write_report(report, table, results)
    console.print(f'{page}\n{machine}', soft_wrap=True)


def _in_turns(takes: Sequence[TakeName]) -> list[TakeName]:
    """Take one camera for each scenario and patient, the next one each time."""
    kept: dict[tuple[str, int], list[TakeName]] = {}
    for take in takes:
        kept.setdefault((take.scenario, take.seed), []).append(take)
    return [cameras[number % len(cameras)] for number, cameras in enumerate(kept.values())]


def _progress() -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )


def _show(name: str, headlines: Sequence[Headline]) -> None:
    table = Table(f'from {name}', 'value', 'goal', 'holds')
    for one in headlines:
        holds = {True: Text('yes', style='green'), False: Text('NO', style='bold red'), None: Text('')}[one.holds]
        goal = f'{one.goal} {one.unit}'.strip() if one.goal else ''
        table.add_row(one.name, f'{one.value:.4g} {one.unit}'.strip(), goal, holds)
    console.print(table)
