from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from flowact.cli import main
from flowact.conditioning.window import AudioTimeline
from flowact.errors import UserError
from flowact.training.data.latents import (
    ClipEncoding,
    LatentClip,
    LatentFolder,
    encode_clip,
    encode_folders,
)
from tests.training.tokenizer.toy_clips import toy_clip as rendered
from tests.training.toy_latents import toy_clip, write_toys


class Brightness:
    """An encoder whose latent is the mean of the four frames less the reference's."""

    uses_landmarks = False

    def __init__(self) -> None:
        self.frames = 0

    def encode(self, frames: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        self.frames += frames.shape[1]
        groups = frames.unflatten(1, (-1, 4)).mean((2, 3, 4, 5)) - reference.mean()
        return groups[..., None, None, None].expand(-1, -1, 16, 8, 16)


def test_a_clip_comes_back_from_its_file(tmp_path: Path) -> None:
    clip = toy_clip(3)
    clip.save(tmp_path / "deep" / "3.safetensors")
    loaded = LatentClip.load(tmp_path / "deep" / "3.safetensors")
    assert loaded.meta == {"seed": 3}
    for name in ("z", "reference", "mel", "curves", "behaviour"):
        assert torch.equal(getattr(loaded, name), getattr(clip, name))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["3.safetensors"]


def test_training_hears_what_a_session_hears() -> None:
    rng = np.random.default_rng(0)
    samples = (rng.normal(0, 0.1, 640 * 16) * 32768).astype(np.int16)
    clip = encode_clip(ClipEncoding(Brightness()), replace(rendered(0, 16), audio=samples))
    timeline = AudioTimeline.empty().push(torch.from_numpy(samples / 32768.0))
    for latent in (0, 1, 3):
        live, cached = timeline.window(4 * latent, 3), clip.window(latent, 3)
        known = int(live.known.sum())
        assert known == 8 + 15 - 4 * latent
        assert known <= cached.known.sum() <= known + 1
        heard = slice(max(0, 10 + 4 * (8 - 4 * latent)), 10 + 4 * known + 2)
        torch.testing.assert_close(
            live.features[:, heard], cached.features[:, heard], atol=2e-3, rtol=0
        )


def test_sound_after_a_clip_is_unknown_and_before_it_silent() -> None:
    clip = toy_clip(0, latents=12)
    window = clip.window(9, 9)
    # Tokens from frame 28 on; 48 frames exist, the last needs two mel frames more.
    assert window.known[0].tolist() == [True] * 19 + [False] * 29
    assert (clip.window(0, 3).features[0, : 10 + 32] == -2).all()


def test_a_clip_is_encoded_relative_to_its_reference() -> None:
    clip = rendered(0, 8)
    encoder = Brightness()
    encoded = encode_clip(ClipEncoding(encoder), clip, latents_at_once=1)
    assert encoded.z.shape == (2, 16, 8, 16)
    assert encoded.mel.shape == (32, 80)
    assert encoded.reference.abs().max() < 1e-3
    picture = torch.from_numpy(clip.pictures(slice(4, 8))).float() / 127.5 - 1
    still = torch.from_numpy(clip.reference_image().copy()).float() / 127.5 - 1
    assert float(encoded.z[1, 0, 0, 0]) == pytest.approx(
        float(picture.mean() - still.mean()), abs=1e-3
    )


def test_what_fits_gets_the_whole_clip_at_once() -> None:
    clip, seen = rendered(0, 8), []

    def fit(
        latents: torch.Tensor, frames: torch.Tensor, reference: torch.Tensor, points: torch.Tensor
    ) -> torch.Tensor:
        seen.append((latents.shape[1], frames.shape[1], float(reference.mean())))
        return latents + 1

    plain = encode_clip(ClipEncoding(Brightness()), clip, latents_at_once=1)
    fitted = encode_clip(ClipEncoding(Brightness(), fit=fit), clip, latents_at_once=1)
    assert [lengths[:2] for lengths in seen] == [(1, 4), (2, 8)]
    torch.testing.assert_close(fitted.z, plain.z + 1)
    torch.testing.assert_close(fitted.reference, plain.reference + 1)


def test_fitting_belongs_to_clips_that_are_encoded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, reason in (
        (["--encode-steps", "-1"], "--encode-steps must be 0 or more, not -1."),
        (["--encode-steps", "5"], "--encode-steps belongs to --data"),
    ):
        assert main(["train", "latents", "--out", str(tmp_path / "made"), *arguments]) == 2
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_only_clips_that_are_missing_are_encoded(tmp_path: Path) -> None:
    clip = rendered(0, 4)
    for split, seed in (("train", 0), ("train", 1), ("heldout", 2)):
        clip.save(tmp_path / "clips" / split / f"{seed:08d}.npz")
    encoder = Brightness()
    assert encode_folders(ClipEncoding(encoder), tmp_path / "clips", tmp_path / "latents") == 3
    clip.save(tmp_path / "clips" / "train" / "00000009.npz")
    seen = encoder.frames
    assert encode_folders(ClipEncoding(encoder), tmp_path / "clips", tmp_path / "latents") == 1
    assert encoder.frames == seen + 4 + 4
    assert (tmp_path / "latents" / "train" / "00000009.safetensors").is_file()


def test_a_folder_notices_new_clips_and_skips_short_ones(tmp_path: Path) -> None:
    write_toys(tmp_path, train=2, heldout=0)
    folder = LatentFolder(tmp_path / "train", shortest=30)
    toy_clip(7).save(tmp_path / "train" / "7.safetensors")
    toy_clip(8, latents=20).save(tmp_path / "train" / "8.safetensors")
    folder.rescan()
    assert len(folder.clips) == 2
    folder._scanned = -1e9
    folder.rescan()
    assert [clip.meta["seed"] for clip in folder.clips] == [0, 1, 7]


def test_an_empty_folder_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no encoded clips of at least 5"):
        LatentFolder(tmp_path, shortest=5)
