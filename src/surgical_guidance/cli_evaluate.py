"""The command ``evaluate``: how good the models are, as a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from surgical_guidance.cli_evaluate_advice import advice
from surgical_guidance.errors import ParameterError

if TYPE_CHECKING:
    from surgical_guidance.evaluation.example import Dataset
    from surgical_guidance.evaluation.numbers import Numbers

app = typer.Typer(name='evaluate', no_args_is_help=True, rich_markup_mode='markdown')
app.command()(advice)
console = Console()
errors = Console(stderr=True)


@app.callback(invoke_without_command=True)
def evaluate(
    context: typer.Context,
    report: Annotated[
        Path | None, typer.Option(help='Where the report goes: a folder, or a file `*.html`.', show_default='required')
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help='A folder: clips of `phantom render` with their truth, CholecSeg8k-style pictures and masks, '
            '`images/` (or `grayscale/`) and `masks/`, or videos without truth.'
        ),
    ] = None,
    phantom: Annotated[
        str | None,
        typer.Option(
            help='Scenarios of the phantom, with commas between them, or `all`: rendered while they are used.'
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help='Patients of the phantom, with commas; `9001-9004` is four.')] = '9001',
    vendors: Annotated[
        str, typer.Option(help='Cameras of the phantom, with commas; `held-out`: those never trained on; `all`.')
    ] = 'held-out',
    size: Annotated[str, typer.Option(help='Of the pictures of the phantom.')] = '960x540',
    every: Annotated[int, typer.Option(min=1, help='Look at every such frame.')] = 1,
    model: Annotated[
        list[str] | None,
        typer.Option(help='Name or manifest of a model, one for each task; without it all that come with the package.'),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help='Processor threads of one inference.')] = 2,
) -> None:
    """Measure the models on data with truth and write a report, HTML and JSON.

    Example: `surgical-guidance evaluate --phantom bleeding,smoke --seeds 9001-9003 --report out`

    Example: `surgical-guidance evaluate --data my_dataset --report out.html`
    """
    if context.invoked_subcommand is not None:
        return
    if report is None:
        raise ParameterError('it is not said where the report goes', where='evaluate', remedy='give --report')
    from surgical_guidance.evaluation.report.page import write_report
    from surgical_guidance.evaluation.runner import look_again, tally
    from surgical_guidance.evaluation.selection import select
    from surgical_guidance.evaluation.shipped import ShippedModels

    dataset = _dataset(data, phantom, seeds, vendors, size)
    console.print(Text(f'{dataset.kind}: {dataset.where}, {len(dataset.takes)} takes'))
    observer = ShippedModels(model or (), threads)
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    try:
        with Progress(*columns, console=errors, transient=True) as progress:
            task = progress.add_task('starting', total=None)

            def tell(done: int, total: int, what: str) -> None:
                progress.update(task, completed=done, total=total or None, description=what)

            sums = tally(dataset, observer, every, tell)
            progress.update(task, description='pictures', total=None)
            groups = look_again(dataset, observer, select(sums))
            page, machine, numbers = write_report(report, dataset, observer.models, sums, groups, every)
    finally:
        observer.close()
    _show(numbers)
    console.print(f'{page}\n{machine}', soft_wrap=True)


def _dataset(data: Path | None, phantom: str | None, seeds: str, vendors: str, size: str) -> Dataset:
    if (data is None) == (phantom is None):
        raise ParameterError('one of --data and --phantom is needed, and not both', where='evaluate')
    if data is not None:
        from surgical_guidance.evaluation.datasets.recognise import open_folder

        return open_folder(data)
    from surgical_guidance.evaluation.datasets.phantom_takes import open_phantom

    assert phantom is not None  # noqa: S101  (one of the two is given)
    return open_phantom(phantom, seeds, vendors, size)


def _show(numbers: Numbers) -> None:
    if not numbers.headlines:
        console.print('no truth beside it: nothing measured, look at the pictures')
        return
    table = Table('', 'value', 'goal', 'holds')
    for headline in numbers.headlines:
        holds = {True: Text('yes', style='green'), False: Text('NO', style='bold red'), None: Text('')}[headline.holds]
        goal = f'{headline.goal} {headline.unit}'.strip() if headline.goal else ''
        table.add_row(headline.name, f'{headline.value:.4g} {headline.unit}'.strip(), goal, holds)
    console.print(table)
