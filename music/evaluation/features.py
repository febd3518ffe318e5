"""Plain features of a performance in seconds: what the judge reads, and where FMD is measured.

None of them knows a beat, a chord symbol or a token. Harmony is counted from the tonic that fits
best, so transposing a clip changes only its register. The kinds of feature follow EMOPIA (Hung et
al., ISMIR 2021, §4: density, length, velocity, key); the harmonic ones are ours.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from music.evaluation.performance import DURATION, ONSET, PITCH, VELOCITY, PerformedClip
from music.evaluation.tonality import MODES, chroma_of, interval_classes, key_fit, triads

Floats = npt.NDArray[np.float64]
FEWEST_NOTES = 3  # with fewer there is nothing to read
TOGETHER_S = 0.05  # onsets closer than this are one
FRAME_S = 0.25  # harmony is read from what sounds in frames of this length
LONGEST_RING_S = 4.0  # a piano string is hardly heard any longer
PULSE_HZ = 20


def features(clip: PerformedClip) -> dict[str, float]:
    """Every feature by name; empty for a clip of fewer than FEWEST_NOTES notes."""
    if len(clip.notes) < FEWEST_NOTES:
        return {}
    seconds = max(clip.duration_s, 0.5)
    starts = onset_starts(clip)
    return (
        _touch(clip, seconds)
        | _rhythm(clip, starts, seconds)
        | _pedal(clip, seconds)
        | _key(clip)
        | _harmony(clip, seconds)
        | _melody(clip, starts)
    )


def feature_table(clips: list[PerformedClip]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(N, F) one row a clip, and (N,) whether it had notes enough; other rows are zeros."""
    rows = [features(clip) for clip in clips]
    width = max((len(row) for row in rows), default=0)
    table = np.array([list(row.values()) or [0.0] * width for row in rows])
    return table, np.array([bool(row) for row in rows])


def onset_starts(clip: PerformedClip) -> npt.NDArray[np.intp]:
    """(K,) index of the first note of each onset: notes at most TOGETHER_S after the one before."""
    gaps = np.diff(clip.notes[:, ONSET], prepend=-np.inf)
    return np.flatnonzero(gaps > TOGETHER_S)


def _touch(clip: PerformedClip, seconds: float) -> dict[str, float]:
    """Density, dynamics, lengths and register."""
    onset, duration, pitch, velocity = clip.notes.T
    length = np.log(np.clip(duration, 0.03, 8.0))
    return {
        "density": float(np.log(len(onset) / seconds)),
        "length": float(length.mean()),
        "length_spread": float(length.std()),
        "velocity": float(velocity.mean()),
        "velocity_spread": float(velocity.std()),
        "velocity_low": float(np.percentile(velocity, 10)),
        "velocity_high": float(np.percentile(velocity, 90)),
        "velocity_trend": float(np.cov(onset / seconds, velocity)[0, 1]),
        "pitch": float(pitch.mean()),
        "pitch_spread": float(pitch.std()),
        "pitch_low": float(np.percentile(pitch, 10)),
        "pitch_high": float(np.percentile(pitch, 90)),
        "bass_share": float((pitch < 48).mean()),
        "treble_share": float((pitch > 76).mean()),
    }


def _rhythm(clip: PerformedClip, starts: npt.NDArray[np.intp], seconds: float) -> dict[str, float]:
    """Onsets, the intervals between them, chords, and how strong a pulse they make."""
    first = clip.notes[starts, ONSET]
    size = np.diff(np.append(starts, len(clip.notes)))
    ioi = np.log(np.clip(np.diff(first), 0.03, 4.0)) if len(first) > 1 else np.zeros(1)
    share = np.histogram(ioi, 12, (np.log(0.03), np.log(4.0)))[0] / len(ioi)
    strength = np.bincount((first * PULSE_HZ).astype(int), minlength=int(seconds * PULSE_HZ))
    strength = strength - strength.mean()
    lags = np.correlate(strength, strength, "full")[len(strength) - 1 :]
    lags = lags[3 : 2 * PULSE_HZ] / max(lags[0], 1e-9)  # 0.15 s to 2 s
    return {
        "onsets": float(np.log(len(first) / seconds)),
        "chord_size": float(np.log(size.mean())),
        "chord_share": float((size > 1).mean()),
        "full_chord_share": float((size > 2).mean()),
        "ioi": float(ioi.mean()),
        "ioi_spread": float(ioi.std()),
        "ioi_step": float(np.abs(np.diff(ioi)).mean()) if len(ioi) > 1 else 0.0,
        "ioi_entropy": _entropy(share),
        "pulse": float(lags.max()) if len(lags) else 0.0,
        "pulse_s": float((3 + lags.argmax()) / PULSE_HZ) if len(lags) else 0.0,
    }


def _pedal(clip: PerformedClip, seconds: float) -> dict[str, float]:
    """How often the pedal goes down and how long it stays there."""
    if not len(clip.pedals):
        return {"pedal_rate": 0.0, "pedal_share": 0.0}
    time_s, down = clip.pedals.T
    held = (np.diff(np.append(time_s, max(seconds, time_s[-1]))) * down).sum()
    return {"pedal_rate": float(down.sum() / seconds), "pedal_share": float(held / seconds)}


