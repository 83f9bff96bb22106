"""The large presets' whole recipe, on a tiny random instance of their kind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from flowact.cli import main
from flowact.datagen.clip import Clip
from flowact.errors import UserError
from flowact.pipeline import FlowActPipeline
from flowact.timebase import SAMPLES_PER_FRAME
from flowact.training.data.latents import LatentClip, LatentFolder
from flowact.training.loop.checkpoints import newest_step
from flowact.training.parts import Parts, codec_digest
from tests.tiny_pipeline import speech
from tests.tiny_preset import TRANSFORMER, write_preset
from tests.training.tokenizer.toy_clips import toy_clip
from tests.training.train_preset import STAGES, commands

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 120
"""As many as the longest layout of a sample needs."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preset, its parts, and clips encoded with them."""
    folder = tmp_path_factory.mktemp("preset")
    preset = write_preset(folder / "tiny.yaml")
    assert main(["train", "parts", "--preset", str(preset), "--out", str(folder / "parts")]) == 0
    for seed, split in enumerate(("train", "heldout")):
        repeated(toy_clip(seed, 8), FRAMES // 8).save(folder / "clips" / split / f"{seed}.npz")
    given = ["--data", str(folder / "clips"), "--parts", str(folder / "parts")]
    assert main(["train", "latents", *given, "--out", str(folder / "latents")]) == 0
    return folder


def repeated(clip: Clip, times: int) -> Clip:
    """The same frames again and again, to noise: painting them is what takes time."""
    length = len(clip)
    per_frame = {
        name: np.concatenate([value] * times)
        for name, value in vars(clip).items()
        if isinstance(value, np.ndarray) and len(value) == length
    }
    offsets = [clip.frame_offsets[:-1] + i * clip.frame_offsets[-1] for i in range(times)]
    noise = np.random.default_rng(0).normal(0, 2000, times * length * SAMPLES_PER_FRAME)
    return replace(
        clip,
        **per_frame,
        frames=np.concatenate([clip.frames] * times),
        frame_offsets=np.append(np.concatenate(offsets), times * clip.frame_offsets[-1]),
        audio=noise.astype(np.int16),
    )


def clip_of(folder: Path) -> LatentClip:
    return LatentClip.load(folder / "latents" / "train" / "0.safetensors")


def test_clips_are_encoded_as_a_stream_is(folder: Path) -> None:
    parts, clip = Parts.load(folder / "parts"), clip_of(folder)
    assert clip.z.shape == (FRAMES // 4, 6, 30, 30) and clip.reference.shape == (1, 6, 30, 30)
    assert clip.codec == codec_digest(parts.tokenizer)
    assert clip.heard is not None and clip.heard.shape == (8 + FRAMES, 32)
    window = clip.window(28, 9)
    assert window.features.shape == (1, 48, 32)
    assert window.known[0].tolist() == [True] * 16 + [False] * 32
    assert torch.equal(window.features[0, :16], clip.heard[112:].float())


def test_every_stage_trains_and_the_checkpoint_streams(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in commands(folder, 2):
        assert main(words) == 0, capsys.readouterr().err
    assert all(newest_step(folder / "runs" / name) == 2 for name in STAGES)
    out, run = folder / "checkpoint", folder / "runs" / "dmd"
    given = ["--parts", str(folder / "parts"), "--transformer", str(run)]
    assert main(["train", "export", *given, "--out", str(out)]) == 0
    pipeline = FlowActPipeline.from_pretrained(out)
    portrait = np.full((480, 480, 3), 99, np.uint8)
    assert len(list(pipeline.stream(portrait, speech(0.2)))) == 5
    assert pipeline.features.text.extract("wave").shape == (3, 16)


def test_processes_train_every_stage_together(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "latents", tmp_path / "latents")
    shutil.copy(folder / "tiny.yaml", tmp_path)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, "-m", "tests.training.train_preset", str(tmp_path), "1"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(newest_step(tmp_path / "runs" / name) == 1 for name in STAGES)
    lines = (tmp_path / "runs" / "joint" / "metrics.jsonl").read_text().splitlines()
    assert sum('"lips"' in line for line in lines) == 1, "only the first process measures"


def test_clips_of_another_preset_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {**TRANSFORMER, "audio_width": 0}
    deaf = write_preset(tmp_path / "deaf.yaml", transformer=sizes, audio=None)
    given = ["--data", str(folder / "latents"), "--out", str(tmp_path / "run"), "--steps", "1"]
    for preset, reason in (
        ("default", "latents of 6x30x30 for 16x8x16"),
        (str(deaf), "features of sound 32 wide for 0"),
    ):
        assert main(["train", "joint", "--preset", preset, *given]) == 2
        assert reason in " ".join(capsys.readouterr().err.split())


def test_two_codecs_do_not_mix(folder: Path, tmp_path: Path) -> None:
    clip = clip_of(folder)
    clip.save(tmp_path / "0.safetensors")
    LatentClip(**{**vars(clip), "meta": {**clip.meta, "codec": "other"}}).save(
        tmp_path / "1.safetensors"
    )
    with pytest.raises(UserError, match="1.safetensors was made by another codec"):
        LatentFolder(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["latents", "--out", "o", "--data", "d"], "--data needs --tokenizer or --parts"),
        (["latents", "--out", "o", "--data", "d", "--parts", "p"], "p holds no tokenizer"),
        (
            ["latents", "--out", "o", "--data", "d", "--parts", "p", "--imagined", "3"],
            "it does not go with --parts",
        ),
        (
            ["parts", "--out", "o", "--preset", "PRESET", "--codec", "a/b/c"],
            "a/b/c cannot be loaded",
        ),
        (["parts", "--out", "o", "--preset", "default", "--codec", "x"], "FlowAct's own codec"),
    ],
)
def test_parts_that_are_not_there(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [str(folder / "tiny.yaml") if each == "PRESET" else each for each in arguments]
    assert main(["train", *given]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())
