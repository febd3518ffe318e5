"""The sections of a report: each a name, what it depends on, and how its figures are found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from music.compact import compact
from music.conditioning import QUADRANTS
from music.evaluation.courses import courses
from music.evaluation.diversity import diversity
from music.evaluation.following import agreement, each_plainly, shuffled
from music.evaluation.likelihood import likelihood
from music.evaluation.likeness import copying, likeness, made_of, real_of
from music.evaluation.material import Material
from music.evaluation.speed import cost, speed
from music.evaluation.steering import Jump, sweep, switch
from music.traced import traced
from music.training.loop import faster_precision

Found = dict[str, Any]
SWEEPS = ((2, 0), (1, 3))  # Q3 to Q1, Q2 to Q4
ROUNDS = {  # where music.evaluation.compare leaves its tables
    "comparison": Path("runs/compare"),
    "last round": Path("runs/last-round"),
}


def judge(m: Material) -> Found:
    """What the judge is worth on real clips that neither it nor the model learned from."""
    songs, asked = np.array([c.song for c in m.real]), np.array([c.quadrant for c in m.real])
    p = m.judge.probabilities([c.clip for c in m.real])
    hit = p.argmax(axis=1) == asked
    each = [float(hit[asked == q].mean()) for q in range(QUADRANTS) if (asked == q).any()]
    return {
        "songs": len(set(songs)),
        "agreement": agreement(p, asked, songs),
        "balanced_4Q": float(np.mean(each)),
        "plainly": each_plainly([c.clip for c in m.real], asked),
    }


def following(m: Material) -> Found:
    """Agreement at every strength, with the conditions shuffled, and what the clips are like."""
    found: Found = {}
    for strength in m.settings.all_strengths:
        played = m.played(strength)
        p = m.judge.probabilities(played.sound)
        found[f"{strength:g}"] = {
            "agreement": agreement(p, played.asked),
            "shuffled": shuffled(p, played.asked),
            "plainly": each_plainly(played.sound, played.asked),
        }
    return found


def resemblance(m: Material) -> Found:
    """Overlap of distributions with real held-out clips, at every strength and between halves."""
    real = real_of(m.held_out, m.settings.seconds)
    strengths = m.settings.all_strengths
    made = {f"{s:g}": made_of(m.played(s)) for s in strengths}
    return likeness(made, real, m.settings.seed, base="1")


def copied(m: Material) -> Found:
    """The longest passages shared with the training songs."""
    real = real_of(m.held_out, m.settings.seconds)
    return copying(made_of(m.played(m.settings.shipped)), real, m.learned)


def sweeps(m: Material) -> Found:
    """Mixtures between opposite corners, at the shipped strength."""
    s = m.settings
    return {
        f"Q{ends[0] + 1} to Q{ends[1] + 1}": sweep(
            m.playing, m.judge, ends, s.shipped, clips=s.scale.sweep_clips, seed=s.seed
        )
        for ends in SWEEPS
    }


def switches(m: Material) -> Found:
    """Jumps from every emotion to every other, at the shipped strength."""
    s = m.settings
    bars = s.scale.jump_bars
    jump = Jump(bars, bars, s.scale.jump_seeds, s.shipped, s.seed)
    return asdict(jump) | switch(m.playing, m.judge, jump, m.held_out)


def turns(m: Material) -> Found:
    """From strong emotions to mild ones, up and down."""
    return courses(m.playing, m.judge, m.settings.scale.course_seeds, m.settings.seed)


def likelihoods(m: Material) -> Found:
    """Nats per note, and what condition and latent are worth."""
    scale = m.settings.scale
    held_out = m.held_out[: scale.pieces]
    return likelihood(m.model, m.train, held_out, scale.samples, faster_precision(1))


def latents(m: Material) -> Found:
    """Whether another latent is another bar."""
    if not m.model.config.latent:
        return {}
    scale = m.settings.scale
    return diversity(m.playing, m.settings.shipped, scale.pasts, scale.draws, seed=m.settings.seed)


def speeds(m: Material) -> Found:
    """Decoding as it is done live, beside what is fetched in full precision."""
    small, scale, shipped = compact(m.model), m.settings.scale, m.settings.shipped
    each = {
        name: speed(
            model, m.playing.sampling, shipped, scale.speed_s, scale.speed_pieces, turning
        )
        for name, model, turning in (
            ("live", traced(small), False), ("turning", traced(small), True),
            ("untraced", small, False), ("in_float32", traced(m.model), False),
        )
    }  # fmt: skip
    return each.pop("live") | each | {"cost": cost(m.model, small, m.held_out[: scale.pieces])}


@dataclass(frozen=True)
class Section:
    """One part of the report. ``uses`` names the settings that its figures depend on."""

    name: str
    find: Callable[[Material], Found]
    uses: tuple[str, ...]


CLIPS = ("split", "seconds", "shipped", "strengths", "seed", "precision", "scale.clips")
SPEED = ("split", "shipped", "scale.speed_s", "scale.speed_pieces", "scale.pieces")
STEER = ("split", "seconds", "shipped", "seed", "precision")
SECTIONS = (
    Section("judge", judge, ("split", "seconds")),
    Section("following", following, CLIPS),
    Section("likeness", resemblance, CLIPS),
    Section("copying", copied, ("split", "seconds", "shipped", "seed", "precision", "scale.clips")),
    Section("sweeps", sweeps, (*STEER, "scale.sweep_clips")),
    Section("switches", switches, (*STEER, "scale.jump_seeds", "scale.jump_bars")),
    Section("courses", turns, ("split", "seed", "precision", "scale.course_seeds")),
    Section("likelihood", likelihoods, ("split", "scale.pieces", "scale.samples")),
    Section("latents", latents, ("shipped", "seed", "precision", "scale.pasts", "scale.draws")),
    Section("speed", speeds, SPEED),
)


def found(section: Section, m: Material, say: Callable[[str], None]) -> Found:
    """A section's figures, from ``out`` where an earlier run found them for the same material."""
    file = m.out / "sections" / f"{section.name}.json"
    key = m.key(section.uses)
    if file.is_file():
        kept: Found = json.loads(file.read_text())
        if kept["key"] == key:
            say(f"{section.name}: as found before")
            return dict(kept["figures"])
    say(f"{section.name} ...")
    figures = section.find(m)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"key": key, "figures": figures}, indent=1, allow_nan=False) + "\n")
    return figures
