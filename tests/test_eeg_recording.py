"""Every format on real files, and a sentence for everything that is no recording."""

import gzip
from datetime import datetime, timedelta
from pathlib import Path

import edfio
import numpy as np
import pytest

from eeg.errors import EegError
from eeg.frontend import Features, FrontEnd
from eeg.recording import Recording, read_recording
from eeg.synthetic import sample_recording
from eeg.tables import steady_rate

EPOC = "AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4".split()
MUSE = "TP9 AF7 AF8 TP10".split()
CYTON = "Fp1 Fp2 C3 C4 P7 P8 O1 O2".split()

# file, channels, rate, seconds, events, gaps
REAL = [
    ("eegmat/Subject00_1.edf", 19, 128, 182, 0, 0),
    ("albasri_relax_conc/S001E01.edf", EPOC, 256, 180, 0, 0),
    ("replay/bdf_edf/eegmat_Subject00_2_500hz.edf", 19, 500, 62, 1, 0),
    ("replay/bdf_edf/test_bdf_stim_channel.bdf", ["C3", "C4", "Cz"], 500, 10, 9, 0),
    ("replay/brainvision/test.vhdr", 26, 1000, 7.9, 13, 0),
    ("replay/eeglab/eeglab_data.set", 30, 128, 238.3, 154, 0),
    ("replay/xdf/muse_ssvep_real.xdf", MUSE, 256, 120, 32, 0),
    ("replay/muse/muse-lsl_ssvep.csv", MUSE, 256, 120, 32, 0),
    ("replay/openbci/OpenBCI_GUI-v6-blinks-jawClench-alpha.txt", CYTON, 250, 90, 0, 0),
    ("bird_muse/subjecta-relaxed-1.csv.gz", MUSE, 256, 59.4, 0, 0),
    ("bird_muse/subjectb-relaxed-2.csv.gz", MUSE, 256, 957.7, 0, 9),
]


def features_of(recording: Recording) -> list[Features]:
    front_end = FrontEnd(recording.signal)
    return [features for chunk in recording.chunks(64) for features in front_end.push(chunk)]


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "channels", "rate_hz", "seconds", "events", "gaps"),
    REAL,
    ids=[row[0].split("/")[-1] for row in REAL],
)
def test_real_recordings_are_read_and_give_features(
    data: Path, file: str, channels: list[str] | int, rate_hz: float, seconds: float, events: int,
    gaps: int,
) -> None:  # fmt: skip
    recording = read_recording(data / "eeg" / file)
    signal = recording.signal
    if isinstance(channels, int):
        assert len(signal.channels) == channels
    else:
        assert list(signal.channels) == channels
    assert signal.rate_hz == rate_hz
    assert recording.duration_s == pytest.approx(seconds, abs=0.1)
    assert len(recording.events) == events
    assert recording.times_s[0] == 0
    assert recording.samples_uv.shape == (len(recording.times_s), len(signal.channels))
    features = features_of(recording)
    assert sum(f.gap for f in features) == gaps
    assert all(np.isfinite(f.entropy).all() for f in features)
    assert np.mean([f.quality for f in features]) > 0.9
    if "brainvision" not in file:  # a constant test signal, which the reference removes
        entropy = np.mean([f.entropy[f.present].mean(axis=0) for f in features], axis=0)
        assert (entropy > 0.5).all()  # of the size of EEG in µV
        assert (entropy < 5.0).all()


@pytest.mark.data
def test_positions_and_filters_of_a_file_are_kept(data: Path) -> None:
    eeglab = read_recording(data / "eeg/replay/eeglab/eeglab_data.set").signal
    assert eeglab.positions is not None
    assert "EOG1" not in eeglab.channels
    filtered = read_recording(data / "eeg/replay/bdf_edf/eegmat_Subject00_2_500hz.edf").signal
    assert filtered.passband_hz == (0.5, 45.0)


