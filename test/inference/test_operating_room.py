"""What the operating room says is merged with what the models say; energy is believed for a while only."""

from __future__ import annotations

import math

import pytest

from surgical_guidance.inference.operating_room import OperatingRoom
from surgical_guidance.scene.state import NAN, Context, Energy

MS = 1_000_000
NOTHING = (NAN, NAN, NAN)


def test_before_anything_is_said_the_models_context_stays_the_same_object() -> None:
    context = Context(phase='ClippingCutting')
    assert OperatingRoom(0.5).merge(context, 0) is context


def test_what_is_said_is_added_and_the_rest_stays() -> None:
    room = OperatingRoom(0.5)
    assert room.tell(Energy.ON, (1.0, 0.5, 0.0), ['cystic_duct'], 0) == ''
    merged = room.merge(Context(phase='ClippingCutting', action='clip'), MS)
    assert (merged.energy, merged.critical_view, merged.identified) == (Energy.ON, (1.0, 0.5, 0.0), ('cystic_duct',))
    assert (merged.phase, merged.action) == ('ClippingCutting', 'clip')


def test_people_go_before_models_in_what_they_say_of_the_critical_view() -> None:
    room = OperatingRoom(0.5)
    room.tell(Energy.UNKNOWN, (1.0, NAN, NAN), [], 0)
    c1, c2, c3 = room.merge(Context(critical_view=(0.2, 0.3, NAN)), 0).critical_view
    assert (c1, c2) == (1.0, 0.3)
    assert math.isnan(c3)


@pytest.mark.parametrize('energy', [Energy.OFF, Energy.ON])
def test_energy_that_is_not_repeated_becomes_unknown_and_the_rest_holds(energy: Energy) -> None:
    room = OperatingRoom(0.5)
    room.tell(energy, (1.0, 1.0, 1.0), ['cystic_artery'], 0)
    assert room.merge(Context(), 500 * MS).energy is energy
    late = room.merge(Context(), 501 * MS)
    assert late.energy is Energy.UNKNOWN
    assert (late.critical_view, late.identified) == ((1.0, 1.0, 1.0), ('cystic_artery',))
    room.tell(energy, (1.0, 1.0, 1.0), ['cystic_artery'], 600 * MS)
    assert room.merge(Context(), 1100 * MS).energy is energy


def test_the_newest_message_is_the_whole_of_it() -> None:
    room = OperatingRoom(0.5)
    room.tell(Energy.ON, (1.0, 1.0, 1.0), ['cystic_artery'], 0)
    room.tell(Energy.OFF, NOTHING, [], MS)
    merged = room.merge(Context(), MS)
    assert (merged.energy, merged.identified) == (Energy.OFF, ())
    assert all(math.isnan(value) for value in merged.critical_view)


def test_what_makes_no_sense_is_refused_by_name_and_nothing_else_is_lost() -> None:
    room = OperatingRoom(0.5)
    refused = room.tell(7, (1.0, 1.5, -math.inf), ['galbladder', 'gallbladder', 'grasper'], 0)
    assert refused == (
        'energy 7 is none of ENERGY_*; critical_view: 1.5, -inf is not within 0 and 1; '
        "identified: 'galbladder', 'grasper' is no structure of contract.py"
    )
    merged = room.merge(Context(), 0)
    assert (merged.energy, merged.identified) == (Energy.UNKNOWN, ('gallbladder',))
    assert merged.critical_view[0] == 1.0
    assert all(math.isnan(value) for value in merged.critical_view[1:])
