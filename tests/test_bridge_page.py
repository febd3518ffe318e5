"""The page: what is told, who is let in, and all of it in a real browser."""

import http.client
import json
import math
import multiprocessing
import os
import signal
import threading
from contextlib import ExitStack, closing, suppress
from types import SimpleNamespace

import fakes
import numpy as np
import pytest
from browser import Browser, found
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect
from wire import until

from bridge import desk, pipeline
from bridge.board import MOODS, SIGNALS, new_board
from bridge.errors import BridgeError
from bridge.mind import ahead
from bridge.page.door import Door, listen, new_door
from bridge.page.feed import Scope
from bridge.page.process import Server
from bridge.page.server import MOST_BYTES, MOST_VIEWERS, NO_TOKEN, TOO_MANY, new_app, obey
from bridge.page.story import Place, Row, Story, votes_of
from bridge.page.told import About, Teller, word
from bridge.plan import Plan
from bridge.wire import TimedNote
from eeg.lsl import clock
from eeg.montage import BANDS, REGIONS
from eeg.synthetic import write_edf

HONEST, PLAYED = (0.5, 0.1, 0.15, 0.25), (0.7, 0.1, 0.05, 0.15)
EVIL = '<img src=x onerror="window.evil=1">'


class Show:
    """A served page, and behind it a board and a story that a test may set as it likes."""

    def __init__(self, door=None):
        self.board, self.story = new_board(), Story()
        self.door = door or new_door()
        about = About("emocapsule:notes", "2026-11-22-demo", clock())
        self.app = new_app(
            self.door, self.board.desk, lambda: Teller(self.board, self.story, about)
        )
        self.server = Server(self.app, self.door)

    def close(self):
        self.server.close()

    def play(self):
        """As in the middle of a performance."""
        board, now_s = self.board, clock()
        board.signal, board.mood = SIGNALS.index("LIVE"), MOODS.index("PLAYING")
        board.capsules, board.sample_age_s, board.lateness_p99_ms = 99, 0.012, 1.25
        board.probabilities[:], board.played[:] = HONEST, PLAYED
        board.valence, board.arousal, board.confidence, board.quality = 0.5, 0.2, 0.37, 0.91
        board.notes, board.underruns, board.restarts, board.strength = 1234, 3, 1, 3.2
        board.recorded_bytes, board.bpm = 2_600_000, 96.0
        self.tell_story(now_s)
        lead = [TimedNote(now_s + 0.3 * n, now_s + 0.3 * n + 0.25, 60 + n, 80) for n in range(1, 6)]
        ahead.write(board.ahead, lead[:1], lead[1:])

    def tell_story(self, now_s):
        names = ["AF3", "F7", "T7", "P7", "O1", "O2", "T8", EVIL]
        places = [[0.3 * math.sin(n), 0.6 - 0.2 * n] for n in range(8)]
        self.story.tell("signal", {"name": EVIL, "rate_hz": 128.0, "channels": names,
                                   "places": places, "regions": list(range(8))})  # fmt: skip
        self.story.tell("grades", ["good"] * 5 + ["fair", "off", ""])
        routing = np.random.default_rng(0).dirichlet([4] * 4, (len(REGIONS), len(BANDS)))
        routing[3] = 0.0
        self.story.tell("votes", votes_of(routing))
        for n in range(240):
            p = np.array(HONEST) + 0.1 * np.sin(n / 20 + np.arange(4))
            self.story.emotion(now_s - 60 + n / 4, p / p.sum(), PLAYED, 0.4)
        for n in range(60):
            pitch = 48 + 7 * n % 36
            self.story.message(now_s - 15 + n / 4, bytes((0x90, pitch, 40 + n)))
            self.story.message(now_s - 15 + n / 4 + 0.2 + n % 5 / 5, bytes((0x80, pitch, 0)))
        for n in range(600):
            waves = [20 * math.sin(n / (c + 2)) * (1 + 0.5 * math.sin(n / 60)) for c in range(8)]
            self.story.sample(now_s - 6 + n / 100, waves)


@pytest.fixture
def show():
    with closing(Show()) as one:
        yield one


