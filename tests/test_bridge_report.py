"""A session as a page: what it tells is what the session holds, whatever is missing or hostile."""

import json
import re
import shutil
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import fakes
import numpy as np
import pytest
from browser import Browser, found

from bridge.board import SIGNALS, Board
from bridge.cli import main
from bridge.errors import BridgeError
from bridge.fast import replay_fast
from bridge.plan import Plan
from bridge.session.charts import thinned
from bridge.session.folder import Session
from bridge.session.kept import read_session
from bridge.session.report import page, write_report
from bridge.session.trace import Trace
from eeg.markers import Marker
from eeg.signal import Chunk, Signal

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
EVIL = '<img src=x onerror="window.evil=1">'
LENGTH_S = 20.0


class Reader(HTMLParser):
    """Texts, elements and attributes of a page, as a browser would see them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.rows, self.texts = [], [], [], []
        self._cell = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self._cell)
            self._cell = None

    def handle_data(self, text):
        self.texts.append(text)
        if self._cell is not None:
            self._cell += text

    def row(self, first):
        return next(row for row in self.rows if row and row[0] == first)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A session that came to its end."""
    folder = tmp_path_factory.mktemp("sessions") / "evening"
    cut = replace(fakes.beginning(LENGTH_S), events=((5.0, "rest"), (12.0, "Q1"), (99.0, "late")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.fast.read_recording", lambda path: cut)
        stand_ins = {"composer": fakes.Composer, "recogniser": fakes.recogniser}
        replay_fast("any", Plan(folder=folder, duration_s=LENGTH_S, **stand_ins))
    return folder


@pytest.fixture
def session(played, tmp_path):
    return shutil.copytree(played, tmp_path / "evening")


def test_the_counts_are_those_of_the_session(played):
    told = json.loads((played / "session.json").read_text())
    reader = Reader(page(read_session(played)))
    for name, key in (("EEG samples", "samples"), ("Emotions", "capsules"), ("Notes", "notes"),
                      ("Markers of others", "markers")):  # fmt: skip
        assert reader.row(name)[1:] == [str(told[key])] * 2
        assert told[key] > 0
    assert told["markers"] == 2  # the third comes after the end
    quadrants = [row for row in reader.rows if row and row[0] in (*QUADRANTS, "neutral")]
    assert len(quadrants) == 9  # four mean probabilities, then the music of four and neutral
    assert sum(int(row[2]) for row in quadrants[4:]) == told["notes"]


def test_the_page_stands_alone_and_is_the_same_twice(played):
    text = page(read_session(played))
    assert text == page(read_session(played))
    reader = Reader(text)
    assert "script" not in reader.tags
    links = [value for key, value in reader.attributes if key in ("src", "href", "xlink:href")]
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in links)
    assert not re.search(r"url\((?!#)", text)
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(picture)
    assert "#222222" not in text  # colours are the style sheet's


def test_pictures_show_channels_octaves_and_titles(played):
    text = page(read_session(played))
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    words = [set("".join(ElementTree.fromstring(one).itertext()).split("\n")) for one in pictures]
    seen = {word.strip() for part in words for word in part}
    assert {"Emotion as recognised", "Emotion as played", "Confidence", "AF3", "C4"} <= seen
    assert len(pictures) == 4


def test_a_session_that_was_cut_off_has_a_page_that_says_so(session):
    """As after kill -9: no end, no footers, half a line and half a chunk at the ends."""
    facts = json.loads((session / "session.json").read_text())
    whole = len((session / "capsules.jsonl").read_text().splitlines())
    kept = {"state": "recording", "start_s": facts["start_s"], "notes": 0, "samples": 0}
    (session / "session.json").write_text(json.dumps(kept))
    for name, most in (("capsules.jsonl", 300), ("session.xdf", 1500)):
        path = session / name
        path.write_bytes(path.read_bytes()[:-most])
    read = read_session(session)
    assert len(read.trace.times_s) == whole - 1
    assert read.heard[0].samples > 0.9 * facts["samples"]
    reader = Reader(page(read))
    assert any("cut off" in text for text in reader.texts)
    assert reader.row("Notes")[1:] == [str(facts["notes"]), "–"]


@pytest.mark.parametrize("gone", ["session.json", "session.xdf", "capsules.jsonl", "notes.mid"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_any_file_may_be_missing_or_damaged(session, gone, how):
    if how == "missing":
        (session / gone).unlink()
    else:
        (session / gone).write_bytes(b"\x00\xff{[nothing of the kind" * 9)
    read = read_session(session)
    assert len(read.missing) == 1
    assert "What is missing" in page(read)


def test_what_is_no_session_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "session.xdf").write_bytes(b"no")
    sentences = {
        "nowhere": "does not exist", "file": "is a file", "other": "holds no session",
        "bad": "nothing that can be read",
    }  # fmt: skip
    for name, said in sentences.items():
        assert main(["report", str(tmp_path / name)]) == 1
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 1


def test_a_page_that_cannot_be_written_is_told(played, tmp_path):
    with pytest.raises(BridgeError, match="cannot be written"):
        write_report(played, tmp_path / "none" / "a.html")


def test_the_command_writes_into_the_folder_or_where_it_is_told(session, tmp_path, capsys):
    assert main(["report", str(session)]) == 0
    assert main(["report", str(session), "--out", str(tmp_path / "a.html")]) == 0
    assert (session / "report.html").read_text() == (tmp_path / "a.html").read_text()


# ---------------------------------------------------------------------------- hostile, long, live


@pytest.fixture
def hostile(tmp_path):
    """A live session whose every name was chosen by somebody who means harm; with faults."""
    board = Board()
    session = Session(tmp_path / "s", 100.0, {"stream": EVIL, "port": f"</dd>{EVIL}", "seed": 1})
    signal = Signal(EVIL, 128.0, ("AF3", "$\\frac$", "]]>" + EVIL, "\N{PILE OF POO}"), None, EVIL)
    times_s = 100.0 + np.arange(1280) / 128
    rng = np.random.default_rng(1)
    session.eeg(signal, Chunk(rng.normal(0, 20, (1280, 4)), times_s))
    for second in range(10):
        board.signal = SIGNALS.index("STALE" if second == 5 else "LIVE")
        board.late, board.underruns, board.restarts = 3 * (second > 5), 2, second // 9
        board.lateness_p99_ms, board.lateness_max_ms = 1.5, 7.25
        session.state(board, 100.0 + second)
        session.state(board, 100.5 + second)  # too soon
    session.mark("The EEG signal is STALE.", 105.0)
    session.marker(Marker(EVIL, "id", f"</table>{EVIL}\x00\x1b", 106.0))
    session.marker(Marker("EmotionCapsule", "", "as ours, but text", 107.0))
    session.message(bytes((0x90, 60, 64)), 101.0)
    session.message(bytes((0x80, 60, 0)), 102.0)
    session.close(110.0)
    return tmp_path / "s"


def test_hostile_names_are_only_text(hostile):
    text = page(read_session(hostile))
    reader = Reader(text)
    assert "img" not in reader.tags
    assert EVIL in "".join(reader.texts)
    assert "\x00" not in text
    assert reader.row("1")[1:] == ["0:06", EVIL, f"</table>{EVIL}\ufffd\ufffd"]


def test_faults_and_timing_are_told(hostile):
    read = read_session(hostile)
    assert len(read.state_s) == 10
    reader = Reader(page(read))
    assert ["0:05", "The EEG signal is STALE."] in reader.rows
    texts = "|".join(text.strip() for text in reader.texts)
    for told in ("Notes dropped as late|3", "underruns)|2", "Restarts|1", "Latest note|7.2 ms"):
        assert told in texts


def test_a_curve_keeps_its_mean_when_thinned():
    times_s = np.arange(5000.0)
    shares = np.full((5000, 4), 0.25)
    trace = Trace(times_s, shares, times_s, times_s, times_s, times_s, None)
    few = thinned(trace, 1200)
    assert len(few.times_s) == 1000
    assert few.valence.mean() == pytest.approx(times_s.mean())
    assert few.probabilities.sum(axis=1) == pytest.approx(1.0)


# ---------------------------------------------------------------------------- in a browser


@pytest.mark.skipif(found() is None, reason="no browser is installed")
def test_a_browser_shows_it_wide_narrow_light_and_dark(hostile, played):
    with closing(Browser()) as browser, closing(browser.open(hostile_page(hostile))) as tab:
        assert tab.run("window.evil") is None
        assert tab.run("document.querySelectorAll('img, script').length") == 0
        tab.go(write_report(played).as_uri())
        colours = []
        for scheme in ("light", "dark"):
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            tab._call("Emulation.setEmulatedMedia", features=media)
            colours.append(tab.run("getComputedStyle(document.body).color"))
        assert colours[0] != colours[1]
        for width in (1200, 360):
            tab.resize(width, 800)
            assert tab.run("document.documentElement.scrollWidth <= innerWidth")
            assert tab.run("[...document.querySelectorAll('svg')].every(s => s.clientHeight > 80)")
        assert tab.text("h1") == "evening"
        assert tab.errors == []


def hostile_page(folder):
    return write_report(folder).as_uri()