@pytest.mark.data
def test_the_same_muse_as_csv_and_as_xdf(data: Path) -> None:
    csv = read_recording(data / "eeg/replay/muse/muse-lsl_ssvep.csv")
    xdf = read_recording(data / "eeg/replay/xdf/muse_ssvep_real.xdf")
    np.testing.assert_allclose(csv.samples_uv, xdf.samples_uv, atol=1e-3)
    np.testing.assert_allclose(csv.times_s, xdf.times_s, atol=1e-3)
    assert [label for _, label in csv.events] == [label for _, label in xdf.events]


@pytest.mark.data
def test_compressed_xdf(data: Path, tmp_path: Path) -> None:
    plain = data / "eeg/replay/xdf/muse_ssvep_real.xdf"
    (tmp_path / "x.xdfz").write_bytes(gzip.compress(plain.read_bytes()))
    packed = read_recording(tmp_path / "x.xdfz")
    np.testing.assert_array_equal(packed.samples_uv, read_recording(plain).samples_uv)


@pytest.mark.data
def test_500_hz_and_its_copy_at_128_hz_give_the_same_features(data: Path) -> None:
    fast = features_of(read_recording(data / "eeg/replay/bdf_edf/eegmat_Subject00_2_500hz.edf"))
    slow = features_of(read_recording(data / "eeg/eegmat/Subject00_2.edf"))
    difference = np.array([a.entropy - b.entropy for a, b in zip(fast[9:], slow[9:], strict=True)])
    assert np.abs(difference[:, :, :4]).mean() < 0.03


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("bdf_edf/test_utf8_annotations.edf", "no EEG that can be placed.*squarewave"),
        ("bdf_edf/test_reduced.edf", "no EEG that can be placed.*A1, A2"),  # counted, not 10-20
        ("gdf/test_1ch.gdf", "no EEG that can be placed.*ECG"),
        ("xdf/clock_resets.xdf", "does not name its 8 channels"),
        ("xdf/minimal.xdf", "does not name its 3 channels"),
        ("xdf/empty_streams.xdf", "no EEG stream"),
        ("muse/mindmonitor.csv", "0.98 samples a second.*Constant"),
        ("brainvision/test.eeg", "open the .vhdr"),
        ("eeglab/eeglab_chan32.locs", "ending that is not known"),
    ],
)
def test_real_files_without_usable_eeg_say_why(data: Path, file: str, says: str) -> None:
    with pytest.raises(EegError, match=says):
        read_recording(data / "eeg/replay" / file)


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(EegError, match=r"there is no file '.*nowhere\.edf'"):
        read_recording(tmp_path / "nowhere.edf")
    for ending in ("edf", "bdf", "gdf", "fif", "vhdr", "set", "xdf", "csv", "csv.gz", "txt"):
        (tmp_path / f"empty.{ending}").touch()
        with pytest.raises(EegError, match="is empty"):
            read_recording(tmp_path / f"empty.{ending}")


