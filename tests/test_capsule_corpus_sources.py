"""Data sets by name, the cache of their windows, and the shared recordings where they are."""

import os
import shutil
from dataclasses import fields

import numpy as np
import pytest

from capsule.corpus import dataset, sources
from capsule.corpus.compact import dasps, mane
from capsule.corpus.dataset import EEG_STAGES, OWN_STAGES, Examples, examples, joined, prepared
from capsule.corpus.labels import quadrants_of
from capsule.corpus.prepare import main as prepare
from capsule.corpus.recorded import albasri, bird, eegmat
from capsule.corpus.sitting import Sitting, picked, recording_of, whole
from capsule.corpus.sources import READERS, TESTING, TRAINING, data_folder, sittings, source
from capsule.errors import CapsuleError
from capsule.recogniser import Model
from capsule.train import main as train
from eeg.synthetic import write_edf

PEOPLE = ("ann", "ben", "cay")
CHANNELS = ("EEG Fp1", "EEG Fp2", "EEG T3", "EEG T4", "EEG O1")


def noise(seconds, channels=CHANNELS, rate_hz=128.0, seed=0):
    samples_uv = np.random.default_rng(seed).normal(
        0, 10, (round(seconds * rate_hz), len(channels))
    )
    return recording_of("noise", samples_uv, rate_hz, channels)


