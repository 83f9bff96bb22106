import importlib.util
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from flowact.cli import main
from flowact.datagen.clip import Clip
from flowact.errors import UserError
from flowact.motion.arkit import ARKIT
from flowact.tokenizer.autoencoder import ViewAutoencoder
from flowact.tokenizer.code import LinearMotionCodec
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.encoding.view_encoder import ViewEncoder
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.tokenizer.views import VIEWS
from flowact.tokenizer.warp import sample, sampling_grid
from flowact.training.export import export
from flowact.training.loop.checkpoints import load_averaged_weights
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import Loop, LoopSettings
from flowact.training.parts import Parts
from flowact.training.tokenizer import clips as clips_module
from flowact.training.tokenizer.assemble import (
    TokenizerRuns,
    load_tokenizer,
    shipped_tokenizer,
    with_parts,
)
from flowact.training.tokenizer.clips import (
    ClipFolder,
    ColourJitter,
    ViewClip,
    WindowLoader,
    spread_windows,
    window_weights,
)
from flowact.training.tokenizer.losses import EYE_LEFT, EYE_RIGHT, LOWER, UPPER, psnr
from flowact.training.tokenizer.starting_weights import ERRORS
from flowact.training.tokenizer.train_decoder import (
    DecoderSettings,
    DecoderStage,
    draw_region,
    jump,
    train_decoder,
)
from flowact.training.tokenizer.train_encoder import (
    NOISE,
    SHIFT,
    EncoderStage,
    correlation,
    disturbed,
    train_encoder,
)

SMALL = {
    "encoder_widths": (16, 16, 16, 32, 32), "reference_widths": (16, 16, 16, 16, 16), "trunk_widths": (32, 32, 16),
    "trunk_blocks": (1, 1, 0), "frame_widths": (16, 16, 16), "frame_blocks": (1, 0, 0),
}  # fmt: skip


