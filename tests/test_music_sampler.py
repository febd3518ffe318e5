"""Many at once play what the composer plays, and who is done leaves the others alone."""

import numpy as np
import pytest
import torch
from networks import WINDOW, tiny_model

from music import vocabulary as v
from music.composer import Composer
from music.condition import UNCONDITIONED, Condition
from music.evaluation.request import Branch, Length, Request
from music.evaluation.sampler import Ensemble, play
from music.events import Note, Pedal
from music.grammar import Decoder
from music.sampling import Sampling

Q1, Q3 = (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)
SAMPLING = Sampling(0.9, 0.9)


def one(seed: int, condition: Condition) -> Request:
    return Request(seed, ((0.0, condition),))


def composed(request: Request, count: int) -> list[int]:
    """The composer's own tokens, from the first BAR."""
    composer, tokens = Composer(tiny_model(), request.seed, SAMPLING), [v.BAR]
    while len(tokens) < count:
        place = composer._now.grammar.bar if request.in_bars else composer.horizon_s
        composer.step(request.at(max(place, 0.0)))
        tokens.append(composer._now.token)
    return tokens


@pytest.mark.parametrize(
    "request_",
    [
        one(3, Condition(Q1, 2.0)),
        one(4, Condition(Q3, 0.0)),
        one(5, Condition(Q3, 1.0)),
        one(6, UNCONDITIONED),
        Request(7, ((0.0, Condition(Q1, 2.0)), (4.0, Condition(Q3, 3.0)))),
        Request(8, ((0, Condition(Q1, 2.0)), (2, Condition(Q3, 3.0))), in_bars=True),
    ],
)
def test_a_batch_of_one_is_the_composer(request_: Request) -> None:
    (clip,) = play(tiny_model(), [request_], 25.0, SAMPLING)
    assert len(clip.tokens) > 1.5 * WINDOW
    assert clip.tokens.tolist() == composed(request_, len(clip.tokens))


def test_a_batch_of_several_is_each_of_them_alone() -> None:
    requests = [one(seed, Condition(Q1 if seed % 2 else Q3, 1.0 + seed % 3)) for seed in range(9)]
    together = play(tiny_model(), requests, 8.0, SAMPLING, rows=5)
    assert [clip.request for clip in together] == requests
    assert len({len(clip.tokens) for clip in together}) > 3  # they end at different steps
    for request, clip in zip(requests, together, strict=True):
        (alone,) = play(tiny_model(), [request], 8.0, SAMPLING)
        assert np.array_equal(alone.tokens, clip.tokens)
        assert alone.events == clip.events


def test_the_batch_shrinks_as_players_end() -> None:
    requests = [one(seed, Condition(Q1, 2.0)) for seed in range(4)]
    ensemble, sizes = Ensemble(tiny_model(), requests, SAMPLING), []
    for _ in ensemble.play(Length(6.0)):
        sizes.append(len(ensemble.players))
    assert sorted(sizes, reverse=True) == sizes == [4, 3, 2, 1]
    assert ensemble.cache.keys.shape[1] == 0


def test_clips_are_as_long_as_asked_and_leave_no_pedal_down() -> None:
    clips = play(tiny_model(), [one(s, UNCONDITIONED) for s in range(6)], 5.0, SAMPLING)
    assert sum(isinstance(event, Note) for clip in clips for event in clip.events) > 6
    for clip in clips:
        onsets = [clip.tempo_map.seconds(e.onset_beats) for e in clip.events]
        assert onsets == sorted(onsets)
        assert max(onsets) <= 5.0 + 1e-9
        assert [e.down for e in clip.events if isinstance(e, Pedal)][-1:] in ([], [False])


def test_the_mean_of_the_prior_is_another_music_than_its_draws() -> None:
    request = one(2, Condition(Q1, 2.0))
    (drawn,) = play(tiny_model(), [request], 6.0, SAMPLING)
    (mean,) = play(tiny_model(), [request], 6.0, SAMPLING, latent="mean")
    assert drawn.tokens.tolist() != mean.tokens.tolist()


def test_a_schedule_must_begin_at_the_beginning() -> None:
    with pytest.raises(ValueError, match="begins at 0"):
        Request(0, ((1.0, UNCONDITIONED),))
    with pytest.raises(ValueError, match="ascends"):
        Request(0, ((0.0, UNCONDITIONED), (3.0, UNCONDITIONED), (2.0, UNCONDITIONED)))


def test_reduced_precision_plays_valid_music() -> None:
    requests = [one(seed, Condition(Q1, 2.0)) for seed in range(3)]
    for clip in play(tiny_model(), requests, 5.0, SAMPLING, precision=torch.bfloat16):
        decoder = Decoder()
        for token in clip.tokens:
            decoder.push(int(token))
        assert decoder.refused == 0
        assert len(clip.tokens) > 10


def test_a_branch_keeps_the_past_and_changes_what_follows() -> None:
    course = ((0.0, Condition(Q1, 2.0)),)
    branches = [Branch(2, 0, 0), Branch(2, 1, 0), Branch(2, 0, 1)]
    requests = [Request(9, course, branch=branch) for branch in branches]
    clips = play(tiny_model(), requests, Length(200.0, bars=3), SAMPLING)
    bars = [np.flatnonzero(clip.tokens == v.BAR) for clip in clips]
    assert all(len(found) == 4 for found in bars)  # the fourth BAR ends the third bar
    start = bars[0][2]
    assert all(np.array_equal(c.tokens[: start + 2], clips[0].tokens[: start + 2]) for c in clips)
    assert len({tuple(clip.tokens[start:].tolist()) for clip in clips}) == 3
