"""DEAP in both of its forms, and FACED, from files nested like the real ones."""

import pickle

import numpy as np
import pytest
from pickles import python2

from capsule.corpus import deap, faced
from capsule.corpus.dataset import prepared
from capsule.errors import CapsuleError
from eeg.errors import EegError
from eeg.montage import BANDS

RATE = 512
BODY = "EXG1 EXG2 EXG3 EXG4 EXG5 EXG6 EXG7 EXG8 GSR1 GSR2 Erg1 Erg2 Resp Plet Temp".split()
TWENTE = (
    "Fp1 AF3 F7 F3 FC1 FC5 T7 C3 CP1 CP5 P7 P3 Pz PO3 O1 Oz "
    "O2 PO4 P4 P8 CP6 CP2 C4 T8 FC6 FC2 F4 F8 AF4 Fp2 Fz Cz"
).split()
GENEVA = list(deap.CHANNELS)
RATINGS = (
    "Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity\n"
)

RATED = [[7.71, 7.6, 6.9, 7.83], [2.0, 8.1, 5.0, 1.0], [3.0, 2.5, 4.0, 4.0], [5.0, 1.0, 9.0, 9.0]]


def noise(*shape, seed=0, size=10.0):
    return np.random.default_rng(seed).normal(0, size, shape)


# --- preprocessed --------------------------------------------------------------------------------


def write_dat(path, trials=4, samples=8064, labels=None, data=None):
    """As DEAP's: a Python 2 dictionary of float64, 40 channels, ratings of four kinds."""
    data = noise(trials, 40, samples, seed=trials) if data is None else data
    if labels is None:
        labels = np.tile(RATED, (trials, 1))[:trials]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(python2({"labels": labels, "data": data}))
    return data


def test_preprocessed_deap_is_read_as_it_lies(tmp_path):
    data = write_dat(tmp_path / "data_preprocessed_python" / "s01.dat")
    write_dat(tmp_path / "data_preprocessed_python" / "s32.dat", trials=1)
    (tmp_path / "data_preprocessed_python" / "readme.txt").write_text("no recording")
    first, last = deap.preprocessed(tmp_path)
    assert (first.person, last.person, first.rest) == ("01", "32", ("baseline",))
    assert len(first.takes) == 4
    recording = first.takes[1].recording
    assert recording.signal.rate_hz == 128
    assert recording.signal.channels[:3] == ("Fp1", "AF3", "F3")
    assert recording.signal.passband_hz == (4, 45)
    assert recording.duration_s == 63
    np.testing.assert_array_equal(recording.samples_uv, data[1, :32].T)
    told = [[(s.start_s, s.stop_s, s.label) for s in take.stretches] for take in first.takes]
    assert told[0] == [(0, 3, "baseline"), (3, 63, "V+A+")]
    assert [stretches[1][2] for stretches in told] == ["V+A+", "V-A+", "V-A-", "A-"]
    assert first.takes[3].stretches[1].quadrants == ("Q3", "Q4")


def test_deap_becomes_windows_without_the_band_that_its_filter_removed(tmp_path):
    write_dat(tmp_path / "s07.dat", trials=8, samples=128 * 8)
    (sitting,) = deap.preprocessed(tmp_path)
    data = prepared(sitting, "deap")
    assert data.people == ("deap/07",)
    assert set(data.label) == {"V+A+", "V-A+", "V-A-", "A-"}
    assert len(set(data.recording)) == 8
    assert data.time_s.min() >= 3 + 2 - 1 / 128  # nothing of the baseline
    delta = [band.name for band in BANDS].index("delta")
    assert not data.present[..., delta].any()
    assert np.delete(data.present, delta, axis=2).all()
    assert data.compatible.sum(1).tolist() == [2 if one == "A-" else 1 for one in data.label]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": np.full((4, 4), 0.5)}, "s01.dat trial 1: valence is rated 0.5"),
        ({"labels": np.full((3, 4), 5.0)}, r"labels \(3, 4\) where .* were expected"),
        ({"data": noise(4, 32, 128)}, r"is not DEAP's: it holds data \(4, 32, 128\)"),
        ({"data": noise(4, 40)}, "is not DEAP's"),
    ],
)
def test_what_is_wrong_in_a_file_of_deap_is_told(tmp_path, change, told):
    write_dat(tmp_path / "s01.dat", samples=256, **change)
    with pytest.raises(CapsuleError, match=told):
        list(deap.preprocessed(tmp_path))


