"""The live page by a tiny random instance of the large presets' kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowact.bench.chromium import chromium, visiting
from flowact.bench.server import serving
from flowact.errors import UserError
from tests.tiny_assets import write_assets
from tests.tiny_preset import write_preset


@pytest.fixture(scope="module")
def browser():
    try:
        opened = chromium()
        found = opened.__enter__()
    except UserError as missing:
        pytest.skip(str(missing))
    yield found
    opened.__exit__(None, None, None)


def test_a_visitor_sees_it_and_a_crash_is_told(browser, tmp_path: Path) -> None:
    preset = write_preset(tmp_path / "tiny.yaml")
    environment = {"FLOWACT_ASSETS": str(write_assets(tmp_path / "assets"))}
    flags = ["--preset", str(preset), "--devices", "cpu,cpu", "--threads", "1", "--spare", "no"]
    with (
        serving(*flags, environment=environment) as server,
        visiting(browser, server.address) as visitor,
    ):
        visitor.start()
        visitor.wait_painted(60)  # a snapshot was taken: what the decoder remembers is in it
        visitor.sample()
        visitor.wait_stage("asked to first frame with voice")
        server.kill_worker()
        told = "document.querySelector('[data-part=notice]').textContent"
        visitor.wait(f"{told}.includes('started again')")
        visitor.wait_painted(visitor.summary()["frames_painted"] + 25)
