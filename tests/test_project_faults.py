"""The table of faults names tests that exist, and leaves no fault out."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = (TESTS / "FAULTS.md").read_text(encoding="utf-8")


def test_each_of_the_25_faults_has_tests_and_each_of_them_exists():
    rows = re.findall(r"^\| (\d+) \|.*$", TABLE, re.M)
    assert [int(number) for number in rows] == list(range(1, 26))
    for line in TABLE.splitlines():
        if re.match(r"\| \d", line):
            named = re.findall(r"`(test_\w+\.py)::(\w+|\*)`", line)
            assert named, line
            for file, test in named:
                content = (TESTS / file).read_text(encoding="utf-8")
                assert test == "*" or f"def {test}(" in content, (file, test)
