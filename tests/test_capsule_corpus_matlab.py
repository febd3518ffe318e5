"""SEED, SEED-IV, DREAMER, AMIGOS and Ehrlich from MATLAB files nested like the real ones."""

import numpy as np
import pytest
from scipy.io import savemat

from capsule.corpus import amigos, dreamer, ehrlich, seed
from capsule.corpus.dataset import prepared
from capsule.corpus.matlab import cells, number, numbers, read_matlab, struct, text, unwrapped
from capsule.errors import CapsuleError

SEED_CODES = [1, 0, -1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 0, 1, -1]
EPOC = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()


def noise(*shape, seed=0, size=10.0):
    return np.random.default_rng(seed).normal(0, size, shape)


def cell(values, down=False):
    """A MATLAB cell array of a row, or of a column."""
    held = np.empty((len(values), 1) if down else (1, len(values)), dtype=object)
    held.ravel()[:] = values if len(values) > 1 else [None]
    if len(values) == 1:
        held[0, 0] = values[0]
    return held


def labels_of(sitting):
    return [[stretch.label for stretch in take.stretches] for take in sitting.takes]


# --- SEED ----------------------------------------------------------------------------------------


def write_seed(folder, name="1_20131027", initials="djc", films=15, samples=500, channels=62):
    folder.mkdir(parents=True, exist_ok=True)
    data = {f"{initials}_eeg{k + 1}": noise(channels, samples + k, seed=k) for k in range(films)}
    savemat(folder / f"{name}.mat", data, do_compression=True)
    savemat(folder / "label.mat", {"label": np.array([SEED_CODES], dtype=np.int16)})
    return data


def test_seed_is_read_as_it_lies(tmp_path):
    data = write_seed(tmp_path / "Preprocessed_EEG")
    write_seed(tmp_path / "Preprocessed_EEG", "15_20131105", "zjy")
    (tmp_path / "Preprocessed_EEG" / "readme.txt").write_text("no recording")
    last, first = seed.seed(tmp_path)
    assert (first.person, first.session) == ("1", "20131027")
    assert (last.person, last.session) == ("15", "20131105")
    assert first.rest == ("neutral",)
    words = {1: "positive", 0: "neutral", -1: "negative"}
    assert labels_of(first) == [[words[code]] for code in SEED_CODES]
    assert first.takes[0].stretches[0].quadrants == ("Q1", "Q4")
    recording = first.takes[14].recording
    assert (recording.signal.rate_hz, recording.signal.passband_hz) == (200, (0, 75))
    assert recording.signal.channels[:3] == ("FP1", "FPZ", "FP2")
    assert len(recording.signal.channels) == 62
    np.testing.assert_array_equal(recording.samples_uv, data["djc_eeg15"].T)
    assert recording.duration_s == pytest.approx(514 / 200)


def test_seed_becomes_windows_measured_against_its_neutral_films(tmp_path):
    write_seed(tmp_path, samples=200 * 4)
    (sitting,) = seed.seed(tmp_path)
    data = prepared(sitting, "seed")
    assert set(data.label) == {"positive", "negative"}
    assert data.people == ("seed/1",)
    assert {one.split("/")[2] for one in data.recording} == {"20131027"}
    assert np.abs(data.inputs[data.present].mean()) < 1  # noise is like noise
    assert data.compatible.sum(1).tolist() == [2] * len(data)


def test_seed_iv_has_its_own_films_each_day(tmp_path):
    for day in (1, 2, 3):
        write_seed(
            tmp_path / "eeg_raw_data" / str(day), f"3_2016052{day}", "cz", films=24, samples=9
        )
        (tmp_path / "eeg_raw_data" / str(day) / "label.mat").unlink()
    days = list(seed.seed_iv(tmp_path))
    assert [(one.person, one.session) for one in days] == [
        ("3", "20160521"), ("3", "20160522"), ("3", "20160523"),
    ]  # fmt: skip
    for day in days:
        count = {word: labels_of(day).count([word]) for word in ("neutral", "sad", "fear", "happy")}
        assert set(count.values()) == {6}
    assert labels_of(days[0])[:4] == [["sad"], ["fear"], ["happy"], ["neutral"]]
    assert labels_of(days[1])[:2] == [["fear"], ["sad"]]
    assert labels_of(days[2])[-2:] == [["sad"], ["neutral"]]
    happy = next(take for take in days[0].takes if take.stretches[0].label == "happy")
    assert happy.stretches[0].quadrants == ("Q1",)


