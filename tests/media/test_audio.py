from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from flowact.errors import UserError
from flowact.media.audio import Recording

from .conftest import WriteAudio, tone


def dominant_hertz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 16_000 / len(samples))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels"),
    [
        ("a.wav", "pcm_s16le", 16_000, 1),
        ("a.wav", "pcm_f32le", 48_000, 2),
        ("a.wav", "pcm_s16le", 8_000, 1),
        ("a.wav", "pcm_s24le", 96_000, 2),
        ("a.mp3", "libmp3lame", 44_100, 2),
        ("a.flac", "flac", 22_050, 1),
        ("a.m4a", "aac", 44_100, 2),
        ("a.ogg", "libopus", 48_000, 2),
        ("a.opus", "libopus", 48_000, 1),
        ("a.mkv", "aac", 32_000, 1),
    ],
)
def test_every_usual_format_becomes_16_khz_mono(
    write_audio: WriteAudio, name: str, codec: str, rate: int, channels: int
) -> None:
    path = write_audio(name, np.stack([tone(1.5, rate)] * channels), rate, codec)
    recording = Recording.open(path)
    sound = recording.read()
    assert recording.sample_rate == rate
    assert recording.seconds == pytest.approx(1.5, abs=0.09)
    assert sound.dtype == np.float32
    assert sound.shape == (recording.samples,)
    assert dominant_hertz(sound) == pytest.approx(220, abs=1.5)
    assert np.abs(sound[4000:20000]).max() == pytest.approx(0.5, abs=0.06)


def test_stereo_is_averaged(write_audio: WriteAudio) -> None:
    left = tone(1.0)
    sound = Recording.open(write_audio("a.wav", np.stack([left, 0 * left]))).read()
    np.testing.assert_allclose(sound, left / 2, atol=1e-3)


def test_blocks_are_the_recording_padded_to_whole_blocks(write_audio: WriteAudio) -> None:
    recording = Recording.open(write_audio("a.wav", tone(1.1, 44_100), 44_100))
    blocks = list(recording.blocks(7680))
    whole = np.concatenate(blocks)
    assert {len(block) for block in blocks} == {7680}
    np.testing.assert_array_equal(whole[: recording.samples], recording.read())
    assert not whole[recording.samples :].any()
    assert len(blocks) == 3


def test_video_frames_cover_the_recording() -> None:
    assert Recording.from_samples(tone(1.0)).video_frames == 25
    assert Recording.from_samples(tone(1.0)[:-1]).video_frames == 25
    assert Recording.from_samples(np.append(tone(1.0), 0.1)).video_frames == 26


def test_samples_in_memory_are_resampled() -> None:
    recording = Recording.from_samples(tone(2.0, 48_000), 48_000)
    assert recording.samples == 32_000
    assert dominant_hertz(recording.read()) == pytest.approx(220, abs=1)


@pytest.mark.parametrize("seconds", [0.25, 1.0, 3.7])
def test_a_recording_can_go_round(seconds: float) -> None:
    once = tone(1.0, hertz=219.7)
    again = Recording.from_samples(once).repeated(seconds)
    expected = np.resize(once, round(seconds * 16_000))
    np.testing.assert_array_equal(again.read(), expected)
    np.testing.assert_array_equal(again.read(), expected)
    assert again.seconds == pytest.approx(seconds)


def test_loud_samples_are_clipped() -> None:
    assert Recording.from_samples(2.4 * tone(0.5)).read().max() == 1.0


