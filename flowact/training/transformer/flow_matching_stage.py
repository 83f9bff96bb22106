"""Training of the transformer: the stages `adapt` and `joint` of FlowAct-R1's recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, cast

import torch
from torch import Tensor, nn

from flowact.conditioning.features import COMPACT
from flowact.conditioning.window import FRAMES_BEHIND
from flowact.mmdit.memory import REFERENCE
from flowact.mmdit.model import FlowActTransformer
from flowact.presets import load_preset
from flowact.streaming.batch import move
from flowact.streaming.schedule import diagonal
from flowact.streaming.settings import StepSettings
from flowact.training.data.latents import LatentClip, LatentFolder
from flowact.training.data.samples import SHORTEST_CLIP, Dropout, Sample, SampleSource
from flowact.training.loop.checkpoints import load_matching_weights
from flowact.training.loop.loop import Stateful
from flowact.training.loop.metrics import Values
from flowact.training.loop.run_folder import save_config
from flowact.training.parts import check_clips, load_text_features
from flowact.training.transformer.flow_matching import (
    CURVES,
    SAMPLING_SHIFT,
    LevelSettings,
    VelocityLoss,
)
from flowact.training.transformer.latent_probe import LatentProbe
from flowact.training.transformer.lip_metrics import lip_scores
from flowact.training.transformer.noising import NoisyBatch, noisy_batch
from flowact.training.transformer.rollouts import follow, generate
from flowact.training.transformer.run_weights import (
    AUDIO_ENCODER,
    load_audio_encoder,
    starting_transformer,
)
from flowact.training.transformer.sample_sheet import draw_motion

CPU: Final = torch.device("cpu")
DRAWN: Final = 3
"""Clips of an evaluation that are drawn."""


@dataclass(frozen=True)
class SelfForcing:
    """Memory made by the model itself (the self-forcing variant of FlowAct-R1, arXiv 2601.10103).

    Attributes:
        probability: share of the samples whose memory is generated; 0 for never.
        start: training step of the first rollout.
        period: steps between rollouts.
        clips: clips made per rollout.
        kept: clips whose generated latents are kept; the oldest make room.
        weakest: lowest noise level at which a rollout's chunks enter; the highest is 1.
    """

    probability: float = 0.0
    start: int = 0
    period: int = 50
    clips: int = 4
    kept: int = 128
    weakest: float = 0.4


@dataclass(frozen=True)
class DiffusionSettings:
    """What a stage trains on.

    Attributes:
        batch: samples per step.
        levels: noise levels.
        dropout: what samples do not get.
        self_forcing: memory made by the model.
        lips: weight of the velocity loss on face curves.
        smooth: weight of the velocity loss on changes of the motion.
        heard: weight of what the audio tokens alone say of the face.
        sampling_shift: moves the levels of the calls towards noise when the model is sampled.
        heldout: held-out clips that an evaluation generates.
    """

    batch: int = 16
    levels: LevelSettings = field(default_factory=LevelSettings)
    dropout: Dropout = field(default_factory=Dropout)
    self_forcing: SelfForcing = field(default_factory=SelfForcing)
    lips: float = 1.0
    smooth: float = 5.0
    heard: float = 0.5
    sampling_shift: float = SAMPLING_SHIFT
    heldout: int = 8


ADAPT: Final = DiffusionSettings(dropout=Dropout(audio=0.5))
"""Autoregressive adaptation: motion from memory, sound as a hint."""

JOINT: Final = DiffusionSettings()
"""Joint audio-motion finetuning."""

SELF_FORCING: Final = DiffusionSettings(self_forcing=SelfForcing(probability=0.5))
"""The same on the model's own memory in part."""


class Prediction(NamedTuple):
    """What one training pass gives.

    Attributes:
        velocity: of the stream `[batch, L, channels, height, width]`.
        curves: standardised face curves that the sound of each frame says by itself,
            `[batch, 4 * L, 52]`.
    """

    velocity: Tensor
    curves: Tensor


