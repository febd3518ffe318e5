"""What the sections of a report work on: data, and models trained when first asked for and kept."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import capsule
from capsule.corpus.dataset import Examples, examples
from capsule.corpus.sources import source
from capsule.errors import CapsuleError
from capsule.evaluation.splits import SPLITTERS, Cut
from capsule.learning import Recipe, build, everything, shared_out
from capsule.network import Routing
from capsule.readout import TASKS, LeftOut, read_out_of_sets
from capsule.recogniser import MANIFEST, TENSORS, WEIGHTS, Model

LEARNING = ("network.py", "learning.py", "readout.py", "augment.py", "doubt.py")
JUDGING = (
    "figures.py",
    "splits.py",
    "predictions.py",
    "learners.py",
    "rows.py",
    "sections.py",
    "eegnet.py",
    "tangent.py",
    "riemann.py",
)


@dataclass(frozen=True)
class Settings:
    """How much is trained and asked."""

    folds: int = 7  # of people
    other_folds: int = 3  # of trials, and of random windows
    steps: int = Recipe.steps
    deals: int = 20  # of null labels
    montages: tuple[str, ...] = ("19", "14", "8", "4")  # channels of EEGMAT
    epochs: int = 15  # of EEGNet
    seed: int = 0


QUICK = Settings(2, 2, 40, 3, ("19", "4"), 1)


@dataclass
class Material:
    """Data sets to learn from and others that never are; the shipped weights; a folder."""

    learned: tuple[str, ...]  # NAME or NAME=FOLDER
    unseen: tuple[str, ...]
    out: Path
    settings: Settings
    say: Callable[[str], None]
    weights: Path = WEIGHTS

    @cached_property
    def data(self) -> Examples:
        """All that may be learned from; EEGMAT with every subset of its channels."""
        return everything(self.learned)

    @cached_property
    def eegmat(self) -> dict[str, Examples]:
        """EEGMAT by channels; empty if it is not among the sets."""
        told = [one for one in self.learned if source(one).kind == "eegmat"]
        return {subset: examples(told[0], subset) for subset in self.settings.montages if told}

    @cached_property
    def strange(self) -> dict[str, Examples]:
        """The sets that nothing is learned from."""
        return {source(one).name: examples(one) for one in self.unseen}

    @cached_property
    def shipped(self) -> Model:
        return Model.load(self.weights)

    def recipe(self, routing: Routing = "dynamic") -> Recipe:
        """The shipped recipe, with a share for every set."""
        settings = self.settings
        recipe = Recipe(steps=settings.steps, routing=routing, seed=settings.seed)
        return shared_out(recipe, self.data)

    @cached_property
    def folds(self) -> list[Cut]:
        """Of the people of all sets."""
        return SPLITTERS["people"].cut(self.data, self.settings.folds)

    @cached_property
    def without(self) -> dict[str, tuple[Cut, Model]]:
        """Each set's split that leaves it out, and the network; empty if there is one set only.

        The read-out for its strange headset comes from the other TASKS, each left out in its turn.
        """
        if len(np.unique(self.data.dataset)) < 2:
            return {}
        cuts = {
            str(self.data.dataset[cut.test][0]): cut
            for cut in SPLITTERS["datasets"].cut(self.data, 0)
        }
        models = {
            name: self.model(f"without {name}", self.data.where(cut.training))
            for name, cut in cuts.items()
        }
        left_out = {
            name: LeftOut.read(models[name].network, self.data.where(cuts[name].test))
            for name in TASKS
            if name in cuts
        }
        for name, model in models.items():
            others = [one for task, one in left_out.items() if task != name]
            if others:
                models[name] = replace(model, strange=read_out_of_sets(others))
        return {name: (cut, models[name]) for name, cut in cuts.items()}

    def model(
        self,
        name: str,
        training: Examples,
        routing: Routing = "dynamic",
        groups: NDArray[np.str_] | None = None,
    ) -> Model:
        """A network that learned from `training`, from the files of an earlier run if they fit.

        `groups` (W,): what a member leaves out together; None: people.
        """
        recipe = self.recipe(routing)
        together = "people" if groups is None else sha256(groups.tobytes()).hexdigest()
        parts = [asdict(recipe), digest(training), together, code(LEARNING)]
        folder = self.out / "models" / key_of(parts)
        try:
            return Model.load(folder)
        except CapsuleError:  # not there, or cut short while it was written
            self.say(f"  learning: {name}")
        model = build(training, recipe, groups)
        model.save(folder, name.replace(" ", "-"))
        return model

    def key(self, uses: Iterable[str], networks: bool = True, weights: bool = False) -> str:
        """What figures depend on that use these settings, and whether our networks or weights."""
        settings = asdict(self.settings)
        parts: list[Any] = [code(JUDGING), {name: settings[name] for name in uses}]
        parts += [digest(one) for one in (self.data, *self.strange.values())]
        if networks:
            parts += [asdict(self.recipe()), code(LEARNING)]
        if weights:
            files = [(self.weights / name).read_bytes() for name in (MANIFEST, TENSORS)]
            parts += [sha256(b"".join(files)).hexdigest()]
        return key_of(parts)


def digest(data: Examples) -> str:
    """Of inputs, labels and people."""
    parts: list[NDArray[Any]] = [data.inputs, data.present, data.label, data.person, data.recording]
    return sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def code(names: Iterable[str]) -> str:
    """Of the modules, whatever their comments say."""
    root = Path(next(iter(capsule.__path__)))
    trees = []
    for name in names:
        path = root / name if (root / name).is_file() else root / "evaluation" / name
        trees.append(ast.dump(ast.parse(path.read_text(encoding="utf-8"))))
    return sha256("".join(trees).encode()).hexdigest()


def key_of(parts: Any) -> str:
    """A short fingerprint of anything JSON can spell."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
