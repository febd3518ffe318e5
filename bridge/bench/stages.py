"""How fast and how punctual this machine is: percentiles, each beside a yardstick of the same run.

`emocapsule bench [NAME ...] [--json]`. The yardsticks are what the machine does by itself: how late
a bare sleep wakes, and how long the bare products of a network of that size take.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bridge.bench import loopback
from bridge.mind import process as mind
from bridge.mind.core import Mind
from bridge.mind.translate import Style, Translator
from bridge.wire import TimedNote
from capsule.emotion import EmotionCapsule
from eeg.lsl import Intake, Outlet, clock
from eeg.signal import Chunk, Signal
from eeg.synthetic import sample_recording
from music.condition import STRENGTH, Condition

Result = dict[str, Any]

CALM, WILD = (0.02, 0.02, 0.94, 0.02), (0.94, 0.02, 0.02, 0.02)
WARM_UP = 20


def percentiles(values_ms: Sequence[float]) -> Result:
    """p50, p95, p99 and max, in ms, and of how many."""
    p50, p95, p99, most = np.percentile(values_ms, (50, 95, 99, 100))
    rounded = {"p50": p50, "p95": p95, "p99": p99, "max": most}
    return {name: round(float(one), 3) for name, one in rounded.items()} | {"n": len(values_ms)}


# ---------------------------------------------------------------------------- yardsticks


def sleep(count: int = 400, step_s: float = 0.005) -> Result:
    """How late a plain sleep to an absolute deadline wakes up."""
    start_s, late_ms = clock(), []
    for number in range(1, count + 1):
        due_s = start_s + number * step_s
        time.sleep(max(0.0, due_s - clock()))
        late_ms.append(1000 * (clock() - due_s))
    return percentiles(late_ms)


def products(parameters: int, count: int = 50) -> Result:
    """How long one vector through that many float32 weights takes."""
    matrix = np.ones((max(1, parameters // 1024), 1024), dtype=np.float32)
    vector = np.ones(1024, dtype=np.float32)
    return percentiles([_timed_ms(lambda: matrix @ vector) for _ in range(count)])


def _timed_ms(work: Callable[[], Any]) -> float:
    begin_s = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin_s)


# ---------------------------------------------------------------------------- the wire


def intake(seconds: float = 6.0, rate_hz: float = 256.0) -> Result:
    """Age of the newest sample when Intake hands it over; the outlet is another process."""
    name = f"emocapsule-bench-{uuid.uuid4().hex[:6]}"
    context = multiprocessing.get_context("spawn")
    source = context.Process(target=_headset, args=(name, rate_hz, seconds + 20.0), daemon=True)
    source.start()
    try:
        with Intake(name) as stream:
            until_s, ages_ms = clock() + seconds, []
            while clock() < until_s:
                chunk = stream.pull(0.5)
                if chunk is not None:
                    ages_ms.append(1000 * (clock() - float(chunk.times_s[-1])))
    finally:
        source.terminate()
        source.join()
    return percentiles(ages_ms[WARM_UP:]) | {"yardstick": sleep()}


def _headset(name: str, rate_hz: float, seconds: float) -> None:
    outlet = Outlet(name, "EEG", ("TP9", "AF7", "AF8", "TP10"), rate_hz, "microvolts", name)
    start_s, sent = clock(), 0
    while (now_s := clock()) < start_s + seconds:
        while sent < (now_s - start_s) * rate_hz:
            outlet.push(np.full((1, 4), float(sent % 50)), np.array([clock()]))
            sent += 1
        time.sleep(max(0.0, start_s + sent / rate_hz - clock()))


def capsule() -> Result:
    """From the last sample of a window to its capsule, on the sample recording."""
    from bridge.ear import Ear, trained

    recording = sample_recording()
    ear = Ear(recording.signal, trained())
    took_ms = []
    for chunk in recording.chunks(4):
        begin_s = time.perf_counter()
        if ear.push(chunk):
            took_ms.append(1000 * (time.perf_counter() - begin_s))
        if len(took_ms) >= 200:
            break
    return percentiles(took_ms[WARM_UP:])


def hour(minutes: float = 60.0, rate_hz: float = 256.0) -> Result:
    """Seconds to recognise an hour of 32-channel EEG (noise), as `recognise` does."""
    from bridge.ear import Ear, trained

    names = tuple(
        "Fp1 Fp2 AF3 AF4 F7 F3 Fz F4 F8 FC5 FC1 FC2 FC6 T7 C3 Cz C4 T8 CP5 CP1 CP2 CP6 P7 P3 Pz P4 "
        "P8 PO3 PO4 O1 Oz O2".split()
    )
    ear = Ear(Signal("noise", rate_hz, names), trained())
    noise, size = np.random.default_rng(0), round(rate_hz)
    took_s, capsules = 0.0, 0
    for second in range(round(60 * minutes)):
        samples_uv = 10.0 * noise.standard_normal((size, len(names)))
        chunk = Chunk(samples_uv, second + np.arange(size) / rate_hz)
        begin_s = time.perf_counter()
        capsules += len(ear.push(chunk))
        took_s += time.perf_counter() - begin_s
    seconds = 60 * minutes
    return {
        "took_s": round(took_s, 1),
        "times_real_time": round(seconds / took_s, 1),
        "capsules": capsules,
        "yardstick": products(2**22),
    }


def composer(tokens: int = 600) -> Result:
    """A token with guidance, and how much faster than music is heard it is composed."""
    from music.composer import Composer

    player = Composer.load(seed=0)
    condition = Condition(WILD, strength=STRENGTH)
    took_ms = [_timed_ms(lambda: player.step(condition)) for _ in range(tokens)]
    size = sum(one.numel() for one in player.model.parameters())
    yardstick = products(2 * size)  # guidance runs two rows
    return percentiles(took_ms[WARM_UP:]) | {
        "tokens_per_s_of_music": round(tokens / player.horizon_s, 2),
        "times_real_time": round(player.horizon_s / (sum(took_ms) / 1000), 2),
        "yardstick": yardstick,
        "ratio": round(float(np.median(took_ms)) / yardstick["p50"], 2),
    }


def jump(jumps: int = 12, apart_s: float = 1.5) -> Result:
    """From a capsule that changes to the first note composed under it, smoothing off.

    `p50` and so on: until hand has it; `heard`: until it sounds.
    """
    player = Mind(mind.trained(0), Translator(Style(settle_s=1e-6, contrast=0.0)))
    at_hand_ms: list[float] = []
    heard_ms: list[float] = []
    feeling, felt_s, arrived_s, rewinds = CALM, 0.0, None, 0
    change_s = clock() + 2 * apart_s
    while len(at_hand_ms) < jumps:
        now_s = clock()
        if now_s >= change_s:
            feeling = WILD if feeling is CALM else CALM
            arrived_s, rewinds = now_s, player.counts.rewinds
            change_s, felt_s = now_s + apart_s, 0.0
        capsule = _felt(feeling, now_s) if now_s - felt_s > 0.25 else None
        felt_s = now_s if capsule else felt_s
        anew = player.counts.rewinds > rewinds
        notes = [one for one in player.step(now_s, capsule) if isinstance(one, TimedNote)]
        if arrived_s is not None and anew and notes:
            at_hand_ms.append(1000 * (clock() - arrived_s))
            heard_ms.append(1000 * (notes[0].on_s - arrived_s))
            arrived_s = None
        if not player.behind(clock()):
            time.sleep(mind.IDLE_S)
    underruns = player.counts.underruns
    return percentiles(at_hand_ms) | {"heard": percentiles(heard_ms), "underruns": underruns}


def _felt(probabilities: tuple[float, ...], now_s: float) -> EmotionCapsule:
    neutral = EmotionCapsule.neutral(now_s, quality=1.0)
    return replace(neutral, probabilities=np.array(probabilities, dtype=np.float32))


def midi(notes: int = 800) -> Result:
    """Lateness of notes at a JACK receiver in another process, and jitter round its median."""
    late_ms, lost = loopback.lateness(notes)
    jitter_ms = np.abs(np.array(late_ms) - np.median(late_ms)).tolist()
    more = {"jitter": percentiles(jitter_ms), "lost": lost, "yardstick": sleep()}
    return percentiles(late_ms) | more


# ---------------------------------------------------------------------------- the command

BENCHES: dict[str, tuple[Callable[[], Result], str]] = {
    "sleep": (sleep, "a bare sleep wakes late by (ms)"),
    "intake": (intake, "age of the newest sample at intake (ms)"),
    "capsule": (capsule, "window to capsule (ms)"),
    "hour": (hour, "an hour of 32 channels recognised (s)"),
    "composer": (composer, "a token, with guidance (ms)"),
    "midi": (midi, "lateness of notes at a JACK receiver (ms)"),
    "jump": (jump, "changed capsule to first changed note at hand (ms)"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benches that are named, or all."""
    parser = argparse.ArgumentParser(
        prog="emocapsule bench", description="Measure speed and timing on this machine."
    )
    parser.add_argument("name", nargs="*", choices=[*BENCHES, []], help="(default: all)")
    parser.add_argument("--json", action="store_true", help="one line of JSON last")
    args = parser.parse_args(argv)
    results: dict[str, Result] = {}
    for name in args.name or BENCHES:
        work, told = BENCHES[name]
        try:
            results[name] = work()
        except Exception as problem:
            if args.name:
                raise
            results[name] = {"skipped": " ".join(str(problem).split())}
        print(f"{name:<9} {told}")
        _tell(results[name], "          ")
    if args.json:
        print(json.dumps(results))
    return 0


def _tell(result: Result, indent: str) -> None:
    plain = {key: value for key, value in result.items() if not isinstance(value, dict)}
    print(indent + "  ".join(f"{key} {value}" for key, value in plain.items()))
    for key, value in result.items():
        if isinstance(value, dict):
            print(f"{indent}{key}:")
            _tell(value, indent + "  ")
