"""Who may import whom, which third party lives where, and that nothing happens at import."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {  # package: those of ours it may import, itself apart
    "eeg": set(),
    "capsule": {"eeg"},
    "music": set(),
    "bridge": {"eeg", "capsule", "music"},
}
FENCES = {  # third party or standard module: where it may be imported (a package or a file)
    "pylsl": {"eeg"},
    "mne": {"eeg"},
    "pyxdf": {"eeg"},
    "edfio": {"eeg"},
    "brainflow": {"eeg/boards.py"},
    "torch": {"capsule", "music"},
    "safetensors": {"capsule", "music"},
    "symusic": {"music"},
    "mido": {"music", "bridge"},
    "fluidsynth": {"music", "bridge"},
    "rtmidi": {"bridge/hand/ports.py"},
    "jack": {"bridge/hand/jackport.py", "bridge/hand/links.py", "bridge/bench/receiver.py"},
    "pythonosc": {"bridge/osc.py"},
    "aalink": {"bridge/daw/link.py"},  # GPL-3: optional, and in a process of its own
    "starlette": {"bridge/page/server.py", "bridge/page/process.py"},
    "uvicorn": {"bridge/page/process.py"},
    "threading": {"bridge"},
    "multiprocessing": {"bridge"},
    "subprocess": {"bridge"},
    "socket": {"bridge"},
    "queue": {"bridge"},
    "asyncio": {"bridge"},
    "pickle": {"capsule/corpus/pickled.py"},  # of data sets, for numbers only
}
PROGRAMS = {"train", "evaluate", "prepare"}  # run by people and by the command line, not by a stage
FILES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]


def imports(path):
    """Every (module, line) that a file imports, at the top, inside a function, or by its name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.module, node.lineno
            for name in node.names:
                yield f"{node.module}.{name.name}", node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            if isinstance(node.args[0], ast.Constant):
                yield node.args[0].value, node.lineno


@pytest.mark.parametrize("name", NAMES)
def test_imports_keep_to_their_floor_and_fence(name):
    package = name.split("/")[0]
    for module, line in imports(ROOT / name):
        top = module.split(".")[0]
        if top in MAY_IMPORT and top != package:
            assert top in MAY_IMPORT[package], f"{name}:{line} imports {module}"
        if top in FENCES:
            inside = FENCES[top] & {package, name}
            assert inside, f"{name}:{line} imports {top}, which belongs to {FENCES[top]}"


@pytest.mark.parametrize("name", NAMES)
def test_programs_are_imported_by_nobody_but_the_command_line(name):
    if name == "bridge/commands/programs.py":
        return
    for module, line in imports(ROOT / name):
        top, *rest = module.split(".")
        if top in MAY_IMPORT and PROGRAMS & set(rest):
            own = Path(name).stem in PROGRAMS
            assert own, f"{name}:{line} imports the program {module}"


FLOORS = {"corpus": 1, "training": 2, "evaluation": 3}  # inside music/; what plays is on floor 0


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("music/")])
def test_what_plays_never_imports_what_prepares_learns_or_judges(name):
    own = FLOORS.get(name.split("/")[1], 0)
    for module, line in imports(ROOT / name):
        top, *rest = module.split(".")
        if top == "music" and rest:
            assert FLOORS.get(rest[0], 0) <= own, f"{name}:{line} imports {module}"


def test_third_parties_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    declared = {one.split(">")[0].split("[")[0].lower().replace("-", "_") for one in wanted}
    spelt = {
        "jack_client": "jack",
        "python_rtmidi": "rtmidi",
        "python_osc": "pythonosc",
        "pyfluidsynth": "fluidsynth",
        "scikit_learn": "sklearn",
    }
    declared = {spelt.get(one, one) for one in declared}
    used = {module.split(".")[0] for path in FILES for module, _ in imports(path)}
    missing = used - declared - set(sys.stdlib_module_names) - set(MAY_IMPORT)
    assert not missing, f"pyproject.toml does not name {sorted(missing)}"


LIGHT = """
import sys, importlib
for name in sys.argv[1].split(","):
    importlib.import_module(name)
heavy = {"torch", "mne", "matplotlib", "sklearn", "rtmidi", "brainflow", "uvicorn"}
heavy &= set(sys.modules)
sys.exit(f"{sorted(heavy)} came along" if heavy else 0)
"""


@pytest.mark.parametrize(
    "modules",
    [
        "bridge.cli",
        "eeg.frontend,eeg.montage,eeg.lsl,eeg.boards,eeg.headset",
        "music.events,music.condition,music.midi",
        "bridge.hand.player",
    ],
)
def test_light_things_stay_light(modules):
    """The live intake needs no mne, the command line's help no torch."""
    ran = subprocess.run([sys.executable, "-c", LIGHT, modules], cwd=ROOT, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()


def test_nothing_loads_what_could_run_code():
    """Weights are safetensors: nothing that unpickles is called."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"torch.load", "pickle.load", "pickle.loads", "eval", "exec"}
                allows = [w for w in node.keywords if w.arg == "allow_pickle"]
                assert all(ast.unparse(w.value) == "False" for w in allows), path


def test_user_paths_stay_out():
    """No file that is kept names a machine's folders."""
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if kept.returncode:
        pytest.skip("not a git checkout")
    for name in kept.stdout.split():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".json", ".txt"} and path != Path(__file__):
            text = path.read_text(encoding="utf-8")
            for word in ("/work/", "/root/", "/home/", "/Users/"):
                assert word not in text, f"{name} names {word}"
