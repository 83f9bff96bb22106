"""The correction of encoders by landmarks, in training and in what is exported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from flowact.cli import main
from flowact.datagen.clip import Clip, encode_jpeg, pack_frames
from flowact.errors import UserError
from flowact.motion.joints import joint
from flowact.portrait import named_portraits
from flowact.tokenizer.encoding.landmark_correction import LandmarkCorrection
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.tokenizer.estimates import EVERY, Estimates, estimate_clips
from flowact.training.tokenizer.train_correction import CorrectionStage
from tests.tokenizer.small import small_tokenizer
from tests.training.tokenizer.toy_clips import toy_clip

Array = NDArray[np.uint8]

LENGTH = 12
HEAD = 52 + 3 * joint("head")


def moving(picture: Array) -> Clip:
    """A picture that moves sideways; the head is said to turn as it does."""
    clip = toy_clip(0, LENGTH)
    shifts = np.linspace(-8, 8, LENGTH).round().astype(int)
    frames, offsets = pack_frames([np.roll(picture, shift, 1) for shift in shifts])
    pose = np.zeros_like(clip.pose)
    pose[:, joint("head"), 1] = shifts / 100
    jpeg = encode_jpeg(picture)
    return replace(clip, frames=frames, frame_offsets=offsets, reference=jpeg, pose=pose)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a tokenizer; clips of a named portrait and one without a face."""
    made = tmp_path_factory.mktemp("correction")
    tokenizer = small_tokenizer()
    for view in (tokenizer.whole, tokenizer.face):
        view.code.adopt(torch.zeros(106), torch.full((106,), 0.05))
    tokenizer.save_pretrained(made / "checkpoint" / "tokenizer")
    somebody = moving(np.ascontiguousarray(named_portraits()[0]))
    for split in ("train", "heldout"):
        somebody.save(made / "clips" / split / "somebody.npz")
    moving(np.full((480, 480, 3), 90, np.uint8)).save(made / "clips" / "train" / "nobody.npz")
    return made


def test_what_was_looked_at_is_kept_and_frames_without_faces_are_left_out(folder, tmp_path) -> None:
    tokenizer = Tokenizer.from_pretrained(folder / "checkpoint" / "tokenizer").eval()
    seen = estimate_clips(tokenizer, folder / "clips" / "train", tmp_path)
    assert len(seen.truth) == LENGTH // EVERY
    assert seen.truth[:, HEAD + 1].diff().min() > 0
    broken = tokenizer.to(torch.float64)  # would not encode, if it had to
    again = estimate_clips(broken, folder / "clips" / "train", tmp_path)
    assert torch.equal(again.numbers, seen.numbers)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no clips with faces"):
        estimate_clips(tokenizer, tmp_path / "empty", tmp_path)


def test_it_learns_what_landmarks_tell(folder, tmp_path) -> None:
    tokenizer = Tokenizer.from_pretrained(folder / "checkpoint" / "tokenizer").eval()
    seen = estimate_clips(tokenizer, folder / "clips" / "train", tmp_path)
    model = LandmarkCorrection(106, 32)
    model.adopt(seen.numbers)
    stage = CorrectionStage(model, seen, seen, batch=16, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for step in range(150):
        loss, values = stage.loss(model, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        left = stage.evaluate(model, tmp_path, 150)
    assert left["left"] < 0.2 * left["left_before"] and left["r_yaw"] > 0.9
    assert values["before"] > 0


def test_the_same_step_draws_the_same_frames(folder, tmp_path) -> None:
    rows = torch.arange(40.0)[:, None]
    seen = Estimates(torch.zeros(40, 571), rows.expand(-1, 106), torch.zeros(40, 106))
    stages = [
        CorrectionStage(LandmarkCorrection(106, 8), seen, seen, 8, seed) for seed in (0, 0, 1)
    ]
    drawn = [float(stage.loss(stage.model, 7)[1]["before"]) for stage in stages]
    assert drawn[0] == drawn[1] != drawn[2]


def test_it_is_trained_exported_and_used_by_commands(folder, tmp_path) -> None:
    checkpoint, run = folder / "checkpoint", tmp_path / "run"
    train = ["train", "correction", "--tokenizer", str(checkpoint), "--data", str(folder / "clips")]
    for steps in ("3", "6"):  # the second goes on
        assert main([*train, "--out", str(run), "--steps", steps, "--warm-up", "1"]) == 0
    export = ["train", "export", "--tokenizer", str(checkpoint), "--correction", str(run)]
    assert main([*export, "--out", str(tmp_path / "made")]) == 0
    made = Tokenizer.from_pretrained(tmp_path / "made" / "tokenizer")
    assert made.correction is not None and made.config.correction_width == 512
    assert made.correction.leave.weight.any() and made.correction.mean.any()
    assert main([*export[:4], "--out", str(tmp_path / "again")]) == 0
    again = Tokenizer.from_pretrained(tmp_path / "again" / "tokenizer")
    assert again.correction is None
    kept = ["train", "export", "--tokenizer", str(tmp_path / "made"), "--out", str(tmp_path / "x")]
    assert main(kept) == 0
    same = Tokenizer.from_pretrained(tmp_path / "x" / "tokenizer").state_dict()
    assert all(torch.equal(same[name], value) for name, value in made.state_dict().items())
