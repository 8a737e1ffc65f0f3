"""Runs the benchmarks of ``benchmarks/`` and holds their values against the goals of ``benchmarks/goals.yaml``.

A benchmark is a file with a function ``run(tell)`` that yields ``Measured`` values; ``tell(share, what)`` moves the
progress bar. One that takes long may also take ``quick``: then it measures less; ``minutes``: how long; and
``picture``: a file to draw it in. Benchmarks live in the source tree, not in the installed package.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypedDict

import yaml

from surgical_guidance.errors import HostError

Tell = Callable[[float, str], None]


class Measured(NamedTuple):
    """One measured value."""

    measure: str
    value: float
    unit: str


class Row(TypedDict):
    """One line of the result. ``goal`` is ``''`` and ``holds`` None where none is set."""

    measure: str
    value: float
    unit: str
    goal: str
    holds: bool | None


def benchmarks() -> dict[str, Path]:
    """Give the benchmarks by name, from the source tree this package runs from or the working directory.

    :raises HostError: if there is no source tree.
    """
    for root in (Path(__file__).resolve().parents[2], Path.cwd()):
        folder = root / 'benchmarks'
        if (folder / 'goals.yaml').is_file():
            return {file.stem: file for file in sorted(folder.glob('*.py')) if not file.stem.startswith('_')}
    raise HostError('benchmarks/ is not here', where=str(Path.cwd()), remedy='run this in a clone of the source tree')


def measure(name: str, tell: Tell, **options: Any) -> list[Row]:
    """Run one benchmark.

    :param options: for its ``run``, beside ``tell``; one that is None is left out.
    :raises HostError: if there is none of that name, or it has no such option.
    """
    known = benchmarks()
    if name not in known:
        raise HostError(f'there is no benchmark {name!r}', remedy=f'there are: {", ".join(known)}')
    path = known[name]
    goals = yaml.safe_load((path.parent / 'goals.yaml').read_text(encoding='utf-8')).get(name, {})
    run = _load(path).run
    given = {option: value for option, value in options.items() if value is not None}
    for option in given.keys() - inspect.signature(run).parameters.keys():
        raise HostError(f'this benchmark has no option --{option}', where=f'benchmark {name}')
    measured: Iterable[Measured] = run(tell, **given)
    rows = [_row(item, goals.get(item.measure)) for item in measured]
    missed = goals.keys() - {row['measure'] for row in rows}
    if missed and not options.get('quick'):
        raise HostError(f'no value for {", ".join(sorted(missed))}', where=f'benchmark {name}',
                        remedy='the benchmark and goals.yaml must name the same measures')  # fmt: skip
    return rows


def _row(item: Measured, goal: dict[str, float] | None) -> Row:
    text, holds = '', None
    if goal is not None and 'at_least' in goal:
        text, holds = f'>= {goal["at_least"]:g}', item.value >= goal['at_least']
    elif goal is not None:
        text, holds = f'<= {goal["at_most"]:g}', item.value <= goal['at_most']
    return Row(measure=item.measure, value=item.value, unit=item.unit, goal=text, holds=holds)


def _load(path: Path) -> ModuleType:
    """Import a benchmark file; its neighbours (``_name.py``) can be imported from it."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(f'benchmark_{path.stem}', path)
    assert spec is not None  # noqa: S101  (a file that exists has one)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
