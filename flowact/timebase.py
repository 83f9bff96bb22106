"""The one clock of FlowAct: how video frames, latents, chunks and audio samples line up."""

from typing import Final

FPS: Final = 25
SAMPLE_RATE: Final = 16_000

FRAMES_PER_LATENT: Final = 4
LATENTS_PER_CHUNK: Final = 3
FRAMES_PER_CHUNK: Final = FRAMES_PER_LATENT * LATENTS_PER_CHUNK

SAMPLES_PER_FRAME: Final = SAMPLE_RATE // FPS
SAMPLES_PER_LATENT: Final = SAMPLES_PER_FRAME * FRAMES_PER_LATENT
SAMPLES_PER_CHUNK: Final = SAMPLES_PER_FRAME * FRAMES_PER_CHUNK

FRAME_SIZE: Final = 480
"""Height and width of a video frame in pixels."""

FACE_BOX: Final = (120, 88, 240)
"""Left, top and side length in pixels of the square of the frame that is coded at full resolution."""
