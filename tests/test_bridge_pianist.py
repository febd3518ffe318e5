"""A sitting's programme and who plays it: balanced, kept, and each piece whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sitters import Composer

from bridge.calibration.pianist import Pianist
from bridge.calibration.programme import QUADRANTS, Programme
from bridge.errors import BridgeError
from bridge.wire import TimedNote, TimedPedal


@given(st.integers(1, 9), st.integers(0, 2**40))
def test_pieces_are_balanced_never_twice_in_a_row_and_the_same_for_a_seed(rounds, seed):
    programme = Programme(rounds, seed=seed)
    pieces = programme.pieces()
    assert pieces == Programme(rounds, seed=seed).pieces()
    order = [one.quadrant for one in pieces]
    assert [one.number for one in pieces] == list(range(1, 4 * rounds + 1))
    for start in range(0, len(order), 4):
        assert sorted(order[start : start + 4]) == list(QUADRANTS)
    assert all(one != other for one, other in zip(order, order[1:], strict=False))


def test_another_seed_is_another_order_and_other_music():
    one, other = (Programme(seed=seed).pieces() for seed in (0, 1))
    assert [p.quadrant for p in one] != [p.quadrant for p in other]
    assert not {p.seed for p in one} & {p.seed for p in other}


def test_a_programme_is_kept_and_damage_is_one_sentence(tmp_path):
    assert Programme.load(tmp_path) is None
    programme = Programme(3, 14.0, 30.0, 2.0, 7)
    programme.save(tmp_path / "new")
    assert Programme.load(tmp_path / "new") == programme
    kept = tmp_path / "new" / "calibration.json"
    text = kept.read_text()
    for broken in ("", "[]", text.replace("1", "2", 1), text.replace("7", '"7"'), text[:-9]):
        kept.write_text(broken)
        with pytest.raises(BridgeError, match="damaged"):
            Programme.load(tmp_path / "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(BridgeError, match="cannot be written"):
        programme.save(tmp_path / "file" / "folder")


def composed(pianist):
    while pianist.busy:
        pianist.compose()


def test_the_pianist_plays_what_is_called_from_its_first_note_to_its_last():
    programme = Programme(1, 8.0, 6.0, 1.0, seed=3)
    pianist, pieces = Pianist(Composer(), programme), programme.pieces()
    pianist.call(2, 3)
    assert pianist.play(10.0) == ([], [])  # not yet composed
    composed(pianist)
    near, news = pianist.play(10.0)
    assert news == [("begun", 10.3)]
    assert pianist.quadrant == pieces[1].quadrant
    played, now_s = near, 10.0
    while not (news := pianist.play(now_s))[1]:
        played += news[0]
        now_s += 0.1
    ((kind, end_s),) = news[1]
    notes = [one for one in played if isinstance(one, TimedNote)]
    assert kind == "ended"
    assert notes[0].on_s == 10.3
    assert {one.pitch for one in notes} == {60 + QUADRANTS.index(pieces[1].quadrant)}
    assert max(one.off_s for one in notes) == pytest.approx(end_s)
    assert end_s - 10.3 <= 8.0 + 1e-9
    assert end_s - 10.3 > 5.0
    assert played[-1] == TimedPedal(pytest.approx(end_s), False)
    assert not pianist.busy  # the next one is composed as well
    assert pianist.quadrant is None


def test_a_stopped_piece_is_sent_no_further_and_comes_whole_when_it_is_called_again():
    pianist = Pianist(Composer(), Programme(1, 8.0))
    pianist.call(1, None)
    composed(pianist)
    first, _ = pianist.play(0.0)
    pianist.stop()
    assert pianist.play(1.0) == ([], [])
    pianist.call(1, None)
    again, news = pianist.play(20.0)
    assert news == [("begun", 20.3)]
    assert len(again) == len(first)
