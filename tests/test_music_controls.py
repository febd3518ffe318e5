"""What a player asks for beside limits: tempo, timing, a latent that stays; it all rewinds."""

import numpy as np
import pytest
import torch
from networks import ANY, notes, play, player

from music import vocabulary as v
from music.controls import Controls
from music.errors import MusicError
from music.events import Tempo
from music.key import parse_key
from music.quantise import SIXTEENTHS, TRIPLETS, moves

# ---------------------------------------------------------------------------- tempo, timing


def test_a_locked_tempo_is_exact_and_the_network_hears_the_nearest_bin():
    one = player(Controls(bpm=97.3))
    events = play(one, 400)
    assert {event.bpm for event in events if isinstance(event, Tempo)} == {97.3}
    assert one.horizon_s == pytest.approx(one.horizon_beats * 60 / 97.3, abs=1e-9)
    tempos = [m.token for m in one._history if m.token in v.TEMPO]
    assert set(tempos) == {v.tempo_token(97.3)}


def positions(events):
    return [round(event.onset_beats * 48) for event in notes(events)]


def test_fully_quantised_all_is_on_sixteenths_or_triplets_and_no_beat_has_both():
    places = positions(play(player(Controls(quantise=1.0), busy=1.0), 600))
    beats = {}
    for place in places:
        beats.setdefault(place // 48, set()).add(place % 48)
    assert set().union(*beats.values()) == {*SIXTEENTHS[:-1], *TRIPLETS[:-1]}
    for used in beats.values():
        assert used <= set(SIXTEENTHS) or used <= set(TRIPLETS)


def test_quantising_moves_by_its_strength_keeps_order_and_at_zero_nothing():
    off = [
        np.abs(np.array(positions(play(player(Controls(quantise=q)), 300))) % 12) for q in (0, 1)
    ]
    assert len(set(off[0])) > 9
    for strength in (0.0, 0.3, 0.5, 1.0):
        for last in range(-1, 48):
            assert (np.diff(moves(last, strength)) >= 0).all()
    assert (moves(-1, 0.0) == np.arange(48)).all()
    assert moves(-1, 0.5)[8] == 10  # half way to 12
    assert moves(-1, 1.0)[43] == 48  # the next beat: not to be drawn in this one
    assert moves(16, 1.0)[25] == 32  # once in triplets, in triplets
    assert moves(12, 1.0)[30] == 24  # once in sixteenths, in sixteenths


# ---------------------------------------------------------------------------- the latent


def latents(one):
    """The latent of each bar so far."""
    out, last = [], None
    for moment in one._history:
        if moment.token == v.LATENT:
            last = tuple(moment.z.tolist())
            out.append(last)
    return out


def test_a_held_latent_stays_until_released_and_another_take_is_another_latent():
    one = player()
    play(one, 60)
    assert len(set(latents(one))) == len(latents(one)) > 1
    one.controls = Controls(hold=True)
    begun = len(latents(one))
    while len(latents(one)) < begun + 3:
        one.step(ANY)
    held = latents(one)
    assert len(set(held[begun - 1 :])) == 1
    while one._now.token in (v.BAR, v.LATENT):
        one.step(ANY)
    before = one._now.z
    one.controls = Controls(hold=True, take=1)
    one.step(ANY)
    assert not torch.equal(one._now.z, before)  # at once, in mid-bar
    assert torch.equal(one.model.heard[-1][1], one._now.z)
    one.controls = Controls(take=1)
    begun = len(latents(one))
    while len(latents(one)) < begun + 3:
        one.step(ANY)
    assert len(set(latents(one)[begun:])) == 3


# ---------------------------------------------------------------------------- rewinding


def test_under_all_controls_a_rewind_composes_the_same_again():
    controls = Controls(
        key=parse_key("Eb"), lowest=40, highest=88, max_density=5.0, min_density=2.0, polyphony=4,
        bpm=110.0, quantise=0.7, hold=True,
    )  # fmt: skip
    one = player(controls, busy=1.0)
    first = play(one, 300)
    to_beats = 0.7 * one.horizon_beats
    one.rewind(to_beats)
    assert one.horizon_beats < to_beats
    kept = [event for event in first if event.onset_beats < to_beats]
    assert (kept + play(one, 300))[: len(first)] == first


def test_a_saved_composer_goes_on_the_same_with_its_controls():
    one = player(Controls(max_density=3.0, polyphony=3, quantise=1.0), busy=2.0)
    play(one, 100)
    one._cache.save = lambda: None
    state = one.save()
    rest = play(one, 150)
    other = player(busy=2.0)
    other._cache.restore = lambda _: None
    other.restore(state)
    assert play(other, 150) == rest


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"lowest": 10}, "the piano has 21 to 108"),
        ({"lowest": 60, "highest": 70}, "no room for a chord"),
        ({"lowest": 80, "highest": 40}, "the lowest first"),
        ({"max_density": 0.0}, "more than 0"),
        ({"max_density": float("nan")}, "more than 0"),
        ({"min_density": -1.0}, "0 or more"),
        ({"min_density": 5.0, "max_density": 2.0}, "cannot both be"),
        ({"polyphony": 0}, "1 or more"),
        ({"bpm": 500.0}, "give 30 to 300"),
        ({"quantise": 1.5}, "0 to 1"),
        ({"take": -1}, "0 or more"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(asked, said):
    with pytest.raises(MusicError, match=said):
        Controls(**asked)
