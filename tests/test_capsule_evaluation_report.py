"""The report: each section beside its baselines, found once, found anew when its ground changes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from windows import made_up

from capsule.corpus.dataset import joined
from capsule.corpus.sitting import Sitting, recording_of, whole
from capsule.errors import CapsuleError
from capsule.evaluation import eegnet as rival
from capsule.evaluation import riemann, sections
from capsule.evaluation.material import Material, Settings
from capsule.evaluation.report import main, parse, report, settings_of
from capsule.evaluation.riemann import DISTANCE, LOUD
from capsule.evaluation.rows import CAPSULE, TANGENT
from capsule.evaluation.sections import SECTIONS
from capsule.evaluation.splits import Cut
from capsule.evaluation.tangent import Part
from capsule.evaluation.verdict import verdict

SMALL = Settings(folds=2, other_folds=2, steps=3, deals=2, montages=("19", "4"), epochs=1)
REST = ["rest", "arithmetic"]


@pytest.fixture
def material(tmp_path, monkeypatch):
    """Six made-up people of EEGMAT, some of other sets, one headset never seen."""
    torch.set_num_threads(1)
    monkeypatch.setattr("capsule.evaluation.figures.DRAWS", 5)
    monkeypatch.setattr("capsule.evaluation.material.Recipe", small_recipe)
    eegmat = made_up(6, REST, each=62)
    others = [
        made_up(4, ["happy music", "sad music"] * 3, "ehrlich"),
        made_up(4, ["horror", "relaxing music"], "mane"),
    ]
    told = []
    found = Material(("eegmat", "ehrlich", "mane"), ("bird",), tmp_path / "out", SMALL, told.append)
    found.__dict__.update(
        data=joined([eegmat, *others]),
        eegmat={"19": eegmat, "4": eegmat},
        strange={"bird": made_up(3, ["relaxed", "concentrating"], "bird")},
        told=told,
    )
    asked = eegmat.person < "eegmat/03"
    p = np.linspace(0, 1, int(asked.sum()))
    judged = sections.AROUSAL.beside(p, eegmat.where(asked))
    monkeypatch.setattr(sections, "eegnet", lambda *_: judged)
    known = {("eegmat", one): Guess(eegmat, {}) for one in ("19", "4")}
    known |= {(str(one.dataset[0]), "19"): Guess(one, {}) for one in others}
    strange = {"bird": Guess(found.strange["bird"], {})}
    monkeypatch.setattr(riemann, "parts", lambda m: (known, strange))
    return found


class Guess(Part):
    """Tangent vectors that mean nothing, over two regions."""

    nodes = ("frontal-left", "frontal-right")

    def by_region(self):
        return self

    def vectors(self, nodes, loud=False):
        return np.random.default_rng(int(loud)).normal(size=(len(self.asked), 18))


def small_recipe(**words):
    from capsule.learning import Recipe

    return Recipe(batch=16, members=2, **words)


def test_a_whole_report_is_written_and_found_again(material):
    whole = report(material)
    names = [section.name for section in SECTIONS]
    assert set(whole["figures"]) == set(names)
    text = (material.out / "REPORT.md").read_text(encoding="utf-8")
    headings = ("People never seen", "Data sets never seen", "LEAKY", "Null labels", "EEGNet")
    for heading in (*headings, "Rivals in the tangent space"):
        assert f"## {heading}" in text
    assert "random windows (LEAKY) | **leaky**" in text
    assert "EEGMAT, 4 channels" in text
    assert "mane, valence" in text
    assert "### bird" in text
    assert material.shipped.name in text
    for picture in ("reliability", "montages"):
        assert f"![]({picture}.png)" in text
        assert (material.out / f"{picture}.png").stat().st_size > 1000
    assert json.loads((material.out / "report.json").read_text(encoding="utf-8")) == whole
    material.told.clear()
    assert report(material) == whole
    assert material.told == [f"{name}: as found before" for name in names]


def test_each_section_stands_beside_its_baselines(material):
    found = report(material, ["people", "windows", "routing"])["figures"]
    rows = found["people"]["montages"]["19"]["rows"]
    assert {CAPSULE, "logistic regression", "support vectors (RBF)", "majority"} <= set(rows)
    assert {name for name in rows if name.startswith("control")}
    assert rows["majority"]["figures"]["balanced accuracy"]["value"] == 0.5
    assert rows[CAPSULE]["people"] == 6
    assert rows[CAPSULE]["recordings"]["n"] == 12
    for told in rows.values():
        assert set(told["figures"]) == {"balanced accuracy", "F1", "AUC", "ECE"}
    above = found["people"]["montages"]["4"]["above"]
    assert {"low", "high", "value"} == set(above["logistic regression"]["AUC"])
    assert CAPSULE in found["windows"]["rows"]
    assert set(found["routing"]["19"]["above"]) == {"attention", "uniform"}


def test_the_tangent_space_stands_beside_the_network_and_its_controls(material):
    pytest.importorskip("pyriemann")
    found = report(material, ["tangent"])["figures"]["tangent"]
    rows = found["montages"]["19"]["rows"]
    assert {CAPSULE, *TANGENT, DISTANCE} <= set(rows)
    controls = [name for name in rows if name.startswith("control")]
    assert len(controls) == 4
    assert rows[controls[0]]["windows"] == 6 * 62  # the second and third minute of rest
    assert rows[controls[1]]["windows"] == 2 * 6 * 62  # arithmetic and its mirror image
    assert {one["windows"] for one in (rows[CAPSULE], rows[TANGENT[0]])} == {6 * 124}
    assert set(found["montages"]["4"]["above"]) == set(TANGENT)
    assert set(found["left out"]) == {"eegmat, 19 channels", "eegmat, 4 channels", "mane"}
    assert set(found["unseen"]) == {"bird"}
    assert found["unseen"]["bird"]["regions"] == list(Guess.nodes)
    assert {TANGENT[1] + LOUD, DISTANCE + LOUD} < set(found["unseen"]["bird"]["rows"])
    assert 0.3 < found["null"]["value"] < 0.7


def test_without_pyriemann_the_tangent_space_is_left_out_until_it_is_there(material, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(riemann, "find_spec", lambda _: None)
        assert report(material, ["tangent"])["figures"]["tangent"] == {}
        assert "pyriemann is not installed" in material.told[-1]
        assert "tangent space" not in (material.out / "REPORT.md").read_text(encoding="utf-8")
    pytest.importorskip("pyriemann")
    assert report(material, ["tangent"])["figures"]["tangent"]["montages"]


def test_a_run_that_was_stopped_goes_on_with_the_networks_it_has(material, monkeypatch):
    report(material, ["people"])
    (material.out / "sections" / "people.json").unlink()
    monkeypatch.setattr("capsule.evaluation.material.build", lambda *_: pytest.fail("trained anew"))
    material.told.clear()
    report(material, ["people"])
    assert material.told == ["people ..."]
    other = replace(material, settings=replace(SMALL, steps=4))
    other.__dict__.update(data=material.data, eegmat=material.eegmat, strange=material.strange)
    with pytest.raises(pytest.fail.Exception, match="trained anew"):
        report(other, ["people"])


def test_a_network_whose_file_was_cut_short_is_trained_anew(material):
    report(material, ["people"])
    for file in (material.out / "models").glob("*/network.safetensors"):
        file.write_bytes(file.read_bytes()[:100])
    (material.out / "sections" / "people.json").unlink()
    material.told.clear()
    report(material, ["people"])
    assert material.told == ["people ...", *(f"  learning: people fold {k}" for k in (1, 2))]


def test_figures_hang_on_data_and_settings(material):
    key = material.key(("folds",))
    assert replaced(material, settings=replace(SMALL, deals=9)).key(("folds",)) == key
    assert replaced(material, settings=replace(SMALL, folds=3)).key(("folds",)) != key
    assert replaced(material, settings=replace(SMALL, seed=1)).key(("folds",)) != key
    assert replaced(material, settings=replace(SMALL, seed=1)).key((), False) == material.key(
        (), False
    )
    fewer = material.data.where(material.data.person != "mane/00")
    assert replaced(material, data=fewer).key(("folds",)) != key


def replaced(material, data=None, **words):
    other = replace(material, **words)
    kept = {name: getattr(material, name) for name in ("data", "eegmat", "strange")}
    other.__dict__.update(kept if data is None else kept | {"data": data})
    return other


def test_without_eegmat_what_needs_it_is_left_out(material):
    other = replaced(material, material.data.where(material.data.dataset != "eegmat"))
    other.__dict__.update(eegmat={})
    assert set(report(other)["figures"]) == {"people", "datasets", "unseen", "trials"}
    with pytest.raises(CapsuleError, match="EEGMAT is needed"):
        report(other, ["null"])


# ---------------------------------------------------------------------------- verdict


def figure(value):
    return {
        "value": value,
        "low": value - 0.05,
        "high": value + 0.05,
    }


def row(accuracy, error=0.03):
    figures = {"balanced accuracy": figure(accuracy), "AUC": figure(accuracy), "ECE": figure(error)}
    return {"figures": figures, "recordings": {"figures": figures}}


def test_demands_are_met_or_not():
    rows = {
        CAPSULE: row(0.90),
        "logistic regression": row(0.84),
        "support vectors (RBF)": row(0.88),
        "control: second against third minute of rest": row(0.51),
    }
    tangent = {CAPSULE: row(0.90), TANGENT[0]: row(0.8), TANGENT[1]: row(0.91)}
    found = {
        "people": {"montages": {"19": {"rows": rows}}},
        "unseen": {"bird": {"rows": {CAPSULE: row(0.57)}}},
        "tangent": {"montages": {"19": {"rows": tangent}}},
        "null": {
            "people": {"nearest neighbours": figure(0.49), "honest": True},
            "windows": {"nearest neighbours": figure(0.95), "honest": False},
        },
    }
    told = {one.asked: one.met for one in verdict(found)}
    assert told == {
        "EEGMAT 19 channels, balanced accuracy at least that of the better rival": True,
        "EEGMAT 19 channels, aimed at: four points above it": False,
        "EEGMAT 19 channels, AUC at least that of the better rival": True,
        "EEGMAT 19 channels, ECE ≤ 0.05": True,
        "EEGMAT 19 channels, by recording ≥ 0.88": True,
        "EEGMAT 19 channels, drift of the rest at chance": True,
        "EEGMAT 19 channels, balanced accuracy at least that of the better in tangent space": False,
        "EEGMAT 19 channels, AUC at least that of the better in tangent space": False,
        "Bird's headset, never seen, balanced accuracy > 0.58": False,
        "null labels by people at chance": True,
        "null labels by windows above chance: the canary sings": True,
    }
    found["null"]["people"]["nearest neighbours"] = figure(0.9)
    assert not verdict(found)[-2].met


# ---------------------------------------------------------------------------- EEGNet


def test_eegnet_reads_what_is_in_the_samples(monkeypatch):
    """Arithmetic is a louder alpha here, so it must be found in people never seen."""
    pytest.importorskip("braindecode")
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    asked = made_up(4, REST, each=40)
    asked = replace(
        asked,
        recording=np.char.add(asked.recording, "/name.edf"),
        time_s=np.tile(np.arange(40) + 3.0, 8),
    )
    seconds = np.arange(45 * 128) / 128

    def sitting(number):
        takes = []
        for label, size in zip(REST, (1.0, 6.0), strict=True):
            samples = rng.normal(size=(len(seconds), 2))
            samples += size * np.sin(2 * np.pi * 10 * seconds)[:, None]
            takes.append(whole(recording_of(label, samples, 128.0, ("Fp1", "Fp2")), label))
        return Sitting(f"{number:02d}", tuple(takes))

    everybody = [sitting(number) for number in range(4)]
    monkeypatch.setattr(rival, "sittings", lambda *_: iter(everybody))
    assert rival.samples_of(asked, "4").shape == (320, 2, 256)
    test = asked.person == "eegmat/03"
    told = rival.eegnet(asked, "4", [Cut(~test, test)], 12, lambda _: None)
    assert told.truth.sum() == 40
    assert ((told.p > 0.5) == told.truth).mean() > 0.9


def test_without_braindecode_eegnet_is_left_out(monkeypatch):
    monkeypatch.setattr(rival, "find_spec", lambda _: None)
    said = []
    assert rival.eegnet(made_up(2, REST), "4", [], 1, said.append) is None
    assert "braindecode is not installed" in said[0]


# ---------------------------------------------------------------------------- the command


def test_the_command_understands_its_words():
    args = parse(["--quick", "--steps", "9", "--folds", "3", "--only", "people", "null network"])
    settings = settings_of(args)
    assert (settings.steps, settings.folds, args.only) == (9, 3, ["people", "null network"])
    assert settings_of(parse([])) == Settings()
    for words in (["--folds", "1"], ["--steps", "0"], ["--only", "nothing"]):
        with pytest.raises(SystemExit):
            parse(words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "deep"], "no data set 'deep'"),
        (["--data", "bird={}"], "for testing only"),
        (["--data", "folder={}", "--unseen", "folder={}"], "cannot be both"),
        (["--data", "deap={}", "--unseen"], r"holds no s\[0-9\]"),
    ],
)
def test_wrong_words_are_told(words, said, tmp_path):
    with pytest.raises(CapsuleError, match=said):
        main([word.format(tmp_path) for word in words])
