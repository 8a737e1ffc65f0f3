"""All parameters of all nodes as one ROS parameters file, made from the dataclasses that declare them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from surgical_guidance.advice.node import AdviceParams
from surgical_guidance.camera.node import CameraParams
from surgical_guidance.errors import ParameterError
from surgical_guidance.inference.node import InferenceParams
from surgical_guidance.params import as_field, check, rows
from surgical_guidance.recording.node import RecorderParams
from surgical_guidance.relay.node import RelayParams
from surgical_guidance.watchdog.node import WatchdogParams

PARAMS = {
    'camera': CameraParams,
    'inference': InferenceParams,
    'advice': AdviceParams,
    'watchdog': WatchdogParams,
    'relay': RelayParams,
    'recorder': RecorderParams,
}
"""Node name to the dataclass of its parameters."""


def as_yaml() -> str:
    """Give the parameters file with every default and what it means; ``config/guidance.yaml`` is this text."""
    return '\n'.join(_lines()) + '\n'


def _lines() -> Iterator[str]:
    yield '# Every parameter of every node with its default. Made by `surgical-guidance params`; a test keeps it true.'
    yield '# Thresholds are configurable defaults and not clinically validated.'
    for node, params in PARAMS.items():
        yield ''
        yield f'/**/{node}:'
        yield '  ros__parameters:'
        for row in rows(params):
            limits = f' ({row.limits})' if row.limits else ''
            yield f'    # {row.description}{limits}'
            yield f'    {row.name}: {_scalar(row.default)}'


def _scalar(value: object) -> str:
    """Give a value as YAML in one line; a bare scalar's document end mark is left away."""
    plain = list(value) if isinstance(value, tuple) else value
    flow = True if isinstance(plain, list) else None
    return yaml.safe_dump(plain, allow_unicode=True, width=1000, default_flow_style=flow).removesuffix('...\n').strip()


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Read a ROS parameters file: node name to what it sets. ROS itself passes over what it does not know.

    :raises ParameterError: if it cannot be read, or names a node or a parameter that there is not, or a value is wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f'the parameters file cannot be read ({error})', where=str(path)) from error
    except (yaml.YAMLError, RecursionError, TypeError) as error:
        raise ParameterError(f'this is not YAML: {" ".join(str(error).split())}', where=str(path)) from error
    if not isinstance(content, dict):
        raise ParameterError('this is no parameters file', where=str(path), remedy='see `surgical-guidance params`')
    given: dict[str, dict[str, Any]] = {name: {} for name in PARAMS}
    for key, entry in content.items():
        name = str(key).rsplit('/', 1)[-1]
        values = entry.get('ros__parameters') if isinstance(entry, dict) else None
        if not isinstance(values, dict):
            raise ParameterError(f'{key} has no ros__parameters', where=str(path))
        if name not in PARAMS and name not in ('*', '**'):
            raise ParameterError(f'there is no node {name!r}', where=str(path), remedy=f'there are {", ".join(PARAMS)}')
        for node in PARAMS if name in ('*', '**') else (name,):
            _check(node, values, strict=name in PARAMS, where=f'{path}: {key}')
            given[node] |= values
    return given


def _check(node: str, values: dict[str, Any], *, strict: bool, where: str) -> None:
    """Hold values against what the node declares. A wildcard may speak of parameters that only other nodes have."""
    names = {field.name: field.default for field in dataclasses.fields(PARAMS[node])}
    unknown = [name for name in values if name not in names and name != 'use_sim_time']
    if unknown and strict:
        raise ParameterError(
            f'{node} has no parameter {unknown[0]!r}', where=where, remedy=f'it has {", ".join(sorted(names))}'
        )
    try:
        check(PARAMS[node](**{name: as_field(names[name], values[name]) for name in values if name in names}))
    except ParameterError as error:
        raise ParameterError(error.what, where=f'{where}.{error.where}', remedy=error.remedy) from error
