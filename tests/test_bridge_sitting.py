"""The course of a sitting, with a clock of its own: whatever happens, what is told stays sound."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sitters import RATINGS

from bridge.calibration import markers
from bridge.calibration.core import LEAST_GOOD_S, SETTLE_S, Phase, Sitting
from bridge.calibration.markers import Told, as_meant, told
from bridge.calibration.programme import QUADRANTS, Programme
from bridge.calibration.steps import (
    Answer,
    Ask,
    Began,
    Broken,
    Ended,
    Hush,
    Look,
    Mark,
    Play,
    Say,
)

SHORT = Programme(rounds=1, piece_s=4.0, rest_s=6.0, pause_s=1.0)


class Stage:
    """A sitting with a headset, a pianist and a listener who do as they are told."""

    def __init__(self, programme=SHORT, rated=(), run="first", ratings=None, now_s=100.0):
        self.sitting = Sitting(programme, rated)
        self.programme, self.run, self.now_s = programme, run, now_s
        self.ratings = ratings or {}
        self.recorded = self.good = True
        self.actions, self.events = [], []
        self.plays = self.begun_s = self.asked = None

    def push(self, event):
        for action in self.sitting.push(event):
            self.actions.append((self.now_s, action))
            if isinstance(action, Mark):
                self.events.append((action.time_s, action.text))
            elif isinstance(action, Play):
                self.plays, self.begun_s = action.piece, None
            elif isinstance(action, Hush):
                self.plays = None
            elif isinstance(action, Ask):
                self.asked = action.text

    def tick(self, seconds=0.25):
        self.now_s += seconds
        self.push(Look(self.now_s, self.recorded, self.good, self.run))
        if self.plays is not None and self.begun_s is None:
            self.begun_s = self.now_s
            self.push(Began(self.now_s))
        elif self.plays is not None and self.now_s >= self.begun_s + self.programme.piece_s:
            self.plays = None
            self.push(Ended(self.now_s))
        if self.sitting.phase in (Phase.VALENCE, Phase.AROUSAL):
            self.push(Answer(self.answer()))

    def answer(self):
        quadrant = self.sitting._left[0].quadrant
        valence, arousal = self.ratings.get(quadrant, ("", ""))
        return valence if self.sitting.phase is Phase.VALENCE else arousal

    def until(self, done, most_s=2000.0):
        end_s = self.now_s + most_s
        while not done() and self.now_s < end_s:
            self.tick()
        assert done()
        return self

    def until_over(self):
        return self.until(lambda: self.sitting.over)

    def said(self):
        return " ".join(one.text for _, one in self.actions if isinstance(one, Say | Ask))

    def texts(self):
        return [text for _, text in self.events]


def test_rest_then_every_piece_then_its_ratings():
    stage = Stage(ratings=RATINGS).until_over()
    heard = told(stage.events)
    assert stage.sitting.complete
    (rest,) = heard.rests
    assert rest.stop_s - rest.start_s == pytest.approx(SHORT.rest_s, abs=0.3)
    assert rest.start_s >= 100.0 + SETTLE_S
    assert [one.number for one in heard.heard] == [1, 2, 3, 4]
    assert {one.quadrant for one in heard.heard} == set(QUADRANTS)
    assert {one.label for one in heard.heard} == {"V+A+", "V-A+", "V-A-", "V+A-"}
    assert all(one.stop_s - one.start_s >= SHORT.piece_s for one in heard.heard)
    labels = [one.label for one in heard.stretches()]
    assert labels[0] == "baseline"
    assert len(labels) == 5
    assert as_meant(heard.heard) == "felt as it was meant: valence of 4 in 4, arousal of 4 in 4"
    assert "Q" not in stage.said()  # the listener is not told what to feel


def test_what_is_not_answered_teaches_nothing_but_counts_as_heard():
    ratings = {"Q1": ("", ""), "Q2": ("5", "5"), "Q3": ("", "2"), "Q4": ("9", "")}
    heard = told(Stage(ratings=ratings).until_over().events)
    assert len(heard.heard) == 4
    labels = {one.quadrant: one.label for one in heard.heard}
    assert labels == {"Q1": "even", "Q2": "even", "Q3": "A-", "Q4": "V+"}
    assert len(heard.stretches()) == 3  # with the rest


@pytest.mark.parametrize("answer", ["0", "10", "x", "5.5", "-1", "²"])
def test_other_answers_are_asked_for_again(answer):
    stage = Stage(ratings=dict.fromkeys(QUADRANTS, (answer, "")))
    stage.until(lambda: stage.sitting.phase is Phase.VALENCE)
    for _ in range(3):
        stage.tick()
    assert stage.sitting.phase is Phase.VALENCE
    assert "1 to 9" in stage.said()


@pytest.mark.parametrize("phase", [p for p in Phase if p is not Phase.OVER])
def test_q_ends_it_from_everywhere(phase):
    stage = Stage()
    stage.answer = lambda: "" if stage.sitting.phase is not phase else "q"
    if phase is Phase.CALLED:
        stage.until(lambda: stage.sitting.phase is Phase.PAUSE)
        while stage.sitting.phase is not phase:
            stage.now_s += 0.25
            stage.push(Look(stage.now_s, True, True, "first"))
    elif phase in (Phase.VALENCE, Phase.AROUSAL):
        stage.until_over()
    else:
        stage.until(lambda: stage.sitting.phase is phase)
    stage.push(Answer(" Q "))
    assert stage.sitting.over
    assert not stage.sitting.complete
    assert stage.plays is None
    assert stage.sitting.push(Look(1e6, True, True, "first")) == []


def test_without_a_signal_it_waits_and_what_was_interrupted_comes_once_more():
    stage = Stage(ratings=RATINGS)
    stage.until(lambda: stage.sitting.phase is Phase.PLAYING)
    first = stage.plays
    stage.recorded = False
    stage.tick()
    assert stage.plays is None
    assert stage.texts()[-1] == markers.broken(first.number)
    for _ in range(100):
        stage.tick()
    assert stage.said().count("once more") == 1
    stage.recorded = True
    stage.until(lambda: stage.sitting.phase is Phase.PLAYING)
    assert stage.plays == first
    assert stage.texts().count(markers.REST_BEGINS) == 1
    assert len(told(stage.until_over().events).heard) == 4


def test_a_recording_that_began_anew_begins_with_a_rest_even_while_a_rating_is_asked_for():
    stage = Stage(ratings=RATINGS)
    stage.answer = lambda: "x"
    stage.until(lambda: stage.sitting.phase is Phase.VALENCE)
    stage.run = "second"
    stage.answer = lambda: ""
    stage.tick()
    assert stage.sitting.phase is Phase.WAIT
    stage.until(lambda: stage.sitting.phase is Phase.PLAYING)
    assert stage.plays.number == 1
    assert stage.texts().count(markers.REST_ENDS) == 2


def test_a_rest_waits_for_enough_good_signal():
    stage = Stage(replace(SHORT, rest_s=30.0))
    stage.good = False
    stage.until(lambda: stage.sitting.phase is Phase.REST)
    for _ in range(400):
        stage.tick()
    assert stage.sitting.phase is Phase.REST
    stage.good = True
    for _ in range(int(4 * LEAST_GOOD_S) + 1):
        stage.tick()
    assert stage.sitting.phase is not Phase.REST


def test_a_pianist_who_was_replaced_plays_the_piece_again():
    stage = Stage()
    stage.until(lambda: stage.sitting.phase is Phase.PLAYING)
    stage.push(Broken())
    assert stage.sitting.phase is Phase.WAIT
    assert len(told(stage.until_over().events).heard) == 4


# --- whatever happens ----------------------------------------------------------------------------

happenings = st.lists(
    st.one_of(
        st.builds(Look, st.floats(0, 3), st.booleans(), st.booleans(), st.sampled_from("ab")),
        st.builds(Answer, st.sampled_from(["", "1", "9", "5", "no", "0"])),
        st.sampled_from(["begun", "ended", "well"]),
        st.just(Broken()),
    ),
    max_size=150,
)


@given(happenings, st.integers(0, 5))
@settings(deadline=None, max_examples=150)
def test_any_order_of_events_leaves_sound_markers_and_can_be_gone_on_with(events, seed):
    programme = Programme(1, 2.0, 2.0, 0.5, seed)
    stage = Stage(programme, run="a", now_s=0.0)
    for event in events:
        if isinstance(event, Look):  # its first field is how much time has passed
            stage.now_s += event.now_s
            event = replace(event, now_s=stage.now_s)
        elif event == "well":
            stage.answer = lambda: "5"
            for _ in range(12):
                stage.tick()
            continue
        elif isinstance(event, str):
            event = {"begun": Began, "ended": Ended}[event](stage.now_s)
        stage.push(event)
    once = told(stage.events)
    numbers = [one.number for one in once.heard]
    assert len(numbers) == len(set(numbers))
    assert [t for t, _ in stage.events] == sorted(t for t, _ in stage.events)
    spans = sorted((one.start_s, one.stop_s) for one in (*once.rests, *once.heard))
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
    again = Stage(programme, numbers, "b", now_s=stage.now_s).until_over()
    both = numbers + [one.number for one in told(again.events).heard]
    assert sorted(both) == [1, 2, 3, 4]


words = st.sampled_from(
    [markers.REST_BEGINS, markers.REST_ENDS, markers.REST_BROKEN, "piece 0 ends", "Q1",
     *(say(n) for n in (1, 2) for say in (markers.ends, markers.broken)),
     *(markers.begins(n, q) for n in (1, 2) for q in ("Q1", "Q3")),
     *(markers.rates(n, *r) for n in (1, 2) for r in ((1, 9), (None, 5)))]
) | st.text(max_size=30)  # fmt: skip


@given(st.lists(st.tuples(st.floats(-5, 1000, allow_nan=False), words), max_size=40).map(sorted))
def test_markers_of_anybody_are_read_without_a_word(events):
    found = told(events)
    assert isinstance(found, Told)
    for one in found.stretches():
        assert 0.0 <= one.start_s < one.stop_s
