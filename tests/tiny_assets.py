"""A folder of assets with tiny random weights, one character and a short recording."""

import wave
from pathlib import Path

import numpy as np
from PIL import Image

from flowact.serving.audio_source import to_pcm16
from tests.tiny_pipeline import speech, tiny_pipeline


def write_assets(folder: Path) -> Path:
    shipped = Path(__file__).parents[1] / "assets" / "landmarks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "landmarks").symlink_to(shipped)  # pictures of strangers are looked at
    home = folder / "characters" / "mira"
    home.mkdir(parents=True)
    Image.fromarray(picture()).save(home / "portrait.png")
    (home / "character.json").write_text('{"name": "mira", "title": "Mira"}')
    tiny_pipeline().save_pretrained(folder / "checkpoint")
    write_wave(folder / "speech" / "welcome.wav", speech(2.0).read())
    return folder


def write_wave(path: Path, samples: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(to_pcm16(samples))
    return path


def picture() -> np.ndarray:
    rows, columns = np.mgrid[0:480, 0:480]
    shades = [rows / 2, columns / 2, (rows + columns) / 4]
    return np.stack(shades, axis=-1).clip(0, 255).astype(np.uint8)
