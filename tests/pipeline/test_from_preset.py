from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from flowact.errors import UserError
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.from_preset import check_preset, random_pipeline
from flowact.presets import load_preset
from tests.tiny_pipeline import speech, tiny_pipeline
from tests.tiny_preset import TRANSFORMER, write_preset


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> FlowActPipeline:
    path = write_preset(tmp_path_factory.mktemp("presets") / "tiny.yaml")
    made = random_pipeline(load_preset(str(path)))
    torch.manual_seed(1)
    with torch.no_grad():  # what begins at zero would hide what goes in
        for weight in made.transformer.parameters():
            weight.copy_(0.2 * torch.randn(weight.shape))
    return made


def images(pipeline: FlowActPipeline, seconds: float = 0.5, **asked: object) -> np.ndarray:
    portrait = np.full((480, 480, 3), 99, np.uint8)
    return np.stack([f.image for f in pipeline.stream(portrait, speech(seconds), **asked)])


def test_equal_seeds_give_equal_weights(tmp_path: Path) -> None:
    preset = load_preset(str(write_preset(tmp_path / "tiny.yaml")))
    one, same, other = (random_pipeline(preset, seed=seed).transformer for seed in (0, 0, 1))
    assert torch.equal(one.video_in.weight, same.video_in.weight)
    assert not torch.equal(one.video_in.weight, other.video_in.weight)
    assert random_pipeline(preset, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_sound_and_action_reach_the_picture(pipeline: FlowActPipeline) -> None:
    shown = images(pipeline)
    assert shown.shape == (13, 480, 480, 3)
    assert not np.array_equal(shown, images(pipeline, action="wave"))


def test_a_checkpoint_holds_what_hears_and_reads(pipeline: FlowActPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    loaded = FlowActPipeline.from_pretrained(tmp_path)
    assert loaded.features.audio.width == 32
    np.testing.assert_allclose(images(loaded).astype(int), images(pipeline), atol=1)


def test_a_checkpoint_of_another_preset_is_refused(
    pipeline: FlowActPipeline, tmp_path: Path
) -> None:
    same = load_preset(str(write_preset(tmp_path / "tiny.yaml")))
    check_preset(pipeline, same)
    wider = {**TRANSFORMER, "dim": 64}
    other = load_preset(str(write_preset(tmp_path / "wider.yaml", transformer=wider)))
    with pytest.raises(UserError, match="not of the preset wider: its dim is 32, the preset's 64"):
        check_preset(pipeline, other)
    with pytest.raises(UserError, match="codec is compact; the preset tiny needs AutoencoderKLWan"):
        check_preset(tiny_pipeline(), same)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = load_preset(str(write_preset(tmp_path / "tiny.yaml")))
    monkeypatch.setattr("flowact.pipeline.from_preset.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install 'flowact\\[pretrained\\]'"):
        random_pipeline(preset)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audio": None}, "audio_width is 32; the features are 0 wide"),
        ({"text": {"kind": "whisper", "sizes": {"d_model": 8}}}, "text.kind cannot be whisper"),
    ],
)
def test_features_must_be_as_wide_as_the_encoders(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        load_preset(str(write_preset(tmp_path / "tiny.yaml", **changes)))
