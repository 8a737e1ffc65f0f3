"""The command line, ``surgical-guidance``. It only starts things and shows what they say."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from surgical_guidance import __version__
from surgical_guidance.cli_engine import app as engine_app
from surgical_guidance.cli_evaluate import app as evaluate_app
from surgical_guidance.cli_evidence import app as evidence_app
from surgical_guidance.cli_phantom import app as phantom_app
from surgical_guidance.cli_phantom import prepare
from surgical_guidance.cli_security import audit_app, token_app
from surgical_guidance.errors import GuidanceError

app = typer.Typer(
    name='surgical-guidance',
    no_args_is_help=True,
    rich_markup_mode='markdown',
    pretty_exceptions_enable=False,
    help=(
        'Remote surgical guidance: an endoscope picture becomes short advice, here and in a browser.\n\n'
        'First steps: `surgical-guidance doctor` tells what this machine has; `surgical-guidance run` shows the '
        'rendered operation at http://127.0.0.1:8080; `surgical-guidance run --source file:clip.mp4` takes a '
        'recording.\n\n'
        'It advises, it never moves an arm. Research use only, **not clinically validated**.'
    ),
)
app.add_typer(phantom_app)
app.add_typer(engine_app)
app.add_typer(evaluate_app)
app.add_typer(evidence_app)
app.add_typer(token_app)
app.add_typer(audit_app)
console = Console()
errors = Console(stderr=True)

DRAWN_EVERY_S = 0.1
STATE_STYLES = {'ok': 'green', 'degraded': 'yellow', 'interrupted': 'bold yellow', 'failed': 'bold red'}


def main() -> None:
    """Run the command line; what a user can mend is one line and exit status 1."""
    try:
        app()
    except (GuidanceError, OSError) as error:
        errors.print(Text(f'surgical-guidance: {error}', style='red'), soft_wrap=True)
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f'surgical-guidance {__version__}')
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option('--version', callback=_version, is_eager=True, help='Show the version and end.')
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def run(
    source: Annotated[
        str | None,
        typer.Option(
            help='Where pictures come from: `phantom:` (the default), `file:clip.mp4`, `device:/dev/video0`, '
            '`rtsp://...`, `topic:/image` (all forms: docs/sources.md).'
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(min=0.1, help='Seconds from the first frame; without it until the source ends or Ctrl-C.'),
    ] = None,
    headless: Annotated[
        bool, typer.Option('--headless', help='Open no browser; the console is served all the same.')
    ] = False,
    summary: Annotated[Path | None, typer.Option(help='Write the summary there, as JSON.')] = None,
    loop: Annotated[bool, typer.Option('--loop', help='Start a file again when it ends.')] = False,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help='Of the console on 127.0.0.1, 8080 by default; 0: any free one.'),
    ] = None,
    composed: Annotated[
        bool, typer.Option(help='Camera, inference and advice in one process, or each in its own.')
    ] = True,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help='A model that looks at the frames, its name or the path of its manifest; again for each further one '
            '(docs/models.md).'
        ),
    ] = None,
    params_file: Annotated[Path | None, typer.Option(help='ROS parameters (see `surgical-guidance params`).')] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=-1,
            max=65535,
            help='Of the metrics for Prometheus on 127.0.0.1, 9464 by default; 0: any free one, -1: none.',
        ),
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            help='Where logs go, and the parameters that these options set; by default below the state directory.'
        ),
    ] = None,
) -> None:
    """Run everything: camera to advice to the browser.

    Ctrl-C ends it, with the summary.

    Example: `surgical-guidance run --source file:clip.mp4 --duration 10 --headless --summary s.json`
    """
    from surgical_guidance.session.run import Run, RunOptions

    if loop and source is not None and source.startswith('file:') and 'loop=' not in source:
        source = f'{source}{"&" if "?" in source else "?"}loop=1'
    if summary is not None:
        _prepare_file(summary)
    job = Run(
        RunOptions(
            source,
            duration,
            port,
            composed,
            params_file,
            run_dir or _state_dir(),
            tuple(model or ()),
            metrics_port=metrics_port,
        ),
        tell=lambda line: console.print(Text(line, style='yellow')),
    )
    prepare(job.source)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: job.stop())
    with console.status('starting ...'):
        try:
            job.start()
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
    url = job.console_url
    console.print(f'console: {url}   logs: {job.options.run_dir}')
    if job.metrics_url:
        console.print(f'metrics: {job.metrics_url}')
    if not headless:
        _open_browser(url)
    try:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while job.turn():
                live.update(_status_line(job.collector, job.elapsed_s), refresh=True)
    finally:
        result = job.end()
    _show_summary(result)
    if summary is not None:
        _write_json(summary, result)
    if job.failed:
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Tell what this machine has and lacks for guidance, and what to do about it."""
    from surgical_guidance.doctor import examine

    styles = {'ok': 'green', 'missing': 'yellow', 'problem': 'bold red'}
    table = Table(title='this machine', title_justify='left')
    for name in ('', 'what', 'found', 'what to do'):
        table.add_column(name, overflow='fold')  # a remedy must be there to be copied
    findings = examine()
    for finding in findings:
        table.add_row(Text(finding.status, style=styles[finding.status]), finding.name, finding.detail, finding.remedy)
    console.print(table)
    if any(finding.status == 'problem' for finding in findings):
        raise typer.Exit(1)


