"""The commands ``engine ...``: from a network to an engine that is built, verified, measured and deployed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from surgical_guidance.cli_engine_tables import (
    console,
    show_audit,
    show_clean_up,
    show_layers,
    show_plan,
    show_rows,
    show_verification,
)
from surgical_guidance.errors import HostError, ParameterError

if TYPE_CHECKING:
    from surgical_guidance.engines.source import Source
    from surgical_guidance.inference.plan import Range

app = typer.Typer(
    name='engine',
    no_args_is_help=True,
    help=(
        'From a network to an engine: optimise, calibrate, build, verify, inspect, bench, deploy (docs/engines.md).\n\n'
        'MODEL is a model that comes with the package, the path of a manifest, or an ONNX file.'
    ),
)
errors = Console(stderr=True)
_T = TypeVar('_T')
_CANCELLED = 130

Model = Annotated[str, typer.Argument(help='Name, manifest or ONNX file.')]


@app.callback()
def _needs() -> None:
    """Say what is missing before anything else is."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise HostError(
            'the engine tools need onnx', remedy="pip install 'surgical_guidance[engines]' (docs/engines.md)"
        ) from error


@app.command()
def build(
    model: Model,
    precision: Annotated[str, typer.Option(help='fp32, fp16, int8 or fp8.')] = 'fp16',
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help='`live` (batch 1, one size for each --size), `graded` (1 x 224 to 8 x 512), or shapes of your own: '
            '`NAME=1x3x224x224,4x3x384x384,8x3x512x512`, once for each input.'
        ),
    ] = None,
    size: Annotated[
        list[str] | None, typer.Option(help='Width and height for `live`, the commonest first; once for each.')
    ] = None,
    calibrated: Annotated[Path | None, typer.Option(help='What `calibrate` made, for int8 and fp8.')] = None,
    out: Annotated[
        Path | None, typer.Option(help='Copy the plan there, with its sidecar; else it stays cached.')
    ] = None,
    library: Annotated[str, typer.Option(help='auto, tensorrt or tensorrt_rtx.')] = 'auto',
    target: Annotated[str, typer.Option(help='Compute capability, such as sm86; several with commas.')] = '',
    workspace: Annotated[int | None, typer.Option(min=1, help='Scratch memory for kernels [MiB].')] = None,
    dla: Annotated[int | None, typer.Option(min=0, max=1, help='DLA core of a Jetson.')] = None,
    version_compatible: Annotated[
        bool, typer.Option('--version-compatible', help='Later versions can load it (TensorRT only).')
    ] = False,
    clean_up: Annotated[bool, typer.Option('--clean-up', help='`optimise` before the build.')] = False,
    effort: Annotated[
        int | None, typer.Option(min=0, max=5, help='Of the optimiser, 0 (fast build) to 5; 3 by default.')
    ] = None,
) -> None:
    """Build an engine. The same things give the same bytes, from the cache where it was built before.

    Example: `surgical-guidance engine build phantom_segmentation --precision fp16 --out seg.plan`
    """
    if sys.argv[1:3] == ['engine', 'build']:  # a process of its own, not part of another program
        from surgical_guidance.engines.same_addresses import start_again_with_the_same_addresses

        start_again_with_the_same_addresses()
    from surgical_guidance.engines.make import make
    from surgical_guidance.engines.options import PRECISIONS, Options
    from surgical_guidance.engines.source import open_source
    from surgical_guidance.engines.store import copy_plan
    from surgical_guidance.engines.trt_build import Cancelled
    from surgical_guidance.inference.plan import read_sidecar
    from surgical_guidance.inference.trt_library import load

    if precision not in PRECISIONS:
        raise ParameterError(f'there is no {precision!r}', where='--precision', remedy=f'use {", ".join(PRECISIONS)}')
    source = open_source(model)
    options = Options(
        precision=precision,
        profiles=_profiles(source, profile or ['live'], size or []),
        workspace_mb=workspace,
        dla=dla,
        version_compatible=version_compatible,
        target=target,
        clean_up=clean_up,
        effort=effort,
    )
    loaded = load(library)
    try:
        made = _with_bar(
            f'{source.name} {precision}', lambda tell: make(source, options, loaded, calibrated, tell=tell)
        )
    except Cancelled:
        errors.print('cancelled; nothing is left of the build')
        raise typer.Exit(_CANCELLED) from None
    if out is not None:
        copy_plan(made.path, out)
    place = out or made.path
    show_plan(read_sidecar(place), place, 'built' if made.built else 'from the cache')


def _profiles(source: Source, wanted: list[str], sizes: list[str]) -> tuple[dict[str, Range], ...]:
    from surgical_guidance.engines import shapes
    from surgical_guidance.engines.inspection import inputs_of

    inputs, where = inputs_of(source.graph), str(source.path)
    if wanted == ['graded']:
        return (shapes.graded(inputs, where),)
    if wanted == ['live']:
        return shapes.live(inputs, [_size(text) for text in sizes] or source.sizes, where)
    return (dict(shapes.written(text) for text in wanted),)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r'(\d{2,4})x(\d{2,4})', text)
    if match is None:
        raise ParameterError(f'{text!r} is no size', where='--size', remedy='write it like 512x288')
    return int(match[1]), int(match[2])


