"""The picture of a recording: its size, the same twice, and that every part leaves its mark."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import imread

from bridge.errors import BridgeError
from bridge.session.explain import DOTS_PER_IN, HEIGHT_IN, WIDTH_IN, draw, mean_votes, strongest
from capsule.emotion import EmotionCapsule, Origin
from eeg.montage import ANCHORS, BANDS, REGIONS
from eeg.scalp import BARE, HEAD, electrode_places, topomap

MUSE = "TP9 AF7 AF8 TP10"
MUSE_REGIONS = [REGIONS.index(one) for one in
                ("frontal-left", "frontal-right", "temporal-left", "temporal-right")]  # fmt: skip
EVEN = np.full((len(REGIONS), len(BANDS), 4), 0.25, np.float32)


def routing(region="frontal-left", band=2, votes=(0.7, 0.1, 0.1, 0.1), there=None):
    one = EVEN.copy()
    one[REGIONS.index(region), band] = votes
    if there is not None:
        one[[k for k in range(len(REGIONS)) if k not in there]] = 0.0
    return one


def capsules(count=20, votes=None, origin=None):
    for k in range(count):
        neutral = EmotionCapsule.neutral(2.0 + k, quality=0.9, origin=origin or Origin("m", MUSE))
        p = np.array([0.7 - 0.6 * k / count, 0.1, 0.1 + 0.6 * k / count, 0.1])
        yield replace(neutral, probabilities=p, routing=routing() if votes is None else votes)


def test_a_recording_becomes_the_same_picture_twice(tmp_path):
    first, again = (draw(tmp_path / f"{k}.png", list(capsules()), "me.edf") for k in range(2))
    assert first.read_bytes() == again.read_bytes()
    shape = (round(HEIGHT_IN * DOTS_PER_IN), round(WIDTH_IN * DOTS_PER_IN))
    assert imread(first).shape[:2] == shape


def test_votes_and_origin_leave_their_mark(tmp_path):
    ways = {
        "usual": list(capsules()),
        "votes": list(capsules(votes=routing("occipital-right"))),
        "electrodes": list(capsules(origin=Origin("m", "Fp1 Fp2"))),
        "profile": list(capsules(origin=Origin("m", MUSE, "Ann"))),
    }
    drawn = [draw(tmp_path / f"{k}.png", told).read_bytes() for k, told in ways.items()]
    assert len(set(drawn)) == len(ways)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing_is_drawn(tmp_path, count):
    draw(tmp_path / "a.png", list(capsules(count, votes=np.zeros_like(EVEN))))
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_picture_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(BridgeError, match="cannot be written"):
        draw(tmp_path / "none" / "a.png", [])


# --- votes ---------------------------------------------------------------------------------------


def test_votes_count_when_their_quadrant_is_told():
    """Early windows say Q1 and vote one way, late ones Q3 and another."""
    sure = [
        replace(one, probabilities=p, routing=routing(votes=v))
        for one, p, v in zip(
            capsules(2), ([1, 0, 0, 0], [0, 0, 1, 0]), ((0.7, 0.1, 0.1, 0.1), (0.1, 0.1, 0.7, 0.1)),
            strict=True,
        )
    ]  # fmt: skip
    votes = mean_votes(sure)[REGIONS.index("frontal-left"), 2]
    assert votes[[0, 2]] == pytest.approx([0.7, 0.7])
    assert np.isnan(votes[[1, 3]]).all()


def test_a_bad_window_counts_less():
    good, bad = list(capsules(1))[0], list(capsules(1, votes=EVEN))[0]
    place = (REGIONS.index("frontal-left"), 2, 0)
    assert mean_votes([good, bad])[place] == pytest.approx((0.7 + 0.25) / 2)
    assert mean_votes([good, replace(bad, quality=0.0)])[place] == pytest.approx(0.7)


def test_regions_without_a_signal_have_no_vote():
    votes = mean_votes(list(capsules(votes=routing(there=MUSE_REGIONS))))
    assert np.isfinite(votes[MUSE_REGIONS]).all()
    assert np.isnan(np.delete(votes, MUSE_REGIONS, axis=0)).all()
    assert np.isnan(mean_votes([])).all()


def test_the_strongest_votes_are_named():
    votes = mean_votes(list(capsules()))
    ((share, *words),) = strongest(votes, 1)
    assert share == pytest.approx(0.7)
    assert words == ["Q1", "frontal-left", "alpha"]
    assert len(strongest(votes)) == 1  # all others are even
    assert strongest(mean_votes([])) == []


# --- scalp ---------------------------------------------------------------------------------------


def scalp(values):
    """A map's pixels, and the colour at a place of it."""
    figure = Figure(figsize=(3, 3), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    topomap(axes, values, (0.0, 1.0), LinearSegmentedColormap.from_list("x", ["white", "red"]))
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())

    def at(site):
        place = electrode_places([site])[0]
        x, y = axes.transData.transform(place)
        return pixels[round(299 - y), round(x), :3].tolist()

    return at


def test_each_region_has_its_own_colour_on_the_map():
    for number in (0, 5, 10):
        at = scalp(np.where(np.arange(len(REGIONS)) == number, 1.0, 0.0))
        for k, sites in enumerate(ANCHORS.values()):
            assert (at(sites[-1]) == [255, 0, 0]) == (k == number)


def test_scalp_without_a_channel_is_bare():
    values = np.full(len(REGIONS), np.nan)
    values[0] = 1.0
    at = scalp(values)
    grey = [int(BARE[k : k + 2], 16) for k in (1, 3, 5)]
    assert at("F3") == [255, 0, 0]
    assert at("O2") == at("Cz") == grey
    assert scalp(np.full(len(REGIONS), np.nan))("F3") == grey


def test_electrodes_are_placed_by_name_and_lie_on_the_head():
    places = electrode_places([*MUSE.split(), "E17"])
    assert len(places) == 4
    assert (places[0][0] < 0 < places[3][0], places[1][1] > 0) == (True, True)
    every = electrode_places([site for sites in ANCHORS.values() for site in sites])
    assert np.hypot(*every.T).max() < HEAD
    assert electrode_places([]).shape == electrode_places(["E17"]).shape == (0, 2)
