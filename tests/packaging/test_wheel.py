"""What an installation has that is no checkout: the wheel's own files make a video and serve the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import av
import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hatch_build import BUNDLED, BundledAssets
from tests.tiny_assets import write_assets, write_wave
from tests.tiny_pipeline import speech

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PATIENCE = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = out.glob("flowact-*.whl")
    return made


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory) -> Path:
    """A folder without the repository, in which Python finds FlowAct as the wheel has it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder / "site")
    return folder


def environment(folder: Path) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if name != "FLOWACT_ASSETS"}
    return known | {"PYTHONPATH": str(folder / "site")}


def run(folder: Path, *words: str) -> str:
    made = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_nothing_of_the_assets_is_left_out() -> None:
    assert {name.partition("/")[0] for name in BUNDLED} == {
        path.name for path in (ROOT / "assets").iterdir()
    }


def test_the_wheel_is_found_in_place_of_the_checkout(elsewhere):
    code = "import flowact, flowact.assets as a; print(flowact.__file__, a.folder())"
    package = elsewhere / "site" / "flowact"
    assert run(elsewhere, "-c", code).split() == [f"{package}/__init__.py", f"{package}/bundled"]


def test_an_editable_installation_carries_no_copy_of_the_assets():
    found = {}
    for version in ("editable", "standard"):
        data = {"force_include": {}}
        BundledAssets.initialize(object.__new__(BundledAssets), version, data)
        found[version] = data["force_include"]
    assert not found["editable"]
    assert all((ROOT / name).exists() for name in found["standard"])


def test_the_wheel_makes_the_demo(elsewhere):
    run(elsewhere, "-m", "flowact", "demo", "--out", "demo.mp4", "--threads", "1")
    with av.open(str(elsewhere / "demo.mp4")) as video:
        assert video.streams.video[0].frames > 200


def test_the_wheel_serves_the_page_and_the_study(elsewhere):
    server = subprocess.Popen(
        [sys.executable, "-m", "flowact", "live", "--port", "0", "--spare", "no", "--threads", "1"],
        cwd=elsewhere,
        env=environment(elsewhere),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())[0]
        limit = time.monotonic() + PATIENCE
        while not httpx.get(f"{address}live/health", timeout=30).json()["ready"]:
            assert time.monotonic() < limit and server.poll() is None
            time.sleep(0.5)
        for path in (
            "",
            "live/static/page.js",
            "live/portrait/mira",
            "study/",
            "study/page/main.js",
        ):
            assert httpx.get(address + path, timeout=30).status_code == 200, path
    finally:
        server.terminate()
        server.wait(30)


def test_generating_needs_nothing_but_the_core(tmp_path):
    needed = {_name(line) for line in PROJECT["dependency-groups"]["core"]}
    assert needed < {_name(line) for line in PROJECT["project"]["dependencies"]}
    hidden = _packages_outside(_with_requirements(needed))
    assert {"gradio", "fastapi", "sqlalchemy", "pandas", "scipy", "silero_vad"} <= set(hidden)
    assets = write_assets(tmp_path / "assets")
    write_wave(tmp_path / "hello.wav", speech(0.4).read())
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({hidden}))\n"
        "from flowact.cli import main\n"
        "words = 'generate --character mira --audio hello.wav --out hello.mp4 --threads 1'\n"
        "sys.exit(main(words.split()))"
    )
    made = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"FLOWACT_ASSETS": str(assets), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "hello.mp4").stat().st_size > 0


def _with_requirements(names: set[str]) -> set[str]:
    """Distributions, and all that they require in turn."""
    known: set[str] = set()
    while names:
        known |= names
        lines = (line for name in names for line in requires(name) or ())
        wanted = (Requirement(line) for line in lines)
        names = {
            canonicalize_name(one.name)
            for one in wanted
            if one.marker is None or one.marker.evaluate({"extra": ""})
        } - known
    return known


def _packages_outside(distributions: set[str]) -> list[str]:
    """Import names that none of the distributions brings."""
    return [
        package
        for package, owners in packages_distributions().items()
        if package.isidentifier()
        and not {canonicalize_name(owner) for owner in owners} & {*distributions, "flowact"}
    ]


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)
