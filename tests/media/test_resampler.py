import numpy as np
import pytest

from flowact.errors import UserError
from flowact.media.resampler import StreamResampler


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_000, 44_100, 48_000])
def test_a_tone_in_odd_pieces_comes_out_whole(rate):
    tone = np.sin(2 * np.pi * 300 * np.arange(rate) / rate).astype(np.float32)
    resampler = StreamResampler(rate)
    pieces = [resampler.push(piece) for piece in np.split(tone, [7, 500, 501, 4000])]
    sound = np.concatenate([*pieces, resampler.finish()])
    assert len(sound) == pytest.approx(16_000, abs=40)
    expected = np.sin(2 * np.pi * 300 * np.arange(len(sound)) / 16_000)
    assert np.abs(sound - expected)[100:-100].max() < 0.02


def test_sound_of_the_models_rate_is_not_touched():
    resampler = StreamResampler(16_000)
    sound = np.linspace(-1, 1, 50, dtype=np.float32)
    assert resampler.push(sound) is sound
    assert len(resampler.finish()) == 0


@pytest.mark.parametrize("rate", [0, -16_000, 7_999, 96_001])
def test_other_rates_are_refused_in_one_sentence(rate):
    with pytest.raises(UserError, match="8000 to 96000 samples a second"):
        StreamResampler(rate)