def test_what_is_wrong_in_seed_is_told(tmp_path):
    write_seed(tmp_path, films=14)
    with pytest.raises(CapsuleError, match=r"film 15 is missing: variables like djc_eeg15"):
        list(seed.seed(tmp_path))
    write_seed(tmp_path, channels=61)
    with pytest.raises(CapsuleError, match=r"film 1: samples have the shape \(500, 61\)"):
        list(seed.seed(tmp_path))
    savemat(tmp_path / "label.mat", {"label": [[1, 2, 0]]})
    with pytest.raises(CapsuleError, match=r"label\.mat holds 2 where -1, 0 or 1"):
        list(seed.seed(tmp_path))
    (tmp_path / "label.mat").unlink()
    with pytest.raises(CapsuleError, match=r"label\.mat cannot be read"):
        list(seed.seed(tmp_path))
    with pytest.raises(CapsuleError, match="there is no folder .*1: SEED-IV"):
        list(seed.seed_iv(tmp_path))


# --- DREAMER -------------------------------------------------------------------------------------


def write_dreamer(folder, people=2, films=3, valence=(4, 3, 1), arousal=(5, 2, 3), **more):
    """DREAMER (1,1) struct; Data a row of cells, each a struct; signals columns of cells."""

    def person(number):
        stimuli = cell(
            [noise(900 + k, 14, seed=number * 10 + k) + 4200 for k in range(films)], True
        )
        baseline = cell([noise(7808, 14, seed=k) + 4200 for k in range(films)], down=True)
        heart = {
            "baseline": cell([noise(9, 2)] * films, True),
            "stimuli": cell([noise(9, 2)] * films),
        }
        column = {"Age": "22", "Gender": "male", "EEG": {"baseline": baseline, "stimuli": stimuli},
                  "ECG": heart}  # fmt: skip
        for name, scores in (("Valence", valence), ("Arousal", arousal), ("Dominance", valence)):
            column[f"Score{name}"] = np.array(scores, dtype=np.float64)[:, None]
        return column

    told = {
        "Data": cell([person(number) for number in range(people)]),
        "EEG_SamplingRate": 128,
        "ECG_SamplingRate": 256,
        "EEG_Electrodes": cell(EPOC),
        "noOfSubjects": people,
        "noOfVideoSequences": films,
        "Disclaimer": "While every care has been taken",
        "Provider": "University of the West of Scotland",
        "Version": "1.0.2",
        "Acknowledgement": "The authors would like to thank",
    }
    savemat(folder / "DREAMER.mat", {"DREAMER": told | more})


def test_the_nesting_of_dreamer_is_that_of_the_real_file(tmp_path):
    """As every published reader indexes it."""
    from scipy.io import loadmat

    write_dreamer(tmp_path)
    told = loadmat(tmp_path / "DREAMER.mat")["DREAMER"][0, 0]
    someone = told["Data"][0, 1]
    assert someone["EEG"][0, 0]["stimuli"][0, 0][2, 0].shape == (902, 14)
    assert someone["ScoreValence"][0, 0][1, 0] == 3
    assert told["EEG_Electrodes"][0, 0][0] == "AF3"


