"""Latents by analysis and synthesis: those whose decoded frames come closest to given ones.

The encoder says at one look what a face does, and not exactly. Descent through the decoder corrects
it for each video (semi-amortised inference, Kim et al., 2018). That takes seconds a frame: for video
that is encoded once and kept.
"""

import torch
from torch import Tensor

from flowact.timebase import FACE_BOX, FRAMES_PER_LATENT
from flowact.tokenizer.convolutions.int8 import Int8Conv2d
from flowact.tokenizer.state import DecoderState, ReferenceFeatures
from flowact.tokenizer.tokenizer import Tokenizer

WINDOW = 6
"""Latents that are fitted at a time, so that memory does not grow with the video."""
RATE = 0.2
"""First step in units of each channel's deviation; it falls to nothing."""
BETAS = (0.8, 0.95)
"""Adam's, for few steps."""


def fit_latents(
    tokenizer: Tokenizer,
    latents: Tensor,
    frames: Tensor,
    reference: Tensor,
    points: Tensor | None = None,
    steps: int = 20,
) -> Tensor:
    """Improve latents of frames until what is decoded from them is like the frames.

    Not for inference mode, in which nothing has a gradient.

    Args:
        tokenizer: must not have been told to use eight bits, which have no gradient.
        latents: where to begin, `[batch, n, 16, 8, 16]`, such as `Tokenizer.encode` gives.
        frames: what to come close to, `[batch, 4 * n, 3, 480, 480]` in [-1, 1].
        reference: the portrait, `[batch, 3, 480, 480]` in [-1, 1].
        points: its landmarks; see `Tokenizer.reference_features`.
        steps: of descent; 0 leaves the latents as they are.

    Returns:
        Latents like those given.

    Raises:
        ValueError: lengths that do not fit, or a decoder in eight bits.
    """
    if frames.shape[1] != FRAMES_PER_LATENT * latents.shape[1]:
        raise ValueError(
            f"{frames.shape[1]} frames and {latents.shape[1]} latents given, "
            f"expected {FRAMES_PER_LATENT} frames a latent"
        )
    if any(isinstance(module, Int8Conv2d) for module in tokenizer.modules()):
        raise ValueError("a decoder in eight bits has no gradient, expected the trained one")
    if not steps:
        return latents
    with torch.no_grad():
        features = tokenizer.reference_features(reference, points)
        state = tokenizer.initial_state(features)
    windows = latents.split(WINDOW, 1), frames.split(FRAMES_PER_LATENT * WINDOW, 1)
    fitted: list[Tensor] = []
    for z, wanted in zip(*windows, strict=True):
        if fitted:
            with torch.no_grad():
                _, state = tokenizer.decode(state, fitted[-1], features, exact=True)
        fitted.append(_fit(tokenizer, state, z, wanted.float(), features, steps))
    return torch.cat(fitted, 1)


def _fit(
    tokenizer: Tokenizer,
    state: DecoderState,
    z: Tensor,
    wanted: Tensor,
    features: ReferenceFeatures,
    steps: int,
) -> Tensor:
    """The latents of one window, given the state before it."""
    rows = [tokenizer.latents_to_motion(latent) for latent in z.detach().unbind(1)]
    motion = torch.cat(rows, 1).requires_grad_()
    descent = torch.optim.Adam([motion], RATE, betas=BETAS)
    fall = torch.optim.lr_scheduler.LinearLR(descent, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        with torch.enable_grad():  # the caller may be under no_grad
            made, _ = tokenizer.decode(
                state, tokenizer.motion_to_latents(motion), features, exact=True
            )
            (motion.grad,) = torch.autograd.grad(_difference(made, wanted), [motion])
        descent.step()
        fall.step()
    return tokenizer.motion_to_latents(motion.detach())


def _difference(made: Tensor, wanted: Tensor) -> Tensor:
    """Squared error over the picture, and again over the face, whose features are few pixels."""
    left, top, size = FACE_BOX
    error = (made - wanted).square()
    return error.mean() + error[..., top : top + size, left : left + size].mean()
