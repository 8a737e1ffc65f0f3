"""What is really in a frame of the demonstration, in the form that every frame of the phantom has."""

from __future__ import annotations

import math

import cv2

from surgical_guidance.phantom import instruments, script
from surgical_guidance.phantom.geometry import FOCAL, SHAFT_MM, cloud, view_of
from surgical_guidance.phantom.instruments import Pose
from surgical_guidance.phantom.layout import HEIGHT, WIDTH
from surgical_guidance.phantom.patient import GRID
from surgical_guidance.phantom.scene import Scene
from surgical_guidance.phantom.surface import Surface
from surgical_guidance.phantom.truth import CameraTruth, Events, FrameTruth, InstrumentTruth
from surgical_guidance.phantom.vendors import PLAIN, Rim

SCENARIO = 'demonstration'
_PHASE = 'CalotTriangleDissection'
_ENERGY_TOOL = 'l_hook_electrocautery'


def demo_truth(scene: Scene, seed: int, index: int, time_s: float) -> FrameTruth:
    """Tell what is in the picture of a time. The demonstration has one phase, no blood, and no current."""
    shift, poses = scene.shift(time_s), script.poses(time_s, scene.places)
    grid = view_of(*GRID)
    labels = scene.tissue.labels(grid, shift, *GRID)
    Rim(PLAIN, grid, *GRID).black(labels, cv2.LINE_8)
    surface = Surface(cloud(scene.tissue.depth(grid, shift, *GRID), grid), labels)
    view = view_of(scene.width, scene.height)
    rim = Rim(PLAIN, view, scene.width, scene.height)

    def tool(number: int, pose: Pose) -> InstrumentTruth:
        tip, at = instruments.tip_mm(pose), view.px(pose.tip_x, pose.tip_y)
        return InstrumentTruth(
            class_name=pose.class_name,
            id=number,
            tip=at,
            tip_mm=tip,
            tip_visible=rim.holds(*at),
            axis=(math.cos(pose.angle), math.sin(pose.angle)),
            shaft_diameter_px=instruments.shaft_px(pose, view),
            shaft_diameter_mm=SHAFT_MM,
            opening=pose.opening,
            distances=surface.distances(tip, (pose.tip_x, pose.tip_y), view.scale),
        )

    tools = tuple(tool(number, pose) for number, pose in enumerate(poses))
    focal = FOCAL * view.scale
    return FrameTruth(
        scenario=SCENARIO,
        seed=seed,
        vendor=PLAIN.name,
        index=index,
        time_s=time_s,
        width=scene.width,
        height=scene.height,
        camera=CameraTruth(focal, focal, *view.px(WIDTH / 2, HEIGHT / 2)),
        instruments=tools,
        events=Events(
            blur=script.defocus(time_s),
            tip_left_view=any(one.class_name == _ENERGY_TOOL and not one.tip_visible for one in tools),
        ),
        phase=_PHASE,
        verb='dissect' if script.DISSECTION.name in script.active(time_s) else 'retract',
        energy=False,
    )
