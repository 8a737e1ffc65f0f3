"""For each rule of the packaged table scenes that give it reason to speak."""

from __future__ import annotations

import math
from dataclasses import replace

from advice_scenes import ARTERY, BOWEL, blood, condition, scene, square, tool

from surgical_guidance.scene.state import NAN, Energy, Landmark, SceneState, Structure, Zone


def known(one: SceneState) -> SceneState:
    """Have every structure of a scene identified."""
    return replace(one, structures=tuple(part._replace(identified=True) for part in one.structures))


CLIPPING = 'ClippingCutting'
AT_DUCT = {'near': [('cystic_duct', 2.0, 0.2)], 'tools': [tool('clipper', opening=0.8), tool(x=900.0)]}
LINE = (Landmark('rouviere_sulcus', 500.0, 400.0, 2.0), Landmark('segment_iv_base', 1400.0, 380.0, 2.0))
BLEEDER = {
    'parts': [blood(0.05, source=(980.0, 560.0))],
    'tools': [tool('clipper', mm_per_px=0.06, mm_per_px_sigma=0.002), tool(x=900.0)],
}
SMALL = [Structure('gallbladder', 0.9, square(500.0, 300.0), 0.02)]

SCRIPTS = {  # what gives the rule reason to speak, for 120 frames of 30 Hz from frame 30 on; the frame it speaks at
    'hook_near_bowel': (lambda f: scene(f, near=[(BOWEL, 6.0, 0.4)]), 33,
        '电钩距离肠壁过近，请抬高操作角度', 'Stop energy; bowel about 6 mm. Raise the angle.'),
    'energised_tip_hidden': (lambda f: scene(f, tools=[], energy=Energy.ON), 36,
        '停止通电，器械尖端不在视野内', 'Stop; tip out of view.'),
    'long_activation': (lambda f: scene(f, tools=[tool(energised=Energy.ON)]), 120,
        '请松开踏板，改用短促通电', 'Release; use short bursts.'),
    'unidentified_tube': (lambda f: scene(f, **AT_DUCT), 39,
        '停止：管状结构未确认，请先辨认解剖', 'Stop; confirm anatomy.'),
    'critical_view_incomplete': (
        lambda f: known(scene(f, **AT_DUCT, phase=CLIPPING, critical_view=(1.0, 0.3, NAN))), 39,
        '关键安全视野不完整，缺少C2、C3', 'Critical view incomplete: missing C2, C3.'),
    'before_division': (lambda f: known(scene(f, **AT_DUCT, phase=CLIPPING, action='cut')), 39,
        '离断前暂停，请核对解剖标志', 'Time-out: check landmarks.'),
    'no_go_zone': (lambda f: scene(f, zones=(Zone('no_go', square(960.0, 540.0)),)), 36,
        '器械进入危险区域', 'Unsafe zone.'),
    'outside_the_zones': (lambda f: scene(f, zones=(Zone('safe', square(200.0, 200.0)),), action='dissect'), 45,
        '不在安全区内操作，请重新评估', 'Outside the safe zone; reassess.'),
    'suspected_artery_near': (lambda f: scene(f, near=[(ARTERY, 3.0, 0.4)], towards=(-50, 50)), 33,
        '疑似动脉位于左下方约3mm处', 'Suspected artery, lower left, about 3 mm'),
    'below_the_line': (lambda f: scene(f, landmarks=LINE, action='dissect'), 45,
        '低于鲁氏沟与IV段连线，请移至线上方', 'Move above the line.'),
    'active_bleeding': (lambda f: scene(f, parts=[blood(growth=0.01)]), 45,
        '活动性出血，请寻找出血点并压迫', 'Active bleeding; find the source, apply pressure.'),
    'blind_clip': (lambda f: scene(f, **BLEEDER), 36, '出血点被遮盖，切勿盲目上夹', 'Do not clip blindly.'),
    'pooled_blood': (lambda f: scene(f, parts=[blood(growth=0.0005)]), 90, '局部积血，请吸引清理', 'Aspirate.'),
    'smoke': (lambda f: scene(f, conditions=(condition('smoke'),)), 45,
        '烟雾过浓，请暂停通电并排烟', 'Pause energy; evacuate smoke.'),
    'lens_dirty': (lambda f: scene(f, conditions=(condition('splash'), condition('fog', 0.1))), 45,
        '镜头起雾或沾污，请清洁镜头', 'Clean the lens.'),
    'blur': (lambda f: scene(f, sharpness=2.0), 45, '画面模糊，请重新对焦', 'Blurred view; refocus.'),
    'rolled_view': (lambda f: scene(f, roll=math.radians(-17.0)), 90,
        '建议顺时针旋转镜头15度', 'Rotate the scope clockwise 15 degrees.'),
    'tools_off_centre': (lambda f: scene(f, tools=[tool(x=300.0)]), 60,
        '器械偏离中心，镜头请向左方移动', 'Pan left; centre the instruments.'),
    'energy_tool_left_view': (lambda f: scene(f, tools=[tool('grasper')]), 45,
        '电钩离开视野，请将其移回视野', 'Bring the hook into view.'),
    'target_too_small': (lambda f: scene(f, parts=SMALL), 60,
        '沿黄色高亮路径推进', 'Advance along the highlighted path.'),
    'wrong_tool': (lambda f: scene(f, tools=[tool('clipper'), tool()], phase='Preparation'), 60,
        '器械与当前步骤不符，请核对步骤', 'Check the step.'),
    'out_of_body': (lambda f: scene(f, near=[(BOWEL, 6.0, 0.4)], conditions=(condition('out_of_body'),)), 36,
        '镜头在体外，暂停指导', 'Scope out of the body; advice paused.'),
    'perception_low': (lambda f: scene(f, quality=0.3, near=[(BOWEL, 20.0, 0.4)]), 39,
        'AI 暂不可用：识别可信度低', 'Guidance unavailable: low perception quality.'),
}  # fmt: skip
