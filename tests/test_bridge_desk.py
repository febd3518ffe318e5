"""The desk: what may be set, and that mind and hand do as it says."""

import numpy as np
import pytest
from fakes import Steady
from test_bridge_hand import Port
from test_bridge_mind import WILD, capsule

from bridge import desk
from bridge.board import new_board
from bridge.daw.habits import Habits
from bridge.desk import KEYS, RANGES, Desk, Wishes
from bridge.errors import BridgeError
from bridge.hand.core import AGAIN_S, Hand
from bridge.mind import ahead
from bridge.mind.core import COMMIT_S, Mind
from bridge.mind.translate import Style, Translator
from bridge.wire import TimedNote, TimedPedal, TimedPulse
from music.events import Note, Tempo
from music.key import parse_key

STEP_S = 0.005


# ---------------------------------------------------------------------------- the cells


def test_a_new_board_has_the_desk_as_it_usually_stands():
    assert desk.read(new_board().desk) == Wishes()


def test_what_is_turned_is_read():
    cells = Desk()
    turned = {
        "strength": 6.0, "temperature": 0.7, "bpm": 90.0, "key": "F# dorian", "hold": True,
        "mute": True, "record": True, "valence": -0.5, "valence_share": 0.25,
        "arousal": 1.0, "arousal_share": 1.0,
    }  # fmt: skip
    for name, value in turned.items():
        desk.turn(cells, name, value)
    desk.panic(cells)
    desk.mark(cells)
    assert desk.read(cells) == Wishes(**turned, panics=1, marks=1)
    desk.turn(cells, "bpm", None)
    desk.turn(cells, "key", None)
    assert (desk.read(cells).bpm, desk.read(cells).key) == (None, None)


def test_keys_go_by_any_of_their_names():
    cells = Desk()
    for name in ("Bb", "A# ionian", "a# major"):
        desk.turn(cells, "key", name)
        assert desk.read(cells).key == "A# major"
    for name in KEYS:
        desk.turn(cells, "key", name)
        assert parse_key(desk.read(cells).key) == parse_key(name)


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e9, True, "4", [1], {}])
def test_numbers_out_of_range_are_one_sentence_and_change_nothing(name, value):
    cells = Desk()
    desk.lay(cells, Wishes())
    with pytest.raises(BridgeError, match=f"{name} is a number from"):
        desk.turn(cells, name, value)
    assert desk.read(cells) == Wishes()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("key", "H major", "is no key"),
        ("key", 3, "is no key"),
        ("mute", 1, "either true or false"),
        ("panics", 3, "no 'panics' on the desk"),
        ("strength", None, "a number from 1 to 10"),
        ("__class__", 3, "on the desk"),
    ],
)
def test_what_is_not_on_the_desk_is_one_sentence(name, value, sentence):
    with pytest.raises(BridgeError, match=sentence):
        desk.turn(Desk(), name, value)


# ---------------------------------------------------------------------------- mind


class Told(Steady):
    """A note each half beat at the tempo it is told; its pitch tells the key it keeps to."""

    def __init__(self):
        super().__init__(0.5)
        self.conditions = []

    @property
    def bpm(self):
        return self.controls.bpm or 120.0

    def step(self, condition):
        self.conditions.append(condition)
        return [Tempo(self.beats, self.bpm), *super().step(condition)]

    def play(self, at, quadrant):
        return [Note(at, 0.5, 60 + (self.controls.key.tonic if self.controls.key else 0), 64)]


def played(wishes_at, until_s=12.0):
    """Mind's notes with the wishes of each moment: [(when they were told, note)], the mind."""
    mind = Mind(Told(), Translator(Style(settle_s=0.01, contrast=0.0)), Habits(controls=None))
    out = []
    for tick in range(round(until_s / STEP_S)):
        now_s = tick * STEP_S
        felt = capsule(WILD) if tick % 50 == 0 else None
        out += [(now_s, note) for note in mind.step(now_s, felt, wishes_at(now_s))]
    return out, mind


def test_a_key_lock_is_heard_as_soon_as_what_is_committed_has_gone():
    out, mind = played(lambda now_s: Wishes(key="D minor" if now_s >= 6.0 else None))
    free = [note.on_s for _, note in out if note.pitch == 60]
    locked = [note.on_s for _, note in out if note.pitch == 62]
    assert max(free) < min(locked)
    assert 6.0 + COMMIT_S <= min(locked) <= 6.0 + COMMIT_S + 0.5
    assert mind.counts.rewinds == 1


def test_a_tempo_lock_is_kept_and_told():
    out, mind = played(lambda now_s: Wishes(bpm=60.0 if now_s >= 6.0 else None))
    onsets_s = np.array([note.on_s for _, note in out])
    np.testing.assert_allclose(np.diff(onsets_s[onsets_s < 6.0]), 0.25, atol=1e-9)
    np.testing.assert_allclose(np.diff(onsets_s[onsets_s > 7.0]), 0.5, atol=1e-9)
    assert mind.bpm(12.0) == 60.0


