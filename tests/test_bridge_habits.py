"""Notes as a DAW wants them: channel, transposition, velocity, program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.daw.habits import CURVES, PLAIN, Habits, Velocity, folded
from bridge.errors import BridgeError
from bridge.wire import TimedControl, TimedNote, TimedPedal, TimedPulse

NOTE = TimedNote(1.0, 2.0, 60, 64)


def test_plain_habits_change_nothing():
    for event in (NOTE, TimedPedal(1.0, True), TimedPulse(1.0, 24, True)):
        assert PLAIN.shaped(event) == event
    assert PLAIN.patch() == []
    assert not PLAIN.aside


def test_channels_count_from_1_for_people_and_everything_is_on_the_chosen_one():
    habits = Habits(channel=16)
    for event in (NOTE, TimedPedal(1.0, True), TimedControl(1.0, 20, 64)):
        assert habits.shaped(event).channel == 15
    assert habits.shaped(TimedPulse(1.0, 0)) == TimedPulse(1.0, 0)


def test_transposition_is_in_semitones_and_folds_what_midi_has_not_by_octaves():
    assert Habits(transpose=-5).shaped(NOTE).pitch == 55
    high = Habits(transpose=36).shaped(TimedNote(1.0, 2.0, 108, 64))
    assert high.pitch == 108 + 36 - 24
    assert folded(-1) == 11


@given(st.integers(-60, 200))
def test_a_folded_pitch_is_midis_and_of_the_same_name(pitch):
    assert 0 <= folded(pitch) <= 127
    assert (folded(pitch) - pitch) % 12 == 0
    assert folded(pitch) == pitch or not 0 <= pitch <= 127


def test_velocity_curves_rise_and_keep_their_ends():
    played = {
        name: [Velocity(exponent).of(v) for v in range(1, 128)] for name, exponent in CURVES.items()
    }
    assert played["linear"] == list(range(1, 128))
    for curve in played.values():
        assert curve == sorted(curve)
        assert (curve[0], curve[-1]) == (1, 127)
    assert played["soft"][63] > 64 + 10
    assert played["hard"][63] < 64 - 10


def test_a_velocity_range_is_filled_and_must_be_in_order():
    curve = [Velocity(1.0, 30, 90).of(v) for v in (1, 64, 127)]
    assert curve == [30, 60, 90]
    for lowest, highest in ((0, 90), (1, 128), (90, 30)):
        with pytest.raises(BridgeError, match="Velocities from"):
            Velocity(1.0, lowest, highest)


def test_a_program_is_sent_only_on_request_bank_first():
    assert Habits(channel=10).patch() == []
    assert Habits(program=1).patch() == [b"\xc0\x00"]
    asked = Habits(channel=3, program=128, bank=(8, 1)).patch()
    assert [message.hex() for message in asked] == ["b20008", "b22001", "c27f"]
