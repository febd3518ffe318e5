"""Personal calibration: a rest and labelled stretches of one wearer in, a profile out.

    runs -> rest -> z-scores -> windows of each stretch (blocks) -> is a fit worth it? -> Profile

Nobody's valence can be read by a network that knows other people only (see the model card), so a
wearer may teach it: some minutes of music, pictures or memories whose emotion is known, in mixed
order. What is learnt is small, and used only if stretches left out are told better by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from capsule.baseline import CONTEXT_S, REST_S, WINDOW_S, Baseline, Prepared, Rest, rest_of
from capsule.corpus.labels import BASELINE
from capsule.corpus.sitting import Stretch
from capsule.emotion import QUADRANTS
from capsule.errors import CapsuleError
from capsule.personal.blocks import Blocks
from capsule.personal.learn import PERMUTATIONS, learn
from capsule.profile import Figures, Profile
from capsule.recogniser import Model, regions_of, trust_in
from eeg.frontend import Features, FrontEnd
from eeg.montage import Montage
from eeg.names import warning
from eeg.quality import GOOD
from eeg.signal import Recording

LEAST_BLOCK_S = 8.0  # of good signal in a stretch, or it does not count
LEAST_REST_S = 20.0  # of good signal at rest
ROWS = 8  # windows of a stretch, evenly spaced: their neighbours say the same
CHUNK = 512


USED = {
    "fit": "The fit is used.",
    "temperature": "The fit is not used, but a temperature is: the plain recogniser reads, as "
    "surely as it is right.",
    "nothing": "The fit is not used: the profile keeps the rest, and the plain recogniser reads.",
}


@dataclass(frozen=True)
class Run:
    """A recording of the wearer, and what state it was when."""

    recording: Recording
    stretches: tuple[Stretch, ...]

    @property
    def name(self) -> str:
        """What the recording is called."""
        return self.recording.signal.name


def calibrate(
    model: Model,
    runs: Sequence[Run],
    rest_s: float | None = None,
    wearer: str = "",
    date: str = "",
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> Profile:
    """The wearer's profile from recordings in order of time; its rest is the last one's.

    `rest_s`: the first so many seconds of each recording are the rest; None: the stretches labelled
    `baseline`, where there are none the first 60 s. `date` is kept as it is told. `seed` and
    `permutations`: of the labels permuted as a control. CapsuleError if recordings differ in
    their channels or hold too little.
    """
    if not runs:
        raise CapsuleError("calibration needs a recording")
    channels = same_channels(runs)
    heard = hear(model, runs, rest_s)
    rest = heard[-1].rest
    blocks = blocks_of(model, runs, heard)
    shift, figures = learn(blocks, seed, permutations)
    doubts = tuple(
        f"{run.name}: {one.misnamed}" for run, one in zip(runs, heard, strict=True) if one.misnamed
    )
    figures = replace(figures, notes=(*doubts, *figures.notes))
    return Profile(
        channels=channels, model=model.name, rest=rest, shift=shift, wearer=wearer,
        date=date, rate_hz=runs[0].recording.signal.rate_hz, figures=figures,
    )  # fmt: skip


def same_channels(runs: Sequence[Run]) -> tuple[str, ...]:
    """The electrodes of all recordings. CapsuleError if they differ."""
    found = []
    for run in runs:
        signal = run.recording.signal
        montage = Montage.from_channels(signal.channels, signal.positions)
        found.append(tuple(montage.channels[i] for i in montage.placed))
    for run, own in zip(runs, found, strict=True):
        if own != found[0]:
            raise CapsuleError(
                f"{run.name} has the channels {' '.join(own)}, {runs[0].name} has "
                f"{' '.join(found[0])}: calibrate with one headset at a time"
            )
    return found[0]


@dataclass(frozen=True)
class Window:
    """One window: as it came, as the network sees it, and how far that is to be trusted."""

    features: Features
    prepared: Prepared
    trust: float


@dataclass(frozen=True)
class Heard:
    """What one recording gives."""

    windows: list[Window]  # good ones, outside the rest
    rest: Rest
    misnamed: str | None  # if the names of its channels do not fit the signal, at its end


def hear(model: Model, runs: Sequence[Run], rest_s: float | None = None) -> list[Heard]:
    """All recordings as `calibrate` takes them."""
    return [_heard(model, run, rest_s) for run in runs]


def _heard(model: Model, run: Run, rest_s: float | None) -> Heard:
    front_end = FrontEnd(run.recording.signal)
    features = [one for chunk in run.recording.chunks(CHUNK) for one in front_end.push(chunk)]
    marked = [one for one in run.stretches if one.label == BASELINE]
    first_s = rest_s if rest_s is not None else REST_S
    resting = marked if marked and rest_s is None else [Stretch(0.0, first_s, BASELINE)]
    rest = _rest(run, features, resting)
    baseline, expected = Baseline(rest=rest), regions_of(front_end.montage)
    windows = []
    for one in features:
        ready = baseline.push(one)
        if one.quality >= GOOD and not any(_inside(one, stretch) for stretch in resting):
            windows.append(Window(one, ready, trust_in(model.doubt, ready, one, expected)))
    return Heard(windows, rest, warning(features[-1].names_fit) if features else None)


def _rest(run: Run, features: Sequence[Features], resting: Sequence[Stretch]) -> Rest:
    """Statistics of the rest. CapsuleError if there is too little of it."""
    chosen = [
        one for one in features if one.quality >= GOOD and any(_inside(one, r) for r in resting)
    ]
    good_s = _seconds(chosen)
    if good_s < LEAST_REST_S:
        raise CapsuleError(
            f"{run.name} holds {good_s:.0f} s of rest with a good signal, at least "
            f"{LEAST_REST_S:g} s are needed: label some as rest, or tell how many seconds of rest "
            "it begins with"
        )
    entropy = np.array([one.entropy for one in chosen], dtype=np.float64)
    return rest_of(entropy, np.array([one.present for one in chosen]))


def _inside(one: Features, stretch: Stretch, settle_s: float = 0.0) -> bool:
    """Whether a window, or `settle_s` seconds to its end if these are more, lie in a stretch."""
    begin_s = one.end_s - max(WINDOW_S, settle_s)
    return begin_s >= stretch.start_s - 0.05 and one.end_s <= stretch.stop_s


def _seconds(windows: Sequence[Features]) -> float:
    """About how long the windows last together."""
    steps = np.diff([one.end_s for one in windows])
    return float(WINDOW_S + np.minimum(steps, WINDOW_S).sum()) if len(windows) else 0.0


def blocks_of(model: Model, runs: Sequence[Run], heard: Sequence[Heard]) -> Blocks:
    """The labelled stretches with enough good signal, as blocks.

    The first CONTEXT_S seconds of a stretch are left out: the recent mean still tells of what was
    before.
    """
    rows: list[Window] = []
    member: list[int] = []
    compatible: list[list[bool]] = []
    number: list[int] = []
    for k, (run, one_heard) in enumerate(zip(runs, heard, strict=True)):
        for stretch in sorted(run.stretches, key=lambda one: one.start_s):
            inside = [one for one in one_heard.windows if _inside(one.features, stretch, CONTEXT_S)]
            if not stretch.quadrants or _seconds([w.features for w in inside]) < LEAST_BLOCK_S:
                continue
            some = np.linspace(0, len(inside) - 1, min(ROWS, len(inside))).round().astype(int)
            rows += [inside[i] for i in some]
            member += [len(compatible)] * len(some)
            compatible.append([one in stretch.quadrants for one in QUADRANTS])
            number.append(k)
    if not rows:
        raise CapsuleError(
            f"{', '.join(run.name for run in runs)}: no labelled stretch has {LEAST_BLOCK_S:g} s "
            "of good signal after its first 2 s and outside the rest"
        )
    x = np.stack([one.prepared.inputs for one in rows])
    reading = model.read(x, np.stack([one.prepared.present for one in rows]))
    return Blocks(
        logits=reading.logits.T.clone(),
        z=torch.from_numpy(x[..., 1]).flatten(1).T.contiguous(),
        trust=torch.tensor([one.trust for one in rows]),
        member=torch.tensor(member),
        compatible=torch.tensor(compatible),
        run=torch.tensor(number),
    )


def report(figures: Figures) -> str:
    """What leave-one-block-out said, in a table and a sentence or two."""
    lines = []
    if figures.axes:
        lines.append("stretches left out, told on their side (balanced accuracy)")
        lines.append(f"{'':10s}{'low + high':>12s}{'majority':>10s}{'plain':>8s}"
                     f"{'calibrated':>12s}{'permuted labels':>17s}")  # fmt: skip
        lines += [
            f"{one.axis:10s}{f'{one.low} + {one.high}':>12s}{0.5:>10.2f}{one.plain:>8.2f}"
            f"{one.calibrated:>12.2f}{one.permuted:>17.2f}"
            for one in figures.axes
        ]
        lines.append("log probability of a stretch left out, more than by the plain recogniser")
        lines += [
            f"{name:20s}{one.nats:+.2f} nats (standard error {one.error:.2f})"
            for name, one in (("fit", figures.fit), ("temperature alone", figures.temperature))
        ]
        lines.append(
            f"{'permuted labels':20s}as good as the fit in {figures.chance:.0%} of the draws"
        )
    lines += [f"{note[0].upper()}{note[1:].removesuffix('.')}." for note in figures.notes]
    lines.append(USED[figures.used])
    return "\n".join(lines)
