"""The live page by a tiny random instance of the large presets' kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowact.bench.chromium import visiting
from flowact.bench.server import serving
from tests.tiny_assets import write_assets
from tests.tiny_preset import write_preset


@pytest.mark.timeout(600)  # three workers load one after the other
def test_a_visitor_sees_it_and_a_crash_is_told(browser, tmp_path: Path) -> None:
    preset = write_preset(tmp_path / "tiny.yaml")
    environment = {"FLOWACT_ASSETS": str(write_assets(tmp_path / "assets"))}
    flags = ["--preset", str(preset), "--devices", "cpu,cpu", "--threads", "1", "--spare", "no"]
    with (
        serving(*flags, environment=environment) as server,
        visiting(browser, server.address) as visitor,
    ):
        visitor.page.set_default_timeout(180_000)  # ms
        visitor.start()
        visitor.wait_painted(24)  # the first chunk's snapshot has what the decoder remembers
        visitor.sample()
        visitor.wait_stage("asked to first frame with voice")
        server.kill_worker()
        told = "document.querySelector('[data-part=notice]').textContent"
        visitor.wait(f"{told}.includes('started again')")
        before = visitor.summary()["frames_painted"]
        visitor.wait_painted(before + 4)  # one latent: the decoder is slow
