from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flowact.conditioning.window import FRAMES_BEHIND
from flowact.training.data.latents import LatentFolder
from flowact.training.data.samples import SHORTEST_CLIP, Dropout, Layout, SampleSource
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import Loop, LoopSettings
from flowact.training.transformer.flow_matching_stage import (
    JOINT,
    DiffusionStage,
    Prediction,
    SelfForcing,
)
from flowact.training.transformer.latent_probe import fit_probe
from flowact.training.transformer.noising import NoisyBatch, noisy_batch
from tests.training.toy_latents import toy_transformer, write_toy_data

SETTINGS = replace(JOINT, batch=8, heldout=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("latents"))


def stage(data: Path, **changes: object) -> DiffusionStage:
    settings = replace(SETTINGS, **changes)
    train, heldout = (LatentFolder(data / split, SHORTEST_CLIP) for split in ("train", "heldout"))
    source = SampleSource(train, settings.batch, settings.dropout, seed=0)
    readout = fit_probe(train.clips, heldout.clips)
    return DiffusionStage(toy_transformer(), source, heldout.clips, readout, settings)


def loop_settings(run: Path, steps: int) -> LoopSettings:
    return LoopSettings(
        run=run,
        schedule=LearningRateSchedule(4e-3, warmup=10),
        steps=steps,
        ema=0.95,
        evaluate_minutes=99,
    )


def test_it_learns_to_move_the_lips_to_the_sound(data: Path, tmp_path: Path) -> None:
    training = stage(data, dropout=Dropout(audio=0.1, text=0.1, horizon=0.0))
    loop = Loop(training, loop_settings(tmp_path, 340))
    loop.train()
    scores = training.evaluate(loop.ema.model, tmp_path, 340)
    assert scores["lips"] > 0.6  # processors round bfloat16 in ways of their own
    assert abs(scores["lips_wrong"]) < 0.3
    assert scores["lips_read"] > 0.95


def test_every_parameter_is_reached(data: Path) -> None:
    training = stage(data, self_forcing=SelfForcing())
    with torch.no_grad():
        for parameter in training.model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    for step in range(12):
        training.loss(training.model, step)[0].backward()
    idle = {
        name for name, p in training.model.named_parameters() if p.grad is None or not p.grad.any()
    }
    # The scale is asked for in distillation only; nobody reads sound and text after the last block.
    last = len(training.model.transformer.blocks) - 1
    unread = {f"transformer.blocks.{last}.streams.{n}.query_norm.scale" for n in ("audio", "text")}
    assert {name for name in idle if "guidance_embedding" not in name} == unread


def test_memory_of_its_own_making_enters_after_a_rollout(data: Path) -> None:
    forcing = SelfForcing(probability=1.0, start=2, period=2, clips=3, kept=4)
    training = stage(data, self_forcing=forcing)
    training.loss(training.model, 0)
    assert not training.source.generated
    training.loss(training.model, 2)
    assert len(training.source.generated) == 3
    assert training.source.self_forcing == 1.0
    training.loss(training.model, 4)
    assert len(training.source.generated) == 4
    assert training.model.training


def test_gradients_flow_in_the_step_of_a_rollout(data: Path) -> None:
    """Autocast caches weights; those cached without a gradient must not be used for training."""
    training = stage(data, self_forcing=SelfForcing(probability=0.5, start=0, period=1, clips=2))
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = training.loss(training.model, 0)
    loss.backward()
    assert training.model.transformer.blocks[0].streams["video"].qkv.weight.grad is not None


def test_the_reference_is_never_seen_quite_clean(data: Path) -> None:
    training = stage(data)
    seen = []

    def spy(batch: NoisyBatch) -> Prediction:
        seen.append(batch.sample.memory.reference)
        curves = torch.zeros(*batch.sample.emphasis.shape, 52)
        return Prediction(torch.zeros(batch.latents.shape, requires_grad=True), curves)

    for step in range(6):
        training.loss(spy, step)  # type: ignore[arg-type]
    whole = torch.cat([reference for reference in seen if reference.shape[1]])
    clean = training.source.folder.clips[0].reference.float()
    spread = (whole - clean).flatten(1).std(1)
    assert 0.1 < spread.mean() < 0.5
    assert spread.max() < 0.6


def test_teacher_forcing_is_one_call_of_the_transformer(data: Path) -> None:
    training = stage(data)
    batch = noisy_batch(training.source.draw(), SETTINGS.levels)
    predicted = training.model(batch)
    assert predicted.velocity.shape == batch.latents.shape
    assert predicted.curves.shape == (*batch.sample.emphasis.shape, 52)


def test_muted_is_as_if_no_sound_were_known(data: Path) -> None:
    training = stage(data, dropout=Dropout(0.0, 0.0, 0.0))
    loop = Loop(training, loop_settings(Path(data / "muted"), 20))
    loop.train()
    batch = noisy_batch(training.source.draw(Layout()), SETTINGS.levels)
    known = batch.sample.audio.known.clone()
    known[:, FRAMES_BEHIND:] = False
    sample = replace(batch.sample, audio=replace(batch.sample.audio, known=known))
    with torch.no_grad():
        muted = training.model(batch, muted=True).velocity
        unknown = training.model(replace(batch, sample=sample)).velocity
        heard = training.model(batch).velocity
    assert (muted - unknown).abs().mean() < 0.5 * (muted - heard).abs().mean()