@pytest.mark.parametrize("ending", "edf bdf gdf fif vhdr set xdf csv csv.gz txt".split())
@pytest.mark.parametrize("content", ["text", "zeros", "noise"])
def test_files_of_rubbish_are_one_sentence(tmp_path: Path, ending: str, content: str) -> None:
    rubbish = {
        "text": b"hello\nworld\n",
        "zeros": bytes(4000),
        "noise": np.random.default_rng(0).bytes(4000),
    }
    file = tmp_path / f"rubbish.{ending}"
    file.write_bytes(rubbish[content])
    with pytest.raises(EegError, match=r"^rubbish\.") as caught:
        read_recording(file)
    assert "\n" not in str(caught.value)


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = (Path(__file__).parent.parent / "recordings/sample.edf").read_bytes()
    file = tmp_path / "cut.edf"
    file.write_bytes(whole[: len(whole) // 2])
    recording = read_recording(file)
    assert 40 < recording.duration_s < 60
    assert "cut off" in recording.notes[0]
    file.write_bytes(whole[:2000])
    with pytest.raises(EegError, match="damaged or cut off"):
        read_recording(file)


def write_edf(path: Path, labels: list[str], unit: str, scale: float = 1.0) -> None:
    wave = scale * 20 * np.random.default_rng(1).normal(size=(len(labels), 1280))
    edfio.Edf(
        [edfio.EdfSignal(w, 128, label=n, physical_dimension=unit)
         for w, n in zip(wave, labels, strict=True)]
    ).write(path)  # fmt: skip


@pytest.mark.parametrize(("unit", "scale"), [("uV", 1.0), ("mV", 1e-3), ("V", 1e-6), ("", 1.0)])
def test_units_of_edf_become_microvolts(tmp_path: Path, unit: str, scale: float) -> None:
    write_edf(tmp_path / "x.edf", ["Fp1", "EEG C3-REF", "ECG"], unit, scale)
    recording = read_recording(tmp_path / "x.edf")
    assert recording.signal.channels == ("Fp1", "EEG C3-REF")
    assert recording.samples_uv.std() == pytest.approx(20, rel=0.05)
    assert bool(recording.notes) == (unit == "")


def test_wrong_units_are_flagged(tmp_path: Path) -> None:
    write_edf(tmp_path / "loud.edf", ["Fp1", "C3"], "uV", 1e4)
    assert "check the file's units" in read_recording(tmp_path / "loud.edf").notes[0]
    write_edf(tmp_path / "volts.edf", ["Fp1", "C3"], "uV", 1e-6)
    volts = read_recording(tmp_path / "volts.edf")
    with pytest.raises(EegError, match="volts"):
        features_of(volts)


def test_edf_without_eeg_channels(tmp_path: Path) -> None:
    write_edf(tmp_path / "heart.edf", ["ECG", "Resp", "EOG left"], "uV")
    with pytest.raises(EegError, match=r"heart\.edf .* no EEG .*ECG, Resp, EOG left"):
        read_recording(tmp_path / "heart.edf")


def test_a_channel_of_another_rate_does_not_change_the_eeg(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wave = rng.normal(0, 20, (2, 1280))
    edfio.Edf(
        [edfio.EdfSignal(w, 128, label=n, physical_dimension="uV")
         for w, n in zip(wave, ("Fp1", "C3"), strict=True)]
        + [edfio.EdfSignal(rng.normal(size=5120), 512, label="ECG", physical_dimension="uV")]
    ).write(tmp_path / "x.edf")  # fmt: skip
    recording = read_recording(tmp_path / "x.edf")
    assert recording.signal.rate_hz == 128
    np.testing.assert_allclose(recording.samples_uv.T, wave, atol=0.01)


def test_fif_round_trip(tmp_path: Path) -> None:
    mne = pytest.importorskip("mne")
    sample = sample_recording()
    info = mne.create_info(list(sample.signal.channels), 128.0, "eeg", verbose="ERROR")
    raw = mne.io.RawArray(sample.samples_uv.T[:, :1280] * 1e-6, info, verbose="ERROR")
    raw.save(tmp_path / "x_raw.fif", verbose="ERROR")
    recording = read_recording(tmp_path / "x_raw.fif")
    np.testing.assert_allclose(recording.samples_uv, sample.samples_uv[:1280], atol=1e-4)


def test_mind_monitor_with_its_event_lines(tmp_path: Path) -> None:
    """At the full rate: date and time as stamps, and lines that hold an event and no samples."""
    start = datetime(2024, 5, 1, 12, 0, 0)
    lines = ["TimeStamp,RAW_TP9,RAW_AF7,RAW_AF8,RAW_TP10,AUX_RIGHT,HSI_TP9,Elements"]
    for i in range(2560):
        stamp = (start + timedelta(seconds=i / 256)).isoformat(sep=" ", timespec="milliseconds")
        lines.append(f"{stamp},{800 + i % 7},850.1,860.2,,800.0,1.0")
        if i == 512:
            lines.append(f"{stamp},,,,,,,/muse/elements/blink")
    (tmp_path / "mm.csv").write_text("\r\n".join(lines))
    recording = read_recording(tmp_path / "mm.csv")
    assert recording.signal.rate_hz == 256
    assert recording.signal.channels == ("RAW_TP9", "RAW_AF7", "RAW_AF8", "RAW_TP10")
    assert recording.samples_uv.shape == (2560, 4)
    assert np.isnan(recording.samples_uv[:, 3]).all()
    assert recording.events == ((2.0, "/muse/elements/blink"),)
    assert features_of(recording)[-1].channel_quality[3] == 0


def test_gzipped_csv(tmp_path: Path) -> None:
    rows = "\n".join(f"{i / 200:.3f},{i % 13},{i % 17}" for i in range(1000))
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(f"time,Fp1,Fp2\n{rows}".encode()))
    recording = read_recording(tmp_path / "x.csv.gz")
    assert recording.signal.rate_hz == 200
    assert recording.duration_s == pytest.approx(5.0)


def openbci(tmp_path: Path, counts: list[int], channels: int = 8) -> Path:
    head = (
        f"%OpenBCI Raw EXG Data\n%Number of channels = {channels}\n%Sample Rate = 250 Hz\n"
        "%Board = OpenBCI_GUI$BoardCytonSerial\nSample Index, EXG Channel 0, Timestamp\n"
    )
    cells = ", ".join("5.0" for _ in range(channels))
    rows = "\n".join(f"{count}, {cells}, 0.1, 1557936053329" for count in counts)
    (tmp_path / "x.txt").write_text(head + rows)
    return tmp_path / "x.txt"


def test_packets_that_openbci_lost_are_a_gap(tmp_path: Path) -> None:
    counts = [i % 256 for i in range(3000) if not 1000 <= i < 1100]
    recording = read_recording(openbci(tmp_path, counts))
    assert recording.duration_s == pytest.approx(3000 / 250)
    steps = np.diff(recording.times_s)
    assert steps[999] == pytest.approx(101 / 250)
    assert "usual places" in recording.notes[0]


def test_an_openbci_board_of_unknown_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EegError, match="4 channels without names"):
        read_recording(openbci(tmp_path, list(range(20)), channels=4))


@pytest.mark.parametrize("header", ["a,b,c", "timestamps,ch1,ch2", "Fp1,Fp2", ""])
def test_csv_with_a_header_that_helps_nobody(tmp_path: Path, header: str) -> None:
    (tmp_path / "x.csv").write_text(f"{header}\n1,2,3\n2,3,4\n")
    with pytest.raises(EegError, match="first line"):
        read_recording(tmp_path / "x.csv")


def test_rate_of_stamps_with_jitter_bursts_and_gaps() -> None:
    rng = np.random.default_rng(0)
    even = np.arange(5000) / 256.02
    assert steady_rate(even) == 256
    assert steady_rate(np.round(even, 3)) == 256
    assert steady_rate(np.floor(even * 21) / 21) == 256  # packets of 12
    assert steady_rate(even + rng.uniform(-0.03, 0.03, 5000)) == 256
    broken = even + np.repeat([0, 3.0, 700.0, 700.4, 701.0], 1000)
    assert steady_rate(broken) == 256
    assert steady_rate(np.arange(100) / 137.7) == pytest.approx(137.7)
    assert steady_rate(np.zeros(100)) == 0


def test_chunks_cover_a_recording_once() -> None:
    recording = sample_recording()
    chunks = list(recording.chunks(1000))
    np.testing.assert_array_equal(
        np.vstack([chunk.samples_uv for chunk in chunks]), recording.samples_uv
    )
    assert [len(chunk.times_s) for chunk in chunks] == [1000] * 13 + [312]
