from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.tiny_pipeline import speech, tiny_pipeline

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of assets: tiny weights, one character, one sentence, the body, the landmark network."""
    folder = tmp_path_factory.mktemp("assets")
    tiny_pipeline().save_pretrained(folder / "checkpoint")
    write_picture(folder / "characters" / "mira" / "portrait.png")
    write_speech(folder / "speech" / "welcome.wav", 1.0)
    for shipped in ("humanoid.npz", "landmarks"):
        (folder / shipped).symlink_to(ROOT / "assets" / shipped)
    return folder


@pytest.fixture(autouse=True)
def use_assets(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test of the command line beside those assets, in an empty folder."""
    monkeypatch.setenv("FLOWACT_ASSETS", str(assets))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)


def write_picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.mgrid[0:600, 0:600].sum(axis=0) / 5
    Image.fromarray(pixels.astype(np.uint8)).convert("RGB").save(path)
    return path


def write_speech(path: Path, seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (speech(seconds).read()[None] * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
