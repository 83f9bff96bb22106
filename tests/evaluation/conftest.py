from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact.evaluation.judges.landmarks.panel import Panel

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".venv" / "judge"
"""Where the judges' files stay between runs; `make clean` removes them."""


@pytest.fixture(scope="session")
def panel() -> Panel:
    """All judges; their files are downloaded the first time."""
    pytest.importorskip("ai_edge_litert", reason="the extra `judge` is not installed")
    pytest.importorskip("dlib", reason="the extra `judge` is not installed")
    return Panel.load(CACHE)


def portrait(name: str) -> np.ndarray:
    """A named character's bundled portrait, uint8 `[480, 480, 3]`."""
    file = ROOT / "assets" / "characters" / name / "portrait.png"
    return np.asarray(Image.open(file).convert("RGB"))
