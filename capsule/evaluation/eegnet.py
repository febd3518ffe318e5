"""EEGNet (Lawhern et al. 2018) as braindecode builds it, on the samples themselves, as a rival.

Windows are those of the features: 2 s, each channel measured by the mean and spread of the
wearer's first minute of rest, as the features are. 128 samples a second, no other filter than the
data set's own. Every second window is learned from, so that none overlap; a fixed number of epochs,
so that nobody looks at the people held out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from capsule.baseline import REST_S, WINDOW_S
from capsule.corpus.dataset import Examples
from capsule.corpus.sources import sittings
from capsule.evaluation.figures import Judged, together
from capsule.evaluation.predictions import AROUSAL
from capsule.evaluation.splits import Cut

BATCH = 64
RATE = 3e-3


def eegnet(
    asked: Examples, subset: str, cuts: Sequence[Cut], epochs: int, say: Callable[[str], None]
) -> Judged | None:
    """What EEGNet says of EEGMAT's windows, each when it was held out; None without braindecode."""
    if find_spec("braindecode") is None:
        say("  braindecode is not installed: EEGNet is left out (pip install braindecode)")
        return None
    x, upper = torch.from_numpy(samples_of(asked, subset)), AROUSAL.told(asked)[1]
    parts = []
    for number, cut in enumerate(cuts, 1):
        say(f"  EEGNet, {subset} channels, fold {number}")
        rows = torch.from_numpy(np.flatnonzero(cut.training)[::2])
        network = _trained(x[rows], torch.from_numpy(upper)[rows].long(), epochs)
        p = _told(network, x[torch.from_numpy(cut.test)])
        parts.append(AROUSAL.beside(p, asked.where(cut.test)))
    return together(parts)


def samples_of(asked: Examples, subset: str) -> NDArray[np.float32]:
    """The samples (W, channels, time) of each window, by the spread of the wearer's rest."""
    found: list[NDArray[np.float32] | None] = [None] * len(asked)
    for sitting in sittings("eegmat", subset):
        first = sitting.takes[0].recording
        rest = first.samples_uv[first.times_s < REST_S]
        mean, spread = rest.mean(axis=0), rest.std(axis=0) + 1e-6
        for number, take in enumerate(sitting.takes):
            here = np.char.startswith(asked.recording, f"eegmat/{sitting.person}/{number}/")
            rate_hz = take.recording.signal.rate_hz
            scaled = ((take.recording.samples_uv - mean) / spread).astype(np.float32)
            length = round(WINDOW_S * rate_hz)
            for row in np.flatnonzero(here):
                stop = max(round(asked.time_s[row] * rate_hz), length)
                found[row] = scaled[stop - length : stop].T
    return np.stack([one for one in found if one is not None])


def _trained(x: Tensor, truth: Tensor, epochs: int) -> torch.nn.Module:
    from braindecode.models import EEGNetv4

    torch.manual_seed(0)
    network: torch.nn.Module = EEGNetv4(
        n_chans=x.shape[1], n_outputs=2, n_times=x.shape[2], final_conv_length="auto"
    )
    count = torch.bincount(truth, minlength=2).float()
    loss = torch.nn.CrossEntropyLoss(weight=count.sum() / (2 * count))
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    steps = epochs * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            optimiser.zero_grad()
            loss(network(x[rows]), truth[rows]).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _told(network: torch.nn.Module, x: Tensor) -> NDArray[np.float64]:
    with torch.inference_mode():
        told = [torch.softmax(network(part), -1)[:, 1] for part in torch.split(x, 256)]
    p: NDArray[np.float64] = torch.cat(told).numpy().astype(np.float64)
    return p
