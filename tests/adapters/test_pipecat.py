"""The example of Pipecat runs as its user runs it, beside the Pipecat that `make` installs by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.tiny_assets import write_assets

ROOT = Path(__file__).parents[2]
OVERLAY = Path(sys.executable).parents[1] / "pipecat"


def test_a_pipeline_is_seen_and_heard_and_interrupted(tmp_path):
    assert OVERLAY.is_dir(), "make installs Pipecat there: see constraints-pipecat.txt"
    assets = write_assets(tmp_path / "assets")
    sound = assets / "speech" / "welcome.wav"
    script = [str(ROOT / "examples" / "pipecat_pipeline.py"), "--audio", str(sound)]
    path = os.pathsep.join([str(OVERLAY), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "FLOWACT_ASSETS": str(assets)}
    done = subprocess.run(
        [sys.executable, *script], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.search(r"(\d+) pictures, ([\d.]+) s of voice", done.stdout)
    assert found, done.stdout
    assert int(found[1]) >= 50 and 2.0 <= float(found[2]) < 2.5
