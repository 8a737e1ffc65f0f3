"""The one table of topics, and the names that everybody must spell alike.

Publishers, subscriptions, the watchdog's limits, ``docs/topics.md`` and a test are derived from :data:`TOPICS`. Names
are relative: they live in the node's namespace (``/surgical_guidance`` unless a launch file says otherwise). Only
``/diagnostics`` is global, as its consumers expect.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum
from typing import Final

NAMESPACE: Final = '/surgical_guidance'
OPTICAL_FRAME: Final = 'endoscope_optical'  # REP 103: _optical = z forward, x right, y down

STAGES: Final = ('camera', 'inference', 'advice', 'relay')
"""The stages that send a heartbeat."""

TIMED_STAGES: Final = ('handover', 'inference', 'scene', 'advice', 'capture_to_advice')
"""The stages whose times are measured for every frame. ``handover``: capture to the start of inference."""


class Reliability(Enum):
    """Whether a lost sample is sent again."""

    BEST_EFFORT = 'best effort'
    RELIABLE = 'reliable'


class Durability(Enum):
    """Whether a late joiner gets the last samples."""

    VOLATILE = 'volatile'
    TRANSIENT_LOCAL = 'transient local'


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the contract.

    :param name: relative to the namespace; absolute where it starts with a slash.
    :param type: ROS interface name, ``package/msg/Name``.
    :param publisher: the stage that sends it.
    :param purpose: one line for people.
    :param one_a_frame: it comes at the rate of the source.
    :param rate: messages per second that a consumer may expect [Hz]; 0: on change, or one a frame.
    :param deadline: longest time between two messages [s], or in frame intervals where it comes one a frame;
        0: none is promised.
    :param lifespan: after this a message is not delivered any more [s]; 0: no limit.
    :param lease: liveliness lease [s]; 0: liveliness is not asserted.
    """

    name: str
    type: str
    publisher: str
    purpose: str
    reliability: Reliability = Reliability.BEST_EFFORT
    durability: Durability = Durability.VOLATILE
    depth: int = 1
    one_a_frame: bool = False
    rate: float = 0.0
    deadline: float = 0.0
    lifespan: float = 0.0
    lease: float = 0.0


FRAME: Final = Topic(
    'camera/frame',
    'surgical_guidance_msgs/msg/FrameRef',
    'camera',
    'the newest frame, by reference into the shared-memory ring',
    one_a_frame=True,
    deadline=3.0,
)
IMAGE: Final = Topic(
    'camera/image_raw',
    'sensor_msgs/msg/Image',
    'camera',
    'the picture for others; published only while somebody subscribes',
    one_a_frame=True,
)
COMPRESSED_IMAGE: Final = Topic(
    'camera/image_raw/compressed',
    'sensor_msgs/msg/CompressedImage',
    'camera',
    'the picture as JPEG for others; published only while somebody subscribes',
    one_a_frame=True,
)
TRUTH: Final = Topic(
    'camera/truth',
    'std_msgs/msg/String',
    'camera',
    'what is really in a rendered frame, as JSON; published only while somebody subscribes',
    one_a_frame=True,
)
SCENE: Final = Topic(
    'scene',
    'surgical_guidance_msgs/msg/SceneState',
    'inference',
    'what is seen in a frame',
    one_a_frame=True,
    deadline=3.0,
)
INFERENCE_STATUS: Final = Topic(
    'inference/status',
    'surgical_guidance_msgs/msg/InferenceStatus',
    'inference',
    'which models look at the frames, what became of their turns and what they cost',
    Reliability.RELIABLE,
    Durability.TRANSIENT_LOCAL,
    rate=1.0,
)
DEGRADATION_STEP: Final = Topic(
    'inference/degradation_step',
    'surgical_guidance_msgs/msg/DegradationStep',
    'watchdog',
    'how much of inference is to be given up; it takes effect at the next frame',
    Reliability.RELIABLE,
    Durability.TRANSIENT_LOCAL,
)
SESSION_CONTEXT: Final = Topic(
    'session_context',
    'surgical_guidance_msgs/msg/SessionContext',
    'the operating room: pedals, surgeon, arm stack',
    'energy, critical view, what has been identified; on change, and repeated for as long as energy is to be believed',
    Reliability.RELIABLE,
    Durability.TRANSIENT_LOCAL,
)
CAMERA_INFO: Final = Topic(
    'camera/camera_info',
    'sensor_msgs/msg/CameraInfo',
    'whoever calibrates',
    'the calibration of the camera, repeated; listened to while the parameter calibration is empty',
    rate=1.0,
)
ARM_TIP: Final = Topic(
    'arm/measured_cp',
    'geometry_msgs/msg/PoseStamped',
    'an arm stack (CRTK)',
    "where an arm's instrument has its tip, in the camera's optical frame; arm_topics names one for each arm",
)
SUGGESTION: Final = Topic(
    'suggestion',
    'surgical_guidance_msgs/msg/Suggestion',
    'advice',
    'the one piece of advice shown, its state and its reasons',
    Reliability.RELIABLE,
    Durability.TRANSIENT_LOCAL,
    depth=8,  # a withdrawal and what follows it at once must both arrive; the last one is the current one
    rate=5.0,
    deadline=0.5,
    lifespan=10.0,
)
TIMING: Final = Topic(
    'timing',
    'surgical_guidance_msgs/msg/FrameTiming',
    'advice',
    'the stage times and counters of a frame',
    Reliability.RELIABLE,
    depth=64,
    one_a_frame=True,
    deadline=3.0,
)
HEARTBEAT: Final = Topic(
    'heartbeat',
    'surgical_guidance_msgs/msg/StageStatus',
    'every stage',
    'one stage turns, and in which state it is',
    Reliability.RELIABLE,
    depth=8,
    rate=10.0,
)
STATUS: Final = Topic(
    'status',
    'surgical_guidance_msgs/msg/GuidanceStatus',
    'watchdog',
    'the state of the whole guidance; when it stops there is no guidance',
    Reliability.RELIABLE,
    Durability.TRANSIENT_LOCAL,
    rate=8.0,
    deadline=0.3,
    lifespan=1.0,
    lease=0.3,
)
ALARM: Final = Topic(
    'alarm',
    'surgical_guidance_msgs/msg/Alarm',
    'watchdog',
    'every change of an alarm',
    Reliability.RELIABLE,
    Durability.TRANSIENT_LOCAL,
    depth=32,
)
DIAGNOSTICS: Final = Topic(
    '/diagnostics',
    'diagnostic_msgs/msg/DiagnosticArray',
    'watchdog',
    'the same for the tools every robot has; at once on error',
    Reliability.RELIABLE,
    depth=10,
    rate=1.0,
)
ANNOTATIONS: Final = Topic(
    'annotations',
    'surgical_guidance_msgs/msg/Annotation',
    'relay, and who else draws',
    'marks that people draw into the picture; the same id replaces a mark, without points it takes it back',
    Reliability.RELIABLE,
    depth=64,
)