@pytest.fixture
def mine(tmp_path):
    """A folder of one's own: ten seconds of baseline, four of each of two labels."""
    folder = tmp_path / "my study"
    folder.mkdir()
    for number, person in enumerate(PEOPLE):
        write_edf(folder / f"{person}.edf", noise(20, seed=number))
    lines = [
        f"{who}.edf,{who},{start},{stop},{label}\n"
        for who in PEOPLE
        for start, stop, label in ((0, 11, "baseline"), (11, 15, "V+A+"), (15, 20, "A-"))
    ]
    (folder / "labels.csv").write_text("file,subject,start_s,stop_s,label\n" + "".join(lines))
    return folder


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Where the windows are kept meanwhile."""
    monkeypatch.setattr(dataset, "ROOT", tmp_path)
    return lambda: sorted((tmp_path / "data" / "features").rglob("*.npz"))


# --- names ---------------------------------------------------------------------------------------


def test_every_set_has_a_reader_and_none_is_both_trained_and_tested_on():
    assert set(TRAINING) | set(TESTING) <= set(READERS)
    assert not set(TRAINING) & set(TESTING)


def test_a_folder_may_be_told_with_a_name(tmp_path):
    told = source(f"deap={tmp_path}")
    assert (told.kind, told.name, told.folder) == ("deap", "deap", tmp_path)
    assert source(f"folder={tmp_path}/a=b").name == "folder:a=b"
    assert source("bids=.").name.startswith("bids:")


def test_without_a_folder_it_is_among_the_recordings(tmp_path, monkeypatch):
    (tmp_path / "eeg").mkdir()
    monkeypatch.setenv("EMOCAPSULE_DATA", str(tmp_path))
    assert source("mane").folder == tmp_path / "eeg" / "mane_stress"
    with pytest.raises(CapsuleError, match=r"no folder .*mane_stress.*: Mane"):
        list(sittings("mane"))


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ("deep", "there is no data set 'deep': known are eegmat, bird"),
        ("deep=/somewhere", "there is no data set 'deep'"),
        ("deap=", "'deap=' names no folder: write deap=FOLDER"),
        ("folder", "'folder' names no folder: write folder=FOLDER"),
        ("", "there is no data set ''"),
    ],
)
def test_a_name_that_means_nothing_is_told(told, wrong):
    with pytest.raises(CapsuleError, match=wrong):
        source(told)


def test_two_sets_of_one_name_would_share_people(tmp_path):
    with pytest.raises(CapsuleError, match="two data sets are called folder:a"):
        sources.sources([f"folder={tmp_path}/1/a", f"folder={tmp_path}/2/a"])
    both = sources.sources([f"folder={tmp_path}/a", f"bids={tmp_path}/a"])
    assert [one.name for one in both] == ["folder:a", "bids:a"]


def test_an_unknown_set_of_channels_is_told():
    with pytest.raises(CapsuleError, match="no set of channels '7': known are 19, "):
        sittings("eegmat", "7")


# --- values --------------------------------------------------------------------------------------


def test_channels_are_picked_by_electrode():
    sitting = Sitting("x", (whole(noise(3), "rest"),))
    kept = picked(sitting, ("T8", "Fp1")).takes[0].recording
    assert kept.signal.channels == ("EEG T4", "EEG Fp1")
    np.testing.assert_array_equal(kept.samples_uv, sitting.takes[0].recording.samples_uv[:, [3, 0]])
    assert picked(sitting, ()) is sitting
    with pytest.raises(CapsuleError, match=r"noise has no channel Cz, Pz: it has EEG Fp1"):
        picked(sitting, ("Fp1", "Cz", "Pz"))


def test_a_recording_has_a_column_for_each_channel():
    with pytest.raises(CapsuleError, match=r"the shape \(5, 9\) where \(time, 2\) was expected"):
        recording_of("x", np.zeros((5, 9)), 128, ("Fp1", "Fp2"))


def test_a_sitting_needs_a_recording():
    with pytest.raises(CapsuleError, match="there is no recording of x"):
        Sitting("x", ())


# --- windows -------------------------------------------------------------------------------------


def test_windows_are_kept_until_a_file_changes(mine, kept):
    told = f"folder={mine}"
    first = examples(told)
    assert first.people == tuple(f"folder:my study/{who}" for who in PEOPLE)
    assert set(first.label) == {"V+A+", "A-"}
    (file,) = kept()
    again = examples(told)
    assert all(np.array_equal(getattr(first, one.name), getattr(again, one.name))
               for one in fields(Examples))  # fmt: skip
    assert kept() == [file]
    table = mine / "labels.csv"
    table.write_text(table.read_text().replace("V+A+", "Q2|Q3"))
    assert set(examples(told).label) == {"Q2|Q3", "A-"}
    assert len(kept()) == 2


def test_another_folder_has_windows_of_its_own(mine, kept, tmp_path):
    other = tmp_path / "elsewhere" / mine.name
    shutil.copytree(mine, other, copy_function=shutil.copy)
    os.utime(other / "labels.csv", (1, 1))
    examples(f"folder={mine}")
    examples(f"folder={other}")
    assert len(kept()) == 2


def test_every_module_that_shapes_windows_is_told_of_or_reads():
    """The cache's name must change with any code between a file and its windows."""
    readers = {reader.__module__.split(".")[-1] for reader, _ in READERS.values()}
    formats = {"tables", "matlab", "pickled"}  # give what is in a file, or fail
    programs = {"prepare", "sources", "__init__"}
    here = {path.stem for path in (sources.ROOT / "capsule" / "corpus").glob("*.py")}
    assert here == readers | formats | programs | set(OWN_STAGES)
    assert all((sources.ROOT / "eeg" / f"{stage}.py").is_file() for stage in EEG_STAGES)


def test_a_set_without_a_labelled_window_is_told(mine, kept):
    (mine / "labels.csv").write_text("file,label\nann.edf,neutral\n")
    with pytest.raises(CapsuleError, match="no two seconds that are labelled"):
        examples(f"folder={mine}")
    with pytest.raises(CapsuleError, match="no data to be joined"):
        joined([])


def test_quadrants_of_windows_follow_their_labels(mine, kept):
    data = examples(f"folder={mine}")
    for label, fit in zip(data.label, data.compatible, strict=True):
        chosen = [name for name, there in zip(("Q1", "Q2", "Q3", "Q4"), fit, strict=True) if there]
        assert tuple(chosen) == quadrants_of(label)
    nothing = data.where(np.zeros(len(data), dtype=bool))
    assert nothing.compatible.shape == (0, 4)


