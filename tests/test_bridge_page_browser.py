"""The page in a real browser: what it shows, and what its controls do."""

import json
from contextlib import closing

import pytest
from browser import Browser, found
from pages import EVIL, Show
from wire import until

from bridge import desk
from bridge.board import KEEPING, MOODS
from bridge.page.door import Door

pytestmark = pytest.mark.skipif(found() is None, reason="no Chromium is installed")


@pytest.fixture
def show():
    with closing(Show()) as one:
        yield one


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
        until(lambda one=canvas: painted(tab, one) > 20, canvas, 5.0)
    show.board.valence, show.board.mood = -0.25, MOODS.index("HOLD")
    tab.until("document.querySelector('#word').textContent === 'HOLD'")
    assert tab.text("[data-show=valence]") == "\N{MINUS SIGN}0.25"


def test_names_and_sentences_from_the_network_are_text(show, tab):
    assert tab.text("[data-show=stream]") == EVIL
    show.board.said, show.board.sayings = f"{EVIL} was lost.".encode(), 1
    tab.until(
        f"document.querySelector('#notice').textContent === {json.dumps(EVIL)} + ' was lost.'"
    )
    assert not tab.run("document.querySelector('#notice').hidden")
    assert tab.run("window.evil") is None
    assert tab.run("document.querySelectorAll('img').length") == 0


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
    tab.until("document.querySelector('#word').textContent === 'MUTED'", "the word of the state")
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
    watched = "window.seen.push(document.getElementById('bpm-lock').checked)"
    tab.run(f"window.seen = []; setInterval(() => {watched}, 5)")
    tab.click("#bpm-lock")
    until(lambda: says(bpm=None), "the tempo to be free", 5.0)
    tab.until("window.seen.length > 100")
    turns = tab.run("window.seen.filter((one, i) => i && one !== window.seen[i - 1]).length")
    assert turns <= 1  # a frame sent before the click does not undo it
    desk.turn(show.board.desk, "strength", 7.0)  # somebody else's hand
    tab.until("document.getElementById('strength').value === '7'")


def test_the_recording_is_paused_and_marked_and_how_it_is_can_be_seen(show, tab):
    def shown(words, colour):
        tab.until(f"document.querySelector('[data-show=keeping]').textContent === '{words}'")
        style = "getComputedStyle(document.querySelector('[data-show=keeping]'))"
        assert tab.run(f"{style}.color") == f"rgb({colour})"
        size = tab.run(f"parseFloat({style}.fontSize)")
        assert size >= 38  # CSS pixels, a centimetre: to be read from two metres

    def says(name, value):
        until(lambda: getattr(desk.read(show.board.desk), name) == value, name, 5.0)

    def able(name):
        return not tab.run(f"document.getElementById('{name}').disabled")

    shown("RECORDING", "236, 233, 226")
    tab.click("#pause")
    says("record", False)
    tab.until("document.getElementById('pause').textContent === 'Resume recording'")
    assert tab.text("[data-show=keeping]") == "RECORDING"  # until recorder says otherwise
    show.board.keeping = KEEPING.index("PAUSED")
    shown("REC PAUSED", "255, 180, 84")
    tab.click("#mark")
    says("marks", 1)
    assert tab.text("[data-show=marks]") == ""
    show.board.marks = 1
    tab.until("document.querySelector('[data-show=marks]').textContent === '1 mark'")
    tab.click("#pause")
    says("record", True)
    show.board.keeping = KEEPING.index("FAILED")
    shown("DISK TROUBLE", "255, 90, 79")
    assert (able("pause"), able("mark")) == (True, False)
    show.board.keeping = KEEPING.index("OFF")
    shown("NOT RECORDING", "143, 150, 163")
    assert (able("pause"), able("mark")) == (False, False)


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


def test_a_narrow_screen_has_no_horizontal_scroll(tab):
    for width, height in (
        (900, 600),
        (390, 844),
        (320, 640),
        (768, 1024),
        (1024, 768),
        (1280, 800),
        (1440, 900),
        (1600, 900),
    ):
        tab.resize(width, height)
        tab.until(f"innerWidth === {width}")
        assert tab.run("document.documentElement.scrollWidth") <= width
        for canvas in ("plane", "roll", "scope", "scalp"):
            tall = tab.run(f"document.getElementById('{canvas}').clientHeight")
            assert tall > 90, (width, canvas)
        buttons = ("panic",) if width < 640 else ("panic", "mute", "hold", "pause", "mark")
        for name in buttons:  # without scrolling, and not one behind another
            box = f"document.getElementById('{name}').getBoundingClientRect()"
            assert tab.run(f"{box}.bottom <= innerHeight && {box}.height > 40"), (width, name)
            middle = f"{box}.x + {box}.width / 2, {box}.y + {box}.height / 2"
            assert tab.run(f"document.elementFromPoint({middle}).closest('button').id") == name
        wide = "one.scrollWidth > one.clientWidth + 1"
        cut = f"[...document.querySelectorAll('button, #record p')].filter((one) => {wide}).length"
        assert tab.run(cut) == 0, width


def test_it_comes_back_when_the_server_does(show, tab):
    show.close()
    tab.until("document.querySelector('#word').textContent === 'NO CONNECTION'")
    assert "REC" not in tab.text("[data-show=keeping]")  # nobody knows
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


def test_without_the_token_nothing_is_seen(show, browser):
    with closing(browser.open(Door(show.door.port, "").link)) as tab:
        tab.until("document.querySelector('#word').textContent === 'NO CONNECTION'")
        assert "lacks the token" in tab.text("#notice")
        assert tab.text("[data-name=Q1] .number") == "–"
        fill = "document.querySelector('[data-name=Q1] .track i').getBoundingClientRect()"
        assert tab.run(f"{fill}.width") == 0  # what is not known has no bar