@pytest.mark.parametrize("films", [3, 1])
def test_dreamer_is_read_as_it_lies(tmp_path, films):
    write_dreamer(tmp_path, films=films, valence=(4, 3, 1)[:films], arousal=(5, 2, 3)[:films])
    first, second = dreamer.dreamer(tmp_path)
    assert (first.person, second.person, first.rest) == ("01", "02", ("baseline",))
    expected = [["baseline"], ["V+A+"], ["baseline"], ["A-"], ["baseline"], ["V-"]]
    assert labels_of(first) == expected[: 2 * films]
    recording = second.takes[1].recording
    assert recording.signal.rate_hz == 128
    assert list(recording.signal.channels) == EPOC
    np.testing.assert_array_equal(recording.samples_uv, noise(900, 14, seed=10) + 4200)
    assert first.takes[0].recording.duration_s == 61


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"valence": (4, 0, 1)}, r"person 1 film 2: valence is rated 0 on a scale of 1\.\.5"),
        ({"valence": (4, 3)}, "3 baselines, 3 films and 2 ratings"),
        ({"EEG_Electrodes": cell(EPOC[:13])}, r"samples have the shape \(7808, 14\)"),
        ({"EEG_SamplingRate": "fast"}, "where numbers were expected"),
        ({"EEG_SamplingRate": [128, 256]}, "2 numbers where one was expected"),
        ({"Data": cell([{"EEG": {"stimuli": 1}, "ScoreValence": 1, "ScoreArousal": 1}] * 2)},
         "EEG holds stimuli where baseline was expected"),
        ({"Data": cell([{"Age": 3}] * 2)}, "person 1 holds Age where EEG was expected"),
        ({"Data": 3.0}, "person 1 holds nothing where EEG was expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_dreamer_is_told(tmp_path, change, told):
    write_dreamer(tmp_path, **change)
    with pytest.raises(CapsuleError, match=told):
        list(dreamer.dreamer(tmp_path))


# --- AMIGOS --------------------------------------------------------------------------------------


def write_amigos(path, films=20, unseen=(), ratings=None, samples=128 * 9, channels=17):
    path.parent.mkdir(parents=True, exist_ok=True)
    empty = np.empty((0, 0))
    data = [empty if k in unseen else noise(samples, channels, seed=k) for k in range(films)]
    told = [2.0, 7.0, 5.1, 6.0, 3.0, 0, 0, 1, 0, 0, 0, 0] if ratings is None else ratings
    told = [empty if k in unseen else np.array([told]) for k in range(films)]
    names = cell([np.array([f"video{k}"]) for k in range(films)])
    held = {
        "joined_data": cell(data),
        "labels_selfassessment": cell(told),
        "labels_ext_annotation": cell([np.zeros((4, 3))] * films),
        "VideoIDs": names,
    }
    savemat(path, held, do_compression=True)
    return data


@pytest.mark.parametrize("place", ["Data_Preprocessed_P08", "."])
def test_amigos_is_read_as_it_lies(tmp_path, place):
    path = tmp_path / place / "Data_Preprocessed_P08.mat"
    data = write_amigos(path, unseen=(16, 17, 18, 19))
    (sitting,) = amigos.amigos(tmp_path)
    assert (sitting.person, sitting.rest, len(sitting.takes)) == ("08", ("baseline",), 16)
    take = sitting.takes[5]
    assert take.recording.signal.rate_hz == 128
    assert take.recording.signal.passband_hz == (4, 45)
    assert list(take.recording.signal.channels) == EPOC
    np.testing.assert_array_equal(take.recording.samples_uv, data[5][:, :14])
    told = [(one.start_s, one.stop_s, one.label) for one in take.stretches]
    assert told == [(0, 5, "baseline"), (5, 9, "V+A-")]  # arousal comes first in the file


def test_a_film_of_amigos_of_which_nothing_was_recorded_is_left_out(tmp_path):
    path = tmp_path / "Data_Preprocessed_P09.mat"
    data = write_amigos(path, films=3)
    data[1][:] = np.nan
    held = read_matlab(path) | {"joined_data": cell(data)}
    savemat(path, held)
    (sitting,) = amigos.amigos(tmp_path)
    assert [take.recording.signal.name[-6:] for take in sitting.takes] == ["film 1", "film 3"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ratings": [12.0, 7.0]}, r"film 1: arousal is rated 12 on a scale of 1\.\.9"),
        ({"ratings": [5.0]}, "and 1 ratings where"),
        ({"channels": 14}, r"samples \(1152, 14\)"),
    ],
)
def test_what_is_wrong_in_amigos_is_told(tmp_path, change, told):
    write_amigos(tmp_path / "Data_Preprocessed_P01.mat", **change)
    with pytest.raises(CapsuleError, match=told):
        list(amigos.amigos(tmp_path))


def test_films_without_ratings_are_told(tmp_path):
    path = tmp_path / "Data_Preprocessed_P01.mat"
    write_amigos(path)
    savemat(path, read_matlab(path) | {"labels_selfassessment": cell([np.ones((1, 12))] * 3)})
    with pytest.raises(CapsuleError, match="20 films, but 3 ratings"):
        list(amigos.amigos(tmp_path))


# --- Ehrlich -------------------------------------------------------------------------------------