def test_a_pickle_of_something_else_is_no_deap(tmp_path):
    (tmp_path / "s01.dat").write_bytes(pickle.dumps({"x": np.zeros((4, 40, 9))}))
    with pytest.raises(CapsuleError, match="is not DEAP's"):
        list(deap.preprocessed(tmp_path))


@pytest.mark.parametrize("read", [deap.preprocessed, deap.original, faced.faced])
def test_a_wrong_folder_is_told(tmp_path, read):
    with pytest.raises(CapsuleError, match=r"holds no s.* was expected there"):
        list(read(tmp_path))
    with pytest.raises(CapsuleError, match="there is no folder"):
        list(read(tmp_path / "nowhere"))


# --- original ------------------------------------------------------------------------------------


def write_bdf(path, channels, marks, seconds, idle=0, status="Status", seed=0):
    """As BioSemi writes: 24 bits, records of a second; marks (s, code) of 50 ms above `idle`."""
    names = [*channels, *BODY, status]
    fields = [(16, names), (80, ["Active Electrode"] * len(names)), (8, ["uV"] * len(names)),
              (8, ["-262144"] * len(names)), (8, ["262144"] * len(names)),
              (8, ["-8388608"] * len(names)), (8, ["8388607"] * len(names)),
              (80, ["HP: DC; LP: 113 Hz"] * len(names)), (8, [str(RATE)] * len(names)),
              (32, [""] * len(names))]  # fmt: skip
    head = b"\xffBIOSEMI" + b"s01".ljust(80) + b"run".ljust(80) + b"27.07.0917.31.35"
    head += b"".join(
        str(value).encode().ljust(width)
        for width, value in ((8, 256 * (len(names) + 1)), (44, "24BIT"), (8, seconds), (8, 1),
                             (4, len(names)))
    )  # fmt: skip
    head += b"".join(word.encode().ljust(width) for width, words in fields for word in words)
    steps = np.zeros((len(names), seconds * RATE), np.int32)
    steps[: len(channels)] = noise(len(channels), seconds * RATE, seed=seed, size=300)  # ~ 10 µV
    steps[: len(channels)] += 1000 * np.arange(len(channels))[:, None]  # tells channels apart
    steps[-1] = idle
    for at_s, code in marks:
        steps[-1, round(at_s * RATE) : round((at_s + 0.05) * RATE)] = idle + code
    records = steps.reshape(len(names), seconds, RATE).transpose(1, 0, 2)
    raw = np.ascontiguousarray(records, "<i4").view(np.uint8).reshape(-1, 4)[:, :3]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + raw.tobytes())
    return steps


def session(opening_s=2.0, videos=2):
    """Marks of a session: start, baseline, and for each video sync, fixation, video, rating."""
    marks, at_s = [(1.0, 1), (opening_s, 1)], opening_s + 122.0
    for _ in range(videos):
        marks += [(at_s, 2), (at_s + 1, 3), (at_s + 6, 4), (at_s + 66, 5), (at_s + 69, 1)]
        at_s += 71.0
    return [*marks, (at_s, 7)], round(at_s + 2)


def write_ratings(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{who},{trial},{video},1695918,{v},{a},6.9,7.8,4\n" for who, trial, video, v, a in rows
    ]
    path.write_text(RATINGS + "".join(lines))


def stretches_of(sitting):
    return [(one.start_s, one.stop_s, one.label) for one in sitting.takes[0].stretches]


def test_original_deap_of_twente(tmp_path):
    """Electrodes in another order, picked by name; ratings in order of presentation."""
    marks, seconds = session()
    steps = write_bdf(tmp_path / "data_original" / "s01.bdf", TWENTE, marks, seconds)
    rows = [(1, 2, 18, 2.0, 8.0), (1, 1, 5, 7.7, 7.6), (2, 1, 3, 5.0, 5.0)]
    write_ratings(tmp_path / "metadata_csv" / "participant_ratings.csv", rows)
    (sitting,) = deap.original(tmp_path)
    assert (sitting.person, sitting.rest) == ("01", ("baseline",))
    signal = sitting.takes[0].recording.signal
    assert signal.rate_hz == RATE
    assert signal.channels == deap.CHANNELS
    step_uv = 524288 / 16777215
    expected = [steps[TWENTE.index(name)].mean() * step_uv for name in deap.CHANNELS]
    np.testing.assert_allclose(sitting.takes[0].recording.samples_uv.mean(0), expected, atol=0.1)
    assert stretches_of(sitting) == [
        (2, 122, "baseline"),
        (130, 190, "V+A+"),
        (201, 261, "V-A+"),
    ]


