"""What must hold for every sequence of scenes, however strange."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from advice_reader import FURTHEST, Reader
from advice_scenes import (
    ARTERY,
    BOWEL,
    FRAME_NS,
    HOOK,
    NO_POINTS,
    START_NS,
    blood,
    condition,
    hook_near_bowel,
    scene,
    square,
    tool,
)  # fmt: skip
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from surgical_guidance_msgs.msg import SceneState as SceneMessage
from surgical_guidance_msgs.msg import Suggestion as SuggestionMessage

from surgical_guidance.advice.composer import arrow
from surgical_guidance.advice.evaluator import Candidate
from surgical_guidance.advice.feature import Feature
from surgical_guidance.advice.features import DIRECTED, NAMES, FeatureExtractor
from surgical_guidance.advice.fonts import find_fonts
from surgical_guidance.advice.messages import from_message, to_message
from surgical_guidance.advice.overlay import Style, draw
from surgical_guidance.advice.path import PathPlanner
from surgical_guidance.advice.rules import RuleTable, load, parse
from surgical_guidance.advice.suggestion import Status, Suggestion
from surgical_guidance.advice.synthesiser import Synthesiser
from surgical_guidance.advice.texts import LANGUAGES, fill
from surgical_guidance.clock import NS_PER_MS, NS_PER_S
from surgical_guidance.contract import CLASSES, CONDITIONS, LANDMARKS
from surgical_guidance.scene import messages as scene_messages
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

TABLE = load()
AT_ONCE = {'hold_s': 0.0, 'cooldown_s': 0.0, 'phases': [], 'suppressed_by': []}
EAGER = TABLE.model_copy(update={'rules': [rule.model_copy(update=AT_ONCE) for rule in TABLE.rules]})
"""Rules that speak in the first scene in which they hold: however strange it is, texts and ways are made of it."""

ABOUT = {
    'instruments.off_centre': '{direction}', 'view.roll_deg': '{turn} {degrees}', 'critical_view.met': '{missing}',
    'energised.gastrointestinal_tract.distance_mm': '{distance} {direction}',
    'instrument.cystic_duct.measured_mm': '{distance} {towards}', 'instrument.tube.distance_share': '{distance}',
    'energy_tool.below_line': '{towards}', 'instrument.bleeding_source.distance_mm': '{distance} {towards}',
    'instrument.bleeding_source.distance_share': '{direction}', 'energy_tool.in_no_go': 'no', 'blood.growth': 'more',
    'perception.quality': 'good',
}  # fmt: skip


def about(name: str, text: str, number: int) -> RuleTable:
    """Give a table of one rule, which speaks at once of all that is known by one name."""
    arrow = ('towards', 'away')[number % 2] if name in DIRECTED else ''
    path = 'gallbladder' if number % 3 == 0 else ''
    return parse(
        f"""
        rules:
        - {{id: any, source: none, priority: high, when: known({name}), hold_s: 0.0, release_s: 0.0, cooldown_s: 0.0,
           silence_s: 0.0, valid_for_s: 1.0, text: {{zh: '{text}', en: '{text}'}},
           highlight: {{path: '{path}', arrow: '{arrow}'}}}}
        """,
        name,
    )


TALKATIVE = [about(name, text, number) for number, (name, text) in enumerate(ABOUT.items())]
LIVE = (Status.VALID, Status.INTERRUPTED)
SAYS_NOTHING = 'not valid, and no problem is told'

PLAYED = settings(max_examples=30, deadline=None, derandomize=True)
STRANGE = settings(PLAYED, max_examples=100)

millimetres = st.sampled_from([0.0, 0.4, 1.0, 2.0, 3.5, 6.0, 9.0, 11.0, 14.0, 40.0, math.nan])
sigmas = st.sampled_from([0.1, 0.4, 1.0, 3.0, math.nan])


@dataclass(frozen=True)
class Stretch:
    """Some frames in which the same is the case, and how many are lost after them."""

    frames: int
    near: dict[str, tuple[float, float]]
    tools: str
    quality: float
    sharpness: float
    problem: str
    latency_ms: float
    towards: tuple[float, float]
    lost: int
    more: str


MORE = {
    'nothing': {},
    'smoke': {'conditions': (condition('smoke'), condition('fog', 0.2))},
    'outside': {'conditions': (condition('out_of_body'),)},
    'bleeding': {'parts': (blood(0.04, 0.01, (980.0, 560.0)),)},
    'pool': {'parts': (blood(0.04, 0.0),)},
    'clipping': {'phase': 'ClippingCutting', 'action': 'cut', 'critical_view': (1.0, 0.0, 0.0)},
    'preparing': {'phase': 'Preparation', 'action': 'cut', 'critical_view': (1.0, 0.0, 0.0)},
    'zones': {'zones': (Zone('no_go', square(960.0, 540.0)), Zone('safe', square(100.0, 100.0))), 'action': 'dissect'},
    'far': {'parts': (Structure('gallbladder', 0.9, square(500.0, 300.0), 0.02),), 'roll': 0.5},
}
TOOLS = {
    'hook': (tool(),),
    'hook aside': (tool(x=200.0),),
    'grasper': (tool('grasper'),),
    'hook off': (tool(energised=Energy.OFF),),
    'hook on': (tool(energised=Energy.ON),),
    'clipper': (tool('clipper', opening=0.9, mm_per_px=0.06, mm_per_px_sigma=0.003),),
    'none': (),
}
histories = st.lists(
    st.builds(
        Stretch,
        frames=st.integers(1, 3) | st.integers(1, 40),
        near=st.dictionaries(st.sampled_from([BOWEL, ARTERY, 'cystic_duct']), st.tuples(millimetres, sigmas)),
        tools=st.sampled_from(sorted(TOOLS)),
        quality=st.sampled_from([0.9, 0.3]),
        sharpness=st.sampled_from([200.0, 2.0]),
        problem=st.sampled_from(['', '', '', 'the engine failed', SAYS_NOTHING]),
        latency_ms=st.sampled_from([40.0, 10.0, 200.0, 700.0]),
        towards=st.sampled_from([(50.0, 0.0), (-9.0, 9.0), (0.0, 0.0)]),
        lost=st.sampled_from([0, 0, 1, 4, 30, 100]),
        more=st.sampled_from(sorted(MORE)),
    ),
    min_size=1,
    max_size=7,
)  # plausible operations


def scenes_of(history: list[Stretch]) -> list[SceneState]:
    scenes, frame = [], 0
    for part in history:
        near = [(name, mm, sigma) for name, (mm, sigma) in sorted(part.near.items()) if TOOLS[part.tools]]
        for _ in range(part.frames):
            frame += 1
            one = scene(
                frame, near=near, tools=TOOLS[part.tools], quality=part.quality, sharpness=part.sharpness,
                problem=part.problem, latency_ms=part.latency_ms, towards=part.towards, **MORE[part.more],
            )  # fmt: skip
            scenes.append(replace(one, problem='') if part.problem == SAYS_NOTHING else one)
        frame += part.lost
    return in_order_of_arrival(scenes)


def in_order_of_arrival(scenes: list[SceneState]) -> list[SceneState]:
    """Leave out what one thread that makes scenes one after another could not have made."""
    kept: list[SceneState] = []
    for one in scenes:
        if not kept or one.ready_ns > kept[-1].ready_ns:
            kept.append(one)
    return kept


def told(suggestions: list[Suggestion]) -> list[bytes]:
    """What is sent, byte for byte, without repeats of the same. (In CDR the padding between fields is anything.)"""
    sent = [repr(from_message(to_message(suggestion))).encode() for suggestion in suggestions]
    return [one for one, before in zip(sent, [b'', *sent], strict=False) if one != before]


def run(scenes: list[SceneState], every_ns: int = 0) -> list[Suggestion]:
    """Play scenes, asking for what fell due every so often (0: never), and the end of it all."""
    synthesiser, now = Synthesiser(TABLE), scenes[0].ready_ns
    sent = list(synthesiser.on_time(0))  # how it begins
    for one in scenes:
        while every_ns and now < one.ready_ns:
            sent += synthesiser.on_time(now)
            now += every_ns
        sent += synthesiser.on_scene(one)
    return sent + list(synthesiser.on_time(scenes[-1].ready_ns + 100 * NS_PER_S))


@given(histories, st.sampled_from([3_000_000, 20_000_000, 50_000_000, 1_000_000_000]))
@PLAYED
def test_what_is_told_does_not_depend_on_when_somebody_asks(history: list[Stretch], every_ns: int) -> None:
    scenes = scenes_of(history)
    assert told(run(scenes, every_ns)) == told(run(scenes))


@given(histories)
@PLAYED
def test_recorded_scenes_give_the_same_bytes_again(history: list[Stretch]) -> None:
    scenes = scenes_of(history)
    recorded = [
        scene_messages.from_message(
            deserialize_message(serialize_message(scene_messages.to_message(one)), SceneMessage)
        )
        for one in scenes
    ]
    assert told(run(recorded)) == told(run(scenes))


@given(histories)
@PLAYED
def test_never_are_two_shown_and_each_ends_once(history: list[Stretch]) -> None:
    shown: set[int] = set()
    ended: list[int] = []
    for suggestion in run(scenes_of(history)):
        if suggestion.sequence and suggestion.status in LIVE:
            assert suggestion.sequence not in ended
            shown.add(suggestion.sequence)
        elif suggestion.sequence and suggestion.sequence in shown:
            shown.discard(suggestion.sequence)
            ended.append(suggestion.sequence)
        if suggestion.status is Status.NONE:
            assert not shown
        assert len(shown) <= 1
    assert not shown
    assert ended == sorted(ended) == list(range(1, len(ended) + 1))


def shifted(scenes: list[SceneState], to_ns: int) -> list[SceneState]:
    """The same scenes, the first with this stamp."""
    by_ns = to_ns - scenes[0].stamp_ns
    return [replace(one, stamp_ns=one.stamp_ns + by_ns) for one in scenes]


@given(histories, histories, st.sampled_from([-3.0, -0.02, 0.2, 1.9, 2.5]), st.sampled_from([5, 50, 300]))
@settings(PLAYED, max_examples=60)
def test_what_looks_current_is_of_the_last_scenes_and_of_a_rule_that_may_speak(
    history: list[Stretch], then: list[Stretch], jump_s: float, every_ms: int
) -> None:
    first = scenes_of(history)
    second = shifted(scenes_of(then), first[-1].stamp_ns + round(jump_s * NS_PER_S))
    second = [one for one in second if jump_s < 0.0 or one.ready_ns > first[-1].ready_ns]
    reader, synthesiser = Reader(TABLE), Synthesiser(TABLE)
    reader.play(synthesiser, [*first, *second], every_ms * NS_PER_MS)
    end_ns = (second or first)[-1].ready_ns
    for later_ms in range(0, 4_000, every_ms):
        reader.ask(synthesiser, end_ns + later_ms * NS_PER_MS)
    assert synthesiser.current.status is Status.WITHDRAWN


NEAR = {'near': [(BOWEL, 5.0, 0.4)]}
OTHERWISE = (
    {}, {'near': [(BOWEL, 30.0, 0.4)]}, {**NEAR, **MORE['smoke']}, {**NEAR, 'quality': 0.3}, {**NEAR, 'valid': False},
    {**NEAR, 'latency_ms': 700.0}, {**NEAR, 'tools': TOOLS['hook off']},
)  # fmt: skip


@example([5, 6, 2, 1, 2, 1, 5], OTHERWISE[4])  # a bad one among those that would bring it back
@example([20, 20, 20], OTHERWISE[0])  # again within its cooldown
@given(st.lists(st.integers(1, 3) | st.integers(1, 25), min_size=4, max_size=12), st.sampled_from(OTHERWISE))
@settings(PLAYED, max_examples=60)
def test_what_comes_and_goes_speaks_and_falls_silent_in_its_time(frames: list[int], otherwise: dict) -> None:
    said = [now for number, count in enumerate(frames) for now in [otherwise if number % 2 else NEAR] * count]
    scenes = []
    for frame, now in enumerate(said):
        valid = now.get('valid', True)
        one = scene(frame, **{name: value for name, value in now.items() if name != 'valid'})
        scenes.append(replace(one, valid=valid))
    Reader(TABLE).play(Synthesiser(TABLE), in_order_of_arrival(scenes), 50 * NS_PER_MS)


@given(st.sampled_from([(math.nan, 0.2), (math.inf, 0.2), (-math.inf, 0.2), (40.0, math.nan), (40.0, -1.0)]))
@PLAYED
def test_what_cannot_be_measured_counts_by_its_place_in_the_picture(measured: tuple[float, float]) -> None:
    mm, sigma = measured
    synthesiser = Synthesiser(TABLE)
    for frame in range(8):
        one = scene(frame, near=[(BOWEL, math.nan, math.nan)], share=0.02)
        (near,) = one.proximities
        synthesiser.on_scene(replace(one, proximities=(near._replace(distance_mm=mm, sigma_mm=sigma),)))
    assert synthesiser.current.rule_id == 'hook_near_bowel'


shares = st.sampled_from([0.05, 0.3, 0.333, 0.334, 0.35, 0.5, 1.0, 3.0, math.nan])
measured = st.lists(st.tuples(st.integers(1, 30), st.floats(0.0, 12.0), shares), min_size=1, max_size=5)
"""Frames in which the bowel is so near [mm], to within such a share of it."""


@given(measured)
@PLAYED
def test_never_a_number_when_its_sigma_forbids_it(history: list[tuple[int, float, float]]) -> None:
    near = [(mm, mm * share) for frames, mm, share in history for _ in range(frames)]
    for rules in (TABLE, EAGER):
        scenes = [scene(frame, near=[(BOWEL, *one)]) for frame, one in enumerate(near)]
        Reader(rules).play(Synthesiser(rules), scenes, NS_PER_S)


number = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e300, -1e300, 1.7e308, math.inf, -math.inf, math.nan]) | st.floats(
    width=64
)
single = st.floats(width=32).filter(lambda ms: math.isinf(ms) or not abs(ms) > 3.4e38)  # rosidl refuses the very last
points = st.sampled_from([
    NO_POINTS, np.full((3, 2), np.nan, np.float32), np.array([[np.inf, -np.inf], [-np.inf, np.inf]], np.float32),
    np.full((4, 2), 3e38, np.float32), square(960.0, 540.0), np.zeros((20_000, 2), np.float32),
])  # fmt: skip
names = st.sampled_from([*CLASSES, 'scissors', '', 'unheard of'])
energies = st.sampled_from(list(Energy))
odd_text = st.sampled_from(['', 'x' * 200, '{distance}'])
which = st.sampled_from([0, 0, 0, 1, 4])  # of those that there are, or of none
PARTS = {
    'instruments': st.builds(
        Instrument, names, number, points, st.integers(0, 2**32 - 1), st.booleans(), number, number, number, number,
        number, number, number, energies, number, number, number, number,
    ),
    'structures': st.builds(Structure, names, number, points, number, number, number, number, st.booleans()),
    'proximities': st.builds(
        Proximity, which, which, number, st.sampled_from([0.5, 3.0, 4e6]) | number,
        st.sampled_from([0.1, -1.0]) | number, odd_text, number, number,
    ),
    'stages': st.builds(StageTime, odd_text, single, single),
    'conditions': st.builds(Condition, st.sampled_from([*CONDITIONS, 'rain', '']), number, st.booleans()),
    'zones': st.builds(Zone, st.sampled_from(['safe', 'no_go', '']), points, odd_text),
    'landmarks': st.builds(Landmark, st.sampled_from([*LANDMARKS, 'navel']), number, number, number),
}  # fmt: skip
FIELDS = {
    'sequence': st.integers(0, 2**64 - 1),
    'monotonic_ns': st.integers(-(2**63), 2**63 - 1),
    'width': st.sampled_from([0, 1, 1920, 2**32 - 1]),
    'height': st.sampled_from([0, 1, 1080, 2**32 - 1]),
    'problem': odd_text,
    'phase': st.sampled_from(['', 'Preparation', 'ClippingCutting', 'Lunch']),
    'action': st.sampled_from(['', 'dissect', 'cut', 'null_verb', 'sing']),
    'critical_view': st.tuples(number, number, number),
    'energy': energies,
    **dict.fromkeys(
        ('quality', 'sharpness', 'brightness', 'phase_probability', 'action_probability', 'roll', 'drift_x', 'drift_y'),
        number,
    ),
}
"""Whatever a message can say in each field."""


def of_fields(kinds: dict[str, st.SearchStrategy], most: int) -> st.SearchStrategy:
    """Some of these fields, at most so many, with what they may hold."""
    return st.lists(st.sampled_from(sorted(kinds)), max_size=most, unique=True).flatmap(
        lambda some: st.fixed_dictionaries({name: kinds[name] for name in some})
    )


@given(number, number)
@STRANGE
def test_a_distance_is_told_in_few_characters_whatever_it_is(mm: float, sigma: float) -> None:
    for language in LANGUAGES:
        told = fill('{distance}', language, Feature('instrument.tube.distance_mm', mm, sigma, 'mm', mm))
        assert len(told) <= len('about 99 mm')
        assert not any(map(str.isdigit, told)) or (mm >= 0.5 and sigma <= mm / 3)


few_parts = {name: st.lists(part, max_size=3).map(tuple) for name, part in PARTS.items()}
unheard_of = st.fixed_dictionaries({**FIELDS, **few_parts}).map(
    lambda fields: SceneState(stamp_ns=0, valid=True, **fields)
)


@st.composite
def spoiled(draw: st.DrawFn) -> SceneState:
    """What goes on in an operation, with something strange in it: so that rules speak, and of strange things."""
    name, mm, sigma = draw(st.sampled_from([(BOWEL, 3.0, 0.2), (ARTERY, 1.0, 0.1), ('cystic_duct', 0.2, 0.1)]))
    plain = scene(0, near=[(name, mm, sigma)], tools=TOOLS[draw(st.sampled_from(sorted({*TOOLS} - {'none'})))],
                  **MORE[draw(st.sampled_from(sorted(MORE)))])  # fmt: skip
    parts = {
        kind: (*getattr(plain, kind), *more) for kind, more in draw(of_fields(few_parts, 3)).items()
    }  # after those that are there: distances tell these by their places
    return replace(plain, **parts, **draw(of_fields(FIELDS, 3)))


strange_histories = st.lists(
    st.tuples(
        spoiled() | unheard_of,
        st.integers(1, 6),  # frames in which it is so: three bring guidance back
        st.sampled_from([FRAME_NS] * 6 + [0, 9 * NS_PER_S, -NS_PER_S, -(2**62), 2**61]),  # until the next
        st.sampled_from([True] * 5 + [False]),
    ),
    min_size=1,
    max_size=6,
)


def strange_scenes(history: list[tuple[SceneState, int, int, bool]]) -> list[SceneState]:
    scenes, stamp_ns = [], START_NS
    for one, frames, step_ns, valid in history:
        for _ in range(frames):
            scenes.append(replace(one, stamp_ns=stamp_ns, valid=valid))
            stamp_ns += FRAME_NS
        stamp_ns = min(max(stamp_ns + step_ns, -(2**31) * NS_PER_S), 2**31 * NS_PER_S - FRAME_NS * 9)  # int32 seconds
    return scenes


def as_received(one: SceneState, energy: int, odd: bool) -> SceneState:
    """What comes of it as a message, in which a byte says any energy and an outline may end with an x alone."""
    message = scene_messages.to_message(one)
    message.energy = energy
    for part in message.instruments:
        part.energised = energy
    for part in (*message.instruments, *message.structures, *message.zones):
        part.contour.extend([1.0] if odd else [])
    return scene_messages.from_message(deserialize_message(serialize_message(message), SceneMessage))


@given(st.sampled_from([math.nan, math.inf, -math.inf, 1e300]), st.sampled_from([540.0, math.nan, -1e300]))
@PLAYED
def test_a_tip_that_is_nowhere_is_in_no_zone_has_no_way_and_is_not_drawn(x: float, y: float) -> None:
    target = Structure('gallbladder', 0.9, square(900.0, 600.0), 0.05)
    zone = Zone('no_go', square(100.0, 100.0))
    drawn = scene(0, tools=[tool(x=x, y=y)], parts=[target], zones=(zone,))
    assert 'energy_tool.in_no_go' not in FeatureExtractor(NAMES).extract(drawn)
    assert not PathPlanner(HOOK).plan(drawn, 'gallbladder')
    pictures = [np.zeros((54, 96, 3), np.uint8) for _ in range(2)]
    for image, tools in zip(pictures, (drawn.instruments, ()), strict=True):
        seen = replace(drawn, instruments=tools)
        draw(image, seen, Synthesiser(TABLE).current, Style(find_fonts(), 'en'), seen.stamp_ns)
    assert np.array_equal(*pictures)


@given(number, number, st.just(960.0) | number, st.just(540.0) | number, st.sampled_from([0, 1080, 2**32 - 1]))
@STRANGE
def test_an_arrow_has_its_ends_in_a_picture_or_there_is_none(
    dx: float, dy: float, x: float, y: float, height: int
) -> None:
    about = Feature('any', 1.0, math.nan, '1', 1.0, dx, dy, x, y)
    rule = next(rule for rule in TABLE.rules if rule.highlight.arrow)
    assert all(abs(place) < FURTHEST for place in arrow(Candidate(rule, 0, (), about), height))


nonsense = st.sampled_from([NO_POINTS, *(np.full((4, 2), value, np.float32) for value in (np.nan, np.inf, 3e38))])


@given(st.lists(st.tuples(st.sampled_from(['gallbladder', ARTERY, '']), nonsense), min_size=1, max_size=3))
@PLAYED
def test_a_way_heeds_no_outline_that_is_none(outlines: list[tuple[str, np.ndarray]]) -> None:
    drawn = scene(0, tools=[tool(x=300.0, y=300.0)], parts=[Structure('gallbladder', 0.9, square(900.0, 600.0), 0.05)])
    strange = [Structure(name, 0.9, outline, 0.2) for name, outline in outlines if name]
    zones = tuple(Zone('no_go', outline) for name, outline in outlines if not name)
    way = PathPlanner(HOOK).plan(drawn, 'gallbladder')
    assert way
    odd = replace(drawn, structures=(*strange, *drawn.structures), zones=zones)
    assert PathPlanner(HOOK).plan(odd, 'gallbladder') == way


@given(spoiled() | unheard_of)
@STRANGE
def test_what_is_known_of_any_scene_is_a_number(one: SceneState) -> None:
    for known in FeatureExtractor(NAMES).extract(one).values():
        assert math.isfinite(known.value)
        assert math.isfinite(known.bound)
        assert known.unit != 'mm' or known.sigma >= 0.0


@given(strange_histories, st.sampled_from([EAGER, *TALKATIVE]), st.integers(0, 255), st.booleans())
@STRANGE
def test_no_scene_that_a_message_can_say_is_too_strange(
    history: list[tuple[SceneState, int, int, bool]], rules: RuleTable, energy: int, odd: bool
) -> None:
    reader, synthesiser = Reader(rules), Synthesiser(rules)
    for one in strange_scenes(history):
        received = as_received(one, energy, odd)
        reader.scene(synthesiser, received)
        reader.ask(synthesiser, received.ready_ns)
        to_message(synthesiser.current)


@given(spoiled(), st.booleans(), st.data())
@STRANGE
def test_what_nobody_can_measure_does_not_hide_a_danger_beside_it(
    one: SceneState, last: bool, data: st.DataObject
) -> None:
    unknown = st.builds(
        Proximity, st.just(0), st.just(0), number, st.sampled_from([math.nan, math.inf, -math.inf]), number,
        st.just('shaft_width'), number, number,
    )  # fmt: skip
    beside = data.draw(st.lists(unknown, max_size=3))
    danger = scene(0, near=[(BOWEL, 3.0, 0.2)]).proximities
    near = (*beside, *danger) if last else (*danger, *beside)
    drawn = replace(scene(0, near=[(BOWEL, 3.0, 0.2)], conditions=one.conditions), proximities=near)
    synthesiser = Synthesiser(EAGER)
    for frame in range(3):
        synthesiser.on_scene(replace(drawn, stamp_ns=START_NS + frame * FRAME_NS))
    assert 'hook_near_bowel' in {candidate.rule.id for candidate in synthesiser.speaking}


@given(st.lists(spoiled() | unheard_of, min_size=1, max_size=4), st.sampled_from(['zh', 'en']))
@settings(PLAYED, max_examples=25)
def test_the_overlay_draws_any_scene_that_a_message_can_say(scenes: list[SceneState], language: str) -> None:
    synthesiser, image = Synthesiser(EAGER), np.zeros((54, 96, 3), np.uint8)
    for one in chain.from_iterable([replace(strange, stamp_ns=START_NS)] * 3 for strange in scenes):
        synthesiser.on_scene(one)
        draw(image, one, synthesiser.current, Style(find_fonts(), language), one.stamp_ns)


def test_with_rules_that_speak_at_once_strange_scenes_make_each_of_them_speak_or_be_silent() -> None:
    synthesiser = Synthesiser(EAGER)
    for frame in range(6):
        one = scene(frame, tools=[tool('clipper', opening=math.inf), tool()], parts=[blood(0.5, math.inf)],
                    roll=1e9, critical_view=(math.nan, 0.0, 2.0))  # fmt: skip
        synthesiser.on_scene(one)
    assert {candidate.rule.id for candidate in synthesiser.speaking} >= {'rolled_view'}


def test_a_suggestion_is_the_same_after_it_was_a_message() -> None:
    for suggestion in run(hook_near_bowel(range(40), sigma=0.25)):
        stages = tuple(
            StageTime(stage.stage, float(np.float32(stage.start_ms)), float(np.float32(stage.duration_ms)))
            for stage in suggestion.stages
        )
        message = deserialize_message(serialize_message(to_message(suggestion)), SuggestionMessage)
        assert from_message(message) == suggestion._replace(stages=stages)