class TrainingForward(nn.Module):
    """One training pass, encoders and memory included, as a single call.

    Distributed wrappers see all parameters used in one `forward`. The head that reads face curves
    from audio tokens serves training only: it tells an audio encoder that is trained along what lips
    follow from, which the velocity tells only through the whole network.

    Attributes:
        hears: whether the audio encoder is trained along.
    """

    def __init__(self, transformer: FlowActTransformer) -> None:
        super().__init__()
        self.transformer = transformer
        self.articulation = nn.Linear(transformer.config.audio_dim, CURVES)
        self.hears = any(p.requires_grad for p in transformer.audio_encoder.parameters())
        self.articulation.requires_grad_(self.hears)

    def forward(
        self, batch: NoisyBatch, muted: bool = False, scale: Tensor | None = None
    ) -> Prediction:
        """Predict the velocity of a noisy stream.

        Args:
            batch: streams, memory, sound and text.
            muted: as if no sound of the stream were known, as guidance compares it.
            scale: guidance scale `[batch]` that a distilled model shall imitate.
        """
        model, sample = self.transformer, batch.sample
        heard = model.encode_audio(sample.audio.features, sample.audio.known)
        memory = sample.memory.as_input(heard[:, :FRAMES_BEHIND])
        cache = None
        if memory.latents.shape[1]:
            own = batch.memory_levels[:, None] * (memory.roles != REFERENCE)
            cache = model.encode_memory(memory.noised(batch.memory_noise, own))
        text, audio = model.encode_text(sample.text), heard[:, FRAMES_BEHIND:]
        curves = self.articulation(audio[:, : sample.emphasis.shape[1]])
        if muted:
            audio = model.audio_encoder.unknown.expand_as(audio)
        velocity = model(batch.latents, batch.levels, audio, text, cache, scale, sample.blinks)
        return Prediction(velocity, curves)