def _key(clip: PerformedClip) -> dict[str, float]:
    """Pitch classes from the best tonic, from the best diatonic collection, and the mode."""
    chroma = chroma_of(clip)
    fit = key_fit(chroma)
    struck = key_fit(chroma_of(clip, by="velocity")).max(axis=1)
    modes = np.einsum("mtp,p->mt", MODES, chroma)
    tonic, collection = int(fit.max(axis=0).argmax()), int(modes[0].argmax())
    from_tonic, in_scale = np.roll(chroma, -tonic), np.roll(chroma, -collection)
    named = {f"from_tonic_{k}": float(from_tonic[k]) for k in range(12)}
    named |= {f"in_scale_{k}": float(in_scale[k]) for k in range(12)}
    best = modes.max(axis=1)
    return named | {
        "majorness": float(fit[0].max() - fit[1].max()),
        "majorness_struck": float(struck[0] - struck[1]),
        "key_clarity": float(fit.max()),
        "major_third": float(from_tonic[4] - from_tonic[3]),
        "in_one_scale": float(best[0]),
        "harmonic_minor": float(best[2] - best[1]),
        "chroma_entropy": _entropy(chroma),
    }


def _harmony(clip: PerformedClip, seconds: float) -> dict[str, float]:
    """What sounds together in frames: polyphony, triads, intervals over the bass, dissonance."""
    onset, duration, pitch, _ = clip.notes.T
    frames = np.arange(int(np.ceil(seconds / FRAME_S))) * FRAME_S
    end = np.minimum(onset + np.clip(duration, 0.05, LONGEST_RING_S), seconds)
    sounding = np.minimum(end[:, None], frames + FRAME_S) - np.maximum(onset[:, None], frames)
    sounding = np.maximum(sounding, 0.0)  # (N, frames) seconds
    classes = np.zeros((12, len(frames)))
    np.add.at(classes, pitch.astype(int) % 12, sounding)
    heard = sounding > 0.02
    polyphony = heard.sum(axis=0)
    lowest = np.where(heard, pitch[:, None], np.inf).min(axis=0)
    voiced = np.isfinite(lowest)
    over = (pitch[:, None] - np.where(voiced, lowest, 0.0)).astype(int) % 12
    above = np.zeros(12)
    np.add.at(above, over[:, voiced], sounding[:, voiced])
    above /= max(float(above.sum()), 1e-9)
    tonic = int(key_fit(chroma_of(clip)).max(axis=0).argmax())
    bass = np.bincount((lowest[voiced].astype(int) - tonic) % 12, minlength=12)
    named = {f"above_bass_{k}": float(above[k]) for k in range(1, 12)}
    named |= {f"bass_{k}": float(bass[k] / max(voiced.sum(), 1)) for k in range(12)}
    blurred = classes.copy()  # each frame with its neighbours
    blurred[:, 1:] += classes[:, :-1]
    blurred[:, :-1] += classes[:, 1:]
    shares = blurred / np.maximum(blurred.sum(axis=0), 1e-9)
    moves = np.diff(lowest[voiced]) != 0
    return named | triads(blurred) | interval_classes(classes) | {
        "polyphony": float(polyphony.mean()),
        "silence": float((polyphony == 0).mean()),
        "third_above_bass": float(above[4] - above[3]),
        "bass_moves": float(moves.mean()) if len(moves) else 0.0,
        "chroma_flux": float(np.abs(np.diff(shares)).sum(axis=0).mean()) if len(frames) > 1 else 0,
    }  # fmt: skip


def _melody(clip: PerformedClip, starts: npt.NDArray[np.intp]) -> dict[str, float]:
    """The line of the highest notes, which degrees it dwells on, and how wide the hands are."""
    pitch, velocity = clip.notes[:, PITCH], clip.notes[:, VELOCITY]
    top, bottom = np.maximum.reduceat(pitch, starts), np.minimum.reduceat(pitch, starts)
    steps = np.diff(top) if len(top) > 1 else np.zeros(1)
    tonic = int(key_fit(chroma_of(clip)).max(axis=0).argmax())
    degrees = np.bincount((top.astype(int) - tonic) % 12, minlength=12) / len(top)
    length = np.log(np.clip(clip.notes[:, DURATION], 0.03, 8.0)).mean()
    gaps = np.diff(clip.notes[starts, ONSET]) if len(starts) > 1 else np.ones(1)
    return {
        "top": float(top.mean()),
        "top_spread": float(top.std()),
        "top_step": float(np.abs(steps).mean()),
        "top_repeats": float((steps == 0).mean()),
        "top_third": float(degrees[4] - degrees[3]),
        "top_sixth": float(degrees[9] - degrees[8]),
        "top_louder": float(velocity[pitch >= pitch.mean()].mean() - velocity.mean()),
        "span": float((top - bottom).mean()),
        "legato": float(length - np.log(np.clip(gaps, 0.03, 4.0)).mean()),
    }


def _entropy(shares: Floats) -> float:
    """Nats of a distribution."""
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())
