import pytest
import torch

from flowact.conditioning.audio import (
    MARGIN,
    SILENT_MEL,
    AudioEncoder,
    TokenConv,
    log_mel,
    log_mel_of_clip,
    mel_filters,
)


def speechlike(samples: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(1, samples).cumsum(1).diff(dim=1, prepend=torch.zeros(1, 1)) * 0.1


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (3, 2)])
def test_a_convolution_as_one_product_is_the_convolution(kernel: int, dilation: int) -> None:
    torch.manual_seed(0)
    reach = dilation * (kernel // 2)
    layer = TokenConv(6, 5, kernel, padding=reach, dilation=dilation)
    x = torch.randn(2, 9, 6)
    expected = torch.nn.Conv1d.forward(layer, x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(layer(x), expected)


def test_pieces_of_sound_give_the_frames_of_the_whole() -> None:
    samples = speechlike(160 * 50)
    whole = log_mel_of_clip(samples)
    padded = torch.nn.functional.pad(samples, (MARGIN, MARGIN))
    for first, last in ((0, 7), (7, 8), (8, 50)):
        piece = log_mel(padded[:, 160 * first : 160 * last + 2 * MARGIN])
        torch.testing.assert_close(piece, whole[:, first:last], atol=1e-5, rtol=0)


def test_a_tone_lands_in_the_bin_of_its_frequency() -> None:
    seconds = torch.arange(16_000) / 16_000
    mel = log_mel_of_clip(torch.sin(2 * torch.pi * 1000 * seconds)[None])[0, 50]
    centres = (mel_filters() * torch.linspace(0, 8000, 201)[:, None]).sum(0) / mel_filters().sum(0)
    assert abs(centres[mel.argmax()] - 1000) < 40


def test_filters_are_slaneys() -> None:
    filters = mel_filters()
    area = filters.sum(0) * 40  # bins are 40 Hz apart
    assert filters.shape == (201, 80)
    assert (filters >= 0).all()
    torch.testing.assert_close(area[40:], torch.ones(40), atol=0.07, rtol=0)
    # Entries of librosa.filters.mel(sr=16000, n_fft=400, n_mels=80).T, version 0.11.
    expected = {(1, 0): 0.02486259, (25, 25): 0.00404043, (60, 44): 0.0, (192, 79): 0.00316471}
    assert {place: float(filters[place]) for place in expected} == pytest.approx(expected, abs=1e-7)


def test_silence_is_the_floor() -> None:
    assert torch.all(log_mel(torch.zeros(1, 400)) == torch.tensor(SILENT_MEL))


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="399"):
        log_mel(torch.zeros(1, 399))


@torch.no_grad()
def test_tokens_of_a_piece_equal_those_of_the_whole() -> None:
    torch.manual_seed(0)
    encoder = AudioEncoder(dim=24)
    mel = torch.randn(1, 10 + 4 * 20 + 2, 80)
    whole = encoder(mel, torch.ones(1, 20, dtype=torch.bool))
    piece = encoder(mel[:, 4 * 5 : 4 * 12 + 12], torch.ones(1, 7, dtype=torch.bool))
    torch.testing.assert_close(piece, whole[:, 5:12], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_token_looks_two_mel_frames_ahead_and_no_further() -> None:
    encoder = AudioEncoder(dim=24)
    known = torch.ones(1, 8, dtype=torch.bool)
    mel = torch.randn(1, 10 + 32 + 2, 80)
    base = encoder(mel, known)[0, 3]
    last = 10 + 4 * 4 + 2 - 1  # last mel frame that token 3 may see
    for frame, differs in ((last, True), (last + 1, False)):
        changed = mel.clone()
        changed[:, frame] += 1
        assert bool((encoder(changed, known)[0, 3] != base).any()) is differs


@torch.no_grad()
def test_unknown_sound_is_one_vector_whatever_it_is() -> None:
    encoder = AudioEncoder(dim=24)
    known = torch.tensor([[True, False, False]])
    tokens = encoder(torch.randn(1, 24, 80), known)
    assert torch.equal(tokens[0, 1], encoder.unknown)
    assert torch.equal(tokens[0, 2], encoder.unknown)
    assert not torch.equal(tokens[0, 0], encoder.unknown)


def test_a_window_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(24, 80\)"):
        AudioEncoder(dim=24)(torch.zeros(1, 25, 80), torch.ones(1, 3, dtype=torch.bool))
