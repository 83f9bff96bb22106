import pytest
import torch

from flowact.conditioning.audio import log_mel_of_clip
from flowact.conditioning.window import AudioTimeline, AudioWindow, window_tokens

LATENTS = 9


@pytest.fixture
def samples() -> torch.Tensor:
    torch.manual_seed(0)
    return 0.1 * torch.randn(640 * 100)


def test_a_window_is_a_slice_of_the_whole_clip(samples: torch.Tensor) -> None:
    window = AudioTimeline.empty().push(samples).window(24, LATENTS)
    mel = log_mel_of_clip(samples[None])
    first = 4 * (24 - 8) - 10
    assert window.known.all()
    assert window.known.shape == (1, window_tokens(LATENTS)) == (1, 48)
    torch.testing.assert_close(window.features, mel[:, first : first + 204], atol=1e-5, rtol=0)


def test_how_sound_arrives_does_not_matter(samples: torch.Tensor) -> None:
    timeline = AudioTimeline.empty()
    for piece in samples.split(1000):
        timeline = timeline.push(piece)
    once = AudioTimeline.empty().push(samples)
    assert torch.equal(timeline.window(36, LATENTS).features, once.window(36, LATENTS).features)


def test_the_future_is_unknown_and_its_beginning_is_exact(samples: torch.Tensor) -> None:
    whole = AudioTimeline.empty().push(samples).window(12, LATENTS)
    # Frame 29 ends at sample 19200; its token needs 440 samples more.
    for extra, count in ((439, 29), (440, 30)):
        window = AudioTimeline.empty().push(samples[: 640 * 30 + extra]).window(12, LATENTS)
        known = int(window.known.sum())
        assert known == 8 - 12 + count
        mels = 10 + 4 * known + 2
        torch.testing.assert_close(
            window.features[:, :mels], whole.features[:, :mels], atol=1e-5, rtol=0
        )


def test_before_a_session_there_was_silence(samples: torch.Tensor) -> None:
    silent_start = AudioTimeline.empty().push(torch.cat((torch.zeros(640 * 24), samples)))
    late = silent_start.window(24, LATENTS)
    early = AudioTimeline.empty().push(samples).window(0, LATENTS)
    torch.testing.assert_close(early.features, late.features, atol=1e-5, rtol=0)


def test_trimming_keeps_all_that_later_windows_read(samples: torch.Tensor) -> None:
    timeline = AudioTimeline.empty().push(samples)
    trimmed = timeline.trimmed(48)
    assert trimmed.start == 640 * (48 - 8) - 160 * 10 - 120
    assert trimmed.end == timeline.end
    for frame in (48, 60):
        assert torch.equal(
            trimmed.window(frame, LATENTS).features, timeline.window(frame, LATENTS).features
        )
    with pytest.raises(ValueError, match="kept from"):
        trimmed.window(36, LATENTS)


def test_trimming_beyond_the_known_sound_loses_the_past_only(samples: torch.Tensor) -> None:
    trimmed = AudioTimeline.empty().push(samples).trimmed(1000).push(samples)
    assert trimmed.end == 2 * len(samples)
    assert torch.equal(trimmed.samples, samples)


def test_cutting_forgets_what_an_interrupted_speaker_would_have_said(samples: torch.Tensor) -> None:
    other = samples.flip(0)
    cut = AudioTimeline.empty().push(samples).cut(640 * 50).push(other)
    assert cut.end == 640 * 50 + len(other)
    assert torch.equal(cut.samples[640 * 50 :], other)


def test_windows_of_several_sessions_form_a_batch(samples: torch.Tensor) -> None:
    timeline = AudioTimeline.empty().push(samples)
    one, two = timeline.window(12, LATENTS), timeline.window(24, LATENTS)
    both = AudioWindow.stack([one, two])
    assert torch.equal(both.features[1:], two.features)


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 640\)"):
        AudioTimeline.empty().push(torch.zeros(2, 640))
