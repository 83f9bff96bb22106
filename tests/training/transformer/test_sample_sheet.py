from pathlib import Path

import pytest
import torch
from PIL import Image

from flowact.training.transformer.sample_sheet import SHOTS, SHOWN, draw_motion
from tests.tiny_assets import write_assets


def test_truth_and_made_are_shown_for_every_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWACT_ASSETS", str(write_assets(tmp_path / "assets")))
    made, truth = torch.randn(2, 1, 12, 16, 8, 16)
    path = tmp_path / "samples" / "1.jpg"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert draw_motion(path, made, truth)
    assert Image.open(path).size == (SHOWN * (SHOTS + 1), 2 * SHOWN)


def test_latents_of_another_tokenizer_are_not_drawn(tmp_path: Path) -> None:
    assert not draw_motion(tmp_path / "1.jpg", *torch.randn(2, 1, 12, 4, 4, 4))
    assert not list(tmp_path.iterdir())
