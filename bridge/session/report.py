"""`emocapsule report`: a session as one page of HTML that needs nothing but itself.

Names of streams and channels, and texts of markers, came over a network where anybody can send
them: every one goes through `safe`. The page runs no script and may load nothing.
"""

from __future__ import annotations

from importlib import resources
from math import inf
from pathlib import Path
from string import Template
from typing import Any

from bridge.errors import BridgeError
from bridge.session.charts import channels_svg, course_svg, piano_svg, plane_svg, span_s, timing_svg
from bridge.session.folder import PAUSED, RESUMED
from bridge.session.html import Cell, Html, figure, listing, number, safe, section, table
from bridge.session.kept import Heard, Kept, read_session
from bridge.session.picture import QUADRANTS, minutes
from bridge.session.tally import NEUTRAL, ROUND_S, by_quadrant, jumps
from bridge.session.trace import Span
from eeg.quality import grade
from eeg.xdf import DESK_STREAM

FOOTER = (
    "What is recognised of a person is an estimate: arousal better than chance, valence hardly, "
    "unless it was learned from the wearer. The played emotion is the translation of the "
    "recognised one, made again, and begun anew after a pause; what a hand set on the page or by "
    "controller is not in it. Nothing here diagnoses anything."
)


def write_report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the page of a session folder, by default into it. BridgeError if it holds none."""
    kept = read_session(folder)
    path = Path(out) if out is not None else Path(folder) / "report.html"
    try:
        path.write_text(page(kept), encoding="utf-8", newline="\n")
    except OSError as problem:
        raise BridgeError(f"{path} cannot be written ({problem.strerror}).") from problem
    return path


def page(kept: Kept) -> str:
    """The page."""
    template = resources.files("bridge.session").joinpath("report.html")
    parts = (
        _missing(kept), _facts(kept), _emotion(kept), _signal(kept), _piano(kept), _quadrants(kept),
        _jumps(kept), _timing(kept), _log(kept), _markers(kept), _counts(kept),
    )  # fmt: skip
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=safe(kept.name),
        subtitle=safe(_when(kept)),
        sections="\n".join(filter(None, parts)),
        footer=safe(FOOTER),
    )


def _when(kept: Kept) -> str:
    began = str(kept.facts.get("began", "")).replace("T", " ")[:40]
    first_s, last_s = span_s(kept)
    told = "complete" if kept.complete else "cut off, or not told to be complete"
    return ", ".join(filter(None, [began, f"{minutes(last_s - first_s)} minutes", told]))


# ---------------------------------------------------------------------------- sections


def _missing(kept: Kept) -> str:
    sentences = [*kept.missing, *map(_paused, kept.pauses)]
    if not sentences:
        return ""
    lines = "".join(f"<li>{safe(sentence)}</li>" for sentence in sentences)
    return section("What is missing", f"<ul>{lines}</ul>", "missing")


def _paused(pause: Span) -> str:
    from_s, to_s = pause
    end = "the end" if to_s == inf else minutes(to_s)
    return f"The recording was paused by hand from {minutes(from_s)} to {end}."


def _facts(kept: Kept) -> str:
    facts = kept.facts
    port = facts.get("port", "")
    told = [("Played to", "virtual port" if port is None else port)]
    told += [(name, facts.get(key)) for name, key in (
        ("Recording", "recording"), ("Stream asked for", "stream"), ("Seed", "seed"),
        ("Rest, s", "rest_s"),
    )]  # fmt: skip
    for heard in kept.heard:
        signal = heard.signal
        told += [
            ("Headset", signal.name),
            ("Channels", f"{len(signal.channels)}: {' '.join(signal.channels)}"),
            ("Rate", f"{signal.rate_hz:g} Hz"),
            ("Source", signal.source_id),
        ]
    return section("Session", listing(told))


def _emotion(kept: Kept) -> str:
    trace = kept.trace
    if not len(trace.times_s):
        return ""
    played = trace.probabilities if trace.played is None else trace.played
    rows: list[list[Cell]] = [
        [
            _quadrant(k),
            mood,
            f"{trace.probabilities[:, k].mean():.2f}",
            f"{played[:, k].mean():.2f}",
        ]
        for k, (_, mood, *_) in enumerate(QUADRANTS)
    ]
    shares = table(("", "mood", "recognised", "played"), rows, "Mean probabilities")
    means = listing([
        ("Mean confidence", f"{trace.confidence.mean():.2f}"),
        ("Mean signal quality", f"{trace.quality.mean():.2f}"),
        ("Valence, mean", f"{trace.valence.mean():+.2f}"),
        ("Arousal, mean", f"{trace.arousal.mean():+.2f}"),
    ])  # fmt: skip
    both = f'<div class="two">{figure(plane_svg(trace))}<div>{shares}{means}</div></div>'
    course = figure(course_svg(kept), "wide", "Numbers above: markers, see below.")
    return section("Emotion", both + course)


def _signal(kept: Kept) -> str:
    there = [heard for heard in kept.heard if len(heard.times_s)]
    return "".join(section("Signal", _channels(heard, kept), "long") for heard in there)


def _channels(heard: Heard, kept: Kept) -> str:
    means = [
        (name, f"{column.mean():.2f} {grade(float(column.mean()))}")
        for name, column in zip(heard.signal.channels, heard.quality.T, strict=True)
    ]
    return figure(channels_svg(heard, kept), "wide") + listing(means, "many")


def _piano(kept: Kept) -> str:
    if kept.roll is None:
        return ""
    if not len(kept.roll.notes):
        return section("Piano", "<p>No note was played.</p>")
    key = "Darker (on a dark page: lighter) is louder; the line below is the pedal."
    return section("Piano", figure(piano_svg(kept, kept.roll), "wide", key), "long")


def _quadrants(kept: Kept) -> str:
    if kept.roll is None or not len(kept.trace.times_s):
        return ""
    rows: list[list[Cell]] = [
        [_quadrant(one.quadrant), f"{one.seconds:.1f}", one.notes, number(one.a_second, ".2f"),
         number(one.velocity, ".0f")]
        for one in by_quadrant(kept.trace, kept.roll.notes, kept.pauses)
    ]  # fmt: skip
    heads = ("played", "seconds", "notes", "notes a second", "mean velocity")
    return section("Music by played quadrant", table(heads, rows))


def _jumps(kept: Kept) -> str:
    if kept.roll is None or not len(kept.trace.times_s):
        return ""
    found = jumps(kept.trace, kept.roll.notes, kept.pauses)
    if not found:
        return section("Reaction to jumps", "<p>No change of the played quadrant was recorded.</p>")
    rows: list[list[Cell]] = [
        [minutes(one.time_s), _quadrant(one.before, one.after),
         number(one.first_note_s, ".2f"),
         *(f"{number(was, form)} → {number(now, form)}"
           for (was, now), form in ((one.a_second, ".1f"), (one.velocity, ".0f")))]
        for one in found
    ]  # fmt: skip
    heads = ("at", "played", "next note after, s", "notes a second", "mean velocity")
    told = f"Music of up to {ROUND_S:.0f} s before and after each change of the played quadrant."
    return section("Reaction to jumps", table(heads, rows, told))


def _timing(kept: Kept) -> str:
    if not len(kept.state_s):
        return section("Timing", "<p>Not recorded; replay --fast has none.</p>")
    last = kept.cell
    told: list[tuple[str, Any]] = [
        ("Lateness, 99 of 100 within", f"{last('lateness_p99_ms')[-1]:.1f} ms"),
        ("Latest note", f"{last('lateness_max_ms')[-1]:.1f} ms"),
        ("Notes dropped as late", int(last("late").max())),
        ("Pauses to compose (underruns)", int(last("underruns").max())),
        ("Rewinds on jumps", int(last("rewinds").max())),
        ("Gaps in the signal", int(last("gaps").max())),
        ("Panics", int(last("panics").max())),
        ("Restarts", int(last("restarts").max())),
        ("Real-time priority", "yes" if last("fifo")[-1] else "no"),
    ]
    return section("Timing", listing(told) + figure(timing_svg(kept), "wide"))


def _log(kept: Kept) -> str:
    rows: list[list[Cell]] = [[minutes(s), text] for s, stream, text in kept.said if not stream]
    if not rows:
        return section("Faults and restarts", "<p>None was logged.</p>")
    return section("Faults and restarts", table(("at", "what was said"), rows, text=(1,)), "long")


def _markers(kept: Kept) -> str:
    marked = [one for one in kept.said if one[1]]
    if not marked:
        return ""
    rows: list[list[Cell]] = [
        [str(count), minutes(time_s), stream, text]
        for count, (time_s, stream, text) in enumerate(marked, start=1)
    ]
    heads = ("", "at", "stream", "marker")
    return section("Markers", table(heads, rows, text=(2, 3)), "long")


def _counts(kept: Kept) -> str:
    streams = [stream for _, stream, _ in kept.said]
    ours = [text for _, stream, text in kept.said if stream == DESK_STREAM]
    there: list[tuple[str, str, int]] = [
        ("EEG samples", "samples", sum(heard.samples for heard in kept.heard)),
        ("Emotions", "capsules", len(kept.trace.times_s)),
        ("Notes", "notes", 0 if kept.roll is None else len(kept.roll.notes)),
        ("Markers of others", "markers", len(streams) - streams.count("") - len(ours)),
        ("Sentences logged", "sayings", streams.count("")),
        ("Pauses of the recording", "pauses", ours.count(PAUSED)),
        ("Moments marked", "marks", len(ours) - ours.count(PAUSED) - ours.count(RESUMED)),
    ]
    told = kept.facts if kept.complete else {}
    rows: list[list[Cell]] = [[name, count, told.get(key)] for name, key, count in there]
    return section("Counts", table(("", "in the files", "as counted while recording"), rows))


def _quadrant(*which: int) -> str:
    """Names, in their colours, with an arrow between two."""
    names = [QUADRANTS[one][0] if one != NEUTRAL else "neutral" for one in which]
    return Html(" → ".join(f'<span class="{name.lower()}">{name}</span>' for name in names))
