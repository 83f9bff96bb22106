"""Arms in what the tokenizer decodes."""

import torch

from flowact.tokenizer.tokenizer import Tokenizer
from tests.motion.test_gestures import posed


@torch.no_grad()
def test_networks_make_nothing_of_arms_that_are_drawn(tokenizer, portrait, points) -> None:
    drawing = Tokenizer.from_views(tokenizer.whole, tokenizer.face, arms=1.0).eval()
    smaller = (points - 240) * 0.7 + torch.tensor([240.0, 200.0])
    features = drawing.reference_features(portrait, smaller)
    state, code = drawing.initial_state(features), drawing.whole.code
    frames = []
    for share in (0.0, 1.0):
        motion = code.restore(drawing.latents_to_motion(features.latent))
        motion[..., 52:] = posed("wave", share).flatten(1)
        latent = drawing.motion_to_latents((motion - code.mean) / code.deviation)
        frames.append(drawing.decode_uint8(state, latent, features)[0][0].int())
    apart = (frames[0] - frames[1]).abs().amax((0, -1))
    assert apart[:, 260:].max() > 20, "the hand"
    assert apart[:, :150].max() <= 1, "what the networks made"