class DiffusionStage:
    """A transformer in training; see `flowact.training.loop.loop.TrainingStage`."""

    def __init__(
        self,
        transformer: FlowActTransformer,
        source: SampleSource,
        heldout: Sequence[LatentClip],
        readout: LatentProbe,
        settings: DiffusionSettings,
    ) -> None:
        self.model = TrainingForward(transformer).to(transformer.device)
        self.source, self.heldout, self.readout = source, heldout, readout
        self.settings = settings
        self.extras: Mapping[str, Stateful] = {"samples": source}
        self.losses = VelocityLoss(readout, settings.lips, settings.smooth)
        self.device = transformer.device

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Loss of a random batch."""
        self._roll_out(step)
        batch = self.noisy(self.source.draw())
        return self.cost(model(batch), batch.velocity, batch)

    def noisy(self, sample: Sample, levels: Tensor | None = None) -> NoisyBatch:
        """A sample with noise on it, at random levels or given ones, where the model is."""
        return move(noisy_batch(sample, self.settings.levels, levels), self.device)

    def cost(
        self,
        predicted: Prediction,
        velocity: Tensor,
        batch: NoisyBatch,
        spoken: Tensor | None = None,
    ) -> tuple[Tensor, Values]:
        """What a prediction costs against a wanted velocity, and the parts of that; see `VelocityLoss`."""
        emphasis = batch.sample.emphasis
        parts = self.losses(predicted.velocity, velocity, batch.levels, emphasis, spoken)
        if self.model.hears:
            parts["heard"] = self.settings.heard * self._heard(predicted.curves, batch.sample)
        return sum(parts.values(), torch.zeros((), device=self.device)), parts

    def _heard(self, curves: Tensor, sample: Sample) -> Tensor:
        """Error of the curves that the sound says, where it is known."""
        known = sample.audio.known[:, FRAMES_BEHIND:][:, : curves.shape[1]]
        truth = self.readout.standard(sample.motion)[..., :CURVES]
        error = (curves.float() - truth).square().mean(-1) * sample.emphasis
        return (error * known).mean()

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """Scores of streams along held-out clips, by the diagonal schedule; draws some of them."""
        transformer = cast(TrainingForward, model).transformer
        length = min(len(clip) for clip in self.heldout)
        clips = [clip.shortened(length) for clip in self.heldout][: self.settings.heldout]
        others, text = [*clips[1:], clips[0]], self.source.text
        made = generate(transformer, clips, self.sampling, text=text).cpu()
        wrong = generate(transformer, clips, self.sampling, others, text=text).cpu()
        drawn = made[:DRAWN]
        truth = torch.stack([clip.z[: drawn.shape[1]].float() for clip in clips[:DRAWN]])
        draw_motion(run / "samples" / f"{step:08d}.jpg", drawn, truth)
        return lip_scores(made, wrong, clips, move(self.readout, CPU))

    @property
    def sampling(self) -> StepSettings:
        """How the model of this stage is sampled."""
        return StepSettings(schedule=diagonal(shift=self.settings.sampling_shift))

    def _roll_out(self, step: int) -> None:
        """Now and then, let the model make the memory of some clips."""
        forcing = self.settings.self_forcing
        if not forcing.probability or step < forcing.start or step % forcing.period:
            return
        rng, clips = self.source.rng, self.source.folder.clips
        chosen = rng.choice(len(clips), min(forcing.clips, len(clips)), replace=False)
        length = min(len(clips[i]) for i in chosen)
        cut = [clips[i].shortened(length) for i in chosen]
        strength = float(rng.uniform(forcing.weakest, 1))
        self.model.eval()
        seed = int(rng.integers(2**31))
        made = follow(self.model.transformer, cut, self.sampling, strength, seed, self.source.text)
        self.model.train()
        torch.clear_autocast_cache()  # it holds weights that were cast without a gradient
        for index, latents in zip(chosen, made, strict=True):
            self.source.generated.pop(int(index), None)
            self.source.generated[int(index)] = latents.half().cpu()
        while len(self.source.generated) > forcing.kept:
            del self.source.generated[next(iter(self.source.generated))]
        self.source.self_forcing = forcing.probability


@dataclass(frozen=True)
class StageInputs:
    """What every stage of the transformer needs, read from disk.

    Attributes:
        transformer: to be trained.
        source: samples of `data/train`.
        heldout: clips of `data/heldout`.
        readout: latents to curves.
        fresh: names of the transformer's weights that nothing given fitted.
    """

    transformer: FlowActTransformer
    source: SampleSource
    heldout: Sequence[LatentClip]
    readout: LatentProbe
    fresh: tuple[str, ...] = ()


def load_stage_inputs(
    data: Path,
    preset: str,
    init: Path | None,
    audio: Path | None,
    run: Path,
    settings: DiffusionSettings,
    seed: int,
    device: torch.device = CPU,
    rank: int = 0,
) -> StageInputs:
    """Read encoded clips (`flowact train latents`) and make the transformer.

    Args:
        data: folder with `train/`, `heldout/` and `readout.safetensors`.
        preset: sizes of the network.
        init: run or checkpoint that a fresh run starts from; what does not fit starts afresh.
        audio: run or checkpoint whose audio encoder is taken, and left as it is.
        run: folder of the run, in which the sizes are kept.
        settings: what the stage trains on.
        seed: of weights, noise and samples.
        device: where it is trained.
        rank: of this process among those that train together.

    Raises:
        UserError: something given is missing, or the audio encoder has other sizes.
    """
    torch.manual_seed(seed)
    size = load_preset(preset).transformer
    transformer = FlowActTransformer(**(sizes := size.model_dump()))
    fresh = tuple(transformer.state_dict())
    if init is not None:
        fresh = load_matching_weights(transformer, starting_transformer(init))
    if audio is not None:
        load_audio_encoder(transformer, audio)
        fresh = tuple(name for name in fresh if not name.startswith(AUDIO_ENCODER))
    transformer.to(device)
    folder = LatentFolder(data / "train", SHORTEST_CLIP)
    check_clips(data, folder.clips[0], size, preset)
    heldout = LatentFolder(data / "heldout", SHORTEST_CLIP).clips
    text = load_text_features(data) or COMPACT.text
    source = SampleSource(folder, settings.batch, settings.dropout, seed, rank=rank, text=text)
    readout = move(LatentProbe.load(data / "readout.safetensors"), device)
    save_config(run, sizes)  # not before all that is read was there
    return StageInputs(transformer, source, heldout, readout, fresh)
