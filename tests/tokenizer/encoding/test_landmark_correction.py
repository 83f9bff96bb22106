import torch

from flowact.tokenizer.encoding.landmark_correction import LandmarkCorrection, landmark_numbers
from flowact.tokenizer.tokenizer import Tokenizer

CHANNELS = 106


def numbers(points: torch.Tensor) -> torch.Tensor:
    seen = torch.zeros(1, points.shape[1] - 1, CHANNELS)
    return landmark_numbers(seen, seen, points)


def random_correction() -> LandmarkCorrection:
    torch.manual_seed(0)
    made = LandmarkCorrection(CHANNELS, 32).eval()
    torch.nn.init.normal_(made.leave.weight)
    return made


def test_a_face_that_is_larger_moves_further_for_the_same_numbers(points) -> None:
    moved = torch.stack([points, points + 5], 1)
    twice = 240 + 2 * (moved - 240)
    here, there = numbers(moved)[..., 2 * CHANNELS :], numbers(twice)[..., 2 * CHANNELS :]
    torch.testing.assert_close(here[..., :-3], there[..., :-3], atol=1e-4, rtol=0)
    assert not torch.allclose(here[..., -3:], there[..., -3:])


def test_nothing_is_corrected_where_no_face_was_found(points) -> None:
    found = torch.cat([points[None], points[None] + 3, torch.full_like(points[None], torch.nan)], 1)
    corrected = random_correction()(numbers(found))
    assert corrected[0, 0].abs().max() > 0.1
    assert not corrected[0, 1].any()
    assert not random_correction()(numbers(found.flip(1))).any(), "nor without the reference's"


@torch.no_grad()
def test_encoding_is_corrected_where_landmarks_are_given(tokenizer, portrait, points) -> None:
    corrected = Tokenizer.from_views(tokenizer.whole, tokenizer.face, correction_width=32).eval()
    assert corrected.uses_landmarks
    frames = torch.rand(1, 4, 3, 480, 480) * 2 - 1
    plain = corrected.encode(frames, portrait)
    torch.testing.assert_close(plain, tokenizer.encode(frames, portrait))
    found = points[:, None].expand(-1, 5, -1, -1)
    torch.testing.assert_close(corrected.encode(frames, portrait, found), plain)  # a fresh one
    torch.nn.init.normal_(corrected.correction.leave.bias)
    assert not torch.allclose(corrected.encode(frames, portrait, found), plain)