@app.command()
def params() -> None:
    """Print every parameter of every node, with its default and meaning, as a ROS parameters file."""
    from surgical_guidance.session.parameters import as_yaml

    sys.stdout.write(as_yaml())


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help='Which one; `list` names them.')],
    json_file: Annotated[Path | None, typer.Option('--json', help='Write the rows there, as JSON.')] = None,
    stock: Annotated[
        Path | None, typer.Option(help='Of `relay`: a checkout of rosbridge_suite to measure beside ours.')
    ] = None,
    quick: Annotated[
        bool, typer.Option('--quick', help='Measure less, in less time, where the benchmark can.')
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help='How long, where the benchmark can choose (`soak`: 20).')
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help='Draw it there, .svg or .png, where the benchmark can (`soak`).')
    ] = None,
) -> None:
    """Measure: a benchmark of `benchmarks/`, against the goals that stand there."""
    from surgical_guidance.bench import benchmarks, measure

    if json_file is not None:
        _prepare_file(json_file)
    known = benchmarks()
    if name == 'list':
        for file in known.values():
            console.print(f'{file.stem:12} {(file.read_text(encoding="utf-8").splitlines()[0]).strip(chr(34))}')
        return
    columns = (TextColumn('{task.description}'), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    # drawn when there is news: a thread that draws ten times a second would be measured too
    with Progress(*columns, console=errors, transient=True, auto_refresh=False) as progress:
        task = progress.add_task(name, total=None)
        drawn = 0.0

        def tell(share: float, what: str) -> None:
            nonlocal drawn
            progress.update(task, completed=100.0 * share, total=100.0, description=f'{name}: {what}')
            if time.monotonic() - drawn > DRAWN_EVERY_S:
                progress.refresh()
                drawn = time.monotonic()

        rows = measure(name, tell, stock=stock, quick=quick or None, minutes=minutes, picture=picture)
    table = Table('measure', 'value', 'unit', 'goal', 'holds', title=name, title_justify='left')
    for row in rows:
        holds = {True: Text('yes', style='green'), False: Text('NO', style='bold red'), None: Text('')}[row['holds']]
        table.add_row(row['measure'], f'{row["value"]:.4g}', row['unit'], row['goal'], holds)
    console.print(table)
    if json_file is not None:
        _write_json(json_file, rows)
    if any(row['holds'] is False for row in rows):
        raise typer.Exit(1)


def _prepare_file(path: Path) -> None:
    """Make sure before the work that its result can be written, and that none of before is taken for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _is_special(path):
        path.unlink(missing_ok=True)
        path.touch()
        path.unlink()


def _write_json(path: Path, content: Any) -> None:
    """Write a file whole or not at all."""
    text = json.dumps(content, ensure_ascii=False, indent=2) + '\n'
    if _is_special(path):
        path.write_text(text, encoding='utf-8')
        return
    unfinished = path.with_name(f'.{path.name}.{os.getpid()}')
    unfinished.write_text(text, encoding='utf-8')
    unfinished.replace(path)


def _is_special(path: Path) -> bool:
    """Whether a path is a link or a device, such as /dev/stdout, and must stay what it is."""
    return path.is_symlink() or path.is_char_device() or path.is_fifo()


def _open_browser(url: str) -> None:
    """Open the console where there is a screen. A browser that does not come back must not hold up the supervision."""
    if os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'):
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _state_dir() -> Path:
    state = Path(os.environ.get('XDG_STATE_HOME') or Path.home() / '.local/state')
    return state / 'surgical-guidance/runs' / datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')


def _status_line(collector: Any, elapsed_s: float) -> Text:
    latency = collector.latencies['capture_to_advice']
    line = Text.assemble(
        f'{elapsed_s:6.1f} s  ',
        (collector.state, STATE_STYLES.get(collector.state, 'cyan')),
        f'  {collector.rate_hz:4.1f} Hz  capture to advice p50 {latency.quantile(0.5):.1f} '
        f'p99 {latency.quantile(0.99):.1f} ms  dropped {collector.dropped}  ',
    )
    for stage, problem in collector.problems.copy().items():
        line.append(f'{stage}: {problem}  ', 'red')
    step, name = collector.step
    if step:
        line.append(f'step {step}: {name}  ', 'yellow')
    chinese, english = collector.advice
    if english:
        line.append(
            f'{chinese} / {english} {"" if collector.advice_status == "valid" else collector.advice_status}', 'bold'
        )
    line.no_wrap = True
    line.overflow = 'ellipsis'
    return line


def _show_summary(result: dict[str, Any]) -> None:
    frames = result['frames']
    table = Table('stage', 'p50 ms', 'p99 ms', 'max ms', title='latency', title_justify='left')
    for stage, values in result['latency_ms'].items():
        table.add_row(
            stage, *('-' if values[name] is None else f'{values[name]:.2f}' for name in ('p50', 'p99', 'max'))
        )
    console.print(table)
    console.print(
        f'frames: {frames["captured"]} captured, {frames["processed"]} processed, {frames["dropped"]} dropped '
        f'in {result["duration_s"]:.1f} s from {result["source"]}'
    )
    console.print(
        'suggestions: ' + (', '.join(f'{rule} {count}' for rule, count in result['suggestions'].items()) or 'none')
    )
    console.print('models: ' + '; '.join(_model_line(name, use) for name, use in result['models'].items()))
    console.print(
        'processes: '
        + ', '.join(
            f'{name} {use["cpu_percent"]:.0f} % of a core, {use["rss_mb"]:.0f} MB'
            for name, use in result['processes'].items()
        )
    )


def _model_line(name: str, use: dict[str, Any]) -> str:
    """Tell in a few words how often a model looked and what it cost."""
    rhythm = {0: 'dropped', 1: 'every frame'}.get(use['stride'], f'every {use["stride"]} frames')
    cost = '' if use['cost_p50_ms'] is None else f' p50 {use["cost_p50_ms"]:.1f} p99 {use["cost_p99_ms"]:.1f} ms'
    odd = f', {use["postponed"]} put off, {use["forced"]} forced' if use['postponed'] else ''
    problem = f' ({use["problem"]})' if use['problem'] else ''
    return f'{name} {rhythm}{cost}, {use["looks"]} looks{odd}{problem}'


if __name__ == '__main__':
    main()