def _with_bar(what: str, work: Callable[[Callable[[float, str], None]], _T]) -> _T:
    columns = (TextColumn('{task.description}'), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(what, total=1.0)

        def tell(share: float, phase: str) -> None:
            progress.update(task, completed=share, description=f'{what}: {phase}')

        return work(tell)


def _counted(what: str, work: Callable[[Callable[[int, int], None]], _T]) -> _T:
    return _with_bar(what, lambda tell: work(lambda done, total: tell(done / max(total, 1), f'{done} of {total}')))


@app.command()
def optimise(
    model: Model,
    out: Annotated[Path, typer.Option(help='The cleaned network.')],
) -> None:
    """Clean a network up before a build, and tell what that saved.

    Example: `surgical-guidance engine optimise phantom_segmentation --out clean.onnx`
    """
    from surgical_guidance.engines.files import write_whole
    from surgical_guidance.engines.optimise import clean_up, slim_version
    from surgical_guidance.engines.source import open_source

    source = open_source(model)
    result = clean_up(source.graph, source.path)
    write_whole(out, result.network.SerializeToString(deterministic=True))
    show_clean_up(result, f'{source.name}, onnxslim {slim_version()}')
    console.print(str(out), soft_wrap=True)


@app.command()
def calibrate(
    model: Model,
    set_: Annotated[Path, typer.Option('--set', help='The calibration set, a folder `<kind>/<vendor>/*.png`.')],
    out: Annotated[Path, typer.Option(help='The quantised network; its sidecar lies beside it.')],
    method: Annotated[str, typer.Option(help='entropy, minmax or percentile.')] = 'entropy',
    precision: Annotated[str, typer.Option(help='int8 or fp8.')] = 'int8',
    pictures: Annotated[
        int | None, typer.Option(min=1, help='Use so many, spread over kinds and vendors; all by default.')
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help='Nodes that stay as they are: regular expressions of their names.')
    ] = None,
    override: Annotated[
        str, typer.Option(help='Use a set that is not complete, and why; it stays in the sidecar.')
    ] = '',
) -> None:
    """Quantise a network: ranges from an audited set of pictures, explicit Q/DQ.

    Example: `surgical-guidance engine calibrate phantom_segmentation --set pictures --out seg.int8.onnx`
    """
    from surgical_guidance.engines.artefact import write_artefact
    from surgical_guidance.engines.calibrate import METHODS, facts
    from surgical_guidance.engines.calibrate import calibrate as quantise
    from surgical_guidance.engines.calibration_set import open_set
    from surgical_guidance.engines.source import open_source

    if method not in METHODS:
        raise ParameterError(f'there is no {method!r}', where='--method', remedy=f'use {", ".join(METHODS)}')
    if precision not in ('int8', 'fp8'):
        raise ParameterError(f'{precision!r} needs no calibration', where='--precision', remedy='use int8 or fp8')
    source = open_source(model)
    source.need_manifest('calibrate')
    pool = _counted('audit', lambda seen: open_set(set_, seen))
    show_audit(pool.audit)
    pool.demand(override)
    chosen = pool.spread(pictures or len(pool.pictures))
    network = _counted(
        f'calibrating {source.name}',
        lambda seen: quantise(source, chosen, method, precision, exclude or (), seen),  # type: ignore[arg-type]
    )
    kept = facts(method, chosen, exclude or (), pool.audit.facts(), override if pool.audit.missing else '')
    write_artefact(out, network, source, precision, kept)  # type: ignore[arg-type]
    pairs = sum(node.op_type == 'QuantizeLinear' for node in network.graph.node)
    console.print(f'{out}: {precision}, {method}, {len(chosen)} pictures, {pairs} values quantised')


@app.command(name='calibration-set')
def calibration_set(
    out: Annotated[Path, typer.Option(help='The folder.')],
    count: Annotated[int, typer.Option(min=1, help='Pictures of each kind.')] = 200,
    size: Annotated[str, typer.Option(help='Width and height.')] = '512x288',
    seed: Annotated[int, typer.Option(min=0, help='Other scenes.')] = 0,
) -> None:
    """Render a calibration set with the phantom, for models that are to see the phantom.

    Example: `surgical-guidance engine calibration-set --out pictures`
    """
    from surgical_guidance.engines.calibration_set import open_set
    from surgical_guidance.engines.rendered_set import render_set

    made = _counted('rendering', lambda seen: render_set(out, count, _size(size), seed, seen))
    pool = _counted('audit', lambda seen: open_set(out, seen))
    show_audit(pool.audit)
    console.print(f'{out}: {made} rendered, {len(pool.pictures)} count')


