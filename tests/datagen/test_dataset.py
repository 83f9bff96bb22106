"""A clip is a pure function of its plan, appears whole, and is made once."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from flowact.commands.synth import PHOTOGRAPHIC, add_arguments, run
from flowact.datagen.clip import Clip
from flowact.datagen.dataset import (
    NAMED_SHARE,
    ClipPlan,
    cast,
    render_clip,
    render_dataset,
)
from flowact.datagen.named_characters import named_characters
from flowact.datagen.performance.behaviours import BEHAVIOURS
from flowact.datagen.voice.speech import HELD_OUT_VOICE
from flowact.errors import UserError
from flowact.timebase import SAMPLES_PER_FRAME

SILENT = ClipPlan("heldout", 1, 0.32)  # starts idle, so that no speech synthesiser is needed
FRAMES = 8


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The data set's folder and its only clip, rendered by a worker process."""
    root = tmp_path_factory.mktemp("data")
    (path,) = render_dataset(root, [SILENT], 1)
    return root, path


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_a_plan_decides_who_is_seen() -> None:
    assert cast(ClipPlan("train", 7, 8.0)) == cast(ClipPlan("train", 7, 2.0))
    assert cast(ClipPlan("train", 7, 8.0)) != cast(ClipPlan("train", 8, 8.0))
    assert cast(ClipPlan("train", 7, 8.0)) != cast(ClipPlan("heldout", 7, 8.0))


@pytest.mark.parametrize(("split", "share"), [("train", NAMED_SHARE), ("heldout", 0.5)])
def test_named_characters_appear_as_often_as_stated(split: str, share: float) -> None:
    seen = [cast(ClipPlan(split, seed, 8.0)) for seed in range(60)]
    named = [(name, who) for name, who in seen if name is not None]
    assert len(named) / len(seen) == pytest.approx(share, abs=0.15)
    assert all(who == named_characters()[name] for name, who in named)


def test_a_clip_holds_what_its_plan_says(rendered: tuple[Path, Path]) -> None:
    root, path = rendered
    assert path == root / "heldout" / "00000001.npz"
    assert [p.name for p in root.rglob("*.*")] == ["00000001.npz"]
    clip = Clip.load(path)
    name, who = cast(SILENT)
    assert len(clip) == FRAMES
    assert clip.audio.shape == (FRAMES * SAMPLES_PER_FRAME,)
    assert clip.meta["seed"] == 1
    assert clip.meta["character"] == name == "kenji"
    assert clip.meta["identity"]["gender"] == who.identity.gender
    assert clip.meta["voice"] == HELD_OUT_VOICE
    assert clip.meta["heldout"] == {"identity": False, "voice": True, "sentence": True}
    assert BEHAVIOURS[clip.behaviour[-1]] == "idling"
    assert clip.phonemes == []
    assert clip.opening.max() < 0.05
    drawn, reference = clip.frame(0).astype(int), clip.reference_image().astype(int)
    assert np.abs(drawn - reference).mean() < 12  # the same person, light and place
    assert clip.visible_face.mean() > 200


def test_the_same_plan_gives_the_same_clip_in_another_process(
    rendered: tuple[Path, Path],
) -> None:
    stored, made = Clip.load(rendered[1]), render_clip(SILENT)
    for name, value in vars(made).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(stored, name), err_msg=name)
    assert list(made.phonemes) == list(stored.phonemes)


def test_a_second_run_leaves_finished_clips_alone(rendered: tuple[Path, Path], capsys) -> None:
    root, path = rendered
    before = path.stat()
    words = "--clips 0 --heldout 1 --first 1 --workers 1 --seconds 0.32"
    run(arguments("--out", str(root), *words.split()))
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert f"1 clips are in {root}" in capsys.readouterr().out


def test_failing_clips_are_named_and_an_empty_result_is_an_error(tmp_path: Path, caplog) -> None:
    with pytest.raises(UserError, match="no clip could be rendered"):
        render_dataset(tmp_path, [ClipPlan("rehearsal", 3, 0.32)], 1)
    assert "clip rehearsal/3 failed: ValueError" in caplog.text
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.parametrize(
    "words",
    [
        ("--seconds", "0.1"),
        ("--clips", "-1"),
        ("--heldout", "-1"),
        ("--workers", "0"),
    ],
)
def test_impossible_requests_are_refused(words: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="synth needs --workers of at least 1"):
        run(arguments("--out", str(tmp_path / "data"), *words))
    assert not (tmp_path / "data").exists()


def test_textures_reach_the_plans_with_the_usual_share(tmp_path: Path, monkeypatch) -> None:
    asked: list[ClipPlan] = []

    def rendered_none(root: Path, plans: list[ClipPlan], workers: int) -> list[Path]:
        asked.extend(plans)
        return [root] * len(plans)

    monkeypatch.setattr("flowact.commands.synth.ensure", lambda folder: folder)
    monkeypatch.setattr("flowact.commands.synth.render_dataset", rendered_none)
    words = ["--out", str(tmp_path), "--clips", "1", "--heldout", "1", "--assets", str(tmp_path)]
    run(arguments(*words))
    run(arguments(*words, "--photographic", "0.5"))
    run(arguments(*words[:-2]))
    assert [plan.photographic for plan in asked[:4]] == [PHOTOGRAPHIC] * 2 + [0.5] * 2
    assert [plan.textures for plan in asked] == [tmp_path.resolve()] * 4 + [None] * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--photographic", "0.5"), "needs the textures of --assets"),
        (("--assets", "x", "--photographic", "1.5"), "a share from 0 to 1; got 1.5"),
    ],
)
def test_an_impossible_share_is_refused(words: tuple[str, ...], message: str, tmp_path) -> None:
    with pytest.raises(UserError, match=message):
        run(arguments("--out", str(tmp_path / "data"), *words))
