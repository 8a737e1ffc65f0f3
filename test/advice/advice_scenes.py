"""Scripted scenes: each says what the rules shall see, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from surgical_guidance.advice.suggestion import Status, Suggestion
from surgical_guidance.advice.synthesiser import Synthesiser
from surgical_guidance.clock import NS_PER_S
from surgical_guidance.scene.state import (
    NAN,
    Condition,
    Energy,
    Instrument,
    Proximity,
    SceneState,
    StageTime,
    Structure,
)

FRAME_NS = NS_PER_S // 30
START_NS = 1_000 * NS_PER_S
WIDTH, HEIGHT = 1920, 1080
HOOK = 'l_hook_electrocautery'
BOWEL = 'gastrointestinal_tract'
ARTERY = 'cystic_artery'
NO_POINTS = np.empty((0, 2), np.float32)


def tool(
    class_name: str = HOOK, x: float = 960.0, y: float = 540.0, energised: Energy = Energy.UNKNOWN, **more
) -> Instrument:
    return Instrument(class_name, 0.9, NO_POINTS, tip_visible=True, tip_x=x, tip_y=y, energised=energised, **more)


def square(x: float, y: float, reach: float = 100.0) -> np.ndarray:
    """Give the outline of a square about a point [px]."""
    corners = [(x - reach, y - reach), (x + reach, y - reach), (x + reach, y + reach), (x - reach, y + reach)]
    return np.array(corners, np.float32)


def blood(area: float = 0.05, growth: float = NAN, source: tuple[float, float] = (NAN, NAN)) -> Structure:
    return Structure('blood', 0.9, NO_POINTS, area, growth, *source)


def condition(name: str, level: float = 0.9) -> Condition:
    return Condition(name, level, level > 0.25)


def scene(
    frame: int,
    *,
    near: Sequence[tuple[str, float, float]] = (),
    tools: Sequence[Instrument] | None = None,
    towards: tuple[float, float] = (0.0, 60.0),
    share: float = NAN,
    quality: float = 0.9,
    sharpness: float = 200.0,
    latency_ms: float = 40.0,
    problem: str = '',
    parts: Sequence[Structure] = (),
    **more,
) -> SceneState:
    """Make the scene of a frame of 30 Hz.

    :param near: structures by class, with distance and sigma of the first tool's tip [mm].
    :param towards: from the tip to the nearest point of each [px].
    :param share: distance as a share of the picture's height, where there is no scale.
    :param latency_ms: from the capture until the scene was ready.
    :param parts: more structures.
    :param more: other fields of the scene.
    """
    tools = (tool(),) if tools is None else tuple(tools)
    return SceneState(
        stamp_ns=START_NS + frame * FRAME_NS,
        sequence=frame + 1,
        monotonic_ns=frame * FRAME_NS,
        width=WIDTH,
        height=HEIGHT,
        valid=not problem,
        problem=problem,
        instruments=tools,
        structures=(*(Structure(name, 0.9, NO_POINTS, 0.1) for name, _, _ in near), *parts),
        proximities=tuple(
            Proximity(
                0,
                index,
                distance_px=mm * 16 if math.isnan(share) else share * HEIGHT,
                distance_mm=mm,
                sigma_mm=sigma,
                method='' if math.isnan(mm) else 'shaft_width',
                nearest_x=tools[0].tip_x + towards[0],
                nearest_y=tools[0].tip_y + towards[1],
            )
            for index, (_, mm, sigma) in enumerate(near)
        ),
        quality=quality,
        sharpness=sharpness,
        brightness=0.4,
        stages=(StageTime('inference', 1.0, latency_ms - 2.0), StageTime('scene', latency_ms - 1.0, 1.0)),
        **more,
    )


def calm(frames: Iterable[int]) -> list[SceneState]:
    return [scene(frame) for frame in frames]


def hook_near_bowel(frames: Iterable[int], mm: float = 6.0, sigma: float = 0.4, **more) -> list[SceneState]:
    return [scene(frame, near=[(BOWEL, mm, sigma)], **more) for frame in frames]


def blurred(scenes: Iterable[SceneState]) -> list[SceneState]:
    return [replace(one, sharpness=2.0) for one in scenes]


def played(synthesiser: Synthesiser, scenes: Iterable[SceneState]) -> list[Suggestion]:
    return [suggestion for one in scenes for suggestion in synthesiser.on_scene(one)]


def raised(suggestions: Iterable[Suggestion]) -> list[str]:
    """Name the rules that spoke, once for each suggestion, in order."""
    seen: dict[int, str] = {}
    for suggestion in suggestions:
        if suggestion.status is Status.VALID:
            seen.setdefault(suggestion.sequence, suggestion.rule_id)
    return list(seen.values())


def frame_of(suggestion: Suggestion) -> int:
    return round((suggestion.stamp_ns - START_NS) / FRAME_NS)
