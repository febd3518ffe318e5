"""Networks to test with: a tiny one with strong random weights, and one of dice, wild and quick."""

import numpy as np
import torch

from music import vocabulary as v
from music.composer import Composer
from music.condition import Condition
from music.conditioning import DEFAULT
from music.controls import Controls
from music.corpus.crops import Batch, Row, collate
from music.events import Note
from music.grammar import Grammar
from music.guidance import ROWS
from music.inputs import Inputs, ModelConfig
from music.latent import Gaussian
from music.model import MusicModel
from music.sampling import Sampling

WINDOW, LENGTH = 40, 150  # tokens
ANY = Condition((0.25, 0.25, 0.25, 0.25), 1.5)


def tiny_model(conditioning: str = DEFAULT, latent: int = 8, seed: int = 0) -> MusicModel:
    """Two layers with weights large enough that every path matters."""
    torch.manual_seed(seed)
    model = MusicModel(ModelConfig(2, WINDOW, latent, 0.0, conditioning)).eval()
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.08)
    return model


def sentence(seed: int, length: int = LENGTH) -> np.ndarray:
    rng, state, tokens = np.random.default_rng(seed), Grammar(), []
    for _ in range(length):
        ranges = state.allowed()
        low, high = ranges[rng.integers(len(ranges))]
        tokens.append(int(rng.integers(low, high)))
        state, _ = state.push(tokens[-1])
    return np.array(tokens)


def batch_of(rows: int = 2, length: int = LENGTH) -> Batch:
    """Sentences whose mixture changes at every position; the second row has no condition."""
    rng = np.random.default_rng(5)
    drawn = [
        Row(sentence(r, length), rng.dirichlet(np.ones(4), length), r == 1, r == 0)
        for r in range(rows)
    ]
    return collate(drawn, length)


def at(inputs: Inputs, t: int) -> Inputs:
    return Inputs(*(part[:, t : t + 1] for part in inputs))


class Cache:
    position = 0

    def rewind(self, position):
        self.position = position

    reset = save = lambda self: None


class Config:
    latent = 4


class Chance:
    """A network of dice: what it says depends on the place alone, so a rewind hears it again."""

    config, shares_past = Config(), True

    def __init__(self, busy=0.0):
        self.busy, self.heard = busy, []

    def eval(self):
        return self

    def new_cache(self, batch, rewind):
        return Cache()

    def __call__(self, inputs, z, cache):
        self.heard.append((int(inputs.place[0, 0]), z[0, 0].clone()))
        return inputs.place.clone()[:, :, None]

    def logits(self, state):
        dice = np.random.default_rng(int(state[0, 0]))
        out = dice.normal(0.0, 1.0, (ROWS, v.SIZE)).astype(np.float32)[: len(state)]
        for family in v.FAMILIES.values():  # every kind of token equally likely
            out[:, family.start : family.stop] -= np.log(family.size)
        out[:, [v.BAR, v.PEDAL_UP, v.PEDAL_DOWN]] -= 1.0
        out[:, v.PITCH.start : v.PITCH.stop] += self.busy
        out[:, v.POS.start : v.POS.stop] += self.busy
        return torch.from_numpy(out)

    def prior_of(self, state, inputs):
        zero = torch.zeros(len(state), 1, 4)
        return Gaussian(zero + 0.1 * inputs.place[0, 0], zero)


def player(controls=None, seed=1, busy=0.0, **sampling):
    one = Composer(Chance(busy), seed, Sampling(**sampling))
    one.controls = controls or Controls()
    return one


def play(one, steps):
    return [event for _ in range(steps) for event in one.step(ANY)]


def notes(events):
    return [event for event in events if isinstance(event, Note)]
