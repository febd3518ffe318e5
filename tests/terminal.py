"""The command as a person types it, in a process of its own."""

import subprocess
import sys


def emocapsule(*words, cwd=None):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bridge.cli", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


def fails(ran, *words):
    """One sentence that holds these words, and exit status 1."""
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr, ran.stderr
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("emocapsule: "), last
    assert last.endswith("."), last
    for word in words:
        assert word in last, last
    assert "Unexpected" not in last, last