PARTICIPANTS: Final = Topic(
    'participants',
    'surgical_guidance_msgs/msg/Participants',
    'relay',
    'who watches from elsewhere; on change, and once a second',
    Reliability.RELIABLE,
    Durability.TRANSIENT_LOCAL,
    rate=1.0,
)

OVERLAY_IMAGE: Final = Topic(
    'overlay/image',
    'sensor_msgs/msg/Image',
    'advice',
    'the picture with outlines, way, text and marks drawn in; only while the parameter overlay is on and somebody '
    'subscribes',
)
OVERLAY_COMPRESSED: Final = Topic(
    'overlay/image/compressed',
    'sensor_msgs/msg/CompressedImage',
    'advice',
    'the same as JPEG',
)

TOPICS: Final = (
    FRAME, IMAGE, COMPRESSED_IMAGE, TRUTH, SCENE, INFERENCE_STATUS, DEGRADATION_STEP, SESSION_CONTEXT,
    CAMERA_INFO, ARM_TIP, SUGGESTION, TIMING, HEARTBEAT, STATUS, ALARM, DIAGNOSTICS, ANNOTATIONS, OVERLAY_IMAGE,
    OVERLAY_COMPRESSED, PARTICIPANTS,
)  # fmt: skip

ACKNOWLEDGE_SERVICE: Final = 'acknowledge_alarm'  # surgical_guidance_msgs/srv/AcknowledgeAlarm, served by the watchdog
PAUSE_AUDIO_SERVICE: Final = 'pause_alarm_audio'  # surgical_guidance_msgs/srv/PauseAlarmAudio, served by the watchdog
RELOAD_SERVICE: Final = 'reload_rules'  # std_srvs/srv/Trigger, served by advice
RESET_REFERENCE_SERVICE: Final = 'reset_reference'  # std_srvs/srv/Trigger, served by inference
SAVE_CONTEXT_SERVICE: Final = 'save_context'  # surgical_guidance_msgs/srv/SaveContext, served by the recorder
RESPOND_SERVICE: Final = 'respond_to_suggestion'  # surgical_guidance_msgs/srv/RespondToSuggestion, served by advice
END_SESSION_SERVICE: Final = 'end_session'  # surgical_guidance_msgs/srv/EndSession, served by the relay

