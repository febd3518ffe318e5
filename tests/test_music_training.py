"""From MIDI files to a training step: nothing leaks, nothing is lost, a stopped run goes on."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pieces import small_piece, toy_corpus
from safetensors.torch import load_file

from music import vocabulary as v
from music.conditioning import DEFAULT
from music.corpus.crops import CropConfig, Crops
from music.corpus.dataset import Piece, Source, save
from music.corpus.encode import encode
from music.corpus.prepare import main
from music.errors import MusicError
from music.grammar import Decoder
from music.inputs import ModelConfig
from music.store import load_network
from music.training.adversary import (
    Adversary,
    critic_loss,
    deceit_loss,
    imagined,
    optimiser,
    played,
)
from music.training.schedule import Schedule
from music.training.train import main as train_main
from music.training.trainer import Trainer, step_terms


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return toy_corpus(tmp_path)


def pieces() -> list[Piece]:
    """One piece a quadrant and one without, told apart by a pitch of their own."""
    out = []
    for quadrant in (0, 1, 2, 3, None):
        tokens = np.tile(encode(small_piece()), 6)
        source = Source("", "any", f"song {quadrant}", "train", quadrant, 0, quadrant is not None)
        out.append(Piece(source, tokens))
    return out


def test_batches_are_balanced_soft_and_ask_only_for_what_can_be_known() -> None:
    config = CropConfig(length=120, null=0.0, splice=0.0, soften=0.3, forget=0.0)
    batch = Crops(pieces(), config, seed=0).batch(400, labelled_share=0.5)
    labelled = batch.inputs.null[:, 0] == 0
    assert 150 < int(labelled.sum()) < 250
    torch.testing.assert_close(batch.inputs.p.sum(-1), torch.ones(400, 120))
    top = batch.inputs.p[labelled, 0].argmax(-1).bincount(minlength=4)
    assert int(top.min()) > 25
    assert float(batch.inputs.p[labelled].max(-1).values.min()) > 0.65
    assert bool((batch.targets[batch.inputs.tokens == v.BAR] == -1).all())
    assert bool((batch.inputs.tokens[:, 0] == v.BAR).all())
    assert bool(batch.has_pedal[labelled].all())
    assert not bool(batch.has_pedal[~labelled].any())


def test_splices_glide_from_one_emotion_to_another_and_stay_valid() -> None:
    config = CropConfig(length=300, null=0.0, splice=1.0, soften=0.0)
    batch = Crops(pieces(), config, seed=2).batch(30, labelled_share=1.0)
    p = batch.inputs.p
    changed = (p[:, 0] - p[:, 250]).abs().sum(-1) > 0.5
    assert int(changed.sum()) > 20
    torch.testing.assert_close(p.sum(-1), torch.ones(30, 300))
    decoder = Decoder()
    for token in batch.inputs.tokens[0].tolist():
        decoder.push(token)
    assert decoder.refused <= 3  # only the pedal's state may disagree at the seam


def test_same_seed_same_batches() -> None:
    one, two = (Crops(pieces(), CropConfig(length=60), seed=4).batch(8, 0.7) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.inputs, two.inputs, strict=True))


def test_the_schedule_starts_without_kl_and_ends_with_emopia() -> None:
    schedule = Schedule(1e-3)
    assert schedule.beta(0.0) == 0.0 < schedule.beta(0.05)
    assert schedule.beta(0.9) == 0.5
    assert schedule.labelled_share(0.1) < 0.3 < 0.8 < schedule.labelled_share(0.75)
    assert schedule.labelled_share(0.9) == 1.0
    assert schedule.learning_rate(0.0, 0) < schedule.learning_rate(0.0, 500) <= 1e-3


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    config = ModelConfig(2, 40, 4, 0.0, DEFAULT)

    def steps(trainer: Trainer, count: int) -> None:
        for _ in range(count):
            torch.manual_seed(trainer.step)
            batch = Crops(pieces(), CropConfig(length=60), seed=trainer.step).batch(2, 0.5)
            terms = step_terms(trainer.model, batch, trainer.step)
            trainer.update(terms.loss(0.1, 0.1), 1e-3)

    whole = Trainer(config, 1e-3, "cpu")
    steps(whole, 6)
    first = Trainer(config, 1e-3, "cpu")
    steps(first, 3)
    first.save(tmp_path)
    second = Trainer(config, 1e-3, "cpu")
    second.resume(tmp_path)
    steps(second, 3)
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(value, second.model.state_dict()[name])
    for name, value in whole.average.items():
        torch.testing.assert_close(value, second.average[name])


def test_a_run_begins_from_other_weights_as_far_as_they_fit(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, out = (tmp_path / name for name in ("first", "second", "out"))
    assert main(["--data", str(corpus), "--out", str(out), "--jobs", "1"]) == 0
    toy = ["--data", str(out), "--depth", "2", "--window", "40", "--batch", "2"]
    toy += ["--valid-batches", "1"]
    plain = ["--conditioning", DEFAULT, "--latent", "8"]
    assert train_main([*toy, *plain, "--out", str(first), "--steps", "2"]) == 0
    other = ["--conditioning", "gated", "--latent", "4", "--lr", "0"]
    assert (
        train_main([*toy, *other, "--out", str(second), "--steps", "1", "--start", str(first)]) == 0
    )
    told = capsys.readouterr().out
    assert "blocks.0.condition.gate, blocks.1.condition.gate, latent, posterior" in told
    assert "embed" not in told
    before, after = load_network(first).state_dict(), load_network(second).state_dict()
    assert torch.equal(before["blocks.1.qkv.weight"], after["blocks.1.qkv.weight"])
    assert after["latent.weight"].shape[1] == 4
    with pytest.raises(MusicError, match="No music model in"):
        train_main([*toy, "--out", str(tmp_path / "third"), "--start", str(tmp_path)])


def test_a_run_can_begin_anew_what_it_is_told_to() -> None:
    first = Trainer(ModelConfig(2, 40, 4, 0.0, DEFAULT), 1e-3, "cpu", seed=1)
    second = Trainer(ModelConfig(2, 40, 4, 0.0, DEFAULT), 1e-3, "cpu", seed=2)
    new = second.start(first.model, anew="blocks.1")
    assert "blocks.1.qkv" in new
    assert all(name.startswith("blocks.1.") for name in new)
    before, after = first.model.state_dict(), second.average
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert "blocks.0.qkv.weight" in same
    assert "blocks.1.qkv.weight" not in same


def test_the_commands_run_on_a_toy(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = corpus / "out"
    assert main(["--data", str(corpus), "--out", str(out), "--jobs", "1"]) == 0
    toy = ["--depth", "2", "--window", "40", "--batch", "2", "--steps", "3", "--valid-every", "0"]
    run = corpus / "run"
    assert train_main(["--data", str(out), "--out", str(run), *toy]) == 0
    assert (run / "model.safetensors").exists()
    assert train_main(["--data", str(out), "--out", str(run), *toy[:-4], "--steps", "4"]) == 0
    assert "from step 3" in capsys.readouterr().out


ROOT = Path(__file__).parents[1]
TRAINS_ONLY = """
import sys
for name in ("matplotlib", "sklearn", "mido", "symusic", "scipy"):
    sys.modules[name] = None  # as if it were not there
