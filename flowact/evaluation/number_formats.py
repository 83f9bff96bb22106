"""`flowact eval --formats`: what the transformer's number formats cost, in latents and in the lips of pictures."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from flowact.conditioning.window import AudioTimeline
from flowact.evaluation.judges.readers import MouthReader, SyncNet
from flowact.evaluation.measures.lips import lip_report
from flowact.evaluation.measures.measurements import generated
from flowact.evaluation.subjects import Subject
from flowact.hardware.linear.backends import candidates
from flowact.hardware.linear.offered import MOST_LIPS, FormatCost
from flowact.media import Recording
from flowact.mmdit.memory import MemoryFormat
from flowact.mmdit.model import FlowActTransformer
from flowact.mmdit.quantised import EightBits, quantise
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.components import move_network
from flowact.streaming.conditions import Conditions
from flowact.streaming.settings import StepSettings
from flowact.streaming.state import SessionState
from flowact.streaming.step import step

CHUNKS: Final = 25
"""Of the sample sentence, 12 s, over which latents are compared."""


@dataclass(frozen=True)
class NumberFormat:
    """Formats of a transformer.

    Attributes:
        name: for people.
        dtype: of what is not in eight bits.
        linear: arithmetic of the video layers, if it is in eight bits.
        way: which of that format's ways; the first is the most accurate.
        memory: in which the memory is kept.
    """

    name: str
    dtype: torch.dtype = torch.float32
    linear: EightBits | None = None
    way: int = 0
    memory: MemoryFormat = "native"

    def of(self, exact: FlowActTransformer) -> FlowActTransformer:
        """A copy of a float32 transformer that computes so."""
        made = copy.deepcopy(exact)
        move_network(made, None, self.dtype)
        if self.linear is not None:
            quantise(made, candidates(self.linear, "torch")[self.way].make)
        made.memory_format = self.memory
        return made


EXACT: Final = NumberFormat("float32")
FORMATS: Final = (
    NumberFormat("bfloat16", torch.bfloat16),
    NumberFormat("int8 per row", linear="int8"),
    NumberFormat("fp8 per row", linear="fp8"),
    NumberFormat("fp8 per tensor", linear="fp8", way=1),
    NumberFormat("fp8 memory", memory="fp8"),
    NumberFormat("bfloat16, int8 per row, fp8 memory", torch.bfloat16, "int8", memory="fp8"),
    NumberFormat("bfloat16, fp8 per row, fp8 memory", torch.bfloat16, "fp8", memory="fp8"),
)
"""The last two are what GPUs of sm_80 and of sm_89 and later are planned to compute in."""


def measure_formats(
    pipeline: FlowActPipeline,
    subjects: Sequence[Subject],
    reader: MouthReader,
    sync: SyncNet,
    sample: Path,
) -> dict[str, FormatCost]:
    """Compare every format with float32.

    Args:
        pipeline: with its transformer in float32.
        subjects: whose lips are read in pictures.
        reader: reads mouths.
        sync: compares them with sounds.
        sample: recording over which latents are compared.
    """
    made = {form.name: form.of(pipeline.transformer) for form in (EXACT, *FORMATS)}
    errors = latent_errors(pipeline, made, sample, subjects[0])
    lips = {
        name: lip_report(list(generated(_with(pipeline, made[name]), reader, subjects)), sync)
        for name in made
    }
    exact = lips[EXACT.name]
    return {
        name: FormatCost(
            *errors[name],
            lips=found["correlation"],
            lips_change=found["correlation"] - exact["correlation"],
            closures_shut=found["closures_shut"],
            offered=abs(found["correlation"] - exact["correlation"]) <= MOST_LIPS,
        )
        for name, found in lips.items()
    }


def latent_errors(
    pipeline: FlowActPipeline,
    transformers: dict[str, FlowActTransformer],
    sample: Path,
    person: Subject,
) -> dict[str, tuple[float, float]]:
    """How far the finished latents are from float32's.

    Returns:
        For each: the relative error of chunks made from float32's own states, and the error of a stream
        that runs by itself as a share of the standard deviation of the motion, over `CHUNKS` chunks.
    """
    settings = pipeline.scheduler.settings
    sound = np.concatenate(list(Recording.open(sample).blocks()))
    timeline = AudioTimeline.empty().push(torch.from_numpy(sound))
    start = SessionState.start(_latent(pipeline, person), [0], settings.schedule.chunks)
    states = dict.fromkeys(transformers, start)
    same: dict[str, list[Tensor]] = {name: [] for name in transformers}
    alone: dict[str, list[Tensor]] = {name: [] for name in transformers}
    for _ in range(CHUNKS):
        exact = states[EXACT.name]
        for name, transformer in transformers.items():
            same[name].append(_stepped(transformer, exact, timeline, settings)[1])
            states[name], latents = _stepped(transformer, states[name], timeline, settings)
            alone[name].append(latents)
    truth = torch.cat(same[EXACT.name], 1)
    moving = truth.std(1).norm() * truth.shape[1] ** 0.5
    return {
        name: (
            float((torch.cat(same[name], 1) - truth).norm() / truth.norm()),
            float((torch.cat(alone[name], 1) - truth).norm() / moving),
        )
        for name in transformers
    }


def rows(costs: dict[str, FormatCost]) -> dict[str, dict[str, Any]]:
    """The same as numbers by their names."""
    return {name: asdict(cost) for name, cost in costs.items()}


def _stepped(
    transformer: FlowActTransformer,
    state: SessionState,
    timeline: AudioTimeline,
    settings: StepSettings,
) -> tuple[SessionState, Tensor]:
    return step(transformer, state, Conditions.of(state, [timeline], ["speaking"]), settings)


@torch.inference_mode()
def _latent(pipeline: FlowActPipeline, person: Subject) -> Tensor:
    from flowact.pipeline.chunks import to_frames

    features = pipeline.tokenizer.reference_features(to_frames(person.reference))
    latent: Tensor = features.latent[:, None].float()
    return latent


def _with(pipeline: FlowActPipeline, transformer: FlowActTransformer) -> FlowActPipeline:
    return FlowActPipeline(transformer, pipeline.tokenizer, pipeline.scheduler)
