"""From folders to tokens on disk: no song leaks, wrong labels are named, stopped work goes on."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pieces import song, toy_corpus

from music import vocabulary as v
from music.corpus import parts as corpus_parts
from music.corpus import prepare as preparation
from music.corpus.crops import CropConfig, Crops
from music.corpus.dataset import load
from music.corpus.parts import path_of, take
from music.corpus.prepare import main, prepare
from music.corpus.sources import find_folder, find_known
from music.errors import MusicError
from music.midi import write_midi


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return toy_corpus(tmp_path)


# ------------------------------------------------------------------------- sources and labels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six files of a user's own, two of them in a folder inside."""
    mine = tmp_path / "mine"
    (mine / "more").mkdir(parents=True)
    for n in range(6):
        write_midi(mine / ("more" if n > 3 else ".") / f"{n}.mid", song(n))
    return mine


def test_labels_say_quadrant_song_and_split(folder: Path) -> None:
    rows = ["file,quadrant,song,split", "0.mid,Q1,one,test", "1.mid,q4,one,", "more/4.mid,,,"]
    (folder / "labels.csv").write_text("\ufeff" + "\n".join(rows) + "\n", encoding="utf-8")
    found = {Path(s.path).name: s for s in find_folder(folder, None)}
    assert len(found) == 6
    assert (found["0.mid"].quadrant, found["0.mid"].split) == (0, "test")
    assert (found["1.mid"].quadrant, found["1.mid"].split) == (3, "test")  # its song's split
    assert (found["4.mid"].quadrant, found["4.mid"].song) == (None, "more/4.mid")
    assert {s.dataset for s in found.values()} == {"folder"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("9.mid,Q1,,", "row 3: there is no file '9.mid'"),
        ("1.mid,Q5,,", "row 3: the quadrant 'Q5'"),
        ("1.mid,happy,,", "row 3: the quadrant 'happy'"),
        ("1.mid,Q1,,dev", "row 3: the split 'dev'"),
        ("0.mid,Q1,,", "row 3: 0.mid is named twice"),
        ("1.mid,Q1,one,valid", "row 3: the song 'one' is in two splits"),
    ],
)
def test_a_wrong_label_is_named_by_its_row(folder: Path, row: str, said: str) -> None:
    (folder / "l.csv").write_text(f"file,quadrant,song,split\n0.mid,Q1,one,train\n{row}\n")
    with pytest.raises(MusicError, match=said):
        find_folder(folder, folder / "l.csv")