from music.training.train import main
for model in ("lstm", "encoder-decoder"):
    main([*sys.argv[2:], "--model", model, "--out", sys.argv[1] + "/" + model])
"""


def test_baselines_learn_where_there_is_only_torch(tmp_path: Path) -> None:
    """A machine lent for training has torch, numpy and safetensors."""
    labelled = [Piece(replace(p.source, split="valid"), p.tokens) for p in pieces()[:4]]
    save(tmp_path, pieces() + labelled)
    toy = ["--depth", "2", "--window", "40", "--batch", "2", "--steps", "2"]
    words = [str(tmp_path), "--data", str(tmp_path), *toy]
    ran = subprocess.run(
        [sys.executable, "-c", TRAINS_ONLY, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    for model in ("lstm", "encoder-decoder"):
        assert json.loads((tmp_path / model / "config.json").read_text())["kind"] == model
        assert load_network(tmp_path / model).config.latent == 0
        assert not (tmp_path / model / "curve.png").exists()


def test_music_that_nobody_labelled_cannot_be_learnt_alone(tmp_path: Path) -> None:
    save(tmp_path, [pieces()[4]])
    words = ["--data", str(tmp_path), "--out", str(tmp_path / "run"), "--depth", "2"]
    with pytest.raises(MusicError, match="emocapsule prepare"):
        train_main(words)


def test_the_curve_is_drawn_beside_the_checkpoint(tmp_path: Path) -> None:
    full = {"step": 1, "loss": 2.0, "train_nll": 2.0, "beta": 0.1, "lr": 1e-3, "kl_per_bar": 1.0}
    trainer = Trainer(ModelConfig(2, 40, 4, 0.0, DEFAULT), 1e-3, "cpu")
    trainer.save(tmp_path)
    assert not (tmp_path / "curve.png").exists()  # nothing to show yet
    trainer.curve = [{"step": 0, "kl_per_bar": 2.0}, full]  # an older run kept less
    trainer.save(tmp_path)
    assert (tmp_path / "curve.png").read_bytes()[1:4] == b"PNG"


def test_a_critic_learns_to_tell_and_the_network_hears_of_it() -> None:
    torch.manual_seed(0)
    critic, weights = Adversary(), torch.eye(5)[:1].repeat(2, 1)[:, None].expand(2, 30, 5)
    targets = torch.full((2, 30), v.PITCH.start)
    targets[0, 20:] = -1
    logits = torch.zeros(2, 30, v.SIZE, requires_grad=True)
    optimizer = optimiser(critic)
    losses = []
    for _ in range(30):
        fake = imagined(logits, targets)
        assert bool((fake[0, 20:] == 0).all())
        assert bool((fake[1].sum(dim=-1) == 1).all())
        loss = critic_loss(critic, played(targets), fake, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.65 * losses[0]
    assert logits.grad is None  # the critic's lesson is not the network's
    deceit_loss(critic, imagined(logits, targets), weights).backward()
    assert logits.grad is not None
    assert logits.grad[1, :, v.PITCH.start].mean() < logits.grad[1].mean()  # wants what is real
    assert all(p.requires_grad for p in critic.parameters())


def test_an_adversarial_run_goes_on_with_its_critic(tmp_path: Path) -> None:
    labelled = [Piece(replace(p.source, split="valid"), p.tokens) for p in pieces()[:4]]
    save(tmp_path, pieces() + labelled)
    out = tmp_path / "run"
    toy = ["--depth", "2", "--window", "40", "--batch", "2", "--adversary", "0.1"]
    words = ["--data", str(tmp_path), "--out", str(out), *toy]
    assert train_main([*words, "--steps", "2"]) == 0
    kept = load_file(out / "resume.safetensors")
    assert train_main([*words, "--steps", "4"]) == 0
    again = load_file(out / "resume.safetensors")
    moments = [k for k in kept if k.startswith("critic_adam.") and k.endswith("step")]
    assert [float(kept[k]) for k in moments] == [2.0] * len(moments) != []
    assert [float(again[k]) for k in moments] == [4.0] * len(moments)
    assert not any("critic" in k for k in load_file(out / "model.safetensors"))


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """Both read crops of their own, end with the same weights, and only the first writes."""
    labelled = [Piece(replace(p.source, split="valid"), p.tokens) for p in pieces()[:4]]
    save(tmp_path, pieces() + labelled)
    toy = ["--depth", "2", "--window", "40", "--batch", "2", "--steps", "3"]
    words = ["--data", str(tmp_path), "--out", str(tmp_path / "run"), *toy]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ran = subprocess.run(
        [sys.executable, *torchrun, "-m", "music.training.train", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.count("2 × cpu") == 1
    assert json.loads((tmp_path / "run" / "resume.json").read_text())["step"] == 3
