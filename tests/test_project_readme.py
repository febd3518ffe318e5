"""What the pages promise exists: commands, files, links and figures."""

import re
import shlex
from pathlib import Path

import pytest

from bridge.cli import PASSED_ON, build_parser

ROOT = Path(__file__).parents[1]
PACKAGES = ("eeg", "capsule", "music", "bridge")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {
        line.split("  #")[0].strip().removeprefix(".venv/bin/").removeprefix(".venv\\Scripts\\")
        for line in README.splitlines()
        if re.match(r"(\.venv.(bin|Scripts).)?emocapsule ", line)
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_readme_are_understood(command):
    args, rest = build_parser().parse_known_args(shlex.split(command)[1:])
    assert not rest or args.command in PASSED_ON


def test_make_targets_of_the_readme_exist():
    blocks = "".join(README.split("```")[1::2])
    targets = re.findall(r"^make (\w+)", blocks, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"demo", "test"} <= set(targets)
    assert all(f"\n{target}:" in makefile for target in targets)


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


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_files_that_pages_name_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    files = re.findall(r"`((?:eeg|capsule|music|bridge|tests|recordings)/[\w./]*)`", text)
    missing = [name for name in {*links, *files} if not (ROOT / name).exists()]
    assert not missing