def ask(show, path="/", method="GET", **headers):
    line = http.client.HTTPConnection("127.0.0.1", show.door.port, timeout=5.0)
    with closing(line):
        line.putrequest(method, path, skip_host=True)
        for name, value in ({"host": f"127.0.0.1:{show.door.port}"} | headers).items():
            line.putheader(name, value)
        line.endheaders()
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()


def tune_in(show, token=None, **settings):
    token = show.door.token if token is None else token
    origin = f"http://127.0.0.1:{show.door.port}"
    address = f"ws://127.0.0.1:{show.door.port}/live?token={token}"
    return connect(address, **({"origin": origin, "proxy": None} | settings))


def frame(line):
    return json.loads(line.recv(5.0))


def hear_out(line):
    while True:
        line.recv(5.0)


# ---------------------------------------------------------------------------- what is told


def test_a_row_gives_what_is_new_as_far_as_it_is_kept():
    row = Row(3)
    for number in range(5):
        row.append(number)
    assert [row.since(n) for n in (0, 2, 3, 5)] == [[2, 3, 4], [2, 3, 4], [3, 4], []]


def test_each_browser_reads_the_story_from_its_own_place():
    story, one, other = Story(), Place(), Place()
    story.message(1.0, b"\x90\x3c\x40")
    story.tell("grades", ["good"])
    first = story.since(one)
    assert first["messages"] == [[1.0, 0x90, 60, 64]]
    assert first["grades"] == ["good"]
    story.message(2.0, b"\x80\x3c\x00")
    story.tell("grades", ["good"])
    second = story.since(one)
    assert second["messages"] == [[2.0, 0x80, 60, 0]]
    assert "grades" not in second
    assert len(story.since(other)["messages"]) == 2


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("SEARCHING", "WAITING", False, False), "WAITING"),
        (("LIVE", "PLAYING", False, False), "PLAYING"),
        (("LATE", "HOLD", False, False), "HOLD"),
        (("LOST", "HOLD", False, False), "SIGNAL LOST"),
        (("STALE", "GLIDE", False, False), "SIGNAL LOST"),
        (("LOST", "REST", False, False), "SIGNAL LOST"),
        (("LOST", "REST", True, False), "MUTED"),
        (("LIVE", "PLAYING", True, True), "ENDED"),
    ],
)
def test_one_word_says_how_it_is(told, said):
    assert word(*told) == said


def test_the_curve_of_a_channel_is_the_same_for_any_chunks():
    recording = fakes.beginning(4.0)

    def drawn(size):
        scope, story = Scope(recording.signal), Story()
        for chunk in recording.chunks(size):
            scope.push(chunk, story)
        return story.since(Place())

    one, other = drawn(7), drawn(64)
    assert one["samples"] == other["samples"]
    rate_hz = len(one["samples"]) / 4.0
    assert 50.0 <= rate_hz <= 150.0
    assert set(one["grades"]) <= {"good", "fair", "off", ""}


# ---------------------------------------------------------------------------- commands


def test_commands_turn_the_desk():
    cells = new_board().desk
    obey('{"turn": "strength", "to": 2.5}', cells)
    obey('{"turn": "key", "to": "D minor"}', cells)
    obey('{"press": "panic"}', cells)
    wishes = desk.read(cells)
    assert (wishes.strength, wishes.key, wishes.panics) == (2.5, "D minor", 1)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "panic", '{"press": "mute"}', '{"turn": "strength"}',
        '{"turn": "strength", "to": NaN}', '{"turn": ["strength"], "to": 1}',
        '{"turn": "strength", "to": 1, "and": 2}', '{"turn": "panics", "to": 1}', "[" * 900,
        '{"turn": "__class__", "to": 1}', '{"turn": "strength", "to": 1e999}',
    ],
)  # fmt: skip
def test_what_is_no_command_is_one_sentence_and_changes_nothing(text):
    cells = new_board().desk
    before = desk.read(cells)
    with pytest.raises(BridgeError):
        obey(text, cells)
    assert desk.read(cells) == before


# ---------------------------------------------------------------------------- who is let in


def test_a_port_that_is_taken_is_one_sentence_if_it_was_asked_for():
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BridgeError, match=f"Port {port} cannot be had"):
            new_door(port)
    assert new_door(port).port == port
    assert new_door().token != new_door().token
    assert len(new_door().token) > 20


