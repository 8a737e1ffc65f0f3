"""``SceneState`` to and from its message, field by field and without loss."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Header
from surgical_guidance_msgs import msg as messages

from surgical_guidance import clock
from surgical_guidance.contract import OPTICAL_FRAME
from surgical_guidance.scene.state import Energy, Instrument, Proximity, SceneState, StageTime, Structure

_ENERGIES = {int(energy): energy for energy in Energy}


def to_message(scene: SceneState) -> messages.SceneState:
    """Give a scene as a message. Stage times are float32 there; :class:`SceneBuilder` has rounded them already."""
    return messages.SceneState(
        header=Header(stamp=clock.to_time(scene.stamp_ns), frame_id=OPTICAL_FRAME),
        sequence=scene.sequence,
        monotonic_ns=scene.monotonic_ns,
        width=scene.width,
        height=scene.height,
        valid=scene.valid,
        problem=scene.problem,
        instruments=[_instrument_to_message(instrument) for instrument in scene.instruments],
        structures=[
            messages.Structure(
                class_name=structure.class_name,
                score=structure.score,
                area=structure.area,
                contour=floats(structure.contour),
            )
            for structure in scene.structures
        ],
        proximities=[
            messages.Proximity(
                instrument=near.instrument,
                structure=near.structure,
                distance_px=near.distance_px,
                distance_mm=near.distance_mm,
                sigma_mm=near.sigma_mm,
                method=near.method,
                nearest_x=near.nearest_x,
                nearest_y=near.nearest_y,
            )
            for near in scene.proximities
        ],
        quality=scene.quality,
        sharpness=scene.sharpness,
        brightness=scene.brightness,
        stages=stages_to_message(scene.stages),
    )


def from_message(message: messages.SceneState) -> SceneState:
    """Give a message as a scene. An energy state that is not known counts as unknown."""
    return SceneState(
        stamp_ns=clock.from_time(message.header.stamp),
        sequence=message.sequence,
        monotonic_ns=message.monotonic_ns,
        width=message.width,
        height=message.height,
        valid=message.valid,
        problem=message.problem,
        instruments=tuple(_instrument_from_message(instrument) for instrument in message.instruments),
        structures=tuple(
            Structure(structure.class_name, structure.score, _points(structure.contour), structure.area)
            for structure in message.structures
        ),
        proximities=tuple(
            Proximity(
                instrument=near.instrument,
                structure=near.structure,
                distance_px=near.distance_px,
                distance_mm=near.distance_mm,
                sigma_mm=near.sigma_mm,
                method=near.method,
                nearest_x=near.nearest_x,
                nearest_y=near.nearest_y,
            )
            for near in message.proximities
        ),
        quality=message.quality,
        sharpness=message.sharpness,
        brightness=message.brightness,
        stages=stages_from_message(message.stages),
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


def _instrument_to_message(instrument: Instrument) -> messages.Instrument:
    return messages.Instrument(
        id=instrument.id,
        class_name=instrument.class_name,
        score=instrument.score,
        tip_visible=instrument.tip_visible,
        tip_x=instrument.tip_x,
        tip_y=instrument.tip_y,
        axis_x=instrument.axis_x,
        axis_y=instrument.axis_y,
        shaft_width_px=instrument.shaft_width_px,
        mm_per_px=instrument.mm_per_px,
        mm_per_px_sigma=instrument.mm_per_px_sigma,
        energised=int(instrument.energised),
        contour=floats(instrument.contour),
    )


def _instrument_from_message(message: messages.Instrument) -> Instrument:
    return Instrument(
        class_name=message.class_name,
        score=message.score,
        contour=_points(message.contour),
        id=message.id,
        tip_visible=message.tip_visible,
        tip_x=message.tip_x,
        tip_y=message.tip_y,
        axis_x=message.axis_x,
        axis_y=message.axis_y,
        shaft_width_px=message.shaft_width_px,
        mm_per_px=message.mm_per_px,
        mm_per_px_sigma=message.mm_per_px_sigma,
        energised=_ENERGIES.get(message.energised, Energy.UNKNOWN),
    )
