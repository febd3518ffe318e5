"""The wheel holds the four packages with their weights and licences, and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("eeg", "capsule", "music", "bridge")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of the project, without the network."""
    try:
        import setuptools
    except ImportError:
        pytest.skip("setuptools is not installed here")
    if int(setuptools.__version__.split(".")[0]) < 77:
        pytest.skip("this setuptools is older than 77")
    source = tmp_path_factory.mktemp("source")
    for name in (*PACKAGES, "recordings", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, source)
    build = "import setuptools.build_meta as b; b.build_wheel('dist')"
    ran = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    (made,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        yield archive


@pytest.mark.slow
def test_wheel_holds_the_packages_and_weights_only(wheel):
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    code = {
        str(p.relative_to(ROOT)) for package in PACKAGES for p in (ROOT / package).rglob("*.py")
    }
    weights = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package / "weights").glob("*")
        if path.is_file()
    }
    page = {str(p.relative_to(ROOT)) for p in (ROOT / "bridge" / "page" / "static").iterdir()}
    assert len(page) > 5
    assert inside == code | weights | page | {"bridge/session/report.html"}
    assert {Path(name).suffix for name in weights} <= {".safetensors", ".json", ".md"}


@pytest.mark.slow
def test_wheel_tells_licences_and_command(wheel):
    (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    text = wheel.read(metadata).decode()
    assert f"License-Expression: {PROJECT['license']}" in text
    assert f"Version: {PROJECT['version']}" in text
    licences = [Path(name).name for name in wheel.namelist() if "/licenses/" in name]
    assert sorted(licences) == ["LICENSE", "LICENSE-WEIGHTS"]
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "emocapsule = bridge.cli:main" in wheel.read(points).decode()


def test_version_is_the_newest_of_the_changelog():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert released[0] == PROJECT["version"]


def test_pins_are_within_the_ranges():
    from packaging.requirements import Requirement

    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {Requirement(line).name.lower(): line.split("==")[1] for line in lines if "==" in line}
    wanted = list(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        wanted += extra
    for one in map(Requirement, wanted):
        assert one.specifier.contains(pins[one.name.lower()]), f"{one} against {pins[one.name]}"
    assert pins["torch"] == "2.13.0"
