"""Set-up on machines that are not as one hopes, played with stand-ins for the system's programs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STUBS = {
    # a version shim: answers to the name, fails when called
    "python3.12": "exit 127",
    "python3.11": f"""
        if [ "$1 $2" = "-m venv" ]; then
            mkdir -p .venv/bin
            cp "$0" .venv/bin/python
        elif [ "$1 $2" = "-m pip" ]; then
            echo "pip $*" >> calls
            case "$*" in *python-rtmidi*) [ -z "$NO_RTMIDI" ];; esac
        else
            exec {sys.executable} "$@"
        fi""",
    "dpkg-query": '[ -n "$INSTALLED" ] && echo installed',
    "id": 'echo "$USER_ID"',
    "sudo": '[ -n "$SUDO" ] && shift && exec "$@"',
    "apt-get": 'echo "apt-get $*" >> calls',
}

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.fixture
def set_up(tmp_path):
    """Run .ci/setup in a copy of the project; returns its words and the calls it made."""
    (tmp_path / ".ci").mkdir()
    for name in ("pyproject.toml", "constraints.txt", ".ci/setup"):
        shutil.copy(ROOT / name, tmp_path / name)
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name, body in STUBS.items():
        (stubs / name).write_text(f"#!/bin/bash\n{body}\n")
        (stubs / name).chmod(0o755)

    def run(purpose="demo", **settings):
        environment = {"PATH": f"{stubs}:/usr/bin:/bin", "USER_ID": "1000"} | settings
        ran = subprocess.run(
            ["bash", ".ci/setup", purpose],
            cwd=tmp_path,
            env={**environment, "HOME": os.environ.get("HOME", "/")},
            capture_output=True,
            text=True,
        )
        calls = tmp_path / "calls"
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout, calls.read_text() if calls.exists() else ""

    return run


def test_a_python_that_does_not_run_is_passed_over(set_up):
    words, _ = set_up(INSTALLED="yes")
    assert "python3.11" in words.split("== 2/4")[0]


def test_without_root_one_sentence_names_the_packages(set_up):
    words, calls = set_up()
    assert "please run: sudo apt-get install libfluidsynth3 fluid-soundfont-gm jackd2" in words
    assert "apt-get" not in calls
    assert "--editable ." in calls


def test_root_installs_without_asking(set_up):
    _, calls = set_up(USER_ID="0")
    assert "apt-get install -y -q --no-install-recommends libfluidsynth3" in calls


def test_sudo_is_used_if_it_asks_no_password(set_up):
    _, calls = set_up(SUDO="yes")
    assert "apt-get install -y" in calls


def test_what_is_installed_is_left_alone(set_up):
    _, calls = set_up(INSTALLED="yes", USER_ID="0")
    assert "apt-get" not in calls


def test_torch_index_is_added_only_when_named(set_up):
    words, calls = set_up(INSTALLED="yes")
    assert "index-url" not in calls
    assert "TORCH_INDEX=" in words
    _, calls = set_up(INSTALLED="yes", TORCH_INDEX="https://example.org/cpu")
    assert "--extra-index-url https://example.org/cpu" in calls


def test_without_rtmidi_the_rest_is_installed(set_up):
    words, calls = set_up(INSTALLED="yes", NO_RTMIDI="yes")
    assert "no live MIDI port" in words
    assert "--no-deps --editable ." in calls


@pytest.mark.parametrize(("purpose", "wanted"), [("demo", False), ("test", True)])
def test_tests_bring_their_tools(set_up, purpose, wanted):
    _, calls = set_up(purpose, INSTALLED="yes")
    assert ("hypothesis" in calls) is wanted
    assert "torch" in calls
