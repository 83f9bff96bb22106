import json
from pathlib import Path

import pytest
import torch

from flowact.datagen.performance.behaviours import BEHAVIOURS, opens_without_speech
from flowact.errors import UserError
from flowact.training.loop.checkpoints import Snapshot, load_newest, save_snapshot
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import LoopSettings
from flowact.training.transformer.audio_encoder_stage import train_audio_encoder
from flowact.training.transformer.run_weights import load_transformer, starting_audio_encoder
from flowact.training.transformer.stages import train_stage
from tests.training.toy_latents import write_toy_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("latents"))


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "audio"
    assert train_audio_encoder(data, str(data / "toy.yaml"), None, limits(run, 120), 8) == 120
    return run


def limits(run: Path, steps: int) -> LoopSettings:
    schedule = LearningRateSchedule(5e-3, warmup=10)
    return LoopSettings(run, schedule, steps=steps, ema=0.95, log_every=10, evaluate_minutes=99)


def test_the_encoder_learns_which_sound_opens_the_mouth(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.5 * losses[0]
    assert next(line["jaw"] for line in reversed(lines) if "jaw" in line) > 0.8


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    for name, ends in (("straight", (4,)), ("interrupted", (2, 4))):
        for steps in ends:
            train_audio_encoder(
                data, str(data / "toy.yaml"), None, limits(tmp_path / name, steps), 4
            )
    straight, interrupted = (load_newest(tmp_path / name) for name in ("straight", "interrupted"))
    for name, weight in straight.model.items():
        assert torch.equal(weight, interrupted.model[name]), name


def test_the_transformer_takes_the_encoder_and_leaves_it_as_it_is(
    data: Path, run: Path, tmp_path: Path
) -> None:
    train_stage("joint", data, str(data / "toy.yaml"), None, limits(tmp_path, 3), 4, audio=run)
    heard = starting_audio_encoder(run)
    kept = load_transformer(tmp_path).audio_encoder.state_dict()
    assert kept.keys() == heard.keys()
    assert all(torch.equal(kept[name], heard[name]) for name in heard)


def test_it_goes_on_from_a_transformer(data: Path, tmp_path: Path) -> None:
    preset, joint, again = str(data / "toy.yaml"), tmp_path / "joint", tmp_path / "again"
    train_stage("joint", data, preset, None, limits(joint, 2), 4)
    train_audio_encoder(data, preset, joint, limits(again, 0), 4)
    before, after = starting_audio_encoder(joint), starting_audio_encoder(again)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_does_not_fit_is_refused(data: Path, run: Path, tmp_path: Path) -> None:
    preset = str(data / "toy.yaml")
    deaf = {"weight": torch.zeros(1)}
    save_snapshot(tmp_path / "deaf", Snapshot(1, deaf, deaf, {}))
    with pytest.raises(UserError, match="no audio encoder"):
        train_stage("joint", data, preset, None, limits(tmp_path, 1), 4, audio=tmp_path / "deaf")
    with pytest.raises(UserError, match="of another size than needed"):
        train_stage("joint", data, "default", None, limits(tmp_path, 1), 4, audio=run)
    with pytest.raises(UserError, match="given by --audio"):
        train_stage("joint", data, preset, run, limits(tmp_path, 1), 4)
    train_stage("joint", data, preset, None, limits(tmp_path / "joint", 1), 4)
    with pytest.raises(UserError, match="other sizes or options"):
        train_stage("joint", data, preset, None, limits(tmp_path / "joint", 2), 4, audio=run)


def test_a_laugh_says_nothing_of_the_sound() -> None:
    speaking, laughing = map(BEHAVIOURS.index, ("speaking", "laughing"))
    behaviour = torch.full((60,), speaking, dtype=torch.uint8)
    behaviour[30:35] = laughing
    opens = opens_without_speech(behaviour.numpy())
    assert opens[20:45].all() and not opens[:20].any() and not opens[45:].any()
