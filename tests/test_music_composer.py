"""Composing live: valid for ever, reproducible, rewindable, and steered from one note to the
next."""

import pytest
import torch
from networks import tiny_model

from music.composer import Composer
from music.condition import Condition
from music.controls import Controls
from music.errors import MusicError
from music.events import Event, Note, Pedal
from music.grammar import Decoder
from music.guidance import ROWS, STEADY
from music.inputs import Inputs
from music.key import parse_key
from music.sampling import Sampling

HAPPY, SAD = Condition((1.0, 0.0, 0.0, 0.0), 2.0), Condition((0.0, 0.0, 1.0, 0.0), 2.0)


def composer(seed: int = 1) -> Composer:
    torch.set_num_threads(1)
    return Composer(tiny_model(), seed)


def play(player: Composer, steps: int, condition: Condition = HAPPY) -> list[Event]:
    return [event for _ in range(steps) for event in player.step(condition)]


def test_same_seed_same_music_other_seed_other_music() -> None:
    first = play(composer(1), 200)
    assert first == play(composer(1), 200)
    assert first != play(composer(2), 200)


def test_music_is_valid_and_in_time_order_far_beyond_the_window() -> None:
    player, last = composer(), 0.0
    for _ in range(600):
        for event in player.step(HAPPY):
            assert event.onset_beats >= last
            last = event.onset_beats
        assert player.horizon_beats >= last
    closing = player.flush()
    assert [e.down for e in closing if isinstance(e, Pedal)] in ([], [False])


def test_the_condition_acts_on_the_very_next_choice() -> None:
    a, b = composer(), composer()
    assert play(a, 120) == play(b, 120)
    assert play(a, 60, SAD) != play(b, 60, HAPPY)


def test_rewinding_and_composing_again_under_the_same_condition_gives_the_same() -> None:
    player = composer()
    before = play(player, 300)
    to_beats = 0.6 * player.horizon_beats
    player.rewind(to_beats)
    assert player.horizon_beats < to_beats
    kept = [event for event in before if event.onset_beats < to_beats]
    again = play(player, 300)
    assert (kept + again)[: len(before)] == before
    fresh = composer()
    play(fresh, 300)
    assert player.tempo_map.seconds(to_beats) == fresh.tempo_map.seconds(to_beats)


def test_rewinding_to_the_start_and_to_the_future() -> None:
    player = composer()
    first = play(player, 100)
    player.rewind(player.horizon_beats + 1)
    assert player.horizon_beats > 0
    player.rewind(0.0)
    assert play(player, 100) == first


def test_rewinding_too_far_is_refused_in_a_sentence() -> None:
    player = composer()
    play(player, 900)
    with pytest.raises(MusicError, match="further back"):
        player.rewind(0.5)


def test_a_saved_composer_goes_on_the_same() -> None:
    player = composer()
    play(player, 150)
    state = player.save()
    first = play(player, 150)
    other = composer(seed=1)
    other.restore(state)
    assert play(other, 150) == first
    assert other.horizon_s == player.horizon_s


def test_at_strength_zero_the_emotion_chooses_nothing() -> None:
    """Nor does it draw a latent or go down in the past: not one of 150 tokens hangs on it."""
    a, b = composer(), composer()
    for _ in range(150):
        a.step(Condition((0.0, 0.0, 0.0, 1.0), 0.0))
        b.step(Condition((0.0, 1.0, 0.0, 0.0), 0.0))
        assert a._now.token == b._now.token


def test_the_network_is_asked_in_more_rows_only_where_a_choice_hangs_on_them() -> None:
    player, rows = composer(), []
    forward = player.model.forward

    def listen(inputs, z, cache=None):  # type: ignore[no-untyped-def]
        rows.append((len(z), player._now.grammar.may_sound))
        return forward(inputs, z, cache)

    player.model.forward = listen  # type: ignore[method-assign]
    play(player, 200)
    assert set(rows) == {(1, False), (STEADY, True)}
    rows.clear()
    play(player, 20, SAD)  # a turn pulls time and touch, too
    assert (ROWS, False) in rows


@pytest.mark.parametrize(
    ("controls", "density_too"),
    [
        (Controls(max_density=6.0), True),  # sad music has 4.4 notes a second: that is let through
        (Controls(min_density=3.0), True),
        (Controls(max_density=3.0), False),
        (Controls(min_density=6.0), False),
    ],
)
def test_a_turn_pulls_density_where_the_player_lets_it_and_touch_anyhow(
    controls: Controls, density_too: bool
) -> None:
    player, pulled = composer(), []
    forward = player.model.forward

    def listen(inputs, z, cache=None):  # type: ignore[no-untyped-def]
        if len(z) == ROWS:
            pulled.append(player._now.grammar.touch_is_next)
        return forward(inputs, z, cache)

    player.model.forward = listen  # type: ignore[method-assign]
    player.controls = controls
    play(player, 100)
    play(player, 100, SAD)
    assert True in pulled
    assert (False in pulled) == density_too


def test_events_are_what_an_independent_decoder_makes_of_the_tokens() -> None:
    player, decoder, heard = composer(), Decoder(), []
    said = decoder.push(player._now.token)
    for _ in range(250):
        heard += player.step(HAPPY)
        said += decoder.push(player._now.token)
    assert decoder.refused == 0
    assert said == heard
    assert any(isinstance(event, Note) for event in heard)


def test_under_changing_controls_what_is_cached_is_what_one_pass_over_everything_gives() -> None:
    """Other latents in mid-bar, held latents and moved positions void nothing in the cache."""
    player, heard = composer(), []
    forward = player.model.forward

    def listen(inputs, z, cache=None):  # type: ignore[no-untyped-def]
        state = forward(inputs, z, cache)
        first = Inputs(*(part[:1] for part in inputs))  # the row that goes down in the cache
        heard.append((first, z[:1].clone(), state[:1].clone()))
        return state

    player.model.forward = listen  # type: ignore[method-assign]
    key = parse_key("G minor")
    for controls in (
        Controls(quantise=1.0, max_density=4.0),
        Controls(key=key, hold=True, take=1),
        Controls(key=key, hold=True, take=2, polyphony=2),
        Controls(end=True),
    ):
        player.controls = controls
        play(player, 35)
    inputs = Inputs(
        *(torch.cat(parts, dim=1) for parts in zip(*(h[0] for h in heard), strict=True))
    )
    z = torch.cat([h[1] for h in heard], dim=1)
    with torch.inference_mode():
        whole = forward(inputs, z)
    assert len({tuple(one.tolist()) for one in z[0]}) > 4
    torch.testing.assert_close(torch.cat([h[2] for h in heard], dim=1), whole, atol=1e-4, rtol=1e-4)


def test_a_control_acts_on_the_very_next_choice_and_not_before() -> None:
    free, locked = composer(), composer()
    assert play(free, 120) == play(locked, 120)
    locked.controls = Controls(key=parse_key("B major"))
    after = [event for event in play(locked, 150) if isinstance(event, Note)]
    assert {note.pitch % 12 for note in after[1:]} <= parse_key("B major").classes
    assert play(free, 150) != after


def test_controls_that_limit_nothing_change_nothing() -> None:
    free, wide = composer(), composer()
    wide.controls = Controls(max_density=900.0, polyphony=88)
    wide.sampling = Sampling()
    assert [type(e) for e in play(free, 40)] == [type(e) for e in play(wide, 40)]


@pytest.mark.parametrize("bad", [{"temperature": 0.0}, {"top_p": 1.5}, {"temperature": 99.0}])
def test_sampling_out_of_range_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(MusicError, match="give more than 0"):
        Sampling(**bad)
