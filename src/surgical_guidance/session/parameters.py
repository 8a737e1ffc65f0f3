"""All parameters of all nodes as one ROS parameters file, made from the dataclasses that declare them."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from surgical_guidance.advice.node import AdviceParams
from surgical_guidance.camera.node import CameraParams
from surgical_guidance.inference.node import InferenceParams
from surgical_guidance.params import rows
from surgical_guidance.relay.node import RelayParams
from surgical_guidance.watchdog.node import WatchdogParams

PARAMS = {
    'camera': CameraParams,
    'inference': InferenceParams,
    'advice': AdviceParams,
    'watchdog': WatchdogParams,
    'relay': RelayParams,
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
    return yaml.safe_dump(value, allow_unicode=True, width=1000).removesuffix('...\n').strip()
