"""What the commands ``engine ...`` show, as tables for people."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from surgical_guidance.engines.calibration_set import Audit
    from surgical_guidance.engines.inspection import Inspection
    from surgical_guidance.engines.measure import Row
    from surgical_guidance.engines.optimise import CleanUp
    from surgical_guidance.inference.plan import Plan, Verification

console = Console()


def show_plan(plan: Plan, place: Path, how: str) -> None:
    """Show what a plan is.

    :param how: it came to be there.
    """
    table = Table(show_header=False, title=f'{plan.model} {plan.precision}: {how}', title_justify='left')
    table.add_column()
    table.add_column(overflow='fold')  # paths and hashes must be there to be copied
    table.add_row('plan', f'{place}, {plan.bytes / 1e6:.2f} MB')
    table.add_row('sha256', plan.sha256)
    table.add_row('runs on', f'{plan.library} {plan.library_version}, {plan.target}, {plan.platform}')
    for number, profile in enumerate(plan.profiles):
        for name, one in profile.items():
            texts = ' / '.join('x'.join(map(str, shape)) for shape in (one.min, one.opt, one.max))
            table.add_row(f'profile {number}', f'{name} {texts}')
    for what, tensors in (('takes', plan.inputs), ('gives', plan.outputs)):
        table.add_row(what, ', '.join(f'{one.name} {one.dtype} {_shape(one.shape)}' for one in tensors))
    table.add_row('built', f'{plan.built.get("at")} in {plan.built.get("seconds")} s')
    if plan.calibration and plan.calibration.get('override'):
        table.add_row('calibration', Text(f'override: {plan.calibration["override"]}', style='yellow'))
    console.print(table)


def _shape(shape: tuple[int, ...]) -> str:
    return 'x'.join('?' if side < 0 else str(side) for side in shape)


def show_audit(audit: Audit) -> None:
    """Show what a calibration set has of each kind."""
    table = Table('kind', 'pictures', 'different', 'vendors', title='calibration set', title_justify='left')
    for name, kind in audit.kinds.items():
        table.add_row(name, str(kind.pictures), str(kind.distinct), ', '.join(kind.vendors) or '-')
    console.print(table)
    if audit.unreadable:
        console.print(Text(f'cannot be read: {", ".join(audit.unreadable)}', style='yellow'))


def show_clean_up(result: CleanUp, title: str) -> None:
    """Show what a clean-up saved."""
    table = Table('', 'before', 'after', title=title, title_justify='left')
    table.add_row('operators', *map(str, result.nodes))
    table.add_row('bytes', *map(str, result.size))
    console.print(table)
    gone = ', '.join(f'{kind} {-count:+d}' for kind, count in result.removed.items()) or 'nothing'
    console.print(f'changed: {gone}\nresults differ by {100 * result.difference:.0f} % of what rounding may do')


def show_verification(result: Verification, title: str) -> None:
    """Show how far an engine is from the FP32 network, and the judgement."""
    table = Table('output', 'largest error', 'mean error', title=title, title_justify='left')
    for name, off in result.outputs.items():
        table.add_row(name, f'{off["largest"]:.4g}', f'{off["mean"]:.4g}')
    console.print(table)
    console.print(f'{result.inputs} pictures; ran: {result.ran_on}', soft_wrap=True)
    judged = Text('passed', 'green') if result.passed else Text('REFUSED', 'bold red')
    told = f'{result.metric}: {result.reference:.4f} in FP32, {result.value:.4f}, drop {result.drop:.2f} points of '
    console.print(Text.assemble(f'{told}{result.limit:g} allowed: ', judged), soft_wrap=True)


def show_layers(found: Inspection, layers: int) -> None:
    """Show the first layers of a network or plan, and what all of them come to."""
    table = Table(
        '', 'layer', 'kind', 'type', 'shape', 'weights', title=f'{found.name}: {found.seen}', title_justify='left'
    )
    for layer in found.layers[:layers]:
        table.add_row(
            str(layer.index), layer.name, layer.kind, layer.precision, _shape(layer.shape), _kib(layer.weights)
        )
    if len(found.layers) > layers:
        table.add_row('', f'... {len(found.layers) - layers} more (--layers, --json)')
    console.print(table)
    for title, counts in (('kinds', found.kinds()), ('types', found.precisions())):
        console.print(f'{title}: ' + ', '.join(f'{name} {count}' for name, count in counts.items()))
    scratch = '' if found.scratch is None else f', scratch of the engine {_kib(found.scratch)}'
    console.print(
        f'memory: weights {_kib(found.weights)}, all results {_kib(found.activations)}, '
        f'the largest {_kib(found.largest)}{scratch}'
    )


def show_rows(name: str, rows: list[Row]) -> None:
    """Show the times of all engines that were measured."""
    told = any(math.isfinite(row.device_mb) for row in rows)
    heads = ('engine', 'type', 'alone', 'with copies', '1/s', 'MiB', *(('GPU MiB', 'W', '°C') if told else ()))
    table = Table(*heads, title=f'{name}: p50 / p99 / max [ms]', title_justify='left')
    for row in rows:
        if row.problem:
            continue
        alone = _times(row.p50_ms, row.p99_ms, row.max_ms)
        full = _times(row.full_p50_ms, row.full_p99_ms, row.full_max_ms)
        rest = [row.per_second, row.memory_mb, *((row.device_mb, row.watts, row.celsius) if told else ())]
        table.add_row(row.backend, row.precision, alone, full, *(_known(value) for value in rest))
    console.print(table)


def _times(*values: float) -> str:
    return ' / '.join(f'{value:.1f}' if value >= 10 else f'{value:.2f}' for value in values)


def _known(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.0f}'


def _kib(count: int) -> str:
    return '' if not count else f'{count / 1024:.1f} KiB' if count < 1 << 20 else f'{count / (1 << 20):.1f} MiB'
