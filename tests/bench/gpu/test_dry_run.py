"""`flowact bench --gpu` on the processor: every section reports, or says why it cannot."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from flowact.bench.gpu.report import GpuReport, Row, Rows
from flowact.bench.gpu.run import BenchSection, attempt, run_sections
from flowact.bench.gpu.sections import SECTIONS, choose_subject
from flowact.bench.gpu.streams import StreamTimes
from flowact.errors import UserError
from tests.tiny_assets import write_assets
from tests.tiny_preset import write_preset

ROOT = Path(__file__).resolve().parents[3]
HIDDEN = ("cv2", "av", "gradio", "silero_vad", "playwright", "fastapi", "uvicorn", "transformers")


def test_a_dry_run_needs_no_media_and_no_page(tmp_path: Path) -> None:
    preset, out = write_preset(tmp_path / "tiny.yaml"), tmp_path / "gpu.json"
    assets = write_assets(tmp_path / "assets")
    words = ["bench", "--gpu", str(out), "--devices", "cpu", "--preset", str(preset)]
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({HIDDEN}))\n"
        f"from flowact.cli import main; sys.exit(main({words!r}))"
    )
    environment = {"PYTHONPATH": str(ROOT), "FLOWACT_ASSETS": str(assets), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "dry run" in done.stdout
    told = json.loads(out.read_text())
    states = {part["name"]: (part["state"], part["why"]) for part in told["sections"]}
    assert states == {section.name: ("done", "") for section in SECTIONS}
    rows = {row["what"]: row for part in told["sections"] for row in part["rows"]}
    equal = "the codec of tiny: latent by latent equals the chunk at once"
    assert rows[equal]["value"] == 1
    assert rows["float32 on the device: largest error of a pixel, 0 to 255"]["value"] == 0
    assert rows["tiny, 1 session: frames per second of each"]["value"] > 0
    assert rows["energy of a frame"]["note"] == "only GPUs have a meter"
    assert told["machine"]["dry_run"] and "random" in told["weights"]


def test_all_sections_fit_into_nine_minutes() -> None:
    assert sum(section.limit_s for section in SECTIONS) < 540


def test_a_section_that_fails_or_takes_too_long_costs_no_other(tmp_path: Path) -> None:
    def slow(_subject: object) -> Rows:
        yield Row("first", 1.0, "ms")
        time.sleep(20)
        yield Row("never", 2.0, "ms")

    def broken(_subject: object) -> Rows:
        yield Row("kept", 3.0, "ms")
        raise RuntimeError("no kernel\nand a long trace")

    def empty(_subject: object) -> Rows:
        return iter(())

    def good(_subject: object) -> Rows:
        yield attempt("impossible", "ms", lambda: 1 / 0)

    report = GpuReport(tmp_path / "out.json", {})
    sections = [BenchSection(f.__name__, 0.3, f) for f in (slow, broken, empty, good)]
    run_sections(sections, choose_subject("default", "cpu", 1.0), report)
    told = json.loads((tmp_path / "out.json").read_text())["sections"]
    assert [(s["state"], s["why"], len(s["rows"])) for s in told] == [
        ("stopped", "its 0.3 seconds were over", 1),
        ("failed", "RuntimeError: no kernel", 1),
        ("skipped", "nothing here can be measured on this device", 0),
        ("done", "", 1),
    ]
    assert told[3]["rows"][0]["note"] == "ZeroDivisionError: division by zero"


def test_rates_leave_the_first_chunk_out() -> None:
    times = StreamTimes((1.0, 1.4, 1.8, 2.6))
    assert times.fps == pytest.approx(36 / 1.6)
    assert times.quantile_ms(0.5) == 400 and times.quantile_ms(1.0) == 800


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="PyTorch finds"):
        choose_subject(None, f"cuda:{torch.cuda.device_count()}", 1.0)
