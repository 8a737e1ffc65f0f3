"""``SceneState`` to and from its message, field by field and without loss."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Header
from surgical_guidance_msgs import msg as messages

from surgical_guidance import clock
from surgical_guidance.contract import OPTICAL_FRAME
from surgical_guidance.scene.state import (
    Condition,
    Energy,
    Instrument,
    Landmark,
    Proximity,
    SceneState,
    StageTime,
    Structure,
    Zone,
)

_ENERGIES = {int(energy): energy for energy in Energy}

Part = TypeVar('Part', Condition, Instrument, Landmark, Proximity, Structure, Zone)

_PLAIN = (
    'sequence', 'monotonic_ns', 'width', 'height', 'valid', 'problem', 'quality', 'sharpness', 'brightness', 'phase',
    'phase_probability', 'action', 'action_probability', 'roll', 'drift_x', 'drift_y',
)  # fmt: skip
"""Fields of a scene that are the same in its message."""


def to_message(scene: SceneState) -> messages.SceneState:
    """Give a scene as a message. Stage times are float32 there; :class:`SceneBuilder` has rounded them already."""
    return messages.SceneState(
        header=Header(stamp=clock.to_time(scene.stamp_ns), frame_id=OPTICAL_FRAME),
        instruments=[_to_message(part, messages.Instrument) for part in scene.instruments],
        structures=[_to_message(part, messages.Structure) for part in scene.structures],
        proximities=[_to_message(part, messages.Proximity) for part in scene.proximities],
        conditions=[_to_message(part, messages.Condition) for part in scene.conditions],
        zones=[_to_message(part, messages.Zone) for part in scene.zones],
        landmarks=[_to_message(part, messages.Landmark) for part in scene.landmarks],
        critical_view=scene.critical_view,
        energy=int(scene.energy),
        stages=stages_to_message(scene.stages),
        **{name: getattr(scene, name) for name in _PLAIN},
    )


def from_message(message: messages.SceneState) -> SceneState:
    """Give a message as a scene. An energy state that is not known counts as unknown."""
    c1, c2, c3 = (float(value) for value in message.critical_view)
    return SceneState(
        stamp_ns=clock.from_time(message.header.stamp),
        instruments=_from_messages(message.instruments, Instrument),
        structures=_from_messages(message.structures, Structure),
        proximities=_from_messages(message.proximities, Proximity),
        conditions=_from_messages(message.conditions, Condition),
        zones=_from_messages(message.zones, Zone),
        landmarks=_from_messages(message.landmarks, Landmark),
        critical_view=(c1, c2, c3),
        energy=_ENERGIES.get(message.energy, Energy.UNKNOWN),
        stages=stages_from_message(message.stages),
        **{name: getattr(message, name) for name in _PLAIN},
    )


def stages_to_message(stages: Iterable[StageTime]) -> list[messages.StageTiming]:
    """Give stage times as messages."""
    return [
        messages.StageTiming(stage=stage.stage, start_ms=stage.start_ms, duration_ms=stage.duration_ms)
        for stage in stages
    ]


def stages_from_message(stages: Iterable[messages.StageTiming]) -> tuple[StageTime, ...]:
    """Give messages as stage times."""
    return tuple(StageTime(stage.stage, stage.start_ms, stage.duration_ms) for stage in stages)


def floats(points: NDArray[np.float32]) -> array[float]:
    """Give points as what a ``float32[]`` field takes without a conversion of every number."""
    return array('f', np.ascontiguousarray(points, np.float32).tobytes())


def _points(values: Any) -> NDArray[np.float32]:
    """Give ``x0, y0, x1, y1, ...`` as ``float32 (n, 2)``; a last x without its y is not a point."""
    flat = np.frombuffer(values, np.float32)
    return flat[: len(flat) // 2 * 2].reshape(-1, 2)


def _to_message(part: Any, message: type[Any]) -> Any:
    """Turn a part of a scene into its message, which has the same fields."""
    values = {name: getattr(part, name) for name in part._fields}
    if 'contour' in values:
        values['contour'] = floats(values['contour'])
    if 'energised' in values:
        values['energised'] = int(values['energised'])
    return message(**values)


def _from_messages(parts: Iterable[Any], kind: type[Part]) -> tuple[Part, ...]:
    return tuple(_from_message(part, kind) for part in parts)


def _from_message(message: Any, kind: type[Part]) -> Part:
    values = {name: getattr(message, name) for name in kind._fields}
    if 'contour' in values:
        values['contour'] = _points(values['contour'])
    if 'energised' in values:
        values['energised'] = _ENERGIES.get(values['energised'], Energy.UNKNOWN)
    return kind(**values)