def test_memory_does_not_grow_with_length(write_audio: WriteAudio) -> None:
    path = write_audio("long.flac", tone(600.0), codec="flac")
    tracemalloc.start()
    blocks = sum(1 for _ in Recording.open(path).blocks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert blocks == 1250
    assert peak < 2_000_000  # the samples alone are 38 MB


def test_a_damaged_middle_loses_only_its_packets(write_audio: WriteAudio) -> None:
    path = write_audio("a.mp3", tone(4.0, 44_100), 44_100, "libmp3lame")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = b"\xff" * 3000
    path.write_bytes(data)
    assert 2.5 < Recording.open(path).seconds < 4.2


def test_a_truncated_file_is_read_as_far_as_it_goes(write_audio: WriteAudio) -> None:
    path = write_audio("a.wav", tone(2.0))
    path.write_bytes(path.read_bytes()[:32_044])
    assert Recording.open(path).seconds == pytest.approx(1.0, abs=0.01)


def broken_files(write_audio: WriteAudio, folder: Path) -> dict[str, tuple[Path, str]]:
    not_a_number = tone(1.0)
    not_a_number[8000] = np.nan
    infinite = tone(1.0)
    infinite[8000] = np.inf
    (folder / "text.wav").write_text("this is not sound")
    (folder / "none.wav").touch()
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\na.wav\n")
    write_audio("a.wav", tone(0.5))
    return {
        "missing": (folder / "nowhere.wav", "There is no audio file"),
        "folder": (folder, "is not an audio file"),
        "text": (folder / "text.wav", "is not audio that can be read"),
        "no bytes": (folder / "none.wav", "the file has no bytes"),
        "no samples": (write_audio("zero.wav", tone(0.0)), "is empty"),
        "silent": (write_audio("still.wav", 0 * tone(1.0)), "is silent"),
        "nan": (write_audio("nan.wav", not_a_number, codec="pcm_f32le"), "not numbers"),
        "inf": (write_audio("inf.wav", infinite, codec="pcm_f32le"), "not numbers"),
        "playlist": (folder / "list.m3u8", "is not audio that can be read"),
    }


@pytest.mark.parametrize(
    "case",
    ["missing", "folder", "text", "no bytes", "no samples", "silent", "nan", "inf", "playlist"],
)
def test_bad_files_are_refused_in_one_sentence(
    write_audio: WriteAudio, tmp_path: Path, case: str
) -> None:
    path, reason = broken_files(write_audio, tmp_path)[case]
    with pytest.raises(UserError, match=reason) as caught:
        Recording.open(path)
    assert "\n" not in str(caught.value)


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    from flowact.media.video import VideoWriter

    with VideoWriter(tmp_path / "mute.mp4") as video:
        video.write(np.zeros((2, 480, 480, 3), np.uint8))
    with pytest.raises(UserError, match="no sound"):
        Recording.open(tmp_path / "mute.mp4")


def test_an_hour_is_refused_unless_allowed(write_audio: WriteAudio) -> None:
    path = write_audio("hour.wav", np.tile(tone(60.0, 8000), 61), 8000)
    with pytest.raises(UserError, match="longer than 30 minutes.*--max-minutes"):
        Recording.open(path)
    assert Recording.open(path, max_minutes=90).seconds == pytest.approx(3660)


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no audio file"):
        Recording.open("concat:a.wav|b.wav")


@pytest.mark.parametrize(("shape", "rate"), [((2, 100), 16_000), ((100,), 0)])
def test_wrong_arrays_are_a_mistake_of_the_caller(shape: tuple[int, ...], rate: int) -> None:
    with pytest.raises(ValueError, match="must"):
        Recording.from_samples(np.ones(shape), rate)


def test_a_quiet_recording_is_raised_and_that_is_said(write_audio: WriteAudio) -> None:
    recording = Recording.open(write_audio("a.wav", 0.004 * tone(1.0)))
    assert np.abs(recording.read()).max() == pytest.approx(0.1, abs=0.01)
    assert recording.remarks == ("a.wav is very quiet, so it is heard 34 dB louder than it is.",)
    assert Recording.open(write_audio("b.wav", 0.1 * tone(1.0))).remarks == ()


@pytest.mark.parametrize("scale", [8.0, 32_768.0])
def test_floats_beyond_full_scale_are_brought_down(write_audio: WriteAudio, scale: float) -> None:
    recording = Recording.open(write_audio("a.wav", scale * tone(1.0), codec="pcm_f32le"))
    assert np.abs(recording.read()).max() == pytest.approx(0.1, abs=0.01)
    loudest = max(np.abs(frame.to_ndarray()).max() for frame in recording.frames())
    assert loudest == pytest.approx(0.1, abs=0.01), "the soundtrack would be cut"
    assert "a.wav is far too loud" in recording.remarks[0]


def test_channels_that_cancel_are_heard_and_that_is_said(write_audio: WriteAudio) -> None:
    recording = Recording.open(write_audio("a.wav", np.stack([tone(1.0), -tone(1.0)])))
    assert np.abs(recording.read()).max() == pytest.approx(0.5, abs=0.01)
    assert "cancel each other" in recording.remarks[0]