ROWS = ["COUNTER", "INTERPOLATED", "RAW_CQ", *EPOC, "GYROX", "GYROY", "MARKER", "X1", "X2", "X3",
        "X4", "X5"]  # fmt: skip


def write_ehrlich(folder, selected=EPOC):
    codes = [131, 199, 133, -1]
    held = {
        "num_channel": np.uint8(25),
        "sampling_rate": np.uint8(128),
        "stimpos": np.array([[24, 2568, 3848, 6408]], np.uint16),
        "stimcode": np.array([codes], np.int16),
        "codelist": np.array([[131, 132, 133, 199, -1]], np.int16),
        "chan_list": cell(ROWS, down=True),
        "sel_chan_list": cell(list(selected), down=True),
        "data": noise(25, 6500) + 4200,
    }
    savemat(folder / "P01_S02_calibration.mat", {"calibration": held}, do_compression=True)
    return held["data"]


def test_ehrlich_is_read_from_the_authors_files(tmp_path):
    data = write_ehrlich(tmp_path)
    (sitting,) = ehrlich.ehrlich(tmp_path)
    assert (sitting.person, sitting.session, sitting.rest) == ("P01", "S02", ("rest between",))
    recording = sitting.takes[0].recording
    np.testing.assert_array_equal(recording.samples_uv, data[3:17].T)
    assert labels_of(sitting) == [["sad music", "rest between", "happy music"]]
    assert sitting.takes[0].stretches[1].start_s == 2568 / 128


def test_an_unknown_channel_of_ehrlich_is_told(tmp_path):
    write_ehrlich(tmp_path, [*EPOC[:13], "Cz"])
    with pytest.raises(CapsuleError, match="has no channel Cz"):
        list(ehrlich.ehrlich(tmp_path))


@pytest.mark.data
def test_the_authors_file_and_the_compact_copy_hold_the_same(data):
    folder = data / "eeg" / "ehrlich_music_bci"
    compact = {one.person + one.session: one for one in ehrlich.ehrlich(folder)}["P02S01"]
    name, recording, _, _ = ehrlich._original(folder / "P02_S01_calibration.mat")
    assert name == "P02_S01"
    copied = compact.takes[0].recording
    assert copied.signal.channels == recording.signal.channels
    difference = recording.samples_uv - copied.samples_uv
    assert difference.std(axis=0).max() < 0.25  # the copy's steps, and a constant for each channel


# --- the format itself ---------------------------------------------------------------------------


def test_matlab_files_that_cannot_be_read_are_told(tmp_path):
    hdf = tmp_path / "new.mat"
    hdf.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(CapsuleError, match=r"new\.mat is of MATLAB 7\.3: save it with '-v7'"):
        read_matlab(hdf)
    with pytest.raises(CapsuleError, match="cannot be read"):
        read_matlab(tmp_path / "missing.mat")
    for raw in (b"", b"no MATLAB file", b"\x00" * 200):
        (tmp_path / "bad.mat").write_bytes(raw)
        with pytest.raises(CapsuleError, match=r"bad\.mat is damaged or no MATLAB file"):
            read_matlab(tmp_path / "bad.mat")
    savemat(tmp_path / "other.mat", {"x": 1, "y": 2})
    with pytest.raises(CapsuleError, match=r"other\.mat holds x, y where label was expected"):
        read_matlab(tmp_path / "other.mat", "label")


@pytest.mark.parametrize("kept", [0, 50, 127, 128, 140, 200])
def test_a_matlab_file_cut_off_is_told(tmp_path, kept):
    path = tmp_path / "x.mat"
    savemat(path, {"label": noise(20, 20)}, do_compression=True)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CapsuleError, match=r"x\.mat"):
        read_matlab(path, "label")


def test_what_is_nested_is_found_however_deep(tmp_path):
    savemat(tmp_path / "x.mat", {"s": {"n": 7, "t": "word", "c": cell(["a", "b"]), "e": []}})
    told = struct(read_matlab(tmp_path / "x.mat")["s"], "s", "n", "t", "c")
    assert number(told["n"], "n") == 7
    assert text(told["t"]) == "word"
    assert [text(one) for one in cells(told["c"])] == ["a", "b"]
    assert numbers(told["e"], "e").size == 0
    assert text(told["e"]) == ""
    assert unwrapped(3) == 3
    with pytest.raises(CapsuleError, match="t holds <U4 where numbers were expected"):
        numbers(told["t"], "t")