def test_the_usual_port_gives_way_to_any_other(monkeypatch):
    with listen(0) as taken:
        monkeypatch.setattr("bridge.page.door.PORT", taken.getsockname()[1])
        assert new_door().port != taken.getsockname()[1]


def test_the_files_come_with_headers_that_shut_everything_else_out(show):
    kinds = {"/": "text/html", "/main.js": "text/javascript", "/page.css": "text/css"}
    for path, kind in kinds.items():
        status, headers, body = ask(show, path)
        assert (status, headers["content-type"].split(";")[0]) == (200, kind)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert show.door.token.encode() not in body
        assert b"//" not in body.replace(b"http://www.w3.org", b"") or kind == "text/javascript"


def test_only_these_files_are_there(show):
    for path in ("/nothing", "/../door.py", "/..%2f..%2fboard.py", "/static/main.js", "//main.js"):
        assert ask(show, path)[0] == 404
    assert ask(show, "/", "POST")[0] == 405
    assert ask(show, "/live")[0] in (400, 404, 426)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:{port}"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:1"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": "http://127.0.0.1:{port}.evil.example"},
    ],
)
def test_another_host_or_origin_is_refused_everywhere(show, headers):
    told = {name: value.format(port=show.door.port) for name, value in headers.items()}
    status, answered, _ = ask(show, **told)
    assert status == 403
    assert "default-src 'none'" in answered["content-security-policy"]
    upgrade = {
        "origin": f"http://127.0.0.1:{show.door.port}", "connection": "Upgrade",
        "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    path = f"/live?token={show.door.token}"
    assert ask(show, path, **(upgrade | told))[0] == 403
    assert ask(show, path, **upgrade)[0] == 101


def test_the_socket_needs_an_origin_and_the_token(show):
    with pytest.raises(InvalidStatus), tune_in(show, origin=None):
        pass
    for token in ("", "wrong", show.door.token[:-1], show.door.token + "x", "%c3%a9"):
        with tune_in(show, token) as line, pytest.raises(ConnectionClosed) as closed:
            line.recv(5.0)
        assert closed.value.rcvd.code == NO_TOKEN
    with tune_in(show) as line:
        assert frame(line)["state"]["word"] == "WAITING"


def test_rubbish_is_answered_and_too_much_ends_the_line(show):
    with tune_in(show) as line:
        line.send('{"turn": "strength", "to": 99}')
        until(lambda: "strength is a number from 1 to 10" in frame(line).get("problem", ""), "it")
        line.send(b"\x00")
        with pytest.raises(ConnectionClosed):
            hear_out(line)
    with tune_in(show) as line:
        line.send("x" * (MOST_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            hear_out(line)
    assert desk.read(show.board.desk) == desk.read(new_board().desk)


def test_there_is_an_end_to_the_number_of_viewers(show):
    with ExitStack() as viewers:
        for _ in range(MOST_VIEWERS):
            frame(viewers.enter_context(tune_in(show)))
        with tune_in(show) as late, pytest.raises(ConnectionClosed) as closed:
            late.recv(5.0)
        assert closed.value.rcvd.code == TOO_MANY
    with tune_in(show) as line:
        frame(line)


def test_twenty_frames_a_second_and_each_thing_once(show):
    show.play()
    with tune_in(show) as line:
        first = frame(line)
        assert len(first["samples"]) == 600
        assert first["facts"]["regions"] == list(REGIONS)
        frames = [frame(line) for _ in range(20)]
        assert all(one["samples"] == [] and "votes" not in one for one in frames)
        lasted_s = frames[-1]["now"] - frames[0]["now"]
        assert 0.9 < lasted_s < 3.0  # 0.95; more on a busy machine


# ---------------------------------------------------------------------------- in a performance


@pytest.mark.lsl
def test_a_performance_is_seen_and_goes_on_when_its_page_is_killed(tmp_path):
    path = tmp_path / "short.edf"
    write_edf(path, fakes.beginning(60.0))
    door, over = new_door(), threading.Event()
    talks, killed_at = [], []  # what each connection told; notes at the kill

    def view():
        while not over.wait(0.05):
            with suppress(OSError, WebSocketException), tune_in(SimpleNamespace(door=door)) as line:
                talks.append([])
                while True:
                    talks[-1].append(frame(line))

    def seen(talk):
        told = {
            name: [row for one in talk for row in one[name]] for name in ("samples", "messages")
        }
        return len(told["samples"]) > 100 and len(told["messages"]) > 5 and talk[-1]["ahead"]

    def show(snapshot):
        if not killed_at and talks and talks[-1] and seen(talks[-1]):
            (page,) = (one for one in multiprocessing.active_children() if one.name == "page")
            os.kill(page.pid, signal.SIGKILL)
            killed_at.append((snapshot.notes, len(talks)))
        elif killed_at and len(talks) > killed_at[0][1] and talks[-1] and seen(talks[-1]):
            os.kill(os.getpid(), signal.SIGTERM)  # as a user who has seen enough

    viewer = threading.Thread(target=view)
    viewer.start()
    try:
        plan = Plan(port="none", page=door, composer=fakes.Composer, recogniser=fakes.recogniser)
        last = pipeline.replay(path, plan, show)
    finally:
        over.set()
        viewer.join()
    notes, before = killed_at[0]
    assert last.restarts == 1
    assert last.notes > notes
    assert "facts" in talks[before][0]  # the new page tells it all from the beginning
    assert talks[-1][-1]["state"]["word"] == "ENDED"
    signal_ = next(one["signal"] for one in talks[0] if "signal" in one)
    assert len(signal_["channels"]) == 14


# ---------------------------------------------------------------------------- in a browser

needs_browser = pytest.mark.skipif(found() is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def browser():
    with closing(Browser()) as one:
        yield one


@pytest.fixture
def tab(show, browser):
    show.play()
    with closing(browser.open(show.door.link)) as one:
        one.until("document.querySelector('#word').textContent === 'PLAYING'", "the first frame")
        yield one
        assert one.errors == []


def painted(tab, canvas):
    """How many different colours are on a canvas."""
    return tab.run(
        f"((one) => new Set(new Uint32Array(one.getContext('2d')"
        f".getImageData(0, 0, one.width, one.height).data.buffer)).size)"
        f"(document.getElementById('{canvas}'))"
    )


@needs_browser
def test_the_numbers_shown_are_the_numbers_sent(show, tab):
    wanted = {
        "[data-show=valence]": "+0.50", "[data-show=arousal]": "+0.20", "[data-show=bpm]": "96",
        "[data-show=signal]": "LIVE", "[data-show=port]": "emocapsule:notes",
        "[data-show=recorded]": "2.6 MB", "[data-show=folder]": "2026-11-22-demo",
        "[data-name=Q1] .number": "0.50", "[data-name=Q2] .number": "0.10",
        "[data-name=Q3] .number": "0.15", "[data-name=Q4] .number": "0.25",
        "[data-name=confidence] .number": "0.37", "[data-name=quality] .number": "0.91",
        "[data-name=sample_age_s] b": "12", "[data-name=lateness_p99_ms] b": "1.3",
        "[data-name=underruns] b": "3", "[data-name=restarts] b": "1",
        "[data-name=notes] b": "1234", "[data-name=strength] b": "3.2",
    }  # fmt: skip
    assert {where: tab.text(where) for where in wanted} == wanted
    assert tab.run("document.querySelector('[data-name=Q1] u').style.left") == "70%"
    for canvas in ("plane", "roll", "scope", "scalp"):
        tab.until(f"document.getElementById('{canvas}').width > 100")
        assert painted(tab, canvas) > 20, canvas
    show.board.valence, show.board.mood = -0.25, MOODS.index("HOLD")
    tab.until("document.querySelector('#word').textContent === 'HOLD'")
    assert tab.text("[data-show=valence]") == "\N{MINUS SIGN}0.25"


@needs_browser
def test_names_and_sentences_from_the_network_are_text(show, tab):
    assert tab.text("[data-show=stream]") == EVIL
    show.board.said, show.board.sayings = f"{EVIL} was lost.".encode(), 1
    tab.until(
        f"document.querySelector('#notice').textContent === {json.dumps(EVIL)} + ' was lost.'"
    )
    assert not tab.run("document.querySelector('#notice').hidden")
    assert tab.run("window.evil") is None
    assert tab.run("document.querySelectorAll('img').length") == 0


@needs_browser
def test_controls_act_and_show_what_others_set(show, tab):
    def says(**wanted):
        wishes = desk.read(show.board.desk)
        return {name: getattr(wishes, name) for name in wanted} == wanted

    def slide(name, value):
        tab.run(
            f"((one) => {{ one.value = {value}; one.dispatchEvent(new Event('input')); }})"
            f"(document.getElementById('{name}'))"
        )

    tab.click("#mute")
    until(lambda: says(mute=True), "mute", 5.0)
    tab.until("document.querySelector('#mute').getAttribute('aria-pressed') === 'true'")
    assert tab.text("#word") == "MUTED"
    tab.click("#mute")
    tab.click("#hold")
    until(lambda: says(mute=False, hold=True), "hold", 5.0)
    slide("strength", 2.5)
    slide("temperature", 0.8)
    slide("arousal", -0.5)
    slide("arousal_share", 1)
    tab.click("#bpm-lock")
    changed = "document.getElementById('tonic').value = 'D';"
    tab.run(f"{changed} document.getElementById('tonic').dispatchEvent(new Event('change'))")
    wanted = {"strength": 2.5, "temperature": 0.8, "arousal": -0.5, "arousal_share": 1.0}
    until(lambda: says(bpm=96.0, key="D major", **wanted), "the desk to be set", 5.0)
    slide("bpm", 120)
    until(lambda: says(bpm=120.0), "the tempo", 5.0)
    tab.click("#bpm-lock")
    until(lambda: says(bpm=None), "the tempo to be free", 5.0)
    desk.turn(show.board.desk, "strength", 7.0)  # somebody else's hand
    tab.until("document.getElementById('strength').value === '7'")


@needs_browser
def test_panic_by_button_space_and_escape(show, tab):
    def pressed(times):
        until(lambda: desk.read(show.board.desk).panics == times, f"{times} panics", 5.0)

    assert "Space" in tab.text("#panic")
    tab.click("#panic")
    pressed(1)
    tab.key(" ", "Space", 32)  # the button has the focus: once, all the same
    pressed(2)
    tab.key("Escape", "Escape", 27)
    pressed(3)
    tab.click("#mute")
    tab.key(" ", "Space", 32)
    pressed(4)
    assert desk.read(show.board.desk).mute  # Space has not pressed the button under the focus


@needs_browser
def test_a_narrow_screen_has_no_horizontal_scroll(tab):
    for width, height in (
        (390, 844),
        (320, 640),
        (768, 1024),
        (1024, 768),
        (1280, 800),
        (1440, 900),
    ):
        tab.resize(width, height)
        tab.until(f"innerWidth === {width}")
        assert tab.run("document.documentElement.scrollWidth") <= width
        for canvas in ("plane", "roll", "scope", "scalp"):
            tall = tab.run(f"document.getElementById('{canvas}').clientHeight")
            assert tall > 90, (width, canvas)
    tab.resize(390, 844)
    assert tab.run("document.getElementById('panic').getBoundingClientRect().bottom <= innerHeight")


@needs_browser
def test_it_comes_back_when_the_server_does(show, tab):
    show.close()
    tab.until("document.querySelector('#word').textContent === 'NO CONNECTION'")
    with closing(Show(show.door)) as again:
        again.play()
        again.board.notes = 77
        tab.until("document.querySelector('[data-name=notes] b').textContent === '77'")
        assert tab.text("#word") == "PLAYING"
        assert tab.run("document.getElementById('notice').hidden")
        again.board.stop = 1
        tab.until("document.querySelector('#word').textContent === 'ENDED'")
    refused = [one for one in tab.errors if "ERR_CONNECTION_REFUSED" in one]
    assert refused == tab.errors
    tab.errors.clear()


@needs_browser
def test_without_the_token_nothing_is_seen(show, browser):
    with closing(browser.open(Door(show.door.port, "").link)) as tab:
        tab.until("document.querySelector('#word').textContent === 'NO CONNECTION'")
        assert "lacks the token" in tab.text("#notice")
        assert tab.text("[data-name=Q1] .number") == "–"