@app.command()
def verify(
    model: Model,
    engine: Annotated[Path, typer.Argument(help='The plan, or the network that `calibrate` made.')],
    data: Annotated[
        Path | None, typer.Option(help='Pictures: a calibration set, or a folder that `evaluate --data` takes.')
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, help='How many.')] = 60,
    limit: Annotated[float, typer.Option(min=0.0, help='Refused from this drop on, in points of 0.01.')] = 1.0,
    deploy_it: Annotated[bool, typer.Option('--deploy', help='Deploy it if it passes.')] = False,
) -> None:
    """Hold an engine against the FP32 network on pictures; by default those of an operation of the phantom.

    One that is refused gives exit status 1 and is not deployed; if it was, it is withdrawn.

    Example: `surgical-guidance engine verify phantom_segmentation seg.int8.onnx --data pictures`
    """
    from surgical_guidance.engines.deploy import deploy as put_in_place
    from surgical_guidance.engines.deploy import withdraw
    from surgical_guidance.engines.pictures import from_folder, from_phantom
    from surgical_guidance.engines.source import open_source
    from surgical_guidance.engines.verify import open_subject
    from surgical_guidance.engines.verify import verify as compare

    source = open_source(model)
    subject = open_subject(engine, source)
    if subject.why_not:
        errors.print(
            Text(f'the plan itself was not run: {subject.why_not}. What follows is of {subject.ran_on}.', 'yellow')
        )
    examples = from_phantom(pictures) if data is None else from_folder(data, pictures)
    result = _counted('verifying', lambda seen: compare(source, subject, examples, limit, lambda n: seen(n, pictures)))
    show_verification(result, f'{source.name}: {engine.name}')
    plan = engine.suffix != '.onnx'
    if not result.passed:
        if plan and withdraw(engine):
            console.print('it was deployed, and was withdrawn')
        raise typer.Exit(1)
    if deploy_it and plan:
        console.print(f'deployed: {put_in_place(engine)}', soft_wrap=True)


@app.command()
def deploy(
    plan: Annotated[Path, typer.Argument(help='A plan that `verify` has passed.')],
    accept_unrun: Annotated[
        str, typer.Option(help='Deploy a plan that was never run on its device, and why; it stays in the marker.')
    ] = '',
) -> None:
    """Put a verified plan where the node looks for it, in one step."""
    from surgical_guidance.engines.deploy import deploy as put_in_place

    console.print(f'deployed: {put_in_place(plan, accept_unrun)}', soft_wrap=True)


@app.command()
def inspect(
    what: Annotated[str, typer.Argument(help='A plan, or a MODEL.')],
    json_file: Annotated[Path | None, typer.Option('--json', help='Write everything there, as JSON.')] = None,
    layers: Annotated[int, typer.Option(min=0, help='Show so many layers.')] = 12,
) -> None:
    """Show layers, precisions and memory.

    Example: `surgical-guidance engine inspect seg.plan --json seg.json`
    """
    import json

    from surgical_guidance.engines.files import write_whole
    from surgical_guidance.engines.inspection import inspect_network, inspect_plan
    from surgical_guidance.engines.source import open_source

    if what.endswith(('.plan', '.engine')):
        found = inspect_plan(Path(what))
    else:
        source = open_source(what)
        found = inspect_network(source.path, source.graph)
    if found.plan is not None:
        show_plan(found.plan, Path(what), 'plan')
    show_layers(found, layers)
    if json_file is not None:
        write_whole(json_file, json.dumps(found.facts(), indent=2).encode() + b'\n')


@app.command(name='bench')
def bench_(
    model: Model,
    calibrated: Annotated[Path | None, typer.Option(help='What `calibrate` made, to be compared too.')] = None,
    runs: Annotated[int, typer.Option(min=10, help='Of each engine.')] = 100,
    json_file: Annotated[Path | None, typer.Option('--json', help='Write the rows there, as JSON.')] = None,
    plot: Annotated[Path | None, typer.Option(help='Draw the rows there, as PNG or SVG.')] = None,
) -> None:
    """Time a model on every engine this host has, in every precision there is.

    Example: `surgical-guidance engine bench phantom_segmentation --plot bench.png`
    """
    import json

    from surgical_guidance.engines.candidates import candidates, temporary_folder
    from surgical_guidance.engines.files import write_whole
    from surgical_guidance.engines.measure import draw, measure
    from surgical_guidance.engines.source import open_source

    source = open_source(model)
    with temporary_folder() as folder:
        wanted = list(candidates(source, Path(folder), calibrated))
        rows = _with_bar('measuring', lambda tell: list(measure(wanted, runs, tell)))
    show_rows(source.name, rows)
    problems: dict[str, list[str]] = {}
    for row in rows:
        if row.problem:
            problems.setdefault(row.problem, []).append(f'{row.backend} {row.precision}')
    for problem, who in problems.items():
        console.print(Text(f'not measured: {problem} ({", ".join(who)})', style='yellow'), soft_wrap=True)
    if json_file is not None:
        write_whole(json_file, json.dumps([row.facts() for row in rows], indent=2).encode() + b'\n')
    if plot is not None:
        draw(rows, f'{source.name}: time a picture', plot)