def test_what_is_not_there_is_said(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(MusicError, match="--data"):
        find_known(tmp_path / "nothing")
    with pytest.raises(MusicError, match="not a folder"):
        find_folder(tmp_path / "nothing", None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MusicError, match="no MIDI file"):
        find_folder(tmp_path / "empty", None)
    with pytest.raises(MusicError, match="--labels"):
        find_folder(folder, folder / "nothing.csv")
    (folder / "l.csv").write_text("name,quadrant\n")
    with pytest.raises(MusicError, match="no column 'file'"):
        find_folder(folder, folder / "l.csv")


# ------------------------------------------------------------------------- the whole


def test_prepare_reads_everything_and_no_song_is_in_two_splits(corpus: Path) -> None:
    report = prepare(corpus, corpus / "out")
    pieces = load(corpus / "out")
    assert report["files"] == 30
    assert report["rejected"] == []
    assert report["onset_error_ms"]["p99"] < 8
    splits: dict[str, set[str]] = {}
    for piece in pieces:
        splits.setdefault(piece.source.song, set()).add(piece.source.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {s for s, found in splits.items() if "test" in found} == {"s10", "s11"}


def test_the_report_counts_everything_once(corpus: Path) -> None:
    out = corpus / "out"
    (corpus / "pop1k7" / "0.mid").write_bytes(b"not midi")
    report = prepare(corpus, out)
    assert report == json.loads((out / "report.json").read_text())
    assert [str(corpus / "pop1k7" / "0.mid") in line for line in report["rejected"]] == [True]
    pieces = load(out)
    assert len(pieces) == 29
    assert sum(row["pieces"] for row in report["counts"]) == 29
    assert sum(row["files"] for row in report["counts"]) == 30
    kept = sum(found["notes"]["kept"] for found in report["by_data_set"].values())
    assert kept == sum(row["notes"] for row in report["counts"])
    assert sum(report["tokens"].values()) == sum(len(piece.tokens) for piece in pieces)
    for found in report["statistics"].values():
        assert sum(found["share"].values()) == pytest.approx(1, abs=1e-3)
    page = (out / "report.md").read_text()
    assert "| emopia | test | Q1 |" in page
    assert "not a MIDI file" in page


def test_stopped_work_goes_on_and_ends_the_same(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped, made = corpus / "whole", corpus / "stopped", []
    prepare(corpus, whole)

    def stop_after_seven(job):
        if len(made) == 7:
            raise KeyboardInterrupt
        made.append(job)
        corpus_parts.make(job)

    monkeypatch.setattr(preparation, "make", stop_after_seven)
    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, stopped)
    assert not (stopped / "music.npz").exists()

    def count(job):
        made.append(job)
        corpus_parts.make(job)

    monkeypatch.setattr(preparation, "make", count)
    prepare(corpus, stopped)
    assert len(made) == 30
    for name in ("music.npz", "music.json", "report.json"):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes()
    made.clear()
    prepare(corpus, stopped)
    assert made == []


def test_nothing_stale_or_damaged_is_used_again(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, changed = corpus / "out", corpus / "pop1k7" / "1.mid"
    before = prepare(corpus, out)
    np.savez(out / "labels.npz", p=np.zeros((1, 4)))
    prepare(corpus, out)
    assert (out / "labels.npz").exists()  # the tokens are the same
    sources, _ = find_known(corpus)
    damaged = path_of(out / "parts", sources[0])
    damaged.write_bytes(damaged.read_bytes()[:200])
    assert take(damaged) is None
    write_midi(changed, song(500, bars=12))
    made = []
    monkeypatch.setattr(
        preparation, "make", lambda job: (made.append(job[0].path), corpus_parts.make(job))
    )
    after = prepare(corpus, out)
    assert sorted(made) == sorted([sources[0].path, str(changed)])
    assert sum(after["tokens"].values()) > sum(before["tokens"].values())
    assert not (out / "labels.npz").exists()
    assert len(list((out / "parts").iterdir())) == 30  # the old part is gone
    monkeypatch.setattr(v, "fingerprint", lambda: "another")
    corpus_parts._recipe.cache_clear()
    assert not path_of(out / "parts", sources[0]).exists()
    corpus_parts._recipe.cache_clear()


def test_two_processes_make_what_one_makes(corpus: Path) -> None:
    prepare(corpus, corpus / "one", jobs=1)
    prepare(corpus, corpus / "two", jobs=2)
    for name in ("music.npz", "report.json"):
        assert (corpus / "one" / name).read_bytes() == (corpus / "two" / name).read_bytes()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_work_leaves_no_process_and_goes_on(corpus: Path) -> None:
    out = corpus / "out"
    program = "import sys; from music.corpus.prepare import main; main(sys.argv[1:])"
    args = ["--data", str(corpus), "--out", str(out), "--jobs", "2"]
    run = subprocess.Popen(
        [sys.executable, "-c", program, *args],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    while not list(out.glob("parts/*.npz")) and run.poll() is None:
        time.sleep(0.02)
    run.kill()
    run.communicate(timeout=20)  # its processes hold the pipe as long as they live
    assert run.returncode == -signal.SIGKILL
    assert not (out / "music.npz").exists()
    assert prepare(corpus, out)["pieces"] == 30


def test_a_folder_alone_can_be_learned_from_and_adds_to_the_rest(
    corpus: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["file,quadrant,split", *(f"{n}.mid,Q{n + 1},train" for n in range(4))]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    alone, both = corpus / "alone", corpus / "both"
    assert main(["--folder", str(folder), "--out", str(alone), "--jobs", "1"]) == 0
    assert "| folder | train | Q4 |" in capsys.readouterr().out
    pieces = load(alone)
    assert [piece.source.quadrant for piece in pieces] == [0, 1, 2, 3, None, None]
    batch = Crops(pieces, CropConfig(length=60), seed=0).batch(4, 0.5)
    assert tuple(batch.inputs.tokens.shape) == (4, 60)
    args = ["--data", str(corpus), "--folder", str(folder), "--out", str(both), "--jobs", "1"]
    assert main(args) == 0
    assert len(load(both)) == 36


def test_what_cannot_be_loaded_says_what_to_do(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(MusicError, match="emocapsule prepare"):
        load(tmp_path / "nothing")
    out = corpus / "out"
    prepare(corpus, out, limit=2)
    meta = json.loads((out / "music.json").read_text())
    (out / "music.json").write_text(json.dumps(meta | {"vocabulary": "older"}))
    with pytest.raises(MusicError, match="another vocabulary"):
        load(out)
    (out / "music.json").write_text(json.dumps(meta | {"sources": meta["sources"][:-1]}))
    with pytest.raises(MusicError, match="half written"):
        load(out)


def test_a_folder_without_music_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"not midi")
    with pytest.raises(MusicError, match=r"None of 1 files can be used: .*a\.mid"):
        prepare(None, tmp_path / "out", folder=tmp_path)


@pytest.mark.parametrize("wrong", [["--jobs", "0"], ["--limit", "0"], ["--labels", "x.csv"]])
def test_wrong_use_ends_with_two(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(wrong)
    assert stopped.value.code == 2