def test_original_deap_of_geneva(tmp_path):
    """High bits in the status channel, which has no name; no opening marked, so the fixations."""
    marks, seconds = session(opening_s=2.0)
    marks = [(at_s - 120, code) for at_s, code in marks if at_s > 120]
    write_bdf(tmp_path / "s24.bdf", GENEVA, marks, seconds - 120, idle=1638144, status="")
    rows = [(24, 1, 1, 6.0, 2.0), (24, 2, 2, 5.0, 2.0)]
    write_ratings(tmp_path / "participant_ratings.csv", rows)
    (sitting,) = deap.original(tmp_path)
    assert sitting.takes[0].recording.signal.channels == deap.CHANNELS
    assert stretches_of(sitting) == [
        (5, 10, "baseline"),
        (76, 81, "baseline"),
        (10, 70, "V+A-"),
        (81, 141, "A-"),
    ]


def test_what_is_wrong_with_original_deap_is_told(tmp_path):
    marks, seconds = [(1.0, 3), (3.0, 4)], 6
    write_bdf(tmp_path / "s01.bdf", TWENTE, marks, seconds)
    with pytest.raises(CapsuleError, match=r"there is no participant_ratings\.csv"):
        list(deap.original(tmp_path))
    table = tmp_path / "participant_ratings.csv"
    write_ratings(table, [(1, 1, 5, 7.7, 7.6), (1, 2, 6, 7.7, 7.6)])
    with pytest.raises(CapsuleError, match=r"s01\.bdf marks 1 videos, .* has 2 ratings"):
        list(deap.original(tmp_path))
    write_ratings(table, [(1, 1, 5, 9.7, 7.6)])
    with pytest.raises(CapsuleError, match=r"ratings\.csv line 2: valence is rated 9\.7"):
        list(deap.original(tmp_path))
    write_ratings(table, [(1, 1, 5, 7.7, 7.6)])
    write_bdf(tmp_path / "s01.bdf", TWENTE[:-1], marks, seconds)
    with pytest.raises(CapsuleError, match="has no channel Cz"):
        list(deap.original(tmp_path))


@pytest.mark.parametrize("raw", [b"", b"no BDF at all" * 40])
def test_a_file_that_is_no_bdf_is_told(tmp_path, raw):
    (tmp_path / "s01.bdf").write_bytes(raw)
    write_ratings(tmp_path / "participant_ratings.csv", [(1, 1, 5, 7.7, 7.6)])
    with pytest.raises((CapsuleError, EegError), match=r"s01\.bdf"):
        list(deap.original(tmp_path))


# --- FACED ---------------------------------------------------------------------------------------


def test_faced_is_read_as_it_lies(tmp_path):
    folder = tmp_path / "Processed_data"
    folder.mkdir()
    data = noise(28, 32, 7500)
    (folder / "sub000.pkl").write_bytes(pickle.dumps(data, 4))
    (folder / "sub122.pkl").write_bytes(pickle.dumps(data.astype(np.float32), 3))
    first, last = faced.faced(tmp_path)
    assert (first.person, last.person, first.rest) == ("000", "122", ("neutral",))
    labels = [take.stretches[0].label for take in first.takes]
    assert labels[:4] == ["anger", "anger", "anger", "disgust"]
    assert labels[12:17] == ["neutral"] * 4 + ["amusement"]
    assert labels[-1] == "tenderness"
    quadrants = [take.stretches[0].quadrants for take in first.takes]
    valence = [-1] * 12 + [0] * 4 + [1] * 12  # as its authors say
    for fit, sign in zip(quadrants, valence, strict=True):
        assert set(fit) <= {-1: {"Q2", "Q3"}, 0: set(), 1: {"Q1", "Q4"}}[sign]
    recording = first.takes[27].recording
    assert (recording.signal.rate_hz, recording.duration_s) == (250, 30)
    assert recording.signal.channels[-2:] == ("A2", "A1")
    np.testing.assert_array_equal(recording.samples_uv, data[27].T)


@pytest.mark.parametrize("shape", [(28, 30, 100), (24, 32, 100), (28, 32)])
def test_other_shapes_are_no_faced(tmp_path, shape):
    (tmp_path / "sub000.pkl").write_bytes(pickle.dumps(np.zeros(shape), 4))
    with pytest.raises(CapsuleError, match="is not FACED's"):
        list(faced.faced(tmp_path))
