"""Sound is read as a player plays it, whatever its file says and however it changes on the way."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from mediafiles import MediaError
from mediafiles.sound import first_rate, inspect_sound, read_mono
from tests.mediafiles.sources import RATE


def tone(seconds: float, rate: int) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)).astype("f4")


def encode(path: Path, blocks: np.ndarray, rate: int, codec: str) -> Path:
    """Write `[channels, samples]`."""
    layout = "mono" if len(blocks) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(blocks, format="fltp", layout=layout)
        frame.sample_rate = rate
        container.start_encoding()
        kind = stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(kind, layout, rate)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def wav(samples: np.ndarray, rate: int = 16_000, tag: int = 1, more: bytes = b"") -> bytes:
    """A WAV file of 16-bit mono sound with a format tag and more chunks."""
    data = (samples * 32767).astype("<i2").tobytes()
    head = struct.pack("<HHIIHH", tag, 1, rate, 2 * rate, 2, 16)
    body = (
        b"WAVEfmt "
        + struct.pack("<I", 16)
        + head
        + more
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("name", ["a.mp3", "a.aac"])
@pytest.mark.parametrize(
    ("second_rate", "second_channels"), [(22_050, 1), (44_100, 2), (48_000, 2)]
)
def test_rate_and_channels_may_change_on_the_way(
    tmp_path: Path, name: str, second_rate: int, second_channels: int
) -> None:
    """As podcasts are put together, and as `cat` does it."""
    codec = "libmp3lame" if name == "a.mp3" else "aac"
    first = encode(tmp_path / f"1{name}", tone(1.0, 44_100)[None], 44_100, codec)
    later = np.stack([tone(1.0, second_rate)] * second_channels)
    second = encode(tmp_path / f"2{name}", later, second_rate, codec)
    path = tmp_path / name
    path.write_bytes(first.read_bytes() + second.read_bytes())
    sound = read_mono(path, 16_000)
    assert len(sound) / 16_000 == pytest.approx(2.1, abs=0.1)
    assert np.abs(sound[24_000:30_000]).max() == pytest.approx(0.4, abs=0.05)


def test_ogg_files_put_together_are_heard_one_after_the_other(tmp_path: Path) -> None:
    """The times of the second begin anew."""
    first = encode(tmp_path / "1.ogg", tone(1.0, 48_000)[None], 48_000, "libopus")
    second = encode(tmp_path / "2.ogg", tone(1.0, 48_000)[None], 48_000, "libopus")
    (tmp_path / "a.ogg").write_bytes(first.read_bytes() + second.read_bytes())
    sound = read_mono(tmp_path / "a.ogg", 16_000)
    assert len(sound) / 16_000 == pytest.approx(2.0, abs=0.05)
    assert np.abs(sound[24_000:30_000]).max() == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.tta", "tta"), ("a.voc", "pcm_u8"), ("a.sox", "pcm_s32le"), ("a.w64", "pcm_s24le"), ("a.caf", "alac")],
)  # fmt: skip
def test_rarer_files_are_read(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, tone(1.0, 16_000)[None], 16_000, codec)
    sound = read_mono(path, 16_000)
    assert len(sound) / 16_000 == pytest.approx(1.0, abs=0.1)
    assert np.abs(sound).max() == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path: Path, value: float) -> None:
    data = wav(np.zeros(100, "f4"), tag=3)[:-200] + np.array([0.1, value] * 50, "<f4").tobytes()
    head = bytearray(data)
    struct.pack_into("<IHH", head, 28, 64_000, 4, 32)
    struct.pack_into("<I", head, 40, 400)
    (tmp_path / "a.wav").write_bytes(head)
    with pytest.raises(MediaError, match="samples that are not numbers"):
        read_mono(tmp_path / "a.wav", 16_000)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("latin-1", "Café"),
        ("utf-8", "Café"),
        ("cp1251", "Привет"),
        ("shift_jis", "日本"),
        ("utf-16", "Café"),
    ],
)
def test_tags_in_any_encoding_are_no_obstacle(tmp_path: Path, encoding: str, words: str) -> None:
    title = words.encode(encoding) + b"\0"
    title += b"\0" * (len(title) % 2)
    tag = (
        b"LIST"
        + struct.pack("<I", 12 + len(title))
        + b"INFOINAM"
        + struct.pack("<I", len(title))
        + title
    )
    path = tmp_path / "a.wav"
    path.write_bytes(wav(tone(0.5, 16_000), more=tag))
    assert inspect_sound(path).seconds == pytest.approx(0.5)


@pytest.mark.parametrize("tag", [0x4242, 0x0000, 0xFFFF])
def test_an_unknown_codec_is_one_sentence(tmp_path: Path, tag: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(tone(0.5, 16_000), tag=tag))
    with pytest.raises(MediaError, match=r"^a\.wav has no sound that can be decoded"):
        first_rate(path)


@pytest.mark.parametrize("balance", [1.0, 0.5])
def test_channels_that_cancel_each_other_are_heard(tmp_path: Path, balance: float) -> None:
    sound = tone(1.0, 16_000)
    path = encode(tmp_path / "a.flac", np.stack([balance * sound, -sound]), 16_000, "flac")
    heard = read_mono(path, 16_000)
    assert np.abs(heard).max() == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(("channels", "speaks"), [(3, 2), (5, 4), (9, 8)])
def test_channels_without_places_are_all_heard(tmp_path: Path, channels: int, speaks: int) -> None:
    """As recorders of many microphones write them; the third would be taken for a subwoofer's, and dropped."""
    samples = np.zeros((len(tone(0.5, 16_000)), channels), np.float32)
    samples[:, speaks] = tone(0.5, 16_000)
    whole = bytearray(wav(samples.ravel()))
    struct.pack_into("<HIIH", whole, 22, channels, 16_000, 32_000 * channels, 2 * channels)
    (tmp_path / "a.wav").write_bytes(whole)
    assert np.abs(read_mono(tmp_path / "a.wav", 16_000)).max() == pytest.approx(
        0.4 / channels, rel=0.05
    )


def test_no_more_is_read_than_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(tone(3.0, 16_000)))
    assert 0.5 <= len(read_mono(tmp_path / "a.wav", 16_000, most=0.5)) / 16_000 < 1.5


def test_holes_are_silent_and_move_nothing(tmp_path: Path) -> None:
    """As a recorder that drops packets leaves them: what comes after stays where it was."""
    beep = np.zeros(RATE, np.float32)
    beep[RATE * 9 // 10 :] = 0.5
    with av.open(str(tmp_path / "whole.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for start in range(0, RATE, 1200):
            if 12_000 <= start < 30_000:
                continue
            piece = (beep[None, start : start + 1200] * 32767).astype("i2")
            frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    heard = read_mono(tmp_path / "whole.mkv", RATE)
    assert len(heard) == pytest.approx(RATE, abs=50)
    assert np.argmax(np.abs(heard) > 0.25) == pytest.approx(RATE * 9 // 10, abs=100)
