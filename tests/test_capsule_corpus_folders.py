"""Recordings of anybody's own: a folder with a labels.csv, and BIDS."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule.corpus.bids import with_events
from capsule.corpus.dataset import prepared
from capsule.corpus.labelled import apart, with_table
from capsule.corpus.sitting import Stretch
from capsule.errors import CapsuleError
from eeg.errors import EegError
from eeg.signal import Recording, Signal
from eeg.synthetic import write_edf

SITES = ("Fp1", "Fp2", "C3", "C4", "O1", "O2")


def record(path, seconds=8, sites=SITES, rate_hz=128.0, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    count = round(seconds * rate_hz)
    samples_uv = np.random.default_rng(seed).normal(0, 10, (count, len(sites)))
    write_edf(path, Recording(Signal("x", rate_hz, sites), samples_uv, np.arange(count) / rate_hz))


def labels(folder, *lines, header="file,start_s,stop_s,label"):
    (folder / "labels.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def told(sitting):
    by_take = (take.stretches for take in sitting.takes)
    return [[(one.start_s, one.stop_s, one.label) for one in stretches] for stretches in by_take]


# --- a folder with labels ------------------------------------------------------------------------


def test_a_folder_is_read_by_its_table(tmp_path):
    record(tmp_path / "a.edf")
    record(tmp_path / "more" / "b.edf", seed=1)
    labels(tmp_path, "a.edf,4,6,happy", "more/b.edf,,,Q1|Q4", "a.edf,0,3.5,baseline")
    (sitting,) = with_table(tmp_path)
    assert (sitting.person, sitting.session, sitting.rest) == ("me", "", ("baseline",))
    assert told(sitting) == [[(0, 3.5, "baseline"), (4, 6, "happy")], [(0, 8, "Q1|Q4")]]
    assert sitting.takes[0].recording.signal.channels == SITES


def test_subjects_sessions_and_ratings_of_a_table(tmp_path):
    for name in "abcd":
        record(tmp_path / f"{name}.edf", seconds=3)
    header = "file;subject;session;valence;arousal;scale"
    labels(tmp_path, "a.edf;p1;mon;4;5;1..5", "b.edf;p2;;n/a;2;", "c.edf;p1;tue;3;1;1..5",
           "d.edf;p1;mon;;;", header=header)  # fmt: skip
    sittings = list(with_table(tmp_path))
    assert [(one.person, one.session, one.rest) for one in sittings] == [
        ("p1", "mon", ()), ("p2", "", ()), ("p1", "tue", ()),
    ]  # fmt: skip
    assert told(sittings[0]) == [[(0, 3, "V+A+")], [(0, 3, "even")]]
    assert told(sittings[1]) == [[(0, 3, "A-")]]
    assert told(sittings[2]) == [[(0, 3, "A-")]]


def test_a_folder_without_a_baseline_takes_the_first_minute_for_rest(tmp_path):
    record(tmp_path / "a.edf", seconds=75)
    labels(tmp_path, "a.edf,0,60,rest", "a.edf,60,75,stress")
    (sitting,) = with_table(tmp_path)
    data = prepared(sitting, "folder:mine")
    assert data.people == ("folder:mine/me",)
    assert set(data.label) == {"stress"}
    assert data.time_s.min() > 61


def test_names_are_kept_whole(tmp_path):
    """They once were cut at twenty letters, and people could have become one."""
    record(tmp_path / "a.edf", seconds=14)
    labels(tmp_path, "a.edf,subject-number-eleven-of-all,0,10,baseline",
           "a.edf,subject-number-eleven-of-all,10,14,A+",
           header="file,subject,start_s,stop_s,label")  # fmt: skip
    (sitting,) = with_table(tmp_path)
    data = prepared(sitting, "folder:a-study-with-a-long-name")
    assert data.people == ("folder:a-study-with-a-long-name/subject-number-eleven-of-all",)
    assert set(data.label) == {"A+"}


@pytest.mark.parametrize("baseline", ["0,6,baseline", "0,1,baseline"])
def test_a_baseline_that_is_too_short_is_told(tmp_path, baseline):
    record(tmp_path / "a.edf", seconds=14)
    labels(tmp_path, f"a.edf,{baseline}", "a.edf,10,14,A+")
    (sitting,) = with_table(tmp_path)
    with pytest.raises(CapsuleError, match=r"the rest of me \(baseline\) is too short.* 32 good"):
        prepared(sitting, "folder:mine")


@pytest.mark.parametrize(
    ("lines", "header", "wrong"),
    [
        (["a.edf,0,3,calm", "b.edf,0,3,calm"], None, r"labels\.csv line 3 names the file 'b\.edf'"),
        ([",0,3,calm"], None, "line 2 names the file ''"),
        (["a.edf,0,3,serene"], None, "line 2: 'serene' is no label"),
        (["a.edf,0,20,calm"], None, "line 2: 0 to 20 s is not within the recording, which lasts 8"),
        (["a.edf,-1,3,calm"], None, "line 2: -1 to 3 s is not within"),
        (["a.edf,5,5,calm"], None, "line 2: 5 to 5 s is not within"),
        (["a.edf,9,,calm"], None, "line 2: 9 to 8 s is not within"),
        (["a.edf,one,3,calm"], None, "line 2: start_s is 'one'"),
        (["a.edf,0,4,calm", "a.edf,3,6,sad"], None, "calm until 4 s and sad from 3 s overlap"),
        (["a.edf,7,0"], "file,valence,arousal", r"arousal is rated 0 on a scale of 1\.\.9"),
        (["a.edf,p1,calm", "a.edf,p2,calm"], "file,subject,label", "line 3: a.edf had another"),
        ([], None, "has no line under its header"),
        (["a.edf"], "name", "needs a column 'file'"),
    ],
)
def test_what_is_wrong_in_a_folder_is_told(tmp_path, lines, header, wrong):
    record(tmp_path / "a.edf")
    labels(tmp_path, *lines, **({"header": header} if header else {}))
    with pytest.raises(CapsuleError, match=wrong):
        list(with_table(tmp_path))


def test_a_folder_without_labels_or_none_at_all_is_told(tmp_path):
    with pytest.raises(CapsuleError, match=r"labels\.csv cannot be read"):
        list(with_table(tmp_path))
    with pytest.raises(CapsuleError, match="there is no folder"):
        list(with_table(tmp_path / "nowhere"))


def test_a_recording_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "a.edf").write_bytes(b"")
    labels(tmp_path, "a.edf,,,calm")
    with pytest.raises(EegError, match=r"a\.edf is empty"):
        list(with_table(tmp_path))
    record(tmp_path / "a.edf", sites=("ECG", "EMG"))
    with pytest.raises(EegError, match=r"a\.edf"):
        list(with_table(tmp_path))


def test_a_sitting_has_one_headset(tmp_path):
    record(tmp_path / "a.edf")
    record(tmp_path / "b.edf", sites=SITES[:4])
    labels(tmp_path, "a.edf,,,calm", "b.edf,,,sad")
    with pytest.raises(CapsuleError, match="differ in rate or channels.*different sessions"):
        list(with_table(tmp_path))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=6))
def test_stretches_are_in_order_and_apart_or_told(pairs):
    stretches = [Stretch(start, start + length, "calm") for start, length in pairs]
    taken = [second for one in stretches for second in range(one.start_s, one.stop_s)]
    if len(set(taken)) < len(taken):
        with pytest.raises(CapsuleError, match="overlap"):
            apart("a.edf", stretches)
    else:
        assert sorted(stretches, key=lambda one: one.start_s) == list(apart("a.edf", stretches))


# --- BIDS ----------------------------------------------------------------------------------------


def bids(folder, who, events, header="onset\tduration\ttrial_type", run="", **how):
    """A recording with its events; `who` like sub-01/ses-1."""
    stem = who.replace("/", "_") + f"_task-film{run}"
    (folder / "dataset_description.json").write_text(json.dumps({"BIDSVersion": "1.10.0"}))
    place = folder / who / "eeg"
    record(place / f"{stem}_eeg.edf", **how)
    (place / f"{stem}_eeg.json").write_text("{}")
    (place / f"{stem}_channels.tsv").write_text("name\ttype\tunits\nFp1\tEEG\tuV\n")
    if events is not None:
        text = "\n".join([header, *("\t".join(map(str, event)) for event in events)])
        (place / f"{stem}_events.tsv").write_text(text + "\n")


def test_bids_is_read_by_its_events(tmp_path):
    bids(tmp_path, "sub-01/ses-1", [(0, 3, "baseline"), (3, 0, "button press"), (4, 2, "Happy")])
    bids(tmp_path, "sub-01/ses-1", [(1, 2, "sad")], run="_run-2", seed=1)
    bids(tmp_path, "sub-01/ses-2", [(1, 2, "V-A+")])
    bids(tmp_path, "sub-B2", [(1, 2, "fear"), (4, "n/a", "response")])
    bids(tmp_path, "sub-C3", None)
    sittings = list(with_events(tmp_path))
    assert [(one.person, one.session, one.rest) for one in sittings] == [
        ("01", "1", ("baseline",)), ("01", "2", ()), ("B2", "", ()),
    ]  # fmt: skip
    assert told(sittings[0]) == [[(0, 3, "baseline"), (4, 6, "happy")], [(1, 3, "sad")]]
    assert told(sittings[1]) == [[(1, 3, "V-A+")]]
    assert told(sittings[2]) == [[(1, 3, "fear")]]


def test_ratings_among_the_events_of_bids(tmp_path):
    header = "onset\tduration\ttrial_type\tvalence\tarousal\tlabel"
    bids(tmp_path, "sub-01", [(0, 2, "video", 7, 2, "clip 1"), (3, 2, "video", "n/a", 8, "clip 2"),
                              (6, 1, "pause", "n/a", "n/a", "")], header=header)  # fmt: skip
    (sitting,) = with_events(tmp_path)
    assert told(sitting) == [[(0, 2, "V+A-"), (3, 5, "A+")]]


def test_trial_types_in_words_of_their_own(tmp_path):
    bids(tmp_path, "sub-01", [(0, 2, "clip_3"), (2, 2, "clip_4"), (4, 2, "clip_5"), (6, 2, "calm")])
    lines = ["clip_3,Q2,", "clip_4,,2", "clip_5,,"]
    labels(tmp_path, *lines, header="trial_type,label,valence")
    (sitting,) = with_events(tmp_path)
    assert told(sitting) == [[(0, 2, "Q2"), (2, 4, "V-"), (6, 8, "calm")]]


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        (
            [(0, 2, "clip_3"), (3, 1, "clip_9")],
            "its trial types are clip_3, clip_9: say",
        ),
        ([(0, "n/a", "happy")], r"sub-01_task-film_events\.tsv line 2: happy has no duration"),
        ([(0, 20, "happy")], "line 2: 0 to 20 s is not within"),
        ([("n/a", 2, "happy")], "line 2: happy has no"),
        ([(0, 3, "happy"), (2, 3, "sad")], "happy until 3 s and sad from 2 s overlap"),
        (None, r"no recording in .* has an events\.tsv"),
    ],
)
def test_what_is_wrong_in_bids_is_told(tmp_path, events, wrong):
    bids(tmp_path, "sub-01", events)
    with pytest.raises(CapsuleError, match=wrong):
        list(with_events(tmp_path))


def test_what_is_no_bids_is_told(tmp_path):
    with pytest.raises(CapsuleError, match=r"holds no sub-\*.* a BIDS data set"):
        list(with_events(tmp_path))
    with pytest.raises(CapsuleError, match="there is no folder"):
        list(with_events(tmp_path / "nowhere"))
    bids(tmp_path, "sub-01", [(0, 2, "happy")], header="start\tduration\ttrial_type")
    with pytest.raises(CapsuleError, match="needs a column 'onset'"):
        list(with_events(tmp_path))


def test_only_recordings_of_the_standard_are_opened(tmp_path):
    bids(tmp_path, "sub-01", [(0, 2, "happy")])
    for ending in (".vmrk", ".fdt", ".eeg"):
        Path(tmp_path, "sub-01", "eeg", f"sub-01_task-film_eeg{ending}").write_bytes(b"companion")
    assert len(list(with_events(tmp_path))[0].takes) == 1
