"""What the pages promise exists and works: commands, files, links, sentences and figures."""

import argparse
import ast
import importlib
import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from pieces import song

from bridge.cli import PASSED_ON, build_parser, main
from eeg.synthetic import EPOC, sample_recording, synthesise, write_edf
from eeg.synthetic import Step as Mood
from music.conditioning import CONDITIONINGS, DEFAULT
from music.evaluation.contestants import ROWS
from music.midi import write_midi

ROOT = Path(__file__).parents[1]
PACKAGES = ("eeg", "capsule", "music", "bridge")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
OWN = re.compile(r"(emocapsule|python -m (eeg|capsule|music|bridge))\b")
ANY = re.compile(r"(emocapsule|make|python\S*|py|pytest|pip|torchrun|brew) ")


def commands():
    """Every command in the fenced blocks of all pages, without its comment, once."""
    found = {}
    for page in PAGES:
        for block in re.findall(r"^```\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            for line in block.replace("\\\n", " ").splitlines():
                line = re.sub(r"^\.venv[/\\](bin|Scripts)[/\\]", "", line.split("  #")[0].strip())
                if ANY.match(line + " "):
                    found[" ".join(line.split())] = page.name
    return found


COMMANDS = commands()


# ------------------------------------------------------------------------- what is really run


@dataclass(frozen=True)
class Run:
    """How a command of a page is run here: with other words where its own would take long."""

    leaves: tuple[str, ...] = ()  # files that are there afterwards
    says: str = ""
    instead: dict[str, str] = field(default_factory=dict)  # of words in the command
    more: str = ""  # words behind it
    after: tuple[str, ...] = ()  # commands that come before


DEMO = "emocapsule demo"
MINE = "emocapsule prepare --folder my-midi --out data/mine"
SHORT = {"60": "5"}
RUN = {
    DEMO: Run(("demo/notes.mid", "demo/capsules.jsonl", "demo/session.xdf", "demo/session.png"),
        "emotions, ", more="--duration 6 --port none --no-page --out demo"),
    "emocapsule report sessions/2026-11-22-demo --out evening.html": Run(("evening.html",),
        instead={"sessions/2026-11-22-demo": "demo"}, after=(DEMO,)),
    "emocapsule replay recording.edf --fast": Run(("fast/notes.mid", "fast/capsules.jsonl"),
        "emotions", more="--rest 6 --out fast"),
    "emocapsule recognise recording.edf --out emotions.jsonl --plot emotions.png":
        Run(("emotions.jsonl", "emotions.png")),
    "emocapsule compose --quadrant Q4 --seconds 60 --out calm.mid --wav calm.wav":
        Run(("calm.mid", "calm.wav"), instead=SHORT),
    'emocapsule compose --quadrant Q2 --key "C minor" --tempo 120 --max-density 8 --out dark.mid '
    "--plot dark.png": Run(("dark.mid", "dark.png"), more="--seconds 5"),
    "emocapsule calibrate me.edf --labels me.csv --profile me.json":
        Run(("me.json",), "permuted labels", more="--rest 24"),
    "emocapsule headset --list": Run(says="muse-2 "),
    MINE: Run(("data/mine/music.npz", "data/mine/report.md"), more="--jobs 1"),
    "emocapsule train music --data data/mine --out runs/mine": Run(("runs/mine/model.safetensors",),
        more="--steps 2 --depth 2 --window 64 --valid-batches 1", after=(MINE,)),
}  # fmt: skip
NOT_RUN = {  # how a command begins: why it is not run here
    "emocapsule devices": "tests/test_bridge_devices.py runs it beside real streams",
    "emocapsule headset --board": "needs it; tests/test_eeg_headset.py has a synthetic one",
    "emocapsule live": "needs a headset; tests/test_bridge_live.py plays one on a real JACK",
    "emocapsule listen": "likewise; tests/test_bridge_machines.py has two machines of its own",
    "emocapsule calibrate --live": "needs a wearer; tests/test_bridge_sitting_wire.py has one",
    "emocapsule calibrate monday": "likewise, there",
    "emocapsule learn": "takes seconds for each name; tests/test_bridge_learn.py",
    "emocapsule bench": "measures for minutes; tests/test_bridge_bench.py runs each stage",
    "emocapsule replay recording.edf": "takes as long as the recording; the demo is the same",
    "emocapsule prepare capsule": "needs data sets; tests/test_capsule_corpus_sources.py",
    "emocapsule train capsule": "likewise",
    "emocapsule evaluate": "needs data sets and an hour; tests/test_*_report.py are small ones",
    "emocapsule prepare --data": "needs data sets; tests/test_music_prepare.py",
    "emocapsule train music": "takes hours; a short one is run here",
    "python -m music": "needs data sets and hours; tests/test_music_compare.py and _labels.py",
    "python -m pytest": "this is one",
    "python -m pip": "needs the network; CI does it",
    "python -W ignore -m pdoc": "pdoc is no part of the set-up",
    "make": "CI does it; tests/test_project_setup.py plays the set-up on odd machines",
    "brew": "macOS", "python3.12 -m venv": "macOS", "py -3.12": "Windows",
}  # fmt: skip


def test_every_command_of_the_pages_is_run_or_listed_with_the_reason_why_not():
    """A new command in a page goes into RUN or, if it cannot be run here, into NOT_RUN."""
    left_out = [one for one in COMMANDS if one not in RUN and not one.startswith(tuple(NOT_RUN))]
    assert not left_out
    assert not set(RUN) - set(COMMANDS), "no page shows this any more"
    assert not [start for start in NOT_RUN if not any(one.startswith(start) for one in COMMANDS)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the pages speak of, made short."""
    folder = tmp_path_factory.mktemp("pages")
    sample = sample_recording()
    count = round(14 * sample.signal.rate_hz)
    short = replace(
        sample, samples_uv=sample.samples_uv[:count], times_s=sample.times_s[:count], events=()
    )
    write_edf(folder / "recording.edf", short)
    (folder / "my-midi").mkdir()
    for number in range(6):
        write_midi(folder / "my-midi" / f"{number}.mid", song(number))
    rows = "".join(f"{number}.mid,Q{number % 4 + 1}\n" for number in range(6))
    (folder / "my-midi" / "labels.csv").write_text("file,quadrant\n" + rows)
    ends = [24.0 + 14.0 * number for number in range(7)]
    moods = [Mood(ends[0], 0.0, 0.0, "rest")]
    moods += [Mood(end, 0.0, (2.0, -2.0)[n % 2], "") for n, end in enumerate(ends[1:])]
    write_edf(folder / "me.edf", replace(synthesise(EPOC, 128.0, moods), events=()))
    spans = zip(ends, ends[1:], strict=False)
    lines = [f"{start},{end},A{'+-'[n % 2]}\n" for n, (start, end) in enumerate(spans)]
    (folder / "me.csv").write_text("start_s,end_s,label\n" + "".join(lines))
    return folder, set()


@pytest.mark.parametrize("command", RUN)
def test_commands_of_the_pages_run(command, place, monkeypatch, capsys):
    folder, done = place
    monkeypatch.chdir(folder)
    for one in (*RUN[command].after, command):
        if one not in done:
            _, *words = shlex.split(f"{one} {RUN[one].more}")
            assert main([RUN[one].instead.get(word, word) for word in words]) == 0, one
            done.add(one)
    told = capsys.readouterr()
    assert RUN[command].says in told.out + told.err
    for name in RUN[command].leaves:
        assert (folder / name).stat().st_size > 100, name


# ------------------------------------------------------------------------- what can be said


class Understood(BaseException):
    """The words were read; what they ask for is not done."""


@pytest.fixture
def only_read(monkeypatch):
    """Programs read their words and do no more; what the pages invent is known."""
    read = argparse.ArgumentParser.parse_args

    def stop(parser, args=None, namespace=None):
        read(parser, args, namespace)
        raise Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.setitem(CONDITIONINGS, "sharpness", CONDITIONINGS[DEFAULT])
    monkeypatch.setitem(ROWS, "sharpness", ROWS[DEFAULT])


@pytest.mark.parametrize("command", [one for one in COMMANDS if OWN.match(one)])
def test_commands_of_the_pages_are_understood(command, only_read):
    program, *words = shlex.split(command)
    if program == "emocapsule":
        args, rest = build_parser().parse_known_args(words)
        assert not rest or args.command in PASSED_ON
        if args.command in PASSED_ON:
            with pytest.raises(Understood):
                main(words)
        return
    module = importlib.import_module(words[1])
    with pytest.raises(Understood):
        module.main(words[2:])


def test_make_targets_of_the_pages_exist():
    targets = {one.split()[1] for one in COMMANDS if one.startswith("make ")}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"demo", "test", "lint"} <= targets
    assert all(f"\n{target}:" in makefile for target in targets)


# ------------------------------------------------------------------------- what is there


def test_tree_of_the_readme_is_the_tree():
    tree = README.split("## Tree")[1].split("```")[1]
    named, folders = set(), []
    for line in tree.splitlines():
        if match := re.match(r"( *)(\w+)/ ", line):
            folders = [*folders[: len(match[1]) // 2], match[2]]
        elif match := re.match(r"( +)(\w+\.py) ", line):
            named.add("/".join([*folders[: len(match[1]) // 2], match[2]]))
    there = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert named == there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_pages_name_exist(page):
    text = page.read_text(encoding="utf-8")
    links = {page.parent / link for link in re.findall(r"\]\((?!http)([^)#]+)\)", text)}
    named = re.findall(r"`((?:eeg|capsule|music|bridge|tests|recordings|docs)/[\w./]*)`", text)
    assert not [str(one) for one in links | {ROOT / name for name in named} if not one.exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_a_page_lead_to_a_heading(page):
    text = page.read_text(encoding="utf-8")
    headings = [line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")]
    anchors = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_pictures_are_small():
    for path in (ROOT / "docs").rglob("*.png"):
        assert path.stat().st_size < 250_000, path.name


# ------------------------------------------------------------------------- what is said and found


def literals():
    """Every text in the code but docstrings, in the pieces between what is filled in."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and id(node) not in docstrings:
                yield str(node.value)


def test_the_sentences_under_symptoms_are_said_by_the_program():
    """Each quoted piece is a text in the code, or two of them put together at a blank."""
    rows = README.split("## If something is wrong")[1].split("\n## ")[0]
    quoted = [
        text for row in re.findall(r"^\|(.*?)\|", rows, re.M) for text in row.split("`")[1::2]
    ]
    pieces = [one.strip(" ;.,()") for text in quoted for one in re.split(r"…|\d+|'\w+'", text)]
    sentences = [piece.split() for piece in pieces if len(piece) > 9]
    said = "\n".join(literals())
    assert len(sentences) > 9
    for words in sentences:
        halves = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(len(words))]
        assert any(first in said and second in said for first, second in halves), words


def test_figures_of_the_readme_are_those_of_the_model_cards():
    """Whoever brings new weights brings their figures here as well."""
    cards = [ROOT / package / "weights" / "MODEL_CARD.md" for package in ("capsule", "music")]
    known = "\n".join(card.read_text(encoding="utf-8") for card in cards)
    rows = README.split("## Figures")[1].split("\n## ")[0]
    figures = re.findall(r"\.\d+ \[[^\]]+\]", rows)
    assert len(figures) > 9
    assert not [figure for figure in figures if figure not in known]
