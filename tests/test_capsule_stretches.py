"""Markers and tables of labels become stretches; what names no emotion is passed over or told."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capsule.corpus.labels import BASELINE, quadrants_of
from capsule.errors import CapsuleError
from capsule.personal.stretches import from_markers, label_of, read_labels


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Q1", "Q1"), ("q3 video 12", "Q3"), ("Q1|Q4", "V+"), ("sad_clip_3", "Q3"), ("calm", "Q4"),
        ("V+", "V+"), ("A-", "A-"), ("v-a+", "Q2"), ("V- A+", "Q2"), ("V-A+ clip", "Q2"),
        ("valence high", "V+"), ("valence-high", "V+"), ("valence: negative", "V-"),
        ("valence:-", "V-"), ("arousal+", "A+"), ("high-arousal", "A+"), ("LOW AROUSAL", "A-"),
        ("low valence high arousal", "Q2"), ("valence low arousal high", "Q2"),
        ("low arousal, pleasant", "Q4"), ("unpleasant", "V-"), ("positive valence", "V+"),
        ("HVLA", "Q4"), ("hvha_07", "Q1"), ("LALV", "Q3"), ("calm Q4", "Q4"),
        ("rest", BASELINE), ("Resting state", BASELINE), ("baseline 2", BASELINE),
    ],
)  # fmt: skip
def test_a_text_that_names_an_emotion_is_understood(text, label):
    assert label_of(text) == label


@pytest.mark.parametrize(
    "text",
    ["", "131", "neutral", "eyes open", "trial 3", "A", "V", "a+b", "alpha - beta", "high",
     "Q1 end", "stop V+", "Q1 Q2", "Q1|Q2|Q3|Q4", "high arousal low arousal", "happy sad", "Q5"],
)  # fmt: skip
def test_a_text_that_names_none_or_two_is_passed_over(text):
    assert label_of(text) is None


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_is_a_label_or_none(text):
    label = label_of(text)
    assert label is None or label == BASELINE or 0 < len(quadrants_of(label)) < 4


def test_a_marker_holds_until_the_next_or_the_end():
    events = [(0.0, "rest"), (10.0, "Q1"), (30.0, "next"), (35.0, "low arousal"), (50.0, "end")]
    told = [(one.start_s, one.stop_s, one.label) for one in from_markers(events, 90.0)]
    assert told == [(0.0, 10.0, BASELINE), (10.0, 30.0, "Q1"), (35.0, 50.0, "A-")]
    last = from_markers([(5.0, "Q2"), (5.0, "Q3")], 20.0)
    assert [(one.start_s, one.stop_s, one.label) for one in last] == [(5.0, 20.0, "Q3")]
    assert from_markers([], 20.0) == ()


# --- tables --------------------------------------------------------------------------------------


def table(folder, text):
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read_in_order_of_time(tmp_path):
    text = "label,start_s,end_s\nhigh arousal,20,40\nrest,0,20\n\nQ3,40.5,60\n"
    (told,) = read_labels(table(tmp_path, text), [tmp_path / "a.edf"])
    assert [(one.start_s, one.stop_s, one.label) for one in told] == [
        (0.0, 20.0, BASELINE), (20.0, 40.0, "A+"), (40.5, 60.0, "Q3")
    ]  # fmt: skip


def test_ratings_stand_for_labels(tmp_path):
    text = "start_s;end_s;valence;arousal;scale\n0;20;7;3;1..9\n20;40;;5;1..5\n"
    (told,) = read_labels(table(tmp_path, text), [tmp_path / "a.edf"])
    assert [one.quadrants for one in told] == [("Q4",), ("Q1", "Q2")]


def test_several_files_share_a_table(tmp_path):
    files = [tmp_path / "mon.edf", tmp_path / "tue.edf"]
    text = "file,start_s,end_s,label\ntue.edf,0,9,V+\nmon,1,9,V-\n"
    monday, tuesday = read_labels(table(tmp_path, text), files)
    assert [one.label for one in monday] == ["V-"]
    assert [one.label for one in tuesday] == ["V+"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "start_s"),
        ("start_s,label\n0,Q1\n", "end_s"),
        ("start_s,end_s,label\n0,x,Q1\n", "line 2: end_s is 'x'"),
        ("start_s,end_s,label\n9,3,Q1\n", "line 2: start_s and end_s"),
        ("start_s,end_s,label\n-1,3,Q1\n", "line 2: start_s and end_s"),
        ("start_s,end_s,label\n0,nan,Q1\n", "line 2"),
        ("start_s,end_s,label\n0,3,lovely\n", "'lovely' names no emotion"),
        ("start_s,end_s,label\n0,3,\n", "names no emotion"),
        ("start_s,end_s,label\n0,3,high\n", "'high arousal'"),
        ("start_s,end_s,label\n0,3,Q1\n2,5,Q2\n", "overlap"),
        ("start_s,end_s,label,file\n0,3,Q1,b.edf\n", "'b.edf' is none of the recordings"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, text, said):
    with pytest.raises(CapsuleError, match=said):
        read_labels(table(tmp_path, text), [tmp_path / "a.edf"])


def test_a_missing_table_and_a_missing_column_are_told(tmp_path):
    with pytest.raises(CapsuleError, match=r"none\.csv"):
        read_labels(tmp_path / "none.csv", [tmp_path / "a.edf"])
    both = [tmp_path / "a.edf", tmp_path / "b.edf"]
    with pytest.raises(CapsuleError, match="'file'"):
        read_labels(table(tmp_path, "start_s,end_s,label\n0,3,Q1\n"), both)


@given(rows=st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=4))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_table_is_read_or_told(tmp_path, rows):
    text = "start_s,end_s,label\n" + "\n".join(",".join(row) for row in rows)
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode("utf-8", "replace"))
    try:
        (told,) = read_labels(path, [tmp_path / "a.edf"])
    except CapsuleError:
        return
    assert all(0 <= one.start_s < one.stop_s for one in told)
