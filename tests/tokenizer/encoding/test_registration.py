"""Registered latents: the shipped decoder finds where the head of a video is."""

import pytest
import torch
from torch import Tensor

from flowact import FlowActPipeline, assets
from flowact.motion.arkit import CURVE
from flowact.motion.joints import joint
from flowact.pipeline.chunks import look_at, to_frames
from flowact.pipeline.encode_video import encode_video
from flowact.portrait import frame_points, load_reference
from flowact.timebase import FACE_BOX
from flowact.tokenizer.encoding.registration import registered
from flowact.tokenizer.state import ReferenceFeatures
from flowact.tokenizer.tokenizer import Tokenizer

CHANNELS = {
    "nod": 52 + 3 * joint("head"),
    "turn": 53 + 3 * joint("head"),
    "tilt": 54 + 3 * joint("neck"),
    "jaw": CURVE["jawOpen"],
}
WRONG = torch.tensor([0.6, -0.6, 0.6, 0.4])
"""How far off a start is, in deviations of the channels."""


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made: Tokenizer = FlowActPipeline.from_pretrained().tokenizer
    return made


@pytest.fixture(scope="module")
def portrait() -> Tensor:
    return to_frames(load_reference(assets.character("elena").portrait))


@pytest.fixture(scope="module")
def features(tokenizer: Tokenizer, portrait: Tensor) -> ReferenceFeatures:
    return look_at(tokenizer, portrait)


@pytest.fixture(scope="module")
def motion(tokenizer: Tokenizer, features: ReferenceFeatures) -> Tensor:
    """Eight frames in which a head moves and speaks."""
    still = tokenizer.latents_to_motion(features.latent)[:, :1]
    moving = still.repeat(1, 8, 1)
    moving[..., list(CHANNELS.values())] += torch.linspace(0.2, 0.8, 8)[:, None]
    return moving


@pytest.fixture(scope="module")
def video(tokenizer: Tokenizer, features: ReferenceFeatures, motion: Tensor) -> Tensor:
    return shown(tokenizer, features, motion)


def shown(tokenizer: Tokenizer, features: ReferenceFeatures, motion: Tensor) -> Tensor:
    z = tokenizer.motion_to_latents(motion)
    with torch.no_grad():
        return tokenizer.decode(tokenizer.initial_state(features), z, features, exact=True)[0]


def read(tokenizer: Tokenizer, z: Tensor) -> Tensor:
    return torch.cat([tokenizer.latents_to_motion(latent) for latent in z.unbind(1)], 1)


def face_error(made: Tensor, video: Tensor) -> float:
    """Squared error of what decoded frames show of the face, once they no longer depend on the state before."""
    left, top, size = FACE_BOX
    rows, columns = slice(top + 40, top + size - 40), slice(left + 40, left + size - 40)
    return float((made - video)[:, 4:, :, rows, columns].square().mean())


def wrong(motion: Tensor) -> Tensor:
    start = motion.clone()
    start[..., list(CHANNELS.values())] += WRONG
    return start


def test_a_head_is_found_where_it_is(
    tokenizer: Tokenizer, features: ReferenceFeatures, motion: Tensor, video: Tensor
) -> None:
    start = wrong(motion)
    z = tokenizer.motion_to_latents(start)
    found = read(tokenizer, registered(tokenizer, z, video, features, frame_points(video[0])))
    before, after = (face_error(shown(tokenizer, features, each), video) for each in (start, found))
    assert after < 0.1 * before
    jaw = CHANNELS["jaw"]
    assert (found - motion)[..., jaw].abs().mean() < 0.7 * (start - motion)[..., jaw].abs().mean()
    lids = CURVE["eyeBlinkLeft"]
    torch.testing.assert_close(found[..., lids], start[..., lids], atol=1e-3, rtol=0)


def test_frames_without_landmarks_keep_their_motion(
    tokenizer: Tokenizer, features: ReferenceFeatures, motion: Tensor, video: Tensor
) -> None:
    start = wrong(motion)
    points = frame_points(video[0])
    points[4:] = torch.nan
    z = tokenizer.motion_to_latents(start)
    found = read(tokenizer, registered(tokenizer, z, video, features, points))
    torch.testing.assert_close(found[:, 5:], start[:, 5:], atol=1e-3, rtol=0)
    assert (found - start)[:, 1:4].abs().amax(2).min() > 0.1
    points[:] = torch.nan
    nowhere = registered(tokenizer, z, video, features, points)
    torch.testing.assert_close(nowhere, z, atol=1e-3, rtol=0)


def test_an_encoded_video_is_registered_unless_one_look_is_asked_for(
    tokenizer: Tokenizer, features: ReferenceFeatures, portrait: Tensor, video: Tensor
) -> None:
    motions = (
        read(tokenizer, encode_video(tokenizer, video, portrait, rounds=rounds))
        for rounds in (0, 2)
    )
    looked, encoded = (face_error(shown(tokenizer, features, each), video) for each in motions)
    assert encoded < 0.5 * looked
