"""The pure core of hand: rules of time, and nothing left sounding."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.hand.ledger import LEDGER_BYTES, Ledger
from bridge.hand.player import KEY_GAP_S, LATE_S, LONGEST_S, PEDAL_GAP_S, Player
from bridge.wire import (
    RECORD_BYTES,
    TimedNote,
    TimedPedal,
    encode,
)


def run(player, events, step_s=0.001, until_s=30.0):
    """Play events, each (push time, event), on a fake clock: [(emission time, message)]."""
    sent, now_s = [], 0.0
    events = sorted(events, key=lambda pair: pair[0])
    while now_s < until_s:
        while events and events[0][0] <= now_s:
            player.push(events.pop(0)[1], now_s)
        sent += [(now_s, message) for message in player.due(now_s)]
        now_s = round(now_s + step_s, 6)
    return sent


def kinds(sent):
    return [(round(at_s, 3), message.hex()) for at_s, message in sent]


# ---------------------------------------------------------------------------- the rules


def test_a_note_is_struck_and_released_at_its_times():
    player = Player()
    sent = run(player, [(0.0, TimedNote(1.0, 1.5, 60, 100, 2))])
    assert kinds(sent) == [(1.0, "923c64"), (1.5, "823c00")]
    assert player.counts.notes == 1
    assert player.sounding() == []


def test_next_s_is_the_deadline_to_sleep_to():
    player = Player()
    assert player.next_s() is None
    player.push(TimedNote(1.0, 1.5, 60, 100), 0.0)
    assert player.next_s() == 1.0
    player.due(1.0)
    assert player.next_s() == 1.5
    player.due(1.5)
    assert player.next_s() is None


def test_a_late_note_is_dropped_but_its_release_never():
    player = Player()
    player.push(TimedNote(1.0, 3.0, 60, 100), 0.0)
    player.push(TimedNote(2.0, 3.0, 61, 100), 0.0)
    assert player.due(1.0) == [bytes((0x90, 60, 100))]
    assert player.due(20.0) == [bytes((0x80, 60, 0))]
    assert player.counts.late == 1


def test_a_note_within_the_bound_is_played_and_its_lateness_kept():
    player = Player()
    player.push(TimedNote(1.0, 3.0, 60, 100), 0.0)
    assert len(player.due(1.0 + LATE_S - 0.001)) == 1
    assert list(player.lateness_ms) == [pytest.approx(99.0)]


def test_no_note_is_longer_than_the_bound():
    sent = run(Player(), [(0.0, TimedNote(1.0, 29.0, 60, 100))])
    assert kinds(sent) == [(1.0, "903c64"), (1.0 + LONGEST_S, "803c00")]


def test_a_key_struck_again_is_released_first():
    events = [(0.0, TimedNote(1.0, 3.0, 60, 100)), (0.0, TimedNote(2.0, 3.0, 60, 90))]
    assert kinds(run(Player(), events)) == [
        (1.0, "903c64"),
        (2.0 - KEY_GAP_S, "803c00"),
        (2.0, "903c5a"),
        (3.0, "803c00"),
    ]


def test_a_key_struck_again_without_notice_is_released_first():
    events = [(0.0, TimedNote(1.0, 3.0, 60, 100)), (2.0, TimedNote(2.0, 3.0, 60, 90))]
    assert kinds(run(Player(), events)) == [
        (1.0, "903c64"),
        (2.0, "803c00"),
        (2.0 + KEY_GAP_S, "903c5a"),
        (3.0, "803c00"),
    ]


def test_twins_are_one_note_as_long_as_the_longer():
    events = [(0.0, TimedNote(1.0, 1.5, 60, 100)), (0.0, TimedNote(1.01, 3.0, 60, 90))]
    player = Player()
    assert kinds(run(player, events)) == [(1.0, "903c64"), (3.0, "803c00")]
    assert player.counts.merged == 1


def test_the_pedal_rests_between_up_and_down():
    events = [(0.0, TimedPedal(t, d)) for t, d in [(1.0, True), (2.0, False), (2.01, True)]]
    assert kinds(run(Player(), events)) == [
        (1.0, "b0407f"),
        (2.0, "b04000"),
        (2.0 + PEDAL_GAP_S, "b0407f"),
    ]


def test_a_pedal_that_comes_up_while_it_rests_stays_up():
    times = [(1.0, True), (2.0, False), (2.01, True), (2.02, False)]
    events = [(0.0, TimedPedal(t, d)) for t, d in times]
    assert kinds(run(Player(), events)) == [(1.0, "b0407f"), (2.0, "b04000")]


def test_at_one_instant_releases_come_first_then_pedal_then_strikes():
    events = [TimedNote(2.0, 3.0, 62, 80), TimedPedal(2.0, True), TimedNote(1.0, 2.0, 60, 80)]
    sent = run(Player(), [(0.0, event) for event in events])
    assert kinds(sent)[1:4] == [(2.0, "803c00"), (2.0, "b0407f"), (2.0, "903e50")]


def test_panic_ends_everything_and_forgets_what_waits():
    player = Player()
    for event in (TimedNote(1.0, 4.0, 60, 80), TimedPedal(1.0, True), TimedNote(2.0, 4.0, 64, 80)):
        player.push(event, 0.0)
    player.due(1.0)
    assert [m.hex() for m in player.panic()] == ["803c00", "b04000", "b07b00"]
    assert player.next_s() is None
    assert [m.hex() for m in player.panic(second=True)] == ["b04000", "b07b00", "b07800"]


def test_memory_is_bounded():
    player = Player()
    for number in range(10_000):
        player.push(TimedNote(1.0 + number * 1e-6, 2.0, number % 128, 80), 0.0)
    assert player.counts.refused == 10_000 - 4096
    player.push(TimedNote(1000.0, 1001.0, 60, 80), 0.0)
    assert player.counts.refused == 10_000 - 4096 + 1


# ---------------------------------------------------------------------------- the ledger


def test_what_a_killed_hand_left_can_be_silenced_from_the_ledger():
    cells = bytearray(LEDGER_BYTES)
    ledger = Ledger(cells)
    for message in (b"\x90\x3c\x64", b"\x91\x40\x64", b"\xb2\x40\x7f"):
        ledger.before(message)
        ledger.after(message)
    ledger.before(b"\x80\x3c\x00")  # killed before it had gone: still owed
    found = Ledger(bytearray(cells)).silence()
    assert [message.hex() for message in found] == [
        *("803c00", "814000"),
        *("b04000", "b07b00", "b14000", "b17b00", "b24000", "b27b00"),
    ]
    for message in found:
        ledger.before(message)
        ledger.after(message)
    assert Ledger(cells).silence() == []


# ---------------------------------------------------------------------------- anything at all


def after(messages):
    """(keys down, channels with the pedal down) after messages; each must be valid MIDI."""
    keys, pedals = set(), set()
    for message in messages:
        assert len(message) == 3
        assert 0x80 <= message[0] < 0xC0
        assert max(message[1:]) <= 127
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0x90:
            assert (channel, message[1]) not in keys, "struck while it sounded"
            keys.add((channel, message[1]))
        elif kind == 0x80:
            keys.discard((channel, message[1]))
        elif message[1] == 64:
            (pedals.add if message[2] else pedals.discard)(channel)
    return keys, pedals


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_random_records_never_raise_and_leave_nothing_sounding(seed, sane):
    random, player, now_s, sent = Random(seed), Player(), 0.0, []
    for _ in range(500):
        record = random.randbytes(RECORD_BYTES)
        if sane:
            on_s = now_s + random.uniform(-0.3, 0.3)
            note = TimedNote(
                on_s, on_s + random.expovariate(2) + 1e-4, random.randrange(58, 62), 64
            )
            pedal = TimedPedal(on_s, random.random() < 0.5)
            record = encode(note if random.random() < 0.8 else pedal)
        player.read(record, now_s)
        now_s += random.expovariate(100)
        sent += player.due(now_s)
    sent += player.due(now_s + 60.0)
    assert player.sounding() == []
    keys, _ = after(sent)
    assert keys == set()
    assert after(sent + player.panic()) == (set(), set())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_the_gaps_hold_whatever_comes(seed):
    random, events = Random(seed), []
    for _ in range(60):
        at_s = random.uniform(0.0, 2.0)
        push_s = max(0.0, at_s - random.uniform(0.0, 0.2))
        events.append((push_s, TimedNote(at_s, at_s + random.uniform(0.001, 0.5), 60, 64)))
        events.append((push_s, TimedPedal(at_s, random.random() < 0.5)))
    released_s, up_s = -1.0, -1.0
    for at_s, message in run(Player(), events, step_s=0.001, until_s=4.0):
        if message[0] == 0x80:
            released_s = at_s
        elif message[0] == 0x90:
            assert at_s >= released_s + KEY_GAP_S - 1e-9
        elif message[2] == 0:
            up_s = at_s
        else:
            assert at_s >= up_s + PEDAL_GAP_S - 1e-9