def test_prepare_tells_what_a_set_holds(mine, kept, capsys):
    assert prepare(["--data", f"folder={mine}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "folder:my study: 3 people, 3 recordings, 21 windows"
    assert lines[1].split() == "A- Q3|Q4 3 people 3 recordings 12 windows".split()
    assert lines[2].split() == "V+A+ Q1 3 people 3 recordings 9 windows".split()


def test_a_network_learns_from_a_folder(mine, kept, tmp_path, capsys):
    arguments = ["--data", f"folder={mine}", "--steps", "2", "--out", str(tmp_path / "weights")]
    assert train(arguments) == 0
    assert "trained on 3 people, 21 windows" in capsys.readouterr().out
    assert Model.load(tmp_path / "weights").strange.temperature > 0


@pytest.mark.parametrize("run", [train, prepare])
def test_programs_tell_of_a_set_that_is_not_there(run, tmp_path):
    with pytest.raises(CapsuleError, match="there is no data set 'deep'"):
        run(["--data", "deep"])
    with pytest.raises(CapsuleError, match=r"holds no s\[0-9\]"):
        run(["--data", f"deap={tmp_path}"])


# --- the shared recordings -----------------------------------------------------------------------


@pytest.fixture
def shared():
    try:
        return data_folder()
    except CapsuleError as error:
        pytest.skip(str(error))


@pytest.mark.data
def test_eegmat_rests_and_then_calculates(shared):
    sitting = next(eegmat(shared / "eegmat"))
    assert (sitting.person, sitting.rest, len(sitting.takes)) == ("00", (), 2)
    assert [take.stretches[0].label for take in sitting.takes] == ["rest", "arithmetic"]
    assert len(sitting.takes[0].recording.signal.channels) == 19
    assert len(list((shared / "eegmat").glob("*_1.edf"))) == 28


@pytest.mark.data
def test_bird_has_four_people_and_no_copy(shared):
    sittings = list(bird(shared / "bird_muse"))
    assert [one.person for one in sittings] == list("abcd")
    names = [take.recording.signal.name for one in sittings for take in one.takes]
    assert len(names) == len(set(names)) == 24
    assert "name-concentrating-1.csv.gz" not in names


@pytest.mark.data
def test_albasri_is_one_person_on_four_days(shared):
    days = list(albasri(shared / "albasri_relax_conc"))
    assert [(one.person, one.session) for one in days] == [("S001", f"E0{k}") for k in (1, 2, 3, 4)]
    data = prepared(days[0], "albasri")
    assert data.time_s.min() > 61
    assert set(data.label) == {"relaxed", "concentrating"}


@pytest.mark.data
def test_mane_has_seventeen_pairs(shared):
    pairs = list(mane(shared / "mane_stress"))
    assert len(pairs) == 17
    assert all([t.stretches[0].quadrants for t in one.takes] == [("Q2",), ("Q4",)] for one in pairs)


@pytest.mark.data
def test_dasps_says_nothing_of_a_rating_in_the_middle(shared):
    people = list(dasps(shared / "dasps"))
    assert len(people) == 23
    labels = [take.stretches[0].label for one in people for take in one.takes]
    assert len(labels) == 276
    assert labels.count("even") + labels.count("V-") + labels.count("V+") < 276
    assert {one for one in labels if not quadrants_of(one)} <= {"even"}


def test_a_damaged_or_foreign_archive_is_told(tmp_path):
    with pytest.raises(CapsuleError, match=r"holds no dasps_va\.npz"):
        list(dasps(tmp_path))
    (tmp_path / "dasps_va.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(CapsuleError, match="is damaged"):
        list(dasps(tmp_path))
    np.savez(tmp_path / "dasps_va.npz", data=np.zeros(3), fs=128)
    with pytest.raises(CapsuleError, match="lacks arousal, ch_names"):
        list(dasps(tmp_path))
    np.savez(tmp_path / "dasps_va.npz", data=np.array([{}], dtype=object))
    with pytest.raises(CapsuleError, match="is damaged"):
        list(dasps(tmp_path))