# Class names: CholecSeg8k (Hong et al., 2020) in snake case, and three that it lacks.
BACKGROUND: Final = 'background'
INSTRUMENT_CLASSES: Final = ('grasper', 'l_hook_electrocautery', 'clipper', 'suction')
STRUCTURE_CLASSES: Final = (
    'abdominal_wall',
    'liver',
    'gastrointestinal_tract',
    'fat',
    'connective_tissue',
    'blood',
    'cystic_duct',
    'gallbladder',
    'hepatic_vein',
    'liver_ligament',
    'cystic_artery',
)
CLASSES: Final = (BACKGROUND, *INSTRUMENT_CLASSES, *STRUCTURE_CLASSES)

CONDITIONS: Final = ('bleeding', 'smoke', 'fog', 'splash', 'glare', 'low_light', 'blur', 'out_of_body')
"""What may go on in the view."""
LANDMARKS: Final = ('rouviere_sulcus', 'segment_iv_base')
"""The two ends of the line below which nobody dissects: Rouviere's sulcus, and the base of liver segment IV."""
PHASES: Final = (
    'Preparation', 'CalotTriangleDissection', 'ClippingCutting', 'GallbladderDissection', 'GallbladderPackaging',
    'CleaningCoagulation', 'GallbladderRetraction',
)  # fmt: skip
"""The phases of Cholec80 (Twinanda et al., 2017)."""
VERBS: Final = (
    'grasp', 'retract', 'dissect', 'coagulate', 'clip', 'cut', 'aspirate', 'irrigate', 'pack', 'null_verb',
)  # fmt: skip
"""The verbs of CholecT50 (Nwoye et al., 2022)."""

LATENCY_WARNING_MS: Final = 50.0  # the model's share of the budget; docs/architecture.md, "Latency"
LATENCY_LIMIT_MS: Final = 80.0  # capture to advice; beyond it perception and action come apart
STAGE_BUDGETS_MS: Final = {'handover': 10.0, 'inference': 33.0, 'scene': 5.0, 'advice': 5.0}
"""What a stage may take of a frame's time [ms]; together they are about the warning level. Inference slower than 33 ms
loses frames at 30 Hz."""
BREACHES_IN_A_ROW: Final = 3  # frames over the limit, one after another, that raise the alarm


def as_markdown() -> str:
    """Give the table of topics as ``docs/topics.md`` shows it."""
    lines = [
        '# Topics',
        '',
        'Made by `python -m surgical_guidance.contract`; a test keeps it true. Names are relative to the namespace',
        f'(`{NAMESPACE}` by default) unless they start with a slash. `frame` = once for every frame of the source.',
        '',
        '| topic | type | from | rate | reliability, durability, depth | deadline | lifespan | what |',
        '|---|---|---|---|---|---|---|---|',
    ]
    for topic in TOPICS:
        rate = 'frame' if topic.one_a_frame else f'{topic.rate:g} Hz' if topic.rate else 'on change'
        unit = ' frames' if topic.one_a_frame else ' s'
        deadline = f'{topic.deadline:g}{unit}' if topic.deadline else ''
        lifespan = f'{topic.lifespan:g} s' if topic.lifespan else ''
        policy = f'{topic.reliability.value}, {topic.durability.value}, {topic.depth}'
        policy += f', liveliness {topic.lease:g} s' if topic.lease else ''
        lines.append(
            f'| `{topic.name}` | `{topic.type}` | {topic.publisher} | {rate} | {policy} | {deadline} | {lifespan} | '
            f'{topic.purpose} |'
        )
    lines += [
        '',
        '| service | type | served by |',
        '|---|---|---|',
        f'| `{ACKNOWLEDGE_SERVICE}` | `surgical_guidance_msgs/srv/AcknowledgeAlarm` | watchdog |',
        f'| `{PAUSE_AUDIO_SERVICE}` | `surgical_guidance_msgs/srv/PauseAlarmAudio` | watchdog |',
        f'| `{RESPOND_SERVICE}` | `surgical_guidance_msgs/srv/RespondToSuggestion` | advice |',
        f'| `{RELOAD_SERVICE}` | `std_srvs/srv/Trigger` | advice |',
        f'| `{SAVE_CONTEXT_SERVICE}` | `surgical_guidance_msgs/srv/SaveContext` | recorder |',
        f'| `{RESET_REFERENCE_SERVICE}` | `std_srvs/srv/Trigger` | inference |',
        f'| `{END_SESSION_SERVICE}` | `surgical_guidance_msgs/srv/EndSession` | relay |',
    ]
    return '\n'.join(lines) + '\n'


if __name__ == '__main__':
    sys.stdout.write(as_markdown())