def test_hold_and_temperature_reach_the_composer_and_take_nothing_back():
    wishes = Wishes(hold=True, temperature=0.5)
    out, mind = played(lambda now_s: wishes if now_s >= 6.0 else Wishes())
    assert mind._composer.controls.hold
    assert mind._composer.sampling.temperature == 0.5
    assert mind.counts.rewinds == 0
    assert len(out) > 40


def test_the_emotion_by_hand_overrides_what_is_felt():
    by_hand = Wishes(valence=-1.0, valence_share=1.0, arousal=-1.0, arousal_share=1.0, strength=2.0)
    _, mind = played(lambda now_s: by_hand if now_s >= 6.0 else Wishes())
    assert np.argmax(mind._composer.conditions[-1].probabilities) == 2
    assert mind._composer.conditions[-1].strength == pytest.approx(2.0)
    _, mind = played(lambda now_s: by_hand if now_s < 6.0 else Wishes())
    assert np.argmax(mind._composer.conditions[-1].probabilities) == 0


def test_half_a_share_is_half_way():
    half = Wishes(valence=-1.0, valence_share=0.5)
    _, mind = played(lambda now_s: half)
    p = mind.played.condition.probabilities
    honest = WILD[0] + WILD[3] - WILD[1] - WILD[2]
    assert p[0] + p[3] - p[1] - p[2] == pytest.approx((honest - 1.0) / 2, abs=0.01)


def test_what_lies_ahead_is_what_is_heard():
    out, mind = played(lambda now_s: Wishes(), until_s=6.0)
    committed, planned = mind.ahead(6.0)
    assert committed == [note for _, note in out if note.on_s > 6.0]
    assert len(planned) >= 3
    gaps_s = np.diff([note.on_s for note in [*committed, *planned]])
    np.testing.assert_allclose(gaps_s, 0.25, atol=1e-9)
    board = new_board()
    ahead.write(board.ahead, committed, planned)
    seen = ahead.read(board.ahead)
    assert [note for note, _ in seen] == [*committed, *planned]
    assert [sure for _, sure in seen] == [True] * len(committed) + [False] * len(planned)


def test_a_half_written_look_ahead_is_not_read():
    board = new_board()
    ahead.write(board.ahead, [TimedNote(1.0, 2.0, 60, 64)] * 200, [])
    assert len(ahead.read(board.ahead)) == ahead.MOST
    board.ahead.version += 1  # as if its writer had been killed
    assert ahead.read(board.ahead) is None
    ahead.write(board.ahead, [], [])
    assert ahead.read(board.ahead) == []


# ---------------------------------------------------------------------------- hand


@pytest.fixture
def hand():
    board = new_board()
    board.epoch = 1
    return Hand(board, Port(), lambda message, time_s: None)


def turn(hand, now_s):
    """One turn; what was sent, in hexadecimal."""
    before = len(hand.output.sent)
    hand.heed(now_s)
    hand.play(now_s)
    return [message.hex() for message in hand.output.sent[before:]]


def test_mute_releases_and_strikes_nothing_but_the_clock_goes_on(hand):
    for event in (
        TimedPulse(1.0, 0, True), TimedPedal(1.0, True), TimedNote(1.0, 5.0, 60, 100),
        TimedPulse(1.02, 1), TimedPedal(1.02, True), TimedNote(1.02, 3.0, 64, 100),
        TimedNote(4.0, 5.0, 67, 100),
    ):  # fmt: skip
        hand.player.push(event, 0.9)
    assert "903c64" in turn(hand, 1.0)
    hand._board.desk.mute = 1
    assert turn(hand, 1.01) == ["803c00", "b04000"]
    assert turn(hand, 1.02) == ["f8"]
    assert not any(hand._board.ledger[: 16 * 128 + 16])
    hand._board.desk.mute = 0
    assert "904364" in turn(hand, 4.0)
    assert hand.player.counts.late == 0


def test_panic_ends_all_and_a_second_one_soon_is_harder(hand):
    hand.player.push(TimedNote(1.0, 5.0, 60, 100), 0.9)
    hand.player.push(TimedNote(1.5, 5.0, 64, 100), 0.9)
    turn(hand, 1.0)
    desk.panic(hand._board.desk)
    assert turn(hand, 1.1) == ["803c00", "b04000", "b07b00"]
    assert turn(hand, 1.6) == []  # what waited is forgotten
    desk.panic(hand._board.desk)
    assert turn(hand, 1.1 + AGAIN_S - 0.01) == ["b04000", "b07b00", "b07800"]
    desk.panic(hand._board.desk)
    assert turn(hand, 9.0) == ["b04000", "b07b00"]
    assert hand.player.counts.panics == 3


def test_a_new_hand_stays_mute_and_repeats_no_panic(hand):
    board = hand._board
    board.desk.mute = 1
    desk.panic(board.desk)
    again = Hand(board, Port(), lambda message, time_s: None)
    again.player.push(TimedNote(1.0, 5.0, 60, 100), 0.9)
    assert turn(again, 1.0) == []