def _toy():
    spec = importlib.util.spec_from_file_location(
        "toy_clips", Path(__file__).with_name("toy_clips.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory) -> Path:
    return _toy().write_toy_data(tmp_path_factory.mktemp("toy"), train=1, heldout=1, length=20)


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
def test_true_flow_warps_the_reference_onto_the_frame(toy_data, view) -> None:
    windows = spread_windows(ClipFolder(toy_data / "train", view), 3)
    truth = windows.frames.flatten(0, 1)
    displacement = windows.flow.flatten(0, 1) - view.identity_grid(60)
    grid = sampling_grid(displacement.permute(0, 3, 1, 2), view, 240)
    warped = sample(windows.picture, grid)
    visible = F.interpolate(windows.visible.flatten(0, 1)[:, None], size=(240, 240))
    inner = (F.avg_pool2d(visible, 9, 1, 4) > 0.99).float()
    still = view.crop(windows.picture).repeat_interleave(4, 0)
    assert psnr(warped, truth, inner) > psnr(still, truth, inner) + 4


@pytest.mark.parametrize("kept", [False, True])
def test_windows_take_what_belongs_together(toy_data, kept) -> None:
    clip = Clip.load(next((toy_data / "train").glob("*.npz")))
    window = ViewClip(clip, VIEWS["face"], kept=kept).window(3)
    assert window.frames.shape == (1, 4, 3, 240, 240) and window.picture.shape == (1, 3, 480, 480)
    left, top, size = 120, 88, 240
    expected = clip.frame(13)[top : top + size, left : left + size].astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(window.frames[0, 2].movedim(0, -1), expected, atol=1e-5)
    jaw = ARKIT.index("jawOpen")
    np.testing.assert_allclose(window.readouts[0, :, jaw], clip.curves[3:15, jaw])
    np.testing.assert_allclose(
        window.landmarks[0, 2], clip.landmarks[13].astype(np.float32) - [left, top], atol=1e-3
    )


def test_open_mouths_and_blinks_come_more_often(toy_data) -> None:
    clip = Clip.load(next((toy_data / "train").glob("*.npz")))
    weights = window_weights(clip)
    assert len(weights) == len(clip) - 11 and weights.sum() == pytest.approx(1)
    curves, opening = np.zeros_like(clip.curves), np.zeros_like(clip.opening)
    curves[12, ARKIT.index("eyeBlinkRight")] = 1
    one_blink = window_weights(Clip(**{**vars(clip), "curves": curves, "opening": opening}))
    np.testing.assert_allclose(one_blink / one_blink.min(), [1] + [6] * 4 + [1] * 4)


def test_colours_change_frames_and_reference_alike() -> None:
    picture = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    torch.testing.assert_close(ColourJitter()(picture), picture / 127.5 - 1)
    grey = torch.full((2, 3, 4, 4), 128, dtype=torch.uint8)
    turned = ColourJitter(matrix=tuple(map(tuple, clips_module._hue_saturation(0.7, 1.5))))(grey)
    torch.testing.assert_close(turned, grey / 127.5 - 1)
    drawn = {ColourJitter.random(np.random.default_rng(seed)) for seed in range(20)}
    assert len(drawn) > 8 and ColourJitter() in drawn


def test_a_growing_folder_is_noticed(tmp_path, monkeypatch) -> None:
    toy = _toy()
    with pytest.raises(UserError, match="holds no clips"):
        ClipFolder(tmp_path, VIEWS["face"])
    clip = toy.toy_clip(0, 12)
    clip.save(tmp_path / "0.npz")
    folder = ClipFolder(tmp_path, VIEWS["face"])
    clip.save(tmp_path / "1.npz")
    folder.rescan()
    assert len(folder.clips) == 1
    later = time.monotonic() + 61
    monkeypatch.setattr(clips_module.time, "monotonic", lambda: later)
    folder.rescan()
    assert len(folder.clips) == 2


def test_a_failing_loader_says_so(toy_data, monkeypatch) -> None:
    folder = ClipFolder(toy_data / "train", VIEWS["face"])
    monkeypatch.setattr(folder, "draw", lambda rng: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(WindowLoader(folder, batch=1, seed=(0,)))


def test_a_small_view_learns_one_window(toy_data) -> None:
    torch.manual_seed(0)
    model = ViewAutoencoder(ViewConfig(view="face", paint_scale=2, **SMALL))
    windows = spread_windows(ClipFolder(toy_data / "train", model.view), 1)
    settings = DecoderSettings(noise=0.0, on_mouth=1.0, on_eyes=0.0)
    stage = DecoderStage(model, iter(lambda: windows, None), windows, settings)
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    history = []
    for step in range(30):
        loss, parts = stage.loss(model, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append({name: float(value.detach()) for name, value in parts.items()})
    first, last = (
        {name: sum(h[name] for h in part) for name in history[0]}
        for part in (history[:3], history[-3:])
    )
    assert last["flow"] < first["flow"] * 0.6
    assert last["picture"] < first["picture"] * 0.8


def test_a_window_of_two_latents_shows_their_border(toy_data) -> None:
    folder = ClipFolder(toy_data / "train", VIEWS["face"], shown=8)
    windows = spread_windows(folder, 2)
    assert windows.frames.shape[1] == 8 and windows.readouts.shape[1] == 16
    offset = torch.zeros_like(windows.frames)
    offset[:, :, :, :2] = 0.01 * torch.arange(8)[:, None, None, None]  # inside latents too
    offset[:, 4:] += 0.02
    made = (windows.frames + offset).flatten(0, 1)
    assert jump(made, windows) == pytest.approx(1 + 0.02 / (0.01 * 2 / 240), rel=1e-2)


def test_a_small_encoder_learns_one_window(toy_data, tmp_path) -> None:
    torch.manual_seed(0)
    config = ViewConfig(view="face", **SMALL)
    model, code = ViewEncoder(config), LinearMotionCodec("face", config.readouts)
    windows = spread_windows(ClipFolder(toy_data / "train", VIEWS["face"]), 2)
    endless = iter(lambda: windows, None)
    stage = EncoderStage(model, endless, windows, VIEWS["face"], code, config.curves)
    with torch.no_grad():
        before = stage.evaluate(model, tmp_path, 0)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    for step in range(80):
        loss, _ = stage.loss(model, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        after = stage.evaluate(model, tmp_path, 80)
    assert after["left"] < 0.3 * before["left"] and after["r_jaw"] > 0.8
    assert load_file(tmp_path / ERRORS)["error"].shape == (config.readouts,)


def test_a_disturbed_frame_moves_with_its_reference() -> None:
    frames, reference = torch.rand(2, 3, 240, 240), torch.rand(2, 3, 240, 240)
    both = torch.cat((frames, reference), 1)
    moved = torch.cat(disturbed(frames, reference), 1)
    middle = moved[:, :, 20:-20, 20:-20]
    places = range(-SHIFT, SHIFT + 1)
    for shown, truth in zip(middle, both, strict=True):
        errors = [
            float((shown - truth[:, 20 + y : 220 + y, 20 + x : 220 + x]).square().mean())
            for y in places
            for x in places
        ]
        assert min(errors) < 2 * NOISE**2 < 0.05 < sorted(errors)[1]


def test_a_run_may_start_from_another_of_other_sizes(toy_data, tmp_path) -> None:
    config, settings = ViewConfig(view="whole", **SMALL), DecoderSettings(batch=1)
    first, second = tmp_path / "first", tmp_path / "second"
    train_decoder(
        config, toy_data, LoopSettings(first, LearningRateSchedule(1e-3), steps=2), settings
    )
    wider = replace(config, frame_widths=(16, 16, 32))
    loop = LoopSettings(second, LearningRateSchedule(0.0), steps=1)
    train_decoder(wider, toy_data, loop, settings, seed=1, init=first)
    before, after = load_averaged_weights(first), load_averaged_weights(second)
    assert torch.equal(before["decoder.trunk.leave.weight"], after["decoder.trunk.leave.weight"])
    assert after["decoder.leave.weight"].shape != before["decoder.leave.weight"].shape


def test_decoder_and_encoder_are_trained_apart_and_joined(toy_data, tmp_path) -> None:
    runs = {}
    for view in ("whole", "face"):
        config = ViewConfig(view=view, **SMALL)
        for part in ("decoder", "encoder"):
            run = runs[f"{view}_{part}"] = tmp_path / view / part
            loop = LoopSettings(run, LearningRateSchedule(1e-3), steps=1)
            if part == "decoder":
                train_decoder(config, toy_data, loop, DecoderSettings(batch=1))
            else:
                train_encoder(config, toy_data, loop, batch=1)
    export(Parts(load_tokenizer(TokenizerRuns(**runs))), None, tmp_path)
    tokenizer = Tokenizer.from_pretrained(tmp_path / "tokenizer")
    weight = load_averaged_weights(runs["face_encoder"])["leave.weight"]
    torch.testing.assert_close(tokenizer.face.encoder.leave.weight, weight.half().float())
    assert float(tokenizer.whole.code.deviation.max()) < 1
    export(Parts(shipped_tokenizer(tmp_path)), None, tmp_path / "again")
    again = Tokenizer.from_pretrained(tmp_path / "again" / "tokenizer").state_dict()
    assert all(torch.equal(again[name], value) for name, value in tokenizer.state_dict().items())
    other = tmp_path / "other"
    loop = LoopSettings(other, LearningRateSchedule(1e-3), steps=2)
    train_decoder(ViewConfig(view="face", **SMALL), toy_data, loop, DecoderSettings(batch=1))
    mixed = with_parts(shipped_tokenizer(tmp_path), [other]).state_dict()
    changed = {
        name
        for name, value in tokenizer.state_dict().items()
        if not torch.equal(mixed[name], value)
    }
    assert changed
    assert all(
        name.startswith(("face.decoder.", "face.reference.", "face.code.")) for name in changed
    )


def test_an_export_takes_a_tokenizer_from_one_place(tmp_path, capsys) -> None:
    out, run = str(tmp_path / "made"), str(tmp_path)
    for arguments, reason in (
        ([], "Give the four runs of a tokenizer, or one checkpoint with --tokenizer"),
        (["--face-encoder", run, "--tokenizer", run], "Give the four runs of a tokenizer"),
        (["--tokenizer", run], f"{run} is no checkpoint with a tokenizer"),
    ):
        assert main(["train", "export", "--out", out, *arguments]) == 2
        assert reason in capsys.readouterr().err


@pytest.mark.parametrize("name", ["on_mouth", "on_eyes"])
def test_regions_follow_mouth_and_eyes(toy_data, name) -> None:
    chances = {"on_mouth": 0.0, "on_eyes": 0.0} | {name: 1.0}
    landmarks = spread_windows(ClipFolder(toy_data / "train", VIEWS["face"]), 1).landmarks
    region = draw_region(landmarks, VIEWS["face"], DecoderSettings(**chances))
    points = [UPPER, LOWER] if name == "on_mouth" else [EYE_LEFT, EYE_RIGHT]
    for x, y in landmarks[0, 0, points] / 8:
        assert region.left < x < region.left + region.width
        assert region.top < y < region.top + region.height


def test_the_command_trains_measures_and_resumes(toy_data, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("flowact.tokenizer.config.WHOLE_CONFIG", ViewConfig(view="whole", **SMALL))
    monkeypatch.setattr("flowact.training.tokenizer.train_decoder.HELDOUT_WINDOWS", 2)
    command = [
        "train",
        "tokenizer",
        "--view",
        "whole",
        "--part",
        "decoder",
        "--data",
        str(toy_data),
        "--out",
        str(tmp_path),
    ]
    assert main([*command, "--batch", "1", "--steps", "2"]) == 0
    assert main([*command, "--batch", "1", "--steps", "3"]) == 0
    assert {p.name for p in tmp_path.glob("step-*")} == {"step-00000002", "step-00000003"}
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert {"psnr_view", "still_mouth", "psnr_eyes"} <= lines[0].keys()
    assert lines[0]["psnr_view"] > 10
    assert len(list((tmp_path / "samples").glob("*.png"))) == 2


def test_missing_data_is_one_sentence(tmp_path, capsys) -> None:
    command = [
        "train",
        "tokenizer",
        "--view",
        "face",
        "--part",
        "encoder",
        "--data",
        str(tmp_path),
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(command) == 2
    assert "holds no clips" in capsys.readouterr().err


def test_correlation() -> None:
    x = torch.arange(9.0)[None]
    assert correlation(x, 3 * x + 1) == pytest.approx(1) and correlation(x, -x) == pytest.approx(-1)
    assert correlation(torch.cat((x, x)), torch.cat((x, -x))) == pytest.approx(0, abs=1e-6)
    assert correlation(x, torch.ones_like(x)) == 0


def test_averaged_weights_are_what_is_measured(toy_data, tmp_path) -> None:
    model = ViewAutoencoder(ViewConfig(view="whole", **SMALL))
    windows = spread_windows(ClipFolder(toy_data / "heldout", model.view), 1)
    stage = DecoderStage(model, iter(lambda: windows, None), windows)
    loop = Loop(stage, LoopSettings(tmp_path, LearningRateSchedule(1e-3), evaluate_minutes=99))
    loop.evaluate()
    with torch.no_grad():
        loop.ema.model.decoder.leave.bias[1:].fill_(0.5)
    loop.evaluate()
    before, after = (
        json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()
    )
    assert after["psnr_view"] < before["psnr_view"] - 1
