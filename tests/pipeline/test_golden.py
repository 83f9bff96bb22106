"""What the shipped weights made in earlier releases: latents nearly to the bit, frames to a grey level.

`python -m tests.pipeline.test_golden` writes the stored values anew; new weights are a reason to, or frames that are
meant to look otherwise.
"""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from flowact import FlowActPipeline, assets
from flowact.conditioning.window import AudioTimeline
from flowact.media import Recording
from flowact.pipeline import StageTimes
from flowact.pipeline.chunks import to_frames
from flowact.portrait import load_reference
from flowact.streaming.conditions import Conditions
from flowact.streaming.state import SessionState
from flowact.streaming.step import step
from flowact.timebase import LATENTS_PER_CHUNK

FOLDER = Path(__file__).with_name("golden")
CHUNKS = 3
SHOWN = 20
"""Frame of the stored latents that is kept as a picture."""


def pattern(*shape: int) -> torch.Tensor:
    """Numbers from -1 to 1 that are the same on every machine, float64."""
    count = int(np.prod(shape))
    draws = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(2654435761)) % np.uint64(2**20)
    return torch.from_numpy(draws.astype(np.float64) / 2**19 - 1).reshape(shape)


def first_chunk() -> torch.Tensor:
    """One step of the shipped transformer in float64, from numbers that no processor rounds its own way."""
    pipeline = FlowActPipeline.from_pretrained(dtype=torch.float64)
    size = pipeline.transformer.config
    latent = (size.latent_channels, size.latent_height, size.latent_width)
    settings = pipeline.scheduler.settings
    chunks = settings.schedule.chunks
    state = SessionState.start(pattern(1, 1, *latent), [0], chunks)
    state = replace(state, stream=2 * pattern(1, chunks * LATENTS_PER_CHUNK, *latent))
    conditions = Conditions.of(state, [AudioTimeline.empty()], ["smile"])
    sound = conditions.audio
    mel = 3 * pattern(*sound.features.shape)
    heard = replace(sound, features=mel, known=torch.ones_like(sound.known))
    _, finished = step(pipeline.transformer, state, replace(conditions, audio=heard), settings)
    return finished


def spoken_latents() -> torch.Tensor:
    """The first chunks of the sample sentence, seed 0, in float32: `[1, 9, 16, 8, 16]`."""
    pipeline = FlowActPipeline.from_pretrained()
    picture = load_reference(assets.character("mira").portrait)
    features = pipeline.tokenizer.reference_features(to_frames(picture))
    chunks = pipeline._latents(
        features.latent[:, None],
        Recording.open(assets.sample_speech()),
        "speaking",
        0,
        StageTimes(),
    )
    return torch.cat(list(islice(chunks, CHUNKS)), 1)


def decoded(latents: torch.Tensor) -> np.ndarray:
    """Frames of latents of mira, in float32, uint8 `[frames, 480, 480, 3]`."""
    tokenizer = FlowActPipeline.from_pretrained().tokenizer
    picture = load_reference(assets.character("mira").portrait)
    features = tokenizer.reference_features(to_frames(picture))
    frames, _ = tokenizer.decode_uint8(tokenizer.initial_state(features), latents, features)
    return frames[0].numpy()


def test_a_step_gives_the_latents_it_always_gave() -> None:
    stored = torch.from_numpy(np.load(FOLDER / "step.npy"))
    # Sines of positions are float32, and processors differ in the last bit of one.
    torch.testing.assert_close(first_chunk().float(), stored, atol=1e-5, rtol=0)


def test_the_sample_sentence_gives_the_latents_it_always_gave() -> None:
    stored = torch.from_numpy(np.load(FOLDER / "latents.npy"))
    torch.testing.assert_close(spoken_latents(), stored, atol=5e-3, rtol=0)


def test_stored_latents_are_decoded_as_they_always_were() -> None:
    made = decoded(torch.from_numpy(np.load(FOLDER / "latents.npy")))[SHOWN].astype(int)
    kept = np.asarray(Image.open(FOLDER / "frame.png")).astype(int)
    assert np.abs(made - kept).max() <= 1


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    spoken = spoken_latents()
    np.save(FOLDER / "latents.npy", spoken.numpy())
    Image.fromarray(decoded(spoken)[SHOWN]).save(FOLDER / "frame.png", optimize=True)
    np.save(FOLDER / "step.npy", first_chunk().float().numpy())
