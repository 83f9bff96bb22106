"""The tiny study, built once, and ways to open it on both databases."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from study.design import builder, stimuli
from study.voting.context import StudyContext
from tests.study.chromium import FLAGS, PROGRAM
from tests.study.postgres import Postgres, find_binaries
from tests.study.tiny import Clock, api_client, configuration, make_sources, open_at


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study's folder with sources, manifest and built clips."""
    folder = tmp_path_factory.mktemp("built")
    manifest = stimuli.read(make_sources(folder / "sources"))
    builder.build(configuration(), manifest, folder / "stimuli")
    return folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def context(built: Path, tmp_path: Path, clock: Clock) -> Iterator[StudyContext]:
    opened = open_at(built, tmp_path, clock)
    yield opened
    opened.store.close()


@pytest.fixture
def client(context: StudyContext) -> TestClient:
    return api_client(context)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server of its own, on a free port of this machine."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL on this machine (Debian: apt install postgresql)")
    server = Postgres(binaries)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real Chromium without a window; while it is open, no other event loop can run here."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def study_folder(built: Path, tmp_path: Path) -> Path:
    """A folder for the command line: configuration, manifest and clips of the tiny study."""
    folder = tmp_path / "study"
    shutil.copytree(built, folder)
    raw = configuration().model_dump(mode="json", exclude_none=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True))
    stimuli.write(stimuli.read(folder / "sources" / "manifest.csv"), folder / "manifest.json")
    return folder
